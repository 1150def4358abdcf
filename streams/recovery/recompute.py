"""Recomputation of all figures from the source topics, for a comparison with the figures of the workers.

The workers may keep running. Their state is read as of one moment per partition: rows and committed offsets of a step have the
same timestamp.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from kafka import TopicPartition

from models.policies import Policies
from models.reasons import Reason, read_stored_reason
from models.topics import CONTACTS, DEAD_LETTERS, FIGURES, SLA, SOURCES, TIMELINE
from streams.agents import codecs
from streams.agents.contacts import ContactJob, WorkerTimings
from streams.core.contacts.contact import Contact
from streams.core.contacts.history_detection import HISTORY_AGE_MS
from streams.core.figures.figure import PROGRESS_KEY, Progress, local_time
from streams.core.figures.recompute_diff import (
    ChangedVerdicts,
    Sums,
    add_sums,
    compare,
    find_changed_verdicts,
    sum_by_day,
)
from streams.engine.job import Step, Table
from streams.engine.partition_start import OFFSETS_KEY, decode_offsets
from streams.kafka.record import Record
from streams.kafka.topic_reader import open_consumer, read_until

_OFFSETS_LOOKBACK: Final = 20_000
"""Number of records at the end of a state topic that are searched first for the committed offsets.

Each step with records writes the offsets."""
_TICKS_MS: Final = range(-600_000, 1, 4_000)
"""Times of simulated ticks of the contacts job, relative to the moment of comparison, in milliseconds.

