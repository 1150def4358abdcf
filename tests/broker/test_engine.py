"""Engine on a real Kafka without faults: every feature of a job, with exact results."""

import re
import time
import uuid
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from kafka import KafkaProducer

from streams.engine.engine import EX_FINAL
from streams.engine.partition_start import OFFSETS_KEY
from streams.kafka.clients import open_client
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.partitioner import partition_of
from tests.support import kafka_io, ledger_job_oracle
from tests.support.bad_records import RawName
from tests.support.ledger_job import PARTITIONS, Event, make_topics
from tests.support.processes import Child, wait_until

pytestmark = pytest.mark.broker


@pytest.fixture
def name(kafka: EmbeddedKafka) -> str:
    """Name of a new job with its own topics."""
    name = f"ledger-{uuid.uuid4().hex[:8]}"
    make_topics(name, kafka.bootstrap)
    return name


def worker(name: str, kafka: EmbeddedKafka, tmp_path: Path, *options: str, log: str = "worker.log") -> Child:
    arguments = ["-m", "tests.support.ledger_job", name, kafka.bootstrap]
    return Child([*arguments, *(f"--option={option}" for option in options)], tmp_path / log)


def finish(child: Child, name: str, kafka: EmbeddedKafka) -> dict[str, int]:
    """Wait until all records are folded, stop the worker and verify the results."""
    wait_until(lambda: ledger_job_oracle.is_done(name, kafka.bootstrap), "all events to be folded")
    assert child.stop() == 0
    return ledger_job_oracle.verify(name, kafka.bootstrap)


@pytest.mark.timeout(600)
def test_deleted_rows_stay_deleted_over_compaction_and_restart(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    name = f"ledger-{uuid.uuid4().hex[:8]}"
    config = {
        "segment.ms": "500",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "0",
    }
    make_topics(name, kafka.bootstrap, **config)
    remaining = ledger_job_oracle.make_events(name, 3000, keys=40)
    forgotten = [
        ledger_job_oracle.record(name, "a", f"gone-{n}", Event(f"g{n}-{action}", 5, action))
        for n in range(200)
        for action in ("add", "forget")
    ]
    kafka_io.produce(kafka.bootstrap, [*forgotten, *remaining])
    with worker(name, kafka, tmp_path, "max_records=10").start() as child:
        finish(child, name, kafka)
        starts = count(10_000, 100)

        def compacted() -> bool:
            # Kafka compacts only closed segments, and a new record closes the previous segment.
            kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 40, keys=40, start=next(starts)))
            rows = kafka_io.read(kafka.bootstrap, f"{name}-rows")
            written = sum({message.partition(): message.offset() + 1 for message in rows}.values())
            return len(rows) < written / 2

        child.start()
        wait_until(compacted, "the cleaner to compact the state topic", 150)
        wait_until(lambda: ledger_job_oracle.is_done(name, kafka.bootstrap), "the rest to be folded")
        assert child.stop() == 0
        kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 500, keys=40, start=5000))
        child.start()
        counts = finish(child, name, kafka)
    assert counts["rows"] == 40


