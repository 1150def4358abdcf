"""Worker with faults: rows, figures, timeline and dead letters match the events, and each event counts once."""

import itertools
import random
import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from models import topics
from streams.agents.codecs import PROGRESS
from streams.core.figures.figure import PROGRESS_KEY, Progress
from streams.engine import checkpoints
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.partitioner import partition_of
from tests.support import contacts_oracle as oracle
from tests.support import kafka_io
from tests.support.accueil_processes import PARTITIONS, accueil_process, create_topics
from tests.support.bad_records import GONE, bad_records
from tests.support.processes import Child, supervised, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(600)]


@pytest.fixture
def kafka(own_kafka: EmbeddedKafka) -> EmbeddedKafka:
    """Broker with Accueil's topics; rows of the source `GONE` were deleted."""
    create_topics(own_kafka.bootstrap)
    dropped = PROGRESS.dump(Progress(step_at=0, dropped={GONE: int(time.time() * 1000)}))
    producer = Producer({"bootstrap.servers": own_kafka.bootstrap})
    for partition in range(PARTITIONS):
        producer.produce(topics.FIGURES.name, dropped, PROGRESS_KEY, partition)
    assert producer.flush(30) == 0
    return own_kafka


def worker(kafka: EmbeddedKafka, tmp_path: Path, name: str = "worker", *, instance: str = "") -> Child:
    return accueil_process("worker", kafka.bootstrap, tmp_path, name, ACCUEIL_WORKER__INSTANCE_ID=instance)


def producing(kafka: EmbeddedKafka, seed: int = 1) -> AbstractContextManager[None]:
    """Produce events in random order, with duplicates and invalid ones, during a `with` block."""
    chance = random.Random(seed)

    def make(number: int) -> list[kafka_io.Produced]:
        events = oracle.make_lives(60, 600, start=number)
        events += chance.sample(events, len(events) // 5)
        chance.shuffle(events)
        return [*oracle.records(events), ("contact.call.v1", *chance.choice([*bad_records().values()]))]

    return kafka_io.trickle(kafka.bootstrap, (make(seed * 1_000_000 + nth * 60) for nth in itertools.count()))


def finish(kafka: EmbeddedKafka, child: Child | None = None) -> dict[str, int]:
    def done() -> bool:
        assert child is None or child.alive, child.text[-3000:]
        return oracle.is_done(kafka.bootstrap)

    wait_until(done, "all events to be folded")
    return oracle.verify(kafka.bootstrap)


def test_each_reject_reason_makes_a_dead_letter(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    bad = bad_records()
    good = oracle.make_lives(60, 600)
    kafka_io.produce(kafka.bootstrap, [*oracle.records(good)])
    kafka_io.produce(kafka.bootstrap, [("contact.call.v1", *pair) for pair in bad.values()])
    with worker(kafka, tmp_path).start() as child:
        counts = finish(kafka, child)
        assert child.stop() == 0
    assert counts["dead"] == len(bad)
    letters = kafka_io.read(kafka.bootstrap, topics.DEAD_LETTERS.name)
    assert {dict(m.headers())["reason"].decode(): (m.key(), m.value()) for m in letters} == bad


def test_kills_at_each_checkpoint_lose_and_duplicate_nothing(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with worker(kafka, tmp_path, instance="one") as child:
        with producing(kafka):
            for point in (*checkpoints.OPENING_CHECKPOINTS, *checkpoints.STEP_CHECKPOINTS):
                child.start(ENGINE_KILL_AT=f"{point}:{random.Random(point).randint(1, 3)}")
                assert child.wait() == -signal.SIGKILL, f"not killed at {point}"
            child.start()
        counts = finish(kafka, child)
        assert child.stop() == 0
    assert counts["uncommitted"] > 0, "no transaction was interrupted, so the kills had no effect"
    assert counts["deliveries"] > counts["events"] + counts["dead"], "no duplicate was delivered"


def test_killed_worker_and_broker_and_a_full_replay_count_each_event_once(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with supervised(worker(kafka, tmp_path, "one")) as one, supervised(worker(kafka, tmp_path, "two")) as two:
        with producing(kafka):
            one.wait_for('"event": "partition_opened"', 2)
            two.wait_for('"event": "partition_opened"', 2)
            two.kill()
            wait_until(lambda: two.exits, "the kill to be seen")
            time.sleep(1)
            kafka.stop(signal.SIGKILL)
            time.sleep(1)
            kafka.start()
        before = finish(kafka)
        again = kafka_io.read(kafka.bootstrap, *oracle.SOURCES)
        kafka_io.produce(kafka.bootstrap, [(m.topic(), m.key(), m.value()) for m in again])
        after = finish(kafka)
    assert after["deliveries"] == 2 * before["deliveries"]
    assert after["events"] == before["events"]


def test_dead_letters_replayed_twice_count_once(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    events = oracle.make_lives(60, 600)
    kafka_io.produce(kafka.bootstrap, [*oracle.records(events[:5])])
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})
    for topic, key, value in oracle.records(events):
        partition = str(partition_of(key, PARTITIONS))
        origin = {"origin_topic": topic, "origin_partition": partition, "origin_offset": "0", "origin_timestamp": "0"}
        headers = {"reason": "internal_error", "detail": "", "dead_at": "0", **origin}
        producer.produce(topics.DEAD_LETTERS.name, key=key, value=value, headers=headers)
    assert producer.flush(30) == 0
    with worker(kafka, tmp_path).start() as child:
        for _ in range(2):
            replay = Child(
                ["-m", "streams.cli.main", "dead-letters", "replay", "--reason", "internal_error", "--yes", "--again"],
                tmp_path / "replay.log",
                **child.environment,
            )
            with replay.start():
                assert replay.wait() == 0, replay.text
        wait_until(lambda: oracle.is_done(kafka.bootstrap), "the replayed events to be folded")
        assert child.stop() == 0
    expected = oracle.compute(kafka.bootstrap).values()
    assert sum(partition.deliveries for partition in expected) == 2 * len(events) + 5
    assert sum(partition.events for partition in expected) == len({event.id for event in events})
    entries = [msgspec.json.decode(m.value())["id"] for m in kafka_io.read(kafka.bootstrap, topics.TIMELINE.name)]
    assert len(entries) == len(set(entries))
    assert set(entries) == {event.id for event in events if event.type != "agent.state_changed"}
