"""Reading one contact's row from the workers' state on a real Kafka."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.sdk.ports import free_port
from models.topics import CONTACTS
from streams.agents.codecs import AGENT_PREFIX
from streams.cli.main import main
from streams.cli.sla import EXAMPLE
from streams.core.contacts import agent, contact
from streams.core.contacts.agent import Agent
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import clock_intervals
from streams.engine.partition_start import OFFSETS_KEY, encode_offsets
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from streams.settings.sla_file import load_policies
from tests.support import kafka_io
from tests.support.events import CALL, START_MS, answered_call, make

pytestmark = pytest.mark.broker


def sla(directory: Path, brokers: str, *arguments: str) -> tuple[int, str]:
    environment = {
        "LC_ALL": "C",
        "ACCUEIL_BROKERS": brokers,
        "ACCUEIL_DATA": str(directory),
        "ACCUEIL_SLA": str(EXAMPLE),
    }
    result = CliRunner().invoke(main, ["sla", *arguments], env=environment)
    return result.exit_code, result.output


def test_latest_committed_contact_is_explained(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    policies, row = load_policies(EXAMPLE), None
    rows = []
    for event in answered_call(wait=100):
        row = contact.fold(row, event)
        row.clocks, _ = advance(row.clocks, clock_intervals(row), policies, START_MS)
        rows.append((CONTACTS.name, CALL.encode(), contact.encode(row)))
    apply_specs(own_kafka.bootstrap, [TopicSpec(CONTACTS.name, 4, config=CONTACTS.config | COMPACTED)])
    assert sla(tmp_path, own_kafka.bootstrap, "explain", CALL) == (1, f"unknown contact {CALL}\n")
    kafka_io.produce(own_kafka.bootstrap, rows)
    code, text = sla(tmp_path, own_kafka.bootstrap, "explain", CALL)
    assert code == 0
    assert "answer 1: 1 min, policy telephone, calendar siege" in text
    assert "done, late" in text


def test_due_clocks_are_listed_by_deadline(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    policies, now = load_policies(EXAMPLE), datetime.now(UTC).timestamp()
    rows = []
    for number, (days, service) in enumerate(((30, "rsa"), (20, "mdph"), (1, "rsa"))):
        sent = make(
            "email.received", now - days * 86_400 - START_MS / 1000, subject=f"email:a:{number}", service=service
        )
        row = contact.fold(None, sent)
        row.clocks, _ = advance((), clock_intervals(row), policies, round(now * 1000))
        rows.append((CONTACTS.name, sent.subject.encode(), contact.encode(row)))
    apply_specs(own_kafka.bootstrap, [TopicSpec(CONTACTS.name, 4, config=CONTACTS.config | COMPACTED)])

    def listed(*arguments: str) -> list[tuple[str, str]]:
        code, text = sla(tmp_path, own_kafka.bootstrap, "list", *arguments)
        assert code == 0, text
        rows = [re.split("  +", line) for line in text.splitlines() if line.startswith("email")]
        return [(row[0], row[2]) for row in rows]

    assert sla(tmp_path, own_kafka.bootstrap, "list") == (0, "no open deadline matches\n")
    others = (OFFSETS_KEY, encode_offsets({})), (AGENT_PREFIX + b"a", agent.encode(Agent()))
    kafka_io.produce(own_kafka.bootstrap, [*rows, *((CONTACTS.name, *row) for row in others)])
    # Which of the two targets of an e-mail ends first depends on the week days and public holidays before today.
    first, second, third = (
        {(f"email:a:{n}", "acknowledgement"), (f"email:a:{n}", "announced delay")} for n in range(3)
    )
    everything, overdue = listed(), listed("--overdue")
    assert [set(everything[:2]), set(everything[2:4]), set(everything[4:])] == [first, second, third]
    assert overdue == everything[:4]
    assert listed("--overdue", "--service", "mdph") == overdue[2:]
    assert set(listed("--due-within", "30d")) == third
    assert listed("--overdue", "--limit", "1") == overdue[:1]

    def listing(*arguments: str) -> tuple[int, str]:
        code, text = sla(tmp_path, own_kafka.bootstrap, "list", *arguments)
        return code, text.splitlines()[-1]

    assert listing("--due-within", "1m") == (0, "no open deadline matches")
    assert listing("--due-within", "30d", "--service", "mdph") == (0, "no open deadline matches")
    unknown = "unknown --service rsaa; known: mdph, rsa; did you mean rsa?"
    assert listing("--service", "rsaa") == (2, f"Error: {unknown}")
    _, text = sla(tmp_path, own_kafka.bootstrap, "list", "--overdue", "--limit", "1")
    assert text.endswith("1 of 4\n")
    assert re.search(r"late by \d+ working days?", text)
    assert "use 90m, 2h or 7d" in sla(tmp_path, own_kafka.bootstrap, "list", "--due-within", "soon")[1]
    kafka_io.produce(own_kafka.bootstrap, [(CONTACTS.name, f"email:a:{late}".encode(), None) for late in range(2)])
    assert listing("--overdue") == (0, "no open deadline matches")


def test_unreachable_brokers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.instance_lock.BROKER_SECONDS", 0.2)
    port = free_port()
    code, text = sla(tmp_path, f"127.0.0.1:{port}", "explain", CALL)
    assert code == 70
    assert f"no Kafka broker answers at 127.0.0.1:{port}" in text
