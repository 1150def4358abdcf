"""One contact's row, read by a command from the workers' state on a real Kafka."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from models.topics import CONTACTS
from streams.cli import main
from streams.core import contact
from streams.core.clocks import advance
from streams.core.courses import courses
from streams.engine.broker import EmbeddedKafka, free_port
from streams.engine.topics import COMPACTED, TopicSpec, apply
from streams.sla_cli import EXAMPLE
from streams.sla_file import load_policies
from tests.support import kafka_io
from tests.support.events import CALL, START_MS, answered_call

pytestmark = pytest.mark.broker


def explain(directory: Path, brokers: str, name: str) -> tuple[int, str]:
    environment = {
        "LC_ALL": "C",
        "ACCUEIL_BROKERS": brokers,
        "ACCUEIL_DATA": str(directory),
        "ACCUEIL_SLA": str(EXAMPLE),
    }
    result = CliRunner().invoke(main, ["sla", "explain", name], env=environment)
    return result.exit_code, result.output


def test_contact_is_explained_as_it_was_committed_last(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    policies, row = load_policies(EXAMPLE), None
    rows = []
    for event in answered_call(wait=100):
        row = contact.fold(row, event)
        row.clocks, _ = advance(row.clocks, courses(row), policies, START_MS)
        rows.append((CONTACTS.name, CALL.encode(), contact.encode(row)))
    apply(own_kafka.bootstrap, [TopicSpec(CONTACTS.name, 4, config=CONTACTS.config | COMPACTED)])
    assert explain(tmp_path, own_kafka.bootstrap, CALL) == (1, f"no contact {CALL} is known\n")
    kafka_io.produce(own_kafka.bootstrap, rows)
    code, text = explain(tmp_path, own_kafka.bootstrap, CALL)
    assert code == 0
    assert "answer 1: 1 min, policy telephone, calendar siege" in text
    assert "done, late" in text


def test_brokers_that_are_away_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.state_reader.BROKER_SECONDS", 0.2)
    port = free_port()
    code, text = explain(tmp_path, f"127.0.0.1:{port}", CALL)
    assert code == 70
    assert f"no Kafka broker answers at 127.0.0.1:{port}" in text
