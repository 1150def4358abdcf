"""Kills during a tick that publishes SLA deadlines: each SLA event is published once, with its true time."""

import signal
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from models.sla import AnySlaEvent, decode_sla
from models.topics import SLA
from streams.engine.checkpoints import STEP_CHECKPOINTS
from streams.kafka.embedded_broker import EmbeddedKafka
from tests.support import kafka_io
from tests.support.accueil_processes import PARTITIONS
from tests.support.processes import Child, wait_until
from tests.support.sla_chain import SlaChain

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(600)]
TARGET = timedelta(seconds=10)
LATE_SECONDS = TARGET.total_seconds() + 0.1
AT_RISK = 0.8
CALLS = 24
"""Number of calls per round, enough for some in every partition."""
TRIES = 3
OPENED = '"event": "partition_opened"'
FENCED = 75


class PendingBreaches:
    """Processes in a state where the next tick of the worker must publish that all deadlines were missed."""

    def __init__(self, kafka: EmbeddedKafka, directory: Path) -> None:
        self._bootstrap = kafka.bootstrap
        self._admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        self.chain = SlaChain(kafka, directory, target=TARGET)

    def worker(self, name: str, session_seconds: int = 3) -> Child:
        child = self.chain.child(name, "worker")
        child.environment["ACCUEIL_WORKER__SESSION_TIMEOUT_SECONDS"] = str(session_seconds)
        return child

    def prepare(self, child: Child) -> None:
        """Let `child` fold calls, kill it before their deadlines, and wait until these have passed."""
        for _ in range(TRIES):
            if not child.alive:
                opened = child.log.exists() and child.text.count(OPENED)
                child.start().wait_for(OPENED, opened + PARTITIONS)
            self.wait_for_breaches()
            self.chain.call(CALLS)
            wait_until(lambda: self.number("started") == len(self.chain.deadlines), "the clocks to be started")
            child.kill()
            child.wait()
            wait_until(lambda: self.chain.seconds_since_last() > LATE_SECONDS, "the deadlines to pass")
            if self.number("breached") == len(self.chain.deadlines) - CALLS:
                return
        raise AssertionError("the machine is too slow: it published deadlines before it could be killed")

    def events(self, *, committed: bool = True) -> list[AnySlaEvent]:
        return [
            decode_sla(message.value() or b"")
            for message in kafka_io.read(self._bootstrap, SLA.name, committed=committed)
        ]

    def number(self, kind: str, *, committed: bool = True) -> int:
        return sum(event.type == f"sla.{kind}" for event in self.events(committed=committed))

    @property
    def uncommitted(self) -> int:
        """Number of uncommitted breaches in the topic."""
        return self.number("breached", committed=False) - self.number("breached")

    @property
    def group(self) -> ConsumerGroupState:
        return self._admin.describe_consumer_groups(["accueil"])["accueil"].result(30).state

    def wait_for_breaches(self) -> None:
        wait_until(
            lambda: self.number("breached") >= len(self.chain.deadlines),
            "all breaches to be published",
            otherwise=lambda: f"{self.number('breached')} of {len(self.chain.deadlines)} are",
        )

    def verify(self) -> None:
        """Assert that each call has its three SLA events, with their true times."""
        expected = Counter[tuple[str, str, datetime]]()
        for contact, deadline_at in self.chain.deadlines.items():
            began_at = deadline_at - TARGET
            times = {"started": began_at, "at_risk": began_at + AT_RISK * TARGET, "breached": deadline_at}
            expected.update((contact, f"sla.{kind}", at) for kind, at in times.items())
        events = self.events()
        assert Counter((event.subject, event.type, event.time) for event in events) == expected
        assert len({event.id for event in events}) == len(events)


@pytest.fixture
def chain_run(own_kafka: EmbeddedKafka, tmp_path: Path) -> PendingBreaches:
    return PendingBreaches(own_kafka, tmp_path)


def test_kills_at_each_checkpoint_of_a_tick_publish_each_breach_once(chain_run: PendingBreaches) -> None:
    points = STEP_CHECKPOINTS[STEP_CHECKPOINTS.index("transaction_begun") :]
    uncommitted, published = {}, {}
    with chain_run.worker("one") as one:
        for point in points:
            chain_run.prepare(one)
            breached, left = chain_run.number("breached"), chain_run.uncommitted
            one.start(ENGINE_KILL_AT=point)
            assert one.wait() == -signal.SIGKILL
            uncommitted[point], published[point] = chain_run.uncommitted - left, chain_run.number("breached") - breached
            opened = one.text.count(OPENED)
            one.start().wait_for(OPENED, opened + PARTITIONS)
            chain_run.wait_for_breaches()
        assert one.stop() == 0
    assert uncommitted["records_sent"] > 0 < uncommitted["offsets_sent"], "no publishing tick was interrupted"
    # All of them if the other partitions have committed too.
    assert 0 < published.pop("committed") <= CALLS, "it was not killed in its first tick"
    assert set(published.values()) == {0}
    chain_run.verify()


def test_rebalance_during_a_tick_publishes_each_breach_once(chain_run: PendingBreaches) -> None:
    with chain_run.worker("one", session_seconds=40) as one, chain_run.worker("two", session_seconds=40) as two:
        chain_run.prepare(one)
        one.start(ENGINE_STOP_AT="records_sent")
        wait_until(lambda: one.stopped, "the worker to stop during its tick")
        assert chain_run.uncommitted > 0, "another tick was stopped"
        two.start()
        wait_until(lambda: chain_run.group is ConsumerGroupState.PREPARING_REBALANCING, "the rebalance to begin")
        assert chain_run.number("breached") == 0
        assert chain_run.uncommitted > 0
        one.kill(signal.SIGCONT)
        two.wait_for(OPENED, PARTITIONS // 2)
        chain_run.wait_for_breaches()
        chain_run.chain.call(CALLS)
        chain_run.wait_for_breaches()
        assert (one.stop(), two.stop()) == (0, 0)
    chain_run.verify()


def test_worker_paused_during_a_tick_is_fenced(chain_run: PendingBreaches) -> None:
    with chain_run.worker("one") as one, chain_run.worker("two") as two:
        chain_run.prepare(one)
        one.start(ENGINE_STOP_AT="records_sent")
        wait_until(lambda: one.stopped, "the worker to stop during its tick")
        assert chain_run.uncommitted > 0, "another tick was stopped"
        two.start()
        chain_run.wait_for_breaches()
        one.kill(signal.SIGCONT)
        assert one.wait() == FENCED
        assert two.stop() == 0
    assert chain_run.uncommitted > 0
    chain_run.verify()
