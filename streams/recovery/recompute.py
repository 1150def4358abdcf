"""Counts all figures again from the log of events, as one worker would that had never stopped.

What the workers have is read as of one moment for each partition: all records of a step, rows and how far the sources were
taken, have the time of the step (`engine.lane`). So nobody needs to stop for it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from kafka import KafkaConsumer, TopicPartition

from models.policies import Policies
from models.reasons import Reason
from models.topics import CONTACTS, DEAD_LETTERS, FIGURES, SLA, SOURCES, TIMELINE
from streams.agents import codecs
from streams.agents.contacts import HISTORY_AGE_MS, ContactJob, WorkerTimings
from streams.core.contacts.contact import Contact
from streams.core.figures.figure import PROGRESS_KEY, Progress, local_time
from streams.core.figures.recompute_diff import (
    ChangedVerdicts,
    Sums,
    add_sums,
    compare,
    find_changed_verdicts,
    sum_by_day,
)
from streams.engine.job import Record, Step, Table
from streams.engine.recovery import OFFSETS_KEY, decode_offsets
from streams.kafka.topic_reader import CONSUMER_OPTIONS, ONE_SHOT_CLIENT, open_client, read_until

_LATEST: Final = 20_000
"""How far back from the end of a state topic how far the sources were taken is looked for first: each step writes it."""
_TICKS_MS: Final = range(-600_000, 1, 4_000)
"""When a worker ticks before the moment: long enough to have told what was due, often enough not to think it had been away."""
_LATE_MS: Final = 300_000
"""So much later than it is so, at most, a worker says what time alone decides: that a deadline passed, a call is forgotten."""
_SOURCES: Final = [topic.name for topic in SOURCES.values()]


class Recount(NamedTuple):
    """All figures, counted twice."""

    known: Sums
    """As the workers have them."""
    again: Sums
    """As the log says."""
    earlier: Sums
    """As the log says of five minutes before: for what a worker says a moment after it is so."""
    untold: Sums
    """As the log says if nobody has said yet what time alone tells: so a worker has it that has just begun."""
    judged: Sequence[ChangedVerdicts]
    """Contacts whose promises the workers judged otherwise than those in force would: a row is kept longer than its events."""
    events: int
    """How many records were read again."""
    as_of: int
    """Until when all events are compared, milliseconds since 1970; 0 if no worker has written yet."""
    first_day: date | None
    """The first civil day that is whole in the log; None if all that ever came still is."""
    added: Mapping[str, Sequence[tuple[int, int]]] = {}
    """As `Progress.added`, of all partitions: numbers that are newer than a part of the log."""
    history_at: int = 0
    """Time that the history of a source has reached which is being read, milliseconds since 1970; 0 if none is."""
    begins_at: int = 0
    """When the broker took in the oldest event that it still holds, milliseconds since 1970; 0 if it holds none."""


def recount(
    brokers: str,
    client: Mapping[str, Any],
    times: WorkerTimings,
    policies: Callable[[], Policies],
    tell: Callable[[int, int, int], None],
    kept_ms: int,
) -> Recount:
    """Return the figures that are known, and those that the log gives; a partition at a time has its contacts in memory.

    `client` goes to kafka-python (security); `tell` is called with partition, partitions and events read so far. Kafka keeps
    events for `kept_ms`. Raises `KafkaError` if the brokers do not go on answering.
    """
    known: Sums = {}
    again: Sums = {}
    earlier: Sums = {}
    untold: Sums = {}
    judged: list[ChangedVerdicts] = []
    added: dict[str, list[tuple[int, int]]] = {}
    events, covered, cut_at, history_at, begins_at = 0, list[int](), 0, 0, 0
    with open_client(
        KafkaConsumer, {"bootstrap_servers": brokers, **ONE_SHOT_CLIENT, **CONSUMER_OPTIONS, **client}
    ) as consumer:
        partitions = sorted(consumer.partitions_for_topic(CONTACTS.name) or ())
        for number in partitions:
            log = _Log(consumer, number, kept_ms)
            moment = log.find_moment()
            if moment is None:
                continue
            as_of, taken = moment
            covered.append(log.find_covered(as_of, taken))
            here, progress = log.read_figures(as_of, times.zone)
            for channel, numbers in progress.added.items():
                added.setdefault(channel, []).extend(numbers)
            if progress.step_at < as_of - HISTORY_AGE_MS:
                history_at = min(progress.step_at, history_at or progress.step_at)
            again_here = PartitionRecount(number, len(partitions), as_of, times, policies)
            refused = log.find_refused()
            for topic, found in log.read({topic: taken.get(topic, 0) for topic in _SOURCES}):
                records = [record for record in found if (topic, record.offset) not in refused]
                again_here.fold(topic, records)
                events += len(records)
                tell(number, len(partitions), events)
            counted = again_here.count(partial(tell, number, len(partitions), events))
            if any(one.is_of_sla for one in compare(here, counted.again, counted.earlier)):
                judged += log.find_changed_verdicts(as_of, again_here.contacts, times.zone)
            for sums, into in zip((here, *counted), (known, again, earlier, untold), strict=True):
                add_sums(sums, into)
            cut_at = max(cut_at, log.cut_at)
            begins_at = min(begins_at or log.begins_at, log.begins_at or begins_at)
    first_day = local_time(cut_at // 1000, times.zone).date() + timedelta(days=1) if cut_at else None
    until = min(covered, default=0)
    return Recount(known, again, earlier, untold, judged, events, until, first_day, added, history_at, begins_at)


class CountedHere(NamedTuple):
    """What the log of one partition says: as in `Counted`."""

    again: Sums
    earlier: Sums
    untold: Sums


class PartitionRecount:
    """The contacts agent on one partition, without a worker around it."""

    def __init__(
        self, number: int, partitions: int, as_of: int, times: WorkerTimings, policies: Callable[[], Policies]
    ) -> None:
        self._number, self._partitions, self._as_of, self._zone = number, partitions, as_of, times.zone
        self._job = ContactJob(number, times, policies)
        self._job.restore()

    def fold(self, topic: str, records: Sequence[Record]) -> None:
        """Count records of a source; what cannot be used is left out, as by a worker."""
        try:
            self._job.fold(topic, records, self._step(_TICKS_MS[0]))
        except Exception as error:  # noqa: BLE001 - as the engine does with what the job itself fails on
            self._roll_back()
            if len(records) > 1:
                for record in records:
                    self.fold(topic, [record])
                return
            self._job.reject_record(topic, records[0], error, self._step(_TICKS_MS[0]))
        self._commit()

    @property
    def contacts(self) -> Mapping[bytes, Contact]:
        """Its rows."""
        return self._job.contacts.rows

    def count(self, tell: Callable[[], None] = lambda: None) -> CountedHere:
        """Return the figures, of before and after what time alone tells; `tell` is called now and then."""
        counted = CountedHere({}, {}, {})
        self._sum_up(counted.untold)
        self._let_pass(range(_TICKS_MS.start, -_LATE_MS, _TICKS_MS.step), tell)
        self._sum_up(counted.earlier)
        self._let_pass(range(-_LATE_MS, _TICKS_MS.stop, _TICKS_MS.step), tell)
        self._sum_up(counted.again)
        return counted

    def _let_pass(self, ticks: range, tell: Callable[[], None]) -> None:
        """Let time pass, in milliseconds from the moment."""
        for ago in ticks:
            self._job.tick(self._step(ago), thorough=ago == ticks[-1])
            self._commit()
            tell()

    def _sum_up(self, into: Sums) -> None:
        sum_by_day(self._job.figures.rows.items(), self._job.days.rows.items(), self._zone, into)

    def _step(self, ago: int) -> Step:
        return Step(self._number, self._as_of + ago, [TIMELINE.name, SLA.name], partitions=self._partitions)

    def _commit(self) -> None:
        for table in self._job.tables:
            table.commit()

    def _roll_back(self) -> None:
        for table in self._job.tables:
            table.roll_back()
        self._job.undo()
        self._commit()


class _Log:
    """One partition number of all topics."""

    def __init__(self, consumer: Any, number: int, kept_ms: int) -> None:
        self._consumer, self._number, self._kept_ms = consumer, number, kept_ms
        self.cut_at = 0
        """Time before which retention has deleted events of a source topic, milliseconds since 1970; 0 if it has deleted none."""
        self.begins_at = 0
        """When the broker took in the oldest event that it still holds, milliseconds since 1970; 0 if it holds none."""

    def find_moment(self) -> tuple[int, dict[str, int]] | None:
        """Return when rows were written last, and how far the sources were taken by then; None if nothing was ever written."""
        place = self._place(CONTACTS.name)
        end = self._consumer.end_offsets([place])[place]
        for start in (max(0, end - _LATEST), 0):
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
        """Return until when the workers took all events: now if none is left, else `as_of`.

        A partition without new events writes no rows, so `as_of` may be long ago.
        """
        now = int(time.time() * 1000)
        ends = self._consumer.end_offsets([self._place(topic) for topic in _SOURCES])
        is_idle = all(taken.get(place.topic, 0) >= end for place, end in ends.items())
        return max(now, as_of) if is_idle else as_of

    def find_refused(self) -> set[tuple[str, int]]:
        """Return topic and offset of the events that the workers refused since they may have been counted before."""
        place = self._place(DEAD_LETTERS.name)
        refused = set()
        for _, letters in self.read({DEAD_LETTERS.name: self._consumer.end_offsets([place])[place]}):
            for letter in letters:
                headers = dict(letter.headers)
                if headers.get("reason") == Reason.DUPLICATE.encode():
                    refused.add((headers["origin_topic"].decode(), int(headers["origin_offset"])))
        return refused

    def read_figures(self, as_of: int, zone: ZoneInfo) -> tuple[Sums, Progress]:
        """Return the figures as they were at a moment that has just been, and how far the partition was.

        What was written since is passed over.
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
        """Return what was judged otherwise in the rows of contacts as they were then; they are looked at one by one."""
        found: dict[bytes, ChangedVerdicts] = {}
        for record in self._read_rows(CONTACTS.name, as_of):
            key = codecs.CONTACTS.load_key(record.key or b"")
            if key is None:
                continue
            found.pop(key, None)
            if record.value is not None and (row := again.get(key)) is not None:
                judged = find_changed_verdicts(codecs.CONTACTS.load(key, record.value), row, zone)
                if judged is not None:
                    found[key] = judged
        return list(found.values())

    def _read_rows(self, topic: str, as_of: int) -> Iterator[Record]:
        place = self._place(topic)
        for _, records in self.read({topic: self._consumer.end_offsets([place])[place]}):
            yield from (record for record in records if record.timestamp <= as_of)

    def read(self, ends: Mapping[str, int], start: int = 0) -> Iterator[tuple[str, Sequence[Record]]]:
        """Yield the records of topics, a few at a time, from `start` or as far back as there are some until each one's end."""
        until = {self._place(topic): end for topic, end in ends.items()}
        begins = self._consumer.beginning_offsets(list(until))
        sources = {place for place in until if place.topic in _SOURCES}
        cut = {place for place in sources if begins[place] > start}
        for place, records in read_until(self._consumer, until, start):
            if place in sources:
                sources.remove(place)
                first = records[0].timestamp
                self.begins_at = min(self.begins_at or first, first)
                if place in cut:
                    cut.remove(place)
                    self.cut_at = max(self.cut_at, first)
            yield place.topic, records
        if cut:  # nothing is left there: all was older than what Kafka keeps
            self.cut_at = max(self.cut_at, int(time.time() * 1000) - self._kept_ms)

    def _place(self, topic: str) -> TopicPartition:
        return TopicPartition(topic, self._number)