They begin early enough for all due work. A step of `report_delay.LATE_MS` would count as an outage, which delays reports."""
_LATE_MS: Final = 300_000
"""Longest delay of a worker for events of time alone, such as a missed deadline or an expired call."""
_SOURCES: Final = [topic.name for topic in SOURCES.values()]


class Recount(NamedTuple):
    """Figures of the workers, and the same figures recomputed from the source topics."""

    known: Sums
    """Figures of the workers."""
    again: Sums
    """Recomputed figures."""
    earlier: Sums
    """Recomputed figures as of `_LATE_MS` earlier, since a worker counts events of time alone with a delay."""
    without_ticks: Sums
    """Recomputed figures without any tick, as a worker has them that has just started."""
    judged: Sequence[ChangedVerdicts]
    """One item per contact whose SLA verdicts in the workers' rows differ from those of the SLA targets in force.

    They are searched only in partitions where SLA figures differ. Rows are kept longer than events, so that their verdicts can
    predate a change of the targets."""
    events: int
    """Number of records recounted from the source topics, without those that the workers rejected as possible duplicates."""
    as_of: int
    """Time up to which all events are compared, in milliseconds since 1970; 0 if no worker has written yet."""
    first_day: date | None
    """First civil day whose events are complete in the source topics; None if retention has deleted no events."""
    added: Mapping[str, Sequence[tuple[int, int]]] = {}
    """`Progress.added`, joined over all partitions: figures that were introduced after a part of the events."""
    history_at: int = 0
    """Earliest time that a history import in progress has reached, in milliseconds since 1970; 0 without one."""
    begins_at: int = 0
    """Kafka timestamp of the oldest available event, in milliseconds since 1970; 0 without events."""


def recount(
    brokers: str,
    client: Mapping[str, Any],
    times: WorkerTimings,
    policies: Callable[[], Policies],
    report: Callable[[int, int, int], None],
    retention_ms: int,
) -> Recount:
    """Return the workers' figures and the recomputed ones, of all partitions in which a worker has committed offsets.

    `Recount` describes the variants of the recomputed figures. Only the contacts of one partition are in memory at a time.

    `client` holds security options of kafka-python. `report` receives the partition, the number of partitions and the
    number of events read until then. `retention_ms` is Kafka's retention of events. Raises `KafkaError` if the brokers stop
    answering, and the errors of `streams.agents.codecs` for rows of another release.
    """
    known: Sums = {}
    again: Sums = {}
    earlier: Sums = {}
    without_ticks: Sums = {}
    judged: list[ChangedVerdicts] = []
    added: dict[str, list[tuple[int, int]]] = {}
    events, covered, cut_at, history_at, begins_at = 0, list[int](), 0, 0, 0
    with open_consumer(brokers, client) as consumer:
        partitions = sorted(consumer.partitions_for_topic(CONTACTS.name) or ())
        for number in partitions:
            log = _Log(consumer, number, retention_ms)
            committed = log.find_committed()
            if committed is None:
                continue
            as_of, taken = committed
            covered.append(log.find_covered(as_of, taken))
            workers_figures, progress = log.read_figures(as_of, times.zone)
            for channel, numbers in progress.added.items():
                added.setdefault(channel, []).extend(numbers)
            if progress.step_at < as_of - HISTORY_AGE_MS:
                history_at = min(progress.step_at, history_at or progress.step_at)
            partition_recount = PartitionRecount(number, len(partitions), as_of, times, policies)
            refused = log.find_refused()
            for topic, found in log.read({topic: taken.get(topic, 0) for topic in _SOURCES}):
                records = [record for record in found if (topic, record.offset) not in refused]
                partition_recount.fold(topic, records)
                events += len(records)
                report(number, len(partitions), events)
            counted = partition_recount.count(partial(report, number, len(partitions), events))
            if any(diff.is_of_sla for diff in compare(workers_figures, counted.again, counted.earlier)):
                judged += log.find_changed_verdicts(as_of, partition_recount.contacts, times.zone)
            for sums, into in zip((workers_figures, *counted), (known, again, earlier, without_ticks), strict=True):
                add_sums(sums, into)
            cut_at = max(cut_at, log.cut_at)
            begins_at = min(begins_at or log.begins_at, log.begins_at or begins_at)
    first_day = local_time(cut_at // 1000, times.zone).date() + timedelta(days=1) if cut_at else None
    until = min(covered, default=0)
    return Recount(known, again, earlier, without_ticks, judged, events, until, first_day, added, history_at, begins_at)


class PartitionSums(NamedTuple):
    """Recomputed figures of one partition, as in `Recount`."""

    again: Sums
    earlier: Sums
    without_ticks: Sums


class PartitionRecount:
    """The contacts job of one partition, run without a worker."""

    def __init__(
        self, number: int, partitions: int, as_of: int, times: WorkerTimings, policies: Callable[[], Policies]
    ) -> None:
        self._number, self._partitions, self._as_of, self._zone = number, partitions, as_of, times.zone
        self._job = ContactJob(number, times, policies)
        self._job.restore()

    def fold(self, topic: str, records: Sequence[Record]) -> None:
        """Fold records of a source topic. Like a worker, reject unusable ones, and those whose processing fails unexpectedly."""
        try:
            self._job.fold(topic, records, self._step(_TICKS_MS[0]))
        except Exception as error:  # noqa: BLE001 - handled as by the engine: a defect of the job rejects the record
            self._roll_back()
            if len(records) > 1:
                for record in records:
                    self.fold(topic, [record])
                return
            self._job.reject_record(topic, records[0], error, self._step(_TICKS_MS[0]))
        self._commit()

    @property
    def contacts(self) -> Mapping[bytes, Contact]:
        """Recomputed rows of the contacts, by Kafka key."""
        return self._job.contacts.rows

    def count(self, report: Callable[[], None] = lambda: None) -> PartitionSums:
        """Run all ticks up to the moment of comparison, and return the figures. Call it once, after the last `fold`.

        `without_ticks` has the figures before the first tick, and `again` those after the last one. `earlier` has the figures
        `_LATE_MS` before the moment of comparison. `report` is called after each tick.
        """
        counted = PartitionSums({}, {}, {})
        self._sum_up(counted.without_ticks)
        self._run_ticks(range(_TICKS_MS.start, -_LATE_MS, _TICKS_MS.step), report)
        self._sum_up(counted.earlier)
        self._run_ticks(range(-_LATE_MS, _TICKS_MS.stop, _TICKS_MS.step), report)
        self._sum_up(counted.again)
        return counted

    def _run_ticks(self, ticks: range, report: Callable[[], None]) -> None:
        """Run ticks at the given times, in milliseconds relative to the moment of comparison."""
        for offset_ms in ticks:
            self._job.tick(self._step(offset_ms), thorough=offset_ms == ticks[-1])
            self._commit()
            report()

    def _sum_up(self, into: Sums) -> None:
        sum_by_day(self._job.figures.rows.items(), self._job.days.rows.items(), self._zone, into)

    def _step(self, offset_ms: int) -> Step:
        return Step(self._number, self._as_of + offset_ms, [TIMELINE.name, SLA.name], partitions=self._partitions)

    def _commit(self) -> None:
        for table in self._job.tables:
            table.commit()

    def _roll_back(self) -> None:
        for table in self._job.tables:
            table.roll_back()
        self._job.undo()
        self._commit()


class _Log:
    """Reader of the partitions with one number, of all source, state and dead-letter topics."""

    def __init__(self, consumer: Any, number: int, retention_ms: int) -> None:
        self._consumer, self._number, self._retention_ms = consumer, number, retention_ms
        self.cut_at = 0
        """Retention has deleted events of a source topic before this time, in milliseconds since 1970; 0 if it deleted none."""
        self.begins_at = 0
        """Kafka timestamp of the oldest available event, in milliseconds since 1970; 0 without events."""

    def find_committed(self) -> tuple[int, dict[str, int]] | None:
        """Return the time of the latest row, and source topic → next offset; None if no step has committed offsets."""
        partition = self._partition(CONTACTS.name)
        end = self._consumer.end_offsets([partition])[partition]
        for start in (max(0, end - _OFFSETS_LOOKBACK), 0):
            as_of, taken = 0, None
            for _, records in self.read({CONTACTS.name: end}, start):
                as_of = max(as_of, records[-1].timestamp)
                for record in records:
                    if record.key == OFFSETS_KEY:
                        taken = decode_offsets(record.value or b"")
            if taken is not None:
                return as_of, taken
        return None

    def find_covered(self, as_of: int, taken: Mapping[str, int]) -> int:
        """Return the end of the time whose events the workers have all processed: now if no event is left, else `as_of`.

        A partition without new events writes no rows, so `as_of` may be long ago.
        """
        now = int(time.time() * 1000)
        ends = self._consumer.end_offsets([self._partition(topic) for topic in _SOURCES])
        is_idle = all(taken.get(partition.topic, 0) >= end for partition, end in ends.items())
        return max(now, as_of) if is_idle else as_of

    def find_refused(self) -> set[tuple[str, int]]:
        """Return topic and offset of the records that the workers rejected as possible duplicates."""
        partition = self._partition(DEAD_LETTERS.name)
        refused = set()
        for _, letters in self.read({DEAD_LETTERS.name: self._consumer.end_offsets([partition])[partition]}):
            for letter in letters:
                headers = dict(letter.headers)
                if read_stored_reason(headers.get("reason", b"").decode(errors="replace")) == Reason.DUPLICATE:
                    refused.add((headers["origin_topic"].decode(), int(headers["origin_offset"])))
        return refused

    def read_figures(self, as_of: int, zone: ZoneInfo) -> tuple[Sums, Progress]:
        """Return the figures, and the progress, that the workers had written at `as_of`. Buckets count in their local day.

        Without a progress row, the progress has `step_at` = `as_of`.
        """
        figures = Table(FIGURES.name, codecs.FIGURES)
        days = Table(FIGURES.name, codecs.DAYS)
        progress = Table(FIGURES.name, codecs.PROGRESS)
        for record in self._read_rows(FIGURES.name, as_of):
            key = record.key or b""
            _ = any(table.load(key, record.value) for table in (figures, days, progress))
        found: Sums = {}
        sum_by_day(figures.rows.items(), days.rows.items(), zone, found)
        return found, progress.rows.get(PROGRESS_KEY) or Progress(step_at=as_of)

    def find_changed_verdicts(
        self, as_of: int, again: Mapping[bytes, Contact], zone: ZoneInfo
    ) -> list[ChangedVerdicts]:
        """Return the contacts whose SLA verdicts differ between the workers' rows at `as_of` and the recomputed rows `again`."""
        found: dict[bytes, ChangedVerdicts] = {}
        for record in self._read_rows(CONTACTS.name, as_of):
            key = codecs.CONTACTS.load_key(record.key or b"")
            if key is None:
                continue
            found.pop(key, None)
            if record.value is not None and (row := again.get(key)) is not None:
                verdicts = find_changed_verdicts(codecs.CONTACTS.load(key, record.value), row, zone)
                if verdicts is not None:
                    found[key] = verdicts
        return list(found.values())

    def _read_rows(self, topic: str, as_of: int) -> Iterator[Record]:
        partition = self._partition(topic)
        for _, records in self.read({topic: self._consumer.end_offsets([partition])[partition]}):
            yield from (record for record in records if record.timestamp <= as_of)

    def read(self, ends: Mapping[str, int], start: int = 0) -> Iterator[tuple[str, Sequence[Record]]]:
        """Yield the records of topics in small batches, from `start` or the first available record up to and excluding `ends`.

        Reading a source topic also updates `cut_at` and `begins_at`.
        """
        until = {self._partition(topic): end for topic, end in ends.items()}
        begins = self._consumer.beginning_offsets(list(until))
        sources = {partition for partition in until if partition.topic in _SOURCES}
        cut = {partition for partition in sources if begins[partition] > start}
        for partition, records in read_until(self._consumer, until, start):
            if partition in sources:
                sources.remove(partition)
                first = records[0].timestamp
                self.begins_at = min(self.begins_at or first, first)
                if partition in cut:
                    cut.remove(partition)
                    self.cut_at = max(self.cut_at, first)
            yield partition.topic, records
        if cut:  # no record is left: retention has deleted all of them
            self.cut_at = max(self.cut_at, int(time.time() * 1000) - self._retention_ms)

    def _partition(self, topic: str) -> TopicPartition:
        return TopicPartition(topic, self._number)
