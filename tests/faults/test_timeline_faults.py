"""Timeline process with faults, on both databases: every entry exists once, with the right citizen as owner."""

import itertools
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import LiteralString

import msgspec
import psycopg
import pytest
from msgspec import structs
from sqlalchemy import create_engine, text

from models import topics
from models.events import Event
from models.identities import IdentityKind
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.core.sla import open_targets
from streams.core.sla.open_targets import SlaTarget, SlaTargetsEntry
from streams.core.timeline import entries as timeline
from streams.core.timeline.entries import Entry
from streams.engine import checkpoints
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from streams.timeline.store import Timeline
from tests.support import contacts_oracle as oracle
from tests.support import kafka_io
from tests.support.postgres import Postgres, running_postgres
from tests.support.processes import Child, supervised, wait_until
from tests.support.timelines import sla_status_entry

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(600)]
READ = (topics.TIMELINE, *topics.TIMELINE_STATES, topics.DEAD_LETTERS)


@pytest.fixture
def kafka(own_kafka: EmbeddedKafka) -> EmbeddedKafka:
    """Broker with the topics of the timeline."""
    apply_specs(
        own_kafka.bootstrap, [TopicSpec(t.name, 4, config=t.config | (COMPACTED if t.compacted else {})) for t in READ]
    )
    return own_kafka


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Real PostgreSQL server."""
    with running_postgres() as running:
        yield running


def make_database(postgres: Postgres, name: LiteralString) -> str:
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url.rpartition("/")[0] + f"/{name}"


def writer(kafka: EmbeddedKafka, tmp_path: Path, url: str = "") -> Child:
    return writer_to(kafka.bootstrap, tmp_path, url)


def writer_to(bootstrap: str, tmp_path: Path, url: str) -> Child:
    return Child(
        ["-m", "streams.cli.main", "timeline"],
        tmp_path / "timeline.log",
        ACCUEIL_BROKERS=bootstrap,
        ACCUEIL_DATA=str(tmp_path / "data"),
        ACCUEIL_LOG__FORMAT="json",
        ACCUEIL_WORKER__SESSION_TIMEOUT_SECONDS="3",
        ACCUEIL_TIMELINE__URL=url,
    )


class Producer:
    """Produces entries as the contacts job would, and records the expected result."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.targets: dict[str, SlaTargetsEntry] = {}
        """Latest SLA targets of each contact."""
        self._numbers = itertools.count()

    def batches(self, lives: int = 30) -> Iterator[list[kafka_io.Produced]]:
        """Yield endless batches of `lives` contacts each, with some duplicates and one invalid entry per batch."""
        chance = random.Random(1)
        while True:
            rows: dict[str, Contact] = {}
            events = oracle.make_lives(lives, 600, start=next(self._numbers) * lives)
            records = [record for event in events for record in self._records(rows, event)]
            yield [*records, *chance.sample(records, 20), (topics.TIMELINE.name, b"phone:a", b"no entry")]

    def _records(self, rows: dict[str, Contact], event: Event) -> Iterator[kafka_io.Produced]:
        row = rows[event.subject] = contact.fold(rows.get(event.subject), event)
        key, value = timeline.record(event, row)
        self.entries[event.id] = timeline.decode(value)
        yield topics.TIMELINE.name, key, value
        if len(self.entries) % 3 == 0 and not event.subject.startswith("agent:"):
            at = len(self.entries)
            entry = self.targets[event.subject] = sla_status_entry(event.subject, at, resolution=at)
            yield topics.TIMELINE.name, key, msgspec.json.encode(entry)

    def owners(self) -> dict[str, str]:
        """Return the expected owner of each entry, by event id: the contact's strongest identity, else the contact."""
        owners: dict[str, str] = {}
        for entry in self.entries.values():
            known = owners.get(entry.contact, "")
            owners[entry.contact] = min(filter(None, (known, entry.citizen)), key=identity_rank, default="")
        return {name: owners[entry.contact] or entry.contact for name, entry in self.entries.items()}


def identity_rank(identity: str) -> tuple[int, str]:
    return list(IdentityKind).index(IdentityKind(identity.partition(":")[0])), identity


def written(url: str) -> list[tuple[str, str]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, owner FROM entries")).all()
    engine.dispose()
    return [(name, owner) for name, owner in found]


def stored_targets(url: str) -> dict[str, tuple[SlaTarget, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT contact, running FROM promises")).all()
    engine.dispose()
    return {name: open_targets.load(running) for name, running in found}


def verify(produced: Producer, url: str, child: Child) -> None:
    wait_until(
        lambda: len(written(url)) >= len(produced.entries),
        "all entries",
        otherwise=lambda: (len(written(url)), len(produced.entries)),
    )
    found = written(url)
    assert max(Counter(name for name, _ in found).values()) == 1, "duplicate entry"
    assert dict(found) == produced.owners()
    last = {name: one.sla_targets for name, one in produced.targets.items()}
    wait_until(lambda: stored_targets(url) == last, "the SLA targets to be stored")
    assert child.stop() == 0


def test_timeline_survives_a_kill_at_every_checkpoint(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    produced, url = Producer(), f"sqlite:///{tmp_path / 'data' / 'timeline.db'}"
    with writer(kafka, tmp_path) as child:
        with kafka_io.trickle(kafka.bootstrap, produced.batches()):
            for point in (*checkpoints.OPENING_CHECKPOINTS, *checkpoints.STEP_CHECKPOINTS):
                child.start(ENGINE_KILL_AT=f"{point}:{random.Random(point).randint(1, 3)}")
                assert child.wait() == -signal.SIGKILL, f"not killed at {point}"
            child.start()
        verify(produced, url, child)
    letters = kafka_io.read(kafka.bootstrap, topics.DEAD_LETTERS.name)
    assert {letter.value() for letter in letters} == {b"no entry"}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_processes_share_the_partitions(
    kafka: EmbeddedKafka, postgres: Postgres, tmp_path: Path, kind: str
) -> None:
    produced, url = Producer(), f"sqlite:///{tmp_path / 'timeline.db'}"
    if kind == "postgresql":
        url = make_database(postgres, "shared")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with writer(kafka, folders[0], url) as one, writer(kafka, folders[1], url) as two:
        one.start()
        two.start()
        two.wait_for('"event": "partition_opened"', 2)
        with kafka_io.trickle(kafka.bootstrap, produced.batches(1000)):  # so that both write at the same time
            wait_until(lambda: len(produced.entries) > 30_000, "enough entries")
        wait_until(lambda: len(written(url)) >= len(produced.entries), "all entries")
        assert one.stop() == 0
        verify(produced, url, two)


def test_only_entries_refused_by_the_database_become_dead_letters(
    kafka: EmbeddedKafka, postgres: Postgres, tmp_path: Path
) -> None:
    produced, url = Producer(), make_database(postgres, "strict")
    records = next(produced.batches())[:-1]
    too_large = structs.replace(
        timeline.decode(records[0][2] or b""),
        id="large",
        identities=f"case:a phone:{random.Random(1).randbytes(3000).hex()}",
    )
    letter = msgspec.json.encode(too_large)
    records.insert(len(records) // 2, (topics.TIMELINE.name, records[0][1], letter))
    with writer(kafka, tmp_path, url) as child:
        kafka_io.produce(kafka.bootstrap, records)
        child.start()
        child.wait_for('"event": "partition_opened"', 4)
        verify(produced, url, child)
    assert {one.value() for one in kafka_io.read(kafka.bootstrap, topics.DEAD_LETTERS.name)} == {letter}


def test_process_waiting_for_the_database_stops_on_sigterm(tmp_path: Path) -> None:
    child = writer_to("127.0.0.1:1", tmp_path, "postgresql+psycopg://postgres@127.0.0.1:1/postgres")
    with child:
        child.start().wait_for("waiting_for_database")
        assert child.stop() == 0


@pytest.mark.parametrize(
    ("kind", "hold"), [("sqlite", "BEGIN IMMEDIATE"), ("postgresql", "LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")]
)
def test_timeline_process_waits_during_a_table_rewrite(
    kafka: EmbeddedKafka, postgres: Postgres, tmp_path: Path, kind: str, hold: str
) -> None:
    """The nightly rewrite holds the lock for longer than Kafka's session timeout."""
    produced, url = Producer(), f"sqlite:///{tmp_path / 'data' / 'timeline.db'}"
    if kind == "postgresql":
        url = make_database(postgres, "rewritten")
    with writer(kafka, tmp_path, url) as child:
        # On a loaded machine, the 3 s of the other tests may pass without a heartbeat.
        child.start(ACCUEIL_WORKER__SESSION_TIMEOUT_SECONDS="8")
        child.wait_for('"event": "partition_opened"', 4)
        with kafka_io.trickle(kafka.bootstrap, produced.batches()):
            wait_until(lambda: written(url), "entries to be written")
            engine = create_engine(url)
            with engine.connect() as connection:
                connection.exec_driver_sql(hold)  # like VACUUM
                child.wait_for('"event": "waiting_for_database"')
            engine.dispose()
            with closing(Timeline(url)) as nightly:
                for _ in range(5):
                    before = len(written(url))
                    nightly.vacuum()
                    wait_until(lambda before=before: len(written(url)) > before, "entries to be written after it")
        verify(produced, url, child)
    assert child.exits == [0], "no restart"
    assert child.text.count('"event": "partitions_assigned"') == 1, "no rebalance"
    assert "tick_failed" not in child.text


def test_timeline_process_survives_a_database_crash(kafka: EmbeddedKafka, postgres: Postgres, tmp_path: Path) -> None:
    produced = Producer()
    with supervised(writer(kafka, tmp_path, postgres.url)) as child:
        with kafka_io.trickle(kafka.bootstrap, produced.batches()):
            child.wait_for('"event": "partition_opened"', 4)
            for _ in range(2):
                before = len(written(postgres.url))
                wait_until(lambda before=before: len(written(postgres.url)) > before, "entries to be written")
                ended = len(child.exits)
                postgres.stop("immediate")
                wait_until(lambda ended=ended: len(child.exits) > ended, "the process to exit")
                child.wait_for_new("waiting_for_database")
                child.kill()  # the writer is killed too
                postgres.start()
        wait_until(lambda: child.alive, "the restart")
        verify(produced, postgres.url, child)
    assert len(child.exits) >= 4
