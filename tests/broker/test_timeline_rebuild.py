"""Detection of a lost timeline database at the start, and its rebuild from Kafka."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from models import topics
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from tests.support import contacts_oracle as oracle
from tests.support import kafka_io
from tests.support.events import make
from tests.support.processes import Child, wait_until
from tests.support.timelines import records_of

pytestmark = pytest.mark.broker


def rows(database: Path) -> list[tuple[str, ...]]:
    if not database.exists():
        return []
    with (
        closing(sqlite3.connect(database)) as connection,
        suppress(sqlite3.OperationalError),
    ):  # until its tables exist
        return sorted(connection.execute("SELECT id, owner, contact FROM entries"))
    return []


def test_lost_database_is_detected_and_rebuilt(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    read = (topics.TIMELINE, *topics.TIMELINE_STATES, topics.DEAD_LETTERS)
    specs = [TopicSpec(t.name, 4, config=t.config | (COMPACTED if t.compacted else {})) for t in read]
    apply_specs(own_kafka.bootstrap, specs)
    events = oracle.make_lives(60, 600)
    events.append(make("personal_data.erased", 0, subject=events[0].subject, channel="call"))
    pairs = records_of(events)
    kafka_io.produce(own_kafka.bootstrap, [(topics.TIMELINE.name, *pair) for pair in pairs])
    database = tmp_path / "data" / "timeline.db"
    environment = {
        "ACCUEIL_BROKERS": own_kafka.bootstrap,
        "ACCUEIL_DATA": str(tmp_path / "data"),
        "ACCUEIL_WORKER__SESSION_TIMEOUT_SECONDS": "3",
        "LC_ALL": "C",
    }
    erased = sum(event.subject == events[0].subject for event in events[:-1])
    expected = len({event.id for event in events[:-1]}) - erased
    writer = Child(
        ["-m", "streams.cli.main", "timeline"], tmp_path / "timeline.log", ACCUEIL_LOG__FORMAT="json", **environment
    )
    rebuild = Child(["-m", "streams.cli.main", "timeline", "rebuild", "--yes"], tmp_path / "rebuild.log", **environment)
    with writer, rebuild:
        writer.start()
        wait_until(lambda: len(rows(database)) == expected, "all entries", otherwise=lambda: len(rows(database)))
        assert writer.stop() == 0
        before = rows(database)
        writer.start().wait_for('"event": "partition_opened"', 8)  # no entries are missing
        assert writer.stop() == 0
        for path in database.parent.glob("timeline.db*"):
            path.unlink()
        assert writer.start().wait() == 2
        assert "the timelines' database lacks entries of citizen.timeline.v1: 0 to " in writer.text
        assert rebuild.start().wait() == 0, rebuild.text
        assert f"records of citizen.timeline.v1 read again: {len(pairs)}" in rebuild.text
        assert rows(database) == before
        writer.start().wait_for('"event": "partition_opened"', 12)
        assert writer.stop() == 0
    assert rows(database) == before