def test_only_records_that_cannot_be_folded_become_dead_letters(
    name: str, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    events = ledger_job_oracle.make_events(name, 1000)
    for position, action in ((10, "fail"), (500, "reject"), (501, "fail"), (502, "fail"), (990, "fail")):
        events[position] = ledger_job_oracle.record(name, "a", "bad", Event(f"bad-{position}", action=action))
    kafka_io.produce(kafka.bootstrap, events)
    with worker(name, kafka, tmp_path).start() as child:
        counts = finish(child, name, kafka)
    assert counts["dead"] == 5
    headers = [dict(m.headers()) for m in kafka_io.read(kafka.bootstrap, f"{name}-dead")]
    assert sorted(h["reason"] for h in headers) == [b"internal_error"] * 4 + [b"invalid_field"]


def test_too_many_internal_errors_stop_the_worker(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    kafka_io.produce(
        kafka.bootstrap, [ledger_job_oracle.record(name, "a", "k", Event(f"f{n}", action="fail")) for n in range(20)]
    )
    with worker(name, kafka, tmp_path, "internal_errors=5").start() as child:
        assert child.wait() == EX_FINAL  # the supervisor does not restart it
    assert len(kafka_io.read(kafka.bootstrap, f"{name}-dead")) == 5


def test_tick_publishes_due_events_once(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    due = [ledger_job_oracle.record(name, "b", f"due-{n}", Event(f"d{n}", due_at=now + 10 * n)) for n in range(100)]
    kafka_io.produce(kafka.bootstrap, due)
    with worker(name, kafka, tmp_path).start() as child:
        kafka_io.read_until(kafka.bootstrap, f"{name}-out", lambda messages: len(messages) >= 200)
        finish(child, name, kafka)


def test_failed_tick_is_retried_while_records_are_folded(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    jam = [ledger_job_oracle.record(name, "a", "jam", Event(f"j{number}", due_at=number)) for number in range(2)]
    with worker(name, kafka, tmp_path).start() as child:
        kafka_io.produce(kafka.bootstrap, jam[:1])
        child.wait_for('"event": "tick_failed"')
        kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 1000))
        wait_until(
            lambda: ledger_job_oracle.is_done(name, kafka.bootstrap), "events to be folded beside a tick that fails"
        )
        kafka_io.produce(kafka.bootstrap, jam[1:])
        kafka_io.read_until(kafka.bootstrap, f"{name}-out", lambda messages: len(messages) >= 1003)
        finish(child, name, kafka)


def test_step_lingers_for_more_records(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})
    with worker(name, kafka, tmp_path, "linger_seconds=2.0").start() as child:
        child.wait_for('"event": "partition_opened"', 4)
        begun = time.monotonic()
        for number in range(100):
            topic, key, value = ledger_job_oracle.record(name, "a", "one", Event(f"e{number}"))
            producer.produce(topic, key=key, value=value)
            producer.flush()
        wait_until(lambda: ledger_job_oracle.is_done(name, kafka.bootstrap), "all events to be folded")
        most = (time.monotonic() - begun) / 2 + 1
        finish(child, name, kafka)
    steps = len(kafka_io.read(kafka.bootstrap, f"{name}-totals"))  # its row is written once per step
    assert steps <= most < 50, f"{steps} steps"


def test_ticks_run_under_continuous_load(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    due = [ledger_job_oracle.record(name, "b", f"due-{n}", Event(f"d{n}", due_at=1)) for n in range(20)]
    with worker(name, kafka, tmp_path, "linger_seconds=0.0").start() as child:
        child.wait_for('"event": "partition_opened"', 4)
        with ledger_job_oracle.trickle(name, kafka.bootstrap, pause_seconds=0.0):
            kafka_io.produce(kafka.bootstrap, due)
            published = kafka_io.read_until(
                kafka.bootstrap, f"{name}-out", lambda found: sum(b"due due-" in m.value() for m in found) >= 20
            )
        assert len(published) > 20
        finish(child, name, kafka)


def test_invalid_header_name_does_not_stop_the_worker(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    topic, key, value = ledger_job_oracle.record(name, "a", "k", Event("odd"))
    with open_client(KafkaProducer, {"bootstrap_servers": kafka.bootstrap}) as producer:
        partition = partition_of(key, PARTITIONS)
        producer.send(topic, key=key, value=value, headers=[(RawName("name"), b"x")], partition=partition).get(30)
    with worker(name, kafka, tmp_path).start() as child:
        kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 100))
        assert finish(child, name, kafka)["outputs"] == 101


def test_row_with_the_key_of_the_offsets_is_refused(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 100))
    kafka_io.produce(kafka.bootstrap, [ledger_job_oracle.record(name, "a", OFFSETS_KEY.decode(), Event("odd"))])
    with worker(name, kafka, tmp_path).start() as child:
        kafka_io.read_until(kafka.bootstrap, f"{name}-dead", lambda found: len(found) == 1)
        wait_until(lambda: ledger_job_oracle.is_done(name, kafka.bootstrap), "all events to be folded")
        assert child.stop() == 0
        child.start()
        child.wait_for('"event": "partition_opened"', 8)
        assert child.stop() == 0
    assert len(kafka_io.read(kafka.bootstrap, f"{name}-out")) == 100


