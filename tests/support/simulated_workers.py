"""Contacts agent on several partitions in simulated time: steps, ticks, restarts, rolled-back steps."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from types import SimpleNamespace
from typing import Any

import msgspec

from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from models import topics
from models.codec import encode
from models.events import Event
from models.policies import Policies
from models.timestamps import milliseconds
from streams.agents.contacts import ContactJob, WorkerTimings
from streams.core.citizens import reattribution
from streams.core.contacts.row_expiry import RowRetention
from streams.core.contacts.stay_outcome import TimesToLive
from streams.core.figures.figure import PROGRESS_KEY, Dimensions, Figure, merge, new_figure
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, SLA
from streams.engine.job import Step
from streams.kafka.partitioner import partition_of
from tests.support.figures import check_invariant
from tests.support.simulated_events import Delivery

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TIMES = WorkerTimings(
    time_to_live=TimesToLive(waiting=HOUR_MS, in_progress=12 * HOUR_MS, visit=12 * HOUR_MS),
    keep=RowRetention(closed=35 * DAY_MS, touched=HOUR_MS),
    agent_time_to_live=3 * DAY_MS,
    keep_buckets=2 * DAY_MS,
)
"""Default timings of a worker, but a shorter retention of buckets, because each one is visited every five minutes."""
TICK = timedelta(seconds=25)
"""Longer intervals would look like an interruption of the worker; it accepts deadlines up to `events.LATE_MS` late."""
NIGHT, WAKES_BEFORE = timedelta(minutes=30), timedelta(minutes=3)
"""After a pause of `NIGHT` without events, ticks resume `WAKES_BEFORE` the next event, as after an interruption."""
STEP = timedelta(seconds=1)
NO_POLICIES = Policies()
ROLLBACK_EVERY = 50
"""One step in this number is rolled back and repeated."""


class _Worker:
    """One partition. At a restart, its rows are read back from those written."""

    def __init__(self, partition: int, partitions: int, times: WorkerTimings, policies: Callable[[], Policies]) -> None:
        self._partition, self._partitions, self._times, self._policies = partition, partitions, times, policies
        self._written: dict[tuple[str, bytes], bytes] = {}
        self._steps = 0
        self.entries: Counter[str] = Counter()
        self.timeline: list[tuple[int, bytes, bytes]] = []
        """Records for `citizen.timeline.v1`: time, key and value."""
        self.clocks: list[tuple[bytes, bytes]] = []
        """Records for `contact.sla.v1`."""
        self.dead: Counter[str] = Counter()
        self.restart()

    def restart(self) -> None:
        self.job = ContactJob(self._partition, self._times, self._policies)
        for (topic, key), value in self._written.items():
            assert [table.load(key, value) for table in self.job.tables if table.topic == topic].count(True) == 1
        self.job.restore()

    def fold(self, records: Sequence[tuple[str, Any]], at: datetime) -> None:
        self._steps += 1
        if self._steps % ROLLBACK_EVERY == 0:
            self._fold(records, at)
            for table in self.job.tables:
                table.roll_back()
            self.job.undo()
            for table in self.job.tables:
                table.commit()
        self._commit(self._fold(records, at))

    def tick(self, at: datetime) -> None:
        step = self._step(at)
        self.job.tick(step)
        self._commit(step)

    def rows_of_figures(self) -> list[tuple[bytes, bytes]]:
        return [(key, value) for (topic, key), value in self._written.items() if topic == topics.FIGURES.name]

    def _fold(self, records: Sequence[tuple[str, Any]], at: datetime) -> Step:
        step = self._step(at)
        for topic, of_topic in groupby(records, key=lambda record: record[0]):
            self.job.fold(topic, [record for _, record in of_topic], step)
        return step

    def _step(self, at: datetime) -> Step:
        outputs = topics.TIMELINE.name, topics.SLA.name
        return Step(self._partition, milliseconds(at), outputs, partitions=self._partitions)

    def _commit(self, step: Step) -> None:
        for table in self.job.tables:
            for key, value in table.changes():
                assert key is not None
                if value is None:
                    self._written.pop((table.topic, key), None)
                else:
                    self._written[table.topic, key] = value
            table.commit()
        published = [(step.now, key, value) for key, value in step.outputs[topics.TIMELINE.name] if key and value]
        self.timeline += published
        self.clocks += [(key, value) for key, value in step.outputs[topics.SLA.name] if key and value]
        self.entries.update(
            entry["id"]
            for _, _, value in published
            if (entry := _decode(value))["type"] not in reattribution.REATTRIBUTION_TYPES
        )
        self.dead.update(letter.reason for letter in step.dead_letters)


class Workers:
    """One worker per partition, with a tick every `tick`; `policies` returns the SLA policies."""

    def __init__(
        self,
        begins_at: datetime,
        partitions: int,
        times: WorkerTimings = TIMES,
        policies: Callable[[], Policies] = lambda: NO_POLICIES,
        tick: timedelta = TICK,
    ) -> None:
        self.now = begins_at
        self._tick = tick
        self._workers = [_Worker(partition, partitions, times, policies) for partition in range(partitions)]

    def process(self, deliveries: Iterable[Delivery], until: datetime, restarts: Sequence[datetime] = ()) -> None:
        """Process deliveries and tick until a time. All figures are checked daily and at each of the `restarts`."""
        remaining = iter(deliveries)
        upcoming = next(remaining, None)
        checked_at = self.now
        waiting_restarts = sorted(restarts)
        while self.now < until:
            next_at = min(upcoming.taken_at, until) if upcoming else until
            if next_at - self.now > NIGHT:
                self.now = next_at - WAKES_BEFORE
            tick_at = min(self.now + self._tick, until)
            while upcoming and upcoming.taken_at <= tick_at:
                step_at = upcoming.taken_at + STEP
                records = []
                while upcoming and upcoming.taken_at <= min(step_at, tick_at):
                    records.append(upcoming)
                    upcoming = next(remaining, None)
                self._fold(records, min(step_at, tick_at))
            self.now = tick_at
            for worker in self._workers:
                worker.tick(self.now)
            if waiting_restarts and waiting_restarts[0] <= self.now:
                waiting_restarts.pop(0)
                for worker in self._workers:
                    worker.restart()
                self.check()
            if self.now - checked_at >= timedelta(days=1):
                checked_at = self.now
                self.check()

    def _fold(self, deliveries: Sequence[Delivery], at: datetime) -> None:
        partitions: dict[int, list[tuple[str, Any]]] = {}
        for taken_at, event in deliveries:
            partition = self.partition_of(event)
            partitions.setdefault(partition, []).append(_record(taken_at, event))
        for partition, records in partitions.items():
            self._workers[partition].fold(records, at)

    def partition_of(self, event: Event) -> int:
        return partition_of(event.subject.encode(), len(self._workers))

    # ------------------------------------------------------------------------------------------------------- results
    @property
    def entries(self) -> Counter[str]:
        """Number of timeline entries by event."""
        return sum((worker.entries for worker in self._workers), Counter())

    @property
    def timeline(self) -> list[tuple[int, bytes, bytes]]:
        """Records for `citizen.timeline.v1` in order: milliseconds since 1970, key and value."""
        return sorted((record for worker in self._workers for record in worker.timeline), key=lambda record: record[0])

    @property
    def clocks(self) -> list[tuple[bytes, bytes]]:
        """Records for `contact.sla.v1`: key and value, in order within each contact."""
        return [record for worker in self._workers for record in worker.clocks]

    @property
    def dead(self) -> Counter[str]:
        return sum((worker.dead for worker in self._workers), Counter())

    @property
    def contacts(self) -> dict[bytes, Any]:
        return {key: row for worker in self._workers for key, row in worker.job.contacts.rows.items()}

    @property
    def duplicates(self) -> int:
        return sum(worker.job.progress.rows[PROGRESS_KEY].duplicates for worker in self._workers)

    def figures(self, *, buckets: bool = False) -> dict[Dimensions, Figure]:
        """Return the totals of all partitions, or the sums of their buckets and days."""
        found: dict[Dimensions, Figure] = {}
        for worker in self._workers:
            rows = [
                (dimensions, row)
                for (start, dimensions), row in worker.job.figures.rows.items()
                if bool(start) is buckets
            ]
            days = [(dimensions, row) for (_, dimensions), row in worker.job.days.rows.items() if buckets]
            for dimensions, figure in (*rows, *days):
                merge(found.setdefault(dimensions, new_figure(FIGURE_SCHEMAS[dimensions.channel])), figure)
        return found

    def rows_of_figures(self) -> list[list[tuple[bytes, bytes]]]:
        """Return the rows in the topic of figures after compaction, by partition."""
        return [worker.rows_of_figures() for worker in self._workers]

    def numbers(self) -> dict[DimensionKey, FigureCounts]:
        """Return the figures by their names in the ledger, without SLA figures."""
        figures = self.figures().items()
        named = {
            tuple(dimensions): name_numbers(dimensions, figure)
            for dimensions, figure in figures
            if dimensions.channel != SLA
        }
        return {dimensions: numbers for dimensions, numbers in named.items() if numbers}

    def check(self) -> None:
        """Check that all contacts are accounted for, in every figure."""
        for dimensions, figure in self.figures().items():
            check_invariant(dimensions, figure)


def name_numbers(dimensions: Dimensions, figure: Figure) -> FigureCounts:
    """Return the numbers of a figure that the ledger has too, without zeros."""
    schema = FIGURE_SCHEMAS[dimensions.channel]
    numbers = dict(zip(schema.counts, figure.counts, strict=True)) | dict(
        zip(schema.stocks, figure.stocks, strict=True)
    )
    excluded = ("agents_", "csat_")
    return {
        name: number
        for name, number in numbers.items()
        if number and "_le_" not in name and not name.startswith(excluded)
    }


def _record(taken_at: datetime, event: Event) -> tuple[str, Any]:
    record = SimpleNamespace(
        key=event.subject.encode(), value=encode(event), offset=0, timestamp=milliseconds(taken_at), headers=()
    )
    return topics.SOURCES[event.channel].name, record


_decode: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode
