"""Conversations that nobody had, in a real mailbox, read by the real connector."""

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


def test_what_the_connector_tells_is_what_happened(tmp_path: Path) -> None:
    """Number for number, over a week that is looked at once a day."""
    told: Counter[str] = Counter()
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
                told[event.type] += 1
                contacts.setdefault(event.subject, set()).add(event.identities)
        mailbox.close()
    assert told == ledger(week)
    assert len(told) == 3
    assert {"be_away", "bounce"} <= {step.method for step in week}
    assert len(contacts) == len({step.conversation for step in week})
    assert {len(identities) for identities in contacts.values()} == {1}


def test_a_seed_gives_the_same_mail() -> None:
    def first(seed: int) -> list[object]:
        return [step for step, _ in zip(steps(seed, BEGIN, 4), range(500), strict=False)]

    assert first(1) == first(1) != first(2)
    assert first(1) == sorted(first(1))  # type: ignore[type-var]


def test_the_command_prints_the_configuration_that_reads_it(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    with dovecot() as server:
        place = ("--host", "127.0.0.1", "--port", str(server.port), "--tls", "none", "--days", "1")
        login = ("--username", server.add_user("essai"), "--password-file", str(password))
        with simulate(imap.CONNECTOR, *place, *login) as options:
            harness = ConnectorHarness(imap.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
            kinds: Counter[str] = Counter()
            while not {"email.received", "email.answered"} <= kinds.keys():
                kinds.update(event.type for event in harness.read_all(confirm=True))