def test_unreadable_row_ends_the_worker_with_exit_code_2(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    kafka_io.produce(kafka.bootstrap, [(f"{name}-rows", b"k", b"[no row")])
    with worker(name, kafka, tmp_path).start() as child:
        assert child.wait() == EX_FINAL
        assert re.search(rf"{name}-rows, partition \d, offset 0: ", child.text)


def test_aborted_transaction_at_the_end_does_not_stop_the_ticks(
    name: str, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap, "transactional.id": name, "partitioner": "murmur2_random"}
    )
    producer.init_transactions(30)
    due = int(time.time() * 1000) + 4000
    for number, keep in enumerate((True, False)):
        producer.begin_transaction()
        for key in range(20):
            topic, raw_key, value = ledger_job_oracle.record(
                name, "a", f"k{key}", Event(f"e{number}-{key}", due_at=due if keep else 0)
            )
            producer.produce(topic, key=raw_key, value=value)
        producer.commit_transaction(30) if keep else producer.abort_transaction(30)
    with worker(name, kafka, tmp_path).start() as child:
        published = kafka_io.read_until(kafka.bootstrap, f"{name}-out", lambda messages: len(messages) >= 40)
        assert len(published) == 40  # twenty events and their deadlines, none of the aborted ones
        assert child.stop() == 0
        child.start()  # the state contains the offsets after the aborted transaction
        child.wait_for('"event": "partition_opened"', 8)
        assert child.stop() == 0


def test_all_compression_types_are_read(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    for number, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        events = ledger_job_oracle.make_events(name, 200, start=1000 * number)
        kafka_io.produce(kafka.bootstrap, events, **{"compression.type": codec})
    with worker(name, kafka, tmp_path).start() as child:
        assert finish(child, name, kafka)["outputs"] == 1000


def test_record_at_the_size_limit_is_folded_or_dead_lettered(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    big = "x" * 1_000_000
    events = [
        ledger_job_oracle.record(name, topic, "big", Event(big, action=action))
        for topic in "ab"
        for action in ("reject", "add")
    ]
    kafka_io.produce(kafka.bootstrap, events, **{"message.max.bytes": 2_000_000})
    with worker(name, kafka, tmp_path).start() as child:
        assert finish(child, name, kafka)["dead"] == 2


def forget_group(admin: AdminClient, name: str) -> bool:
    [deleted] = admin.delete_consumer_groups([name]).values()
    return deleted.exception() is None


def test_worker_continues_from_its_state_without_group_offsets(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 500))
    with worker(name, kafka, tmp_path).start() as child:
        finish(child, name, kafka)
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        wait_until(lambda: forget_group(admin, name), "the group to be empty and forgotten")
        kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 500, start=500))
        child.start()
        assert finish(child, name, kafka)["outputs"] == 1000


def test_expired_records_are_skipped_only_with_skip_expired(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 400))
    with worker(name, kafka, tmp_path).start() as child:
        finish(child, name, kafka)
        kafka_io.produce(kafka.bootstrap, ledger_job_oracle.make_events(name, 400, start=400))
        ends = {m.partition(): m.offset() + 1 for m in kafka_io.read(kafka.bootstrap, f"{name}-a")}
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        deleted = [TopicPartition(f"{name}-a", partition, end) for partition, end in ends.items()]
        for deletion in admin.delete_records(deleted).values():
            deletion.result(30)
        child.start()
        assert child.wait() == EX_FINAL
        assert "deleted by retention" in child.text
    with worker(name, kafka, tmp_path, "skip_expired=1", log="skipping.log").start() as child:
        wait_until(lambda: len(kafka_io.read(kafka.bootstrap, f"{name}-out")) == 600, "what is left to be folded")
        assert '"event": "records_expired"' in child.text
        assert child.stop() == 0


def test_setting_refused_by_the_group_ends_the_worker_with_exit_code_2(
    name: str, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    with worker(name, kafka, tmp_path, "session_timeout_seconds=0.5").start() as child:
        assert child.wait() == 2
        assert "InvalidSessionTimeout" in child.text
