"""Engine with kills, zombies, rebalances and broker failures: no record is lost or counted twice.

The expected results are computed from the source topics; every test also proves that its fault happened.
"""

import random
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from streams.engine import checkpoints
from streams.kafka.embedded_broker import EmbeddedKafka
from tests.support import kafka_io, ledger_job_oracle
from tests.support.ledger_job import make_topics
from tests.support.processes import Child, paused, supervised, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.broker]
OPENED = '"event": "partition_opened"'
FENCED = 75
FAILED = 70
MAX_LINES = 400


@pytest.fixture
def name(kafka: EmbeddedKafka) -> str:
    name = f"ledger-{uuid.uuid4().hex[:8]}"
    make_topics(name, kafka.bootstrap)
    return name


def worker(name: str, kafka: EmbeddedKafka, log: Path, *options: str, **environment: str) -> Child:
    return Child(["-m", "tests.support.ledger_job", name, kafka.bootstrap, *options], log, **environment)


def finish(name: str, kafka: EmbeddedKafka) -> dict[str, int]:
    wait_until(lambda: ledger_job_oracle.is_done(name, kafka.bootstrap), "all events to be folded")
    return ledger_job_oracle.verify(name, kafka.bootstrap)


@pytest.mark.timeout(600)
def test_two_kills_at_each_checkpoint_lose_and_duplicate_nothing(
    name: str, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    points = [
        f"{point}:{count}"
        for count in (1, 2)
        for point in (*checkpoints.OPENING_CHECKPOINTS, *checkpoints.STEP_CHECKPOINTS)
    ]
    with worker(name, kafka, tmp_path / "worker.log", "--instance=one") as child:
        with ledger_job_oracle.trickle(name, kafka.bootstrap):
            for point in points:
                child.start(ENGINE_KILL_AT=point)
                assert child.wait() == -signal.SIGKILL, f"not killed at {point}"
            child.start()
        counts = finish(name, kafka)
        assert child.stop() == 0
    assert counts["uncommitted"] > 0, "no transaction was interrupted, so the kills had no effect"


@pytest.mark.timeout(600)
def test_repeated_kills_lose_and_duplicate_nothing(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    chance = random.Random(7)
    opened = uncommitted = 0
    with supervised(worker(name, kafka, tmp_path / "worker.log", "--instance=one")) as child:
        with ledger_job_oracle.trickle(name, kafka.bootstrap):
            for kill in count():
                wait_until(lambda opened=opened: child.text.count(OPENED) > opened, "a partition to be opened")
                time.sleep(chance.uniform(0.0, 0.8))
                child.kill()
                opened = child.text.count(
                    OPENED
                )  # before the outputs are read, since the restarted worker may progress during that
                wait_until(lambda kill=kill: len(child.exits) > kill, "the kill to be seen")
                if kill >= 8 and (uncommitted := ledger_job_oracle.count_uncommitted(name, kafka.bootstrap)):
                    break
                assert kill < 40, "no kill interrupted a transaction, so they had no effect"
        counts = finish(name, kafka)
    assert set(child.exits[:9]) == {-signal.SIGKILL}
    assert counts["uncommitted"] >= uncommitted


@pytest.mark.timeout(600)
def test_joining_leaving_and_killed_workers_lose_nothing(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    one = worker(name, kafka, tmp_path / "one.log")
    two = worker(name, kafka, tmp_path / "two.log")
    with supervised(one):
        with ledger_job_oracle.trickle(name, kafka.bootstrap):
            one.wait_for(OPENED, 4)
            with supervised(two):
                two.wait_for(OPENED, 2)
                time.sleep(1)
                one.kill()
                one.wait_for_new(OPENED)
                time.sleep(1)
            one.wait_for('"partitions": "[0, 1, 2, 3]", "event": "partitions_assigned"', 2)
        finish(name, kafka)
    assert one.exits == [-signal.SIGKILL, 0]
    assert two.exits == [0], "a graceful stop must not count as a failure"
    assert '"warm": true' in one.text, "no partition reused its rows"


@pytest.mark.timeout(600)
def test_undelivered_batches_are_fetched_again(name: str, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with worker(name, kafka, tmp_path / "worker.log", "--lose=0.3", "--option=max_records=100").start() as child:
        child.wait_for(OPENED, 4)
        with ledger_job_oracle.trickle(name, kafka.bootstrap):
            child.wait_for('"event": "delivery_gap"')
            out = f"{name}-out"
            wait_until(
                lambda: len(kafka_io.read(kafka.bootstrap, out)) > 3000, "events to be folded despite the losses"
            )
        finish(name, kafka)
        assert child.stop() == 0


@pytest.mark.timeout(600)
def test_worker_survives_a_broker_that_hangs(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Test the watchdog with a short timeout; with its default of 180 s, the 60 s of the transaction would come first."""
    name = "ledger-hung"
    make_topics(name, own_kafka.bootstrap)
    kafka_io.produce(own_kafka.bootstrap, ledger_job_oracle.make_events(name, 2000))
    options = ["--option=no_progress_seconds=8", "--option=max_records=10"]
    with worker(name, own_kafka, tmp_path / "worker.log", *options) as child:
        child.start(ENGINE_STOP_AT="records_sent:20")
        wait_until(lambda: child.stopped, "the worker to be stopped inside a transaction")
        assert own_kafka.pid is not None
        with paused(own_kafka.pid):
            child.kill(signal.SIGCONT)
            assert child.wait() == FAILED
        assert "no progress for " in child.text
        assert "Task partition-" in child.text, "no stack dump"
        assert "in StepProducer.commit" in child.text
        child.start()
        finish(name, own_kafka)
        assert child.stop() == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
def test_zombie_worker_is_fenced_and_exits(name: str, kafka: EmbeddedKafka, tmp_path: Path, *, static: bool) -> None:
    one = worker(name, kafka, tmp_path / "one.log", *(["--instance=same"] if static else []))
    two = worker(name, kafka, tmp_path / "two.log", *(["--instance=same"] if static else []))
    with two, one, ledger_job_oracle.trickle(name, kafka.bootstrap):
        one.start(ENGINE_STOP_AT="records_sent:20")
        wait_until(lambda: one.stopped, "the worker to be stopped inside a transaction")
        before = len(kafka_io.read(kafka.bootstrap, f"{name}-out"))
        two.start()
        two.wait_for(OPENED, 4)
        wait_until(lambda: len(kafka_io.read(kafka.bootstrap, f"{name}-out")) > before, "the successor to write")
        one.kill(signal.SIGCONT)
        assert one.wait() == FENCED, "the zombie was not fenced"
        two.stop()
    with worker(name, kafka, tmp_path / "three.log").start() as three:
        counts = finish(name, kafka)
        assert three.stop() == 0
    assert counts["uncommitted"] > 0


@contextmanager
def accepting_connections(port: int) -> Iterator[list[object]]:
    """Accept and close connections like a load balancer without a running Kafka; yield the client addresses."""
    accepted: list[object] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, peer = listener.accept()
                connection.close()
                accepted.append(peer)

    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield accepted
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.timeout(600)
def test_worker_survives_an_absent_stopped_and_killed_broker(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    name = "ledger-broker"
    make_topics(name, own_kafka.bootstrap)
    own_kafka.stop()
    with supervised(worker(name, own_kafka, tmp_path / "worker.log")) as child:
        child.wait_for('"event": "waiting_for_broker"')
        with accepting_connections(own_kafka.port) as accepted:
            wait_until(lambda: len(accepted) >= 20, "the worker to connect again")
        assert child.exits == []
        own_kafka.start()
        child.wait_for(OPENED, 4)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with ledger_job_oracle.trickle(name, own_kafka.bootstrap, seed=number):
                time.sleep(2)
                own_kafka.stop(number)
                time.sleep(3)
                own_kafka.start()
        finish(name, own_kafka)
    *left, last = child.exits
    assert last == 0
    assert set(left) <= {FAILED}, "it waits for the broker, or exits if the outcome of its transaction is unknown"
    assert len(left) <= 2, "it exits at most once per outage"
    lines = len(child.text.splitlines())
    assert lines < MAX_LINES, f"{lines} lines of log: not quiet while the broker is away"
