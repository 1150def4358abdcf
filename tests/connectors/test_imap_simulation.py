"""Simulated conversations in a Dovecot mailbox, read by the imap connector."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import connectors.imap as imap
from connectors.imap.config import ImapConfig
from connectors.imap.simulate.command import write
from connectors.imap.simulate.mailbox import Mailbox
from connectors.imap.simulate.scenarios import ledger, steps
from connectors.sdk.config import parse
from connectors.sdk.testing import ConnectorHarness
from tests.support.dovecot import PASSWORD, dovecot, needs_dovecot
from tests.support.simulations import simulate

pytestmark = needs_dovecot

BEGIN = datetime(2026, 3, 16, tzinfo=UTC)
ADDRESSES = {"accueil@example.org": {"queue": "accueil"}}


def test_events_match_the_simulated_week(tmp_path: Path) -> None:
    """Compare the counts of a week that is read once a day."""
    counts: Counter[str] = Counter()
    contacts: dict[str, set[str]] = {}
    with dovecot() as server:
        options = server.options(server.add_user("essai"), addresses=ADDRESSES)
        config = parse(imap.CONNECTOR.config, "essai", options)
        assert isinstance(config, ImapConfig)
        mailbox = Mailbox(config)
        harness = ConnectorHarness(imap.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
        week = [*takewhile(lambda step: step.at < BEGIN + timedelta(days=7), steps(7, BEGIN, 1.5))]
        for day in range(7):
            for step in week:
                if BEGIN + timedelta(days=day) <= step.at < BEGIN + timedelta(days=day + 1):
                    write(mailbox, step)
            for event in harness.read_all(confirm=True):
                counts[event.type] += 1
                contacts.setdefault(event.subject, set()).add(event.identities)
        mailbox.close()
    assert counts == ledger(week)
    assert len(counts) == 3
    assert {"be_away", "bounce"} <= {step.method for step in week}
    assert len(contacts) == len({step.conversation for step in week})
    assert {len(identities) for identities in contacts.values()} == {1}


def test_same_seed_gives_the_same_mail() -> None:
    def first(seed: int) -> list[object]:
        return [step for step, _ in zip(steps(seed, BEGIN, 4), range(500), strict=False)]

    assert first(1) == first(1) != first(2)
    assert first(1) == sorted(first(1))  # type: ignore[type-var]


def test_command_prints_a_working_configuration(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    with dovecot() as server:
        server_options = ("--host", "127.0.0.1", "--port", str(server.port), "--tls", "none", "--days", "1")
        login = ("--username", server.add_user("essai"), "--password-file", str(password))
        with simulate(imap.CONNECTOR, *server_options, *login) as options:
            harness = ConnectorHarness(imap.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
            kinds: Counter[str] = Counter()
            while not {"email.received", "email.answered"} <= kinds.keys():
                kinds.update(event.type for event in harness.read_all(confirm=True))
