"""Reader of figures on a real Kafka: compaction, transactions, restarts, deleted and recreated topics."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, active_count
from zoneinfo import ZoneInfo

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from models.timestamps import milliseconds
from streams.core.figures.figure import Dimensions, bucket_key, total_key
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from streams.web.figures_reader import FiguresReader
from streams.web.topic_view import ReaderState
from streams.web.view import FiguresView
from tests.support import kafka_io
from tests.support.processes import wait_until
from tests.support.threads import in_background
from tests.web.rows import ROADS, SOCIAL, Worker

pytestmark = pytest.mark.broker
NOW = datetime.now(UTC)


@pytest.fixture
def topic() -> str:
    return f"figures-{uuid.uuid4().hex[:8]}"


def make_topic(broker: EmbeddedKafka, topic: str, partitions: int = 2, **config: str) -> None:
    apply_specs(broker.bootstrap, [TopicSpec(topic, partitions, config={**COMPACTED, **config})])


@contextmanager
def reading(broker: EmbeddedKafka, topic: str, view: FiguresView | None = None) -> Iterator[FiguresView]:
    view = view or FiguresView(ZoneInfo("Europe/Paris"), NOW)
    reader = FiguresReader(view, broker.bootstrap, topic=topic)
    threads = active_count()
    reader.start()
    yield view
    reader.stop()
    assert active_count() == threads, "the reader leaves no thread behind"


def offered(view: FiguresView, place: Dimensions = SOCIAL) -> int | None:
    total = view.snapshot(NOW).totals.get(place)
    return total.counts[QUEUE_SCHEMA.index["offered"]] if total else None


def follows(view: FiguresView) -> bool:
    return view.reader_state is ReaderState.FOLLOWING


def write(broker: EmbeddedKafka, topic: str, rows: list[tuple[bytes, bytes | None]]) -> None:
    assert len(kafka_io.produce(broker.bootstrap, [(topic, key, value) for key, value in rows])) == len(rows)


def test_all_partitions_are_read_and_followed(kafka: EmbeddedKafka, topic: str) -> None:
    make_topic(kafka, topic, partitions=3)
    worker = Worker()
    worker.offered(SOCIAL, NOW, 3)
    worker.offered(ROADS, NOW, 2)
    write(kafka, topic, worker.rows())
    with reading(kafka, topic) as view:
        wait_until(lambda: follows(view), "the end of the topic")
        assert (offered(view, SOCIAL), offered(view, ROADS)) == (3, 2)
        assert view.snapshot(NOW).partitions == (0, 1, 2)
        worker.offered(SOCIAL, NOW)
        write(kafka, topic, worker.rows())
        wait_until(lambda: offered(view) == 4, "what was written since")
        written_at = view.snapshot(NOW).written_at
        assert set(written_at) <= {0, 1, 2}
        assert all(milliseconds(NOW) <= at <= milliseconds(datetime.now(UTC)) for at in written_at.values())


def test_reader_handles_compaction_and_tombstones(kafka: EmbeddedKafka, topic: str) -> None:
    make_topic(
        kafka,
        topic,
        partitions=1,
        **{"segment.ms": "300", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"},
    )
    worker = Worker()
    rows: list[tuple[bytes, bytes | None]] = []
    for _ in range(50):
        worker.offered(SOCIAL, NOW)
        worker.offered(ROADS, NOW)
        rows += worker.rows()
    start = int(NOW.timestamp()) // 300 * 300
    deleted = {total_key(ROADS), bucket_key(start, ROADS)}
    write(kafka, topic, [*rows, *((key, None) for key in deleted)])

    def compacted() -> bool:
        # Kafka compacts only closed segments, and a new record closes the previous segment.
        worker.progress(NOW)
        write(kafka, topic, worker.rows())
        return not deleted & {message.key() for message in kafka_io.read(kafka.bootstrap, topic)}

    wait_until(compacted, "the log cleaner")
    with reading(kafka, topic) as view:
        wait_until(lambda: follows(view), "the end of the topic")
        assert (offered(view, SOCIAL), offered(view, ROADS)) == (50, None)
        assert list(view.snapshot(NOW).today) == [SOCIAL]


def test_reader_sees_only_committed_rows(kafka: EmbeddedKafka, topic: str) -> None:
    make_topic(kafka, topic)
    worker = Worker()
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions()

    def step(number: int) -> None:
        producer.begin_transaction()
        worker.offered(SOCIAL, NOW, number)
        for key, value in worker.rows():
            producer.produce(topic, key=key, value=value, partition=1)
        producer.flush()

    step(1)
    producer.commit_transaction()
    step(100)
    producer.abort_transaction()
    with reading(kafka, topic) as view:
        wait_until(lambda: follows(view), "the end of the topic, which is an aborted transaction")
        assert offered(view) == 1
        worker.totals.clear()
        worker.buckets.clear()
        step(7)
        other_producer = Producer({"bootstrap.servers": kafka.bootstrap})
        other_producer.produce(topic, key=total_key(ROADS), value=b"[[1],[],{}]", partition=0)
        other_producer.flush()
        wait_until(lambda: offered(view, ROADS) == 1, "a row beside the open transaction")
        assert offered(view) == 1
        producer.commit_transaction()
        wait_until(lambda: offered(view) == 7, "the committed rows")


def test_recreated_topic_replaces_the_old_rows(kafka: EmbeddedKafka, topic: str) -> None:
    make_topic(kafka, topic)
    worker = Worker()
    worker.offered(SOCIAL, NOW, 5)
    write(kafka, topic, worker.rows())
    with reading(kafka, topic) as view:
        wait_until(lambda: offered(view) == 5, "the old topic")
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        admin.delete_topics([topic])[topic].result()
        wait_until(lambda: view.reader_state is ReaderState.NO_TOPIC, "its deletion to be noticed")
        make_topic(kafka, topic, partitions=3)
        wait_until(lambda: follows(view) and offered(view) is None, "the new topic")
        worker.offered(ROADS, NOW, 9)
        write(kafka, topic, worker.rows())
        wait_until(lambda: offered(view, ROADS) == 9, "rows of the new topic")
        assert view.snapshot(NOW).partitions == (0, 1, 2)


@contextmanager
def watching(view: FiguresView) -> Iterator[list[int | None]]:
    """Read the view continuously, and collect its figures."""
    seen: list[int | None] = []

    def read(stopping: Event) -> None:
        while not stopping.is_set():
            seen.append(offered(view))

    with in_background(read):
        yield seen


def test_counts_never_decrease_after_a_restart_of_the_reader(kafka: EmbeddedKafka, topic: str) -> None:
    make_topic(kafka, topic)
    worker = Worker()
    rows: list[tuple[bytes, bytes | None]] = []
    for _ in range(5_000):
        worker.offered(SOCIAL, NOW)
        rows += worker.rows()
    write(kafka, topic, rows)
    with reading(kafka, topic) as view:
        assert not view.snapshot(NOW).loaded
        wait_until(lambda: follows(view), "the end of the topic")
    with watching(view) as seen:
        for number in (5_001, 5_002):
            view.set_state(ReaderState.LOADING)
            worker.offered(SOCIAL, NOW)
            write(kafka, topic, worker.rows())
            with reading(kafka, topic, view):
                wait_until(lambda: follows(view), "the topic to be read anew")
                assert offered(view) == number
    assert {number for number in seen if number != 5_000} == {5_001, 5_002}
    assert seen == sorted(number or 0 for number in seen)
