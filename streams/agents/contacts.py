"""The contacts agent: events of all channels into one row per contact or agent, figures, and timeline entries.

Thin: what an event means is in `streams.core`, what a step is in `streams.engine`. Here a batch is decoded, folded and counted.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from models import topics
from models.codec import MAX_AGE, MAX_AHEAD, UnusableRecord, check_event_time, read
from models.events import AgentChange, AgentStateChanged, Event
from models.ids import source_of
from models.policies import Policies
from models.reasons import Reason
from models.timestamps import milliseconds
from models.topics import Channel
from streams.agents import codecs
from streams.agents.backlog import BacklogDetector
from streams.agents.codecs import AGENT_PREFIX, FigureKey
from streams.agents.sla_tracker import RENEWAL_PENDING, SlaDelays, SlaTracker
from streams.core.citizens import reattribution
from streams.core.contacts import agent, contact
from streams.core.contacts.agent import AGENT_CHANGED, Agent
from streams.core.contacts.contact import ERASED, Contact, RowRetention
from streams.core.contacts.queue_stay import TimesToLive
from streams.core.contacts.waiting_index import WaitingIndex
from streams.core.figures.figure import (
    BUCKET_SECONDS,
    PROGRESS_KEY,
    Figure,
    Progress,
    count_numbers,
    local_time,
    merge_into_day,
    new_day,
    new_figure,
)
from streams.core.figures.figure_counts import count_agent, count_contact, count_rings
from streams.core.figures.figure_schemas import CASE_SCHEMA, FIGURE_SCHEMAS, SLA
from streams.core.rows import TooManyDimensions
from streams.core.timeline import entries as timeline
from streams.engine.job import Job, Record, Step, Table
from streams.kafka.partitioner import partition_of

HEARTBEAT_MS: Final = 5_000
"""An idle partition says this often that its figures are as of now."""
HISTORY_AGE_MS: Final = 5 * 60_000
"""A switchboard's event that the broker took in so long after it happened is history: somebody reads an old log."""
GRACE_MS: Final = 30_000
"""A source that told no history for so long, or told what has just happened, has come to the present. Meanwhile its connector may
be started anew, and connect again."""
LIVE_CHANNELS: Final = frozenset({Channel.CALL, Channel.VISIT})
"""Channels whose sources emit events in the order in which they happened."""
SWEPT_PER_TICK: Final = 500
"""Rows looked at per tick for being closed long enough: all of a million in an hour."""
MAX_SOURCES_LENGTH: Final = 120_000
"""Limit on the length of all source names in `Progress.dropped`: some three thousand usual ones."""
OTHERS: Final = ""
"""Key in `Progress.dropped` of all sources for which it has no more room."""
EARLIER: Final = "*"
"""Key in `Progress.dropped` of the rows that an earlier release may have dropped, of any source."""
_NEVER: Final = -(1 << 62)
LENGTHS: Final = {channel: len(figure_schema.counts) for channel, figure_schema in FIGURE_SCHEMAS.items()}
"""Channel, or what stands in its place → how many numbers its rows count."""
_FIRST_KEY: Final = b"!"
"""What begins with a control character is a key of the engine's own."""
_CALL: Final = Channel.CALL
_EARLIEST_MS: Final = -int(MAX_AHEAD.total_seconds() * 1000)
_AGE_MS: Final = int(MAX_AGE.total_seconds() * 1000)


class WorkerTimings(NamedTuple):
    """How long things are waited for and kept. Milliseconds."""

    time_to_live: TimesToLive
    keep: RowRetention
    """When a closed contact is tombstoned."""
    agent_time_to_live: int
    """After so long without any news of an agent, the agent is gone."""
    keep_buckets: int
    """A 5-minute bucket older than this becomes a part of its day; totals stay."""
    sla_delays: SlaDelays = SlaDelays()
    """How long news is waited for before a deadline that passed is told."""
    keep_days: int = 500
    """A day older than so many days is tombstoned."""
    zone: ZoneInfo = ZoneInfo("Europe/Paris")
    """Cuts the days."""


def make_job(app_id: str, times: WorkerTimings, policies: Callable[[], Policies] = Policies) -> Job:
    """Return the job of the contacts agent for the engine; `policies` returns those of now whenever it is asked."""
    return Job(
        name=app_id,
        sources=[topic.name for topic in topics.SOURCES.values()],
        states=[topic.name for topic in topics.STATES],
        outputs=[topics.TIMELINE.name, topics.SLA.name],
        dead_letters=topics.DEAD_LETTERS.name,
        open=lambda partition: ContactJob(partition, times, policies),
    )


class _Edited(dict[FigureKey, Figure]):
    """The figures that a step may change in place: each is asked of the table once.

    What is counted in a bucket that is no longer kept is there until `settle`: then it is in the row of its day.
    """

    def __init__(self, figures: Table[FigureKey, Figure]) -> None:
        super().__init__()
        self._figures = figures
        self._oldest = 0
        self._old: dict[FigureKey, Figure] = {}

    def begin(self, oldest: int) -> None:
        """Begin a step; a bucket before `oldest`, seconds since 1970, is no longer kept."""
        self.clear()
        self._oldest = oldest
        self._old.clear()

    def settle(self, merge: Callable[[FigureKey, Figure], None]) -> None:
        """Hand over what was counted in buckets that are no longer kept."""
        for key, figure in self._old.items():
            merge(key, figure)
        self._old.clear()

    def __missing__(self, key: FigureKey) -> Figure:
        make = partial(new_figure, FIGURE_SCHEMAS[key[1].channel])
        if 0 < key[0] < self._oldest:
            figure = self._old[key] = make()
        else:
            figure = self._figures.edit(key, make)
        self[key] = figure
        return figure


class ContactJob:
    """The contacts of one partition."""

    def __init__(self, partition: int, times: WorkerTimings, policies: Callable[[], Policies] = Policies) -> None:
        self.partition: Final = partition
        self._times: Final = times
        self.contacts: Final = Table(topics.CONTACTS.name, codecs.CONTACTS)
        self.agents: Final = Table(topics.CONTACTS.name, codecs.AGENTS)
        self.figures: Final = Table(topics.FIGURES.name, codecs.FIGURES._replace(load=self._load_figure))
        self._lengths: Final[dict[str, int]] = {}
        """The same as `LENGTHS`, as the release had it that wrote the rows."""
        self.progress: Final = Table(topics.FIGURES.name, codecs.PROGRESS)
        self.days: Final = Table(topics.FIGURES.name, codecs.DAYS)
        self.tables: Final = (self.contacts, self.agents, self.figures, self.progress, self.days)
        self.waiting: Final = WaitingIndex[bytes]()
        self._edited: Final = _Edited(self.figures)
        self._edit: Final = self._edited.__getitem__
        self.sla_tracker: Final = SlaTracker(self.contacts, self._edit, policies, times.sla_delays, self._promised_at)
        self._changed: Final[dict[bytes, Contact | None]] = {}
        """What is not yet counted: rows as they were."""
        self._changed_agents: Final[dict[bytes, Agent | None]] = {}
        self._history: Final[dict[str, tuple[int, int]]] = {}
        """Source of calls that tells history → when it last did, and as of when: the worker's clock, event time."""
        self._has_history_ended = False
        """Whether a source has come to the present since agents were looked at."""
        self._backlogs: Final = BacklogDetector()
        self._ticking_since = self._ticked_at = 0
        self._sweep: Iterator[bytes] = iter(())
        self._swept_at = 0
        self._dropped: dict[str, int] = {}
        self._dropped_until = _NEVER
        """No dropped row has an event later than this."""
        self._ageless: list[FigureKey] = []
        """Rows of matters that say nothing of ages: those of an earlier release."""

    def restore(self) -> None:
        """Rebuild the indexes of who waits, and for what until when, from the rows."""
        self._ticked_at = 0
        self.waiting.rebuild(self.contacts.rows)
        self.sla_tracker.restore()
        self._ageless = [
            key
            for key, row in self.figures.rows.items()
            if not key[0] and FIGURE_SCHEMAS[key[1].channel] is CASE_SCHEMA and row.open_since is None
        ]

    def undo(self) -> None:
        """Index who waits, and for what until when, as before the step."""
        self._changed.clear()
        self._changed_agents.clear()
        rows = self.contacts.rows
        for key in self.contacts.before:
            self.waiting.update(key, None, rows.get(key))
        self.sla_tracker.undo()

    # ------------------------------------------------------------------------------------------------------------- fold
    def fold(self, topic: str, records: Sequence[Record], step: Step) -> None:
        """Fold the events of `records`: rows, figures, one timeline entry each; what is no usable event is rejected."""
        self._edited.begin(self._oldest_bucket(step.now))
        progress = self._progress(step.now)
        latest, folded, rejected, now = progress.event_at, 0, 0, step.now
        self._dropped = progress.dropped or {}
        self._dropped_until = max(self._dropped.values(), default=_NEVER)
        entries, history = step.outputs[topics.TIMELINE.name], self._history
        for record in records:
            try:
                event = read(record.value)
                key = record.key
                at = milliseconds(event.time)
                delay = record.timestamp - at
                if (
                    key is None
                    or key != event.subject.encode()
                    or key < _FIRST_KEY
                    or not _EARLIEST_MS <= delay <= _AGE_MS
                    or key.startswith(AGENT_PREFIX) is not (event.type == AGENT_CHANGED)
                ):
                    _refuse(record, event)
                if delay > HISTORY_AGE_MS or history:
                    self._note_history(record, event, at, delay, now)
                if event.type == AGENT_CHANGED:
                    if self._fold_agent(key, event, at, step):
                        folded += 1
                else:
                    after = self._fold_contact(key, event, at, record, step)
                    if after is not None:
                        folded += 1
                        if after.identities or timeline.is_recorded(event.type, after):
                            entries.append(timeline.record(event, after))
            except (
                UnusableRecord,
                TooManyDimensions,
            ) as error:  # in no other name: the step would be garbage in a cycle
                self._reject(topic, record, error, step)
                rejected += 1
                continue
            if at > latest:
                latest = at
        progress.events += folded
        progress.duplicates += len(records) - folded - rejected
        progress.event_at = latest
        self._tell_as_of(progress, step)
        self._count_changes(step)
        self._edited.settle(partial(self._merge_into_day, step.now))
        self._tell_oldest()

    def reject_record(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        """Make a record that our own code fails on a dead letter, to be replayed once that is mended."""
        self._reject(topic, record, UnusableRecord(Reason.INTERNAL_ERROR, type(error).__name__), step)

    def _reject(self, topic: str, record: Record, error: UnusableRecord | TooManyDimensions, step: Step) -> None:
        unusable = error if isinstance(error, UnusableRecord) else UnusableRecord(Reason.TOO_MANY_DIMENSIONS)
        reason = unusable.reason.value
        step.reject(topic, record, reason, unusable.detail)
        counts = self._progress(step.now).dead_letters
        counts[reason] = counts.get(reason, 0) + 1

    def _fold_contact(self, key: bytes, event: Event, at: int, record: Record, step: Step) -> Contact | None:
        before = self.contacts.rows.get(key)
        if before is None:
            _check_partition(key, step)
        if at <= self._dropped_until and event.type != ERASED:
            self._refuse_dropped(key, event, at, record, before)
        after = contact.fold(before, event, at)
        if after is before:
            return None
        after.touched_at = step.now  # a new row, that nobody else has seen yet
        self.contacts.put(key, after)
        self._changed.setdefault(key, before)
        if before is not None and after.identities is not before.identities and after.citizen != before.citizen:
            step.outputs[topics.TIMELINE.name] += reattribution.records(before, after, event.subject)
        return after

    def _refuse_dropped(self, key: bytes, event: Event, at: int, record: Record, row: Contact | None) -> None:
        """Raise `Unusable` if the event may have been counted in a row that was dropped since.

        An event is such a one if its source has a dropped row with an event as late, and it is older than all that the contact's
        present row knows. Sources that emit in order lose nothing by this. Others do, so their events are judged only while their
        connector reads them again by command (`topics.REREAD`).
        """
        is_reread = bool(record.headers) and any(name == topics.REREAD_HEADER for name, _ in record.headers)
        if not is_reread and event.channel not in LIVE_CHANNELS:
            return
        if at <= self._find_dropped(key, is_reread=is_reread) and (row is None or at < row.began_at):
            raise UnusableRecord(Reason.DUPLICATE, "older than anything of its source that is still known")

    def _find_dropped(self, key: bytes, *, is_reread: bool = False) -> int:
        """Return the time of the latest event in any dropped row of the source that `key` names."""
        get = self._dropped.get
        until = max(get(source_of(key.decode()), _NEVER), get(OTHERS, _NEVER))
        return max(until, get(EARLIER, _NEVER)) if is_reread else until

    def _note_dropped(self, key: bytes, last_at: int, step: Step) -> None:
        """Record that a row is dropped, so that none of its events begins it anew."""
        dropped = self._progress(step.now).dropped
        assert dropped is not None
        source = source_of(key.decode())
        if source not in dropped and sum(len(known) + 20 for known in dropped) > MAX_SOURCES_LENGTH:
            source = OTHERS
        if last_at > dropped.get(source, _NEVER):
            dropped[source] = last_at

    def _fold_agent(self, key: bytes, event: AgentStateChanged, at: int, step: Step) -> bool:
        before = self.agents.rows.get(key)
        if before is None:
            _check_partition(key, step)
        after = agent.fold(before, event, at)
        if after is before:
            return False
        is_counted = event.data.change is AgentChange.RING_UNANSWERED  # all else says how things are
        if is_counted and at <= self._dropped_until and at <= self._find_dropped(key):
            raise UnusableRecord(Reason.DUPLICATE, "older than anything of its source that is still known")
        after.touched_at = step.now
        self.agents.put(key, after)
        self._changed_agents.setdefault(key, before)
        count_rings(before, after, self._edit)
        return True

    def _count_changes(self, step: Step) -> None:
        """Count every row that has changed, once, however many events changed it, and set its clocks."""
        has_no_targets = self.sla_tracker.has_no_targets
        for key, former in self._changed_agents.items():
            count_agent(former, self.agents.rows[key], self._edit)
        self._changed_agents.clear()
        for key, before in self._changed.items():
            after = self.contacts.rows[key]
            if after.clocks or not has_no_targets:
                self.sla_tracker.set(key, before, after, step)
            count_contact(before, after, self._edit)
            if self.waiting.update(
                key, before, after
            ):  # the longest wait there may be another one, even if no count has changed
                for visit in after.stays:
                    self._edit((0, visit.dimensions))
                if not after.stays:
                    self._edit((0, after.dimensions))
        self._changed.clear()

    def _tell_oldest(self) -> None:
        """Put into each total row that changed since when the longest wait there lasts, or which deadline passed first."""
        for start, dimensions in self.figures.before:
            if start == 0:
                row = self.figures.rows[start, dimensions]
                is_sla = dimensions.channel == SLA
                row.oldest_waiting_at = (
                    self.sla_tracker.oldest_overdue(dimensions) if is_sla else self.waiting.oldest(dimensions)
                )
                if FIGURE_SCHEMAS[dimensions.channel] is CASE_SCHEMA:
                    row.open_since = self.waiting.ages(dimensions)

    def _tell_ages(self) -> None:
        """Have the rows written that said nothing of ages when they were read."""
        for key in self._ageless:
            if self.figures.rows[key].open_since is None:
                self._edit(key)

    def _oldest_bucket(self, now: int) -> int:
        return (now - self._times.keep_buckets) // 1000

    def _first_day(self, now: int) -> date:
        return local_time(now // 1000, self._times.zone).date() - timedelta(days=self._times.keep_days)

    def _merge_into_day(self, now: int, key: FigureKey, bucket: Figure) -> None:
        """Count a bucket that is no longer kept in the row of its day, as long as that is."""
        start, dimensions = key
        begins_at = local_time(start, self._times.zone)
        if begins_at.date() >= self._first_day(now) and any(bucket.counts):
            day = self.days.edit((begins_at.date(), dimensions), partial(new_day, FIGURE_SCHEMAS[dimensions.channel]))
            merge_into_day(day, bucket, begins_at.hour)

    def _progress(self, now: int) -> Progress:
        new = partial(Progress, step_at=0, began_at=now, dropped={}, lengths=LENGTHS)
        progress = self.progress.edit(PROGRESS_KEY, new)
        if progress.lengths != LENGTHS:
            self._note_added(progress, now)
        if progress.dropped is None:  # an earlier release dropped rows by the clock alone, and kept no record of it
            until = now - self._times.keep.closed
            progress.dropped = {source: min(at, until) for source, at in progress.told_at.items()} | {EARLIER: until}
        return progress

    def _note_added(self, progress: Progress, now: int) -> None:
        """Record which numbers this release has added: what happened before is not in them."""
        known = LENGTHS | self._lengths if progress.lengths is None else progress.lengths
        for channel, length in LENGTHS.items():
            if (before := known.get(channel, 0)) < length:
                progress.added.setdefault(channel, []).append((before, now))
        progress.lengths = LENGTHS

    def _load_figure(self, key: FigureKey, value: bytes) -> Figure:
        if not key[0]:
            channel = key[1].channel
            self._lengths[channel] = max(self._lengths.get(channel, 0), count_numbers(value))
        return codecs.FIGURES.load(key, value)

    def _tell_as_of(self, progress: Progress, step: Step) -> None:
        progress.history = self._backlogs.as_of(step.now)
        history = [at for _, at in self._history.values()]
        if history:
            progress.step_at = min([*history, *filter(None, [step.as_of])])
        else:  # while catching up it only ever grows; by the clock, which may be put right, when all is taken
            progress.step_at = step.now if step.as_of == step.now else max(progress.step_at, step.as_of)

    # ------------------------------------------------------------------------------------------------------------- tick
    def tick(self, step: Step, *, thorough: bool = False) -> int | None:
        """Give up the calls that the switchboard forgot, drop what was kept long enough, and say that all is as of now.

        Agents are looked at every five minutes, when the history of a source has ended, and when the tick is to be `thorough`.
        """
        self._edited.begin(self._oldest_bucket(step.now))
        patient = self._is_patient(step.now)
        due = not patient and abs(step.now - self._swept_at) >= BUCKET_SECONDS * 1000
        if not patient:
            self._end_history(step.now)
            self._forget_calls(step.now)
            if due or thorough or self._has_history_ended:
                self._has_history_ended = False
                self._forget_agents(step.now)
        if due:
            self._swept_at = step.now
        self._tell_ages()
        self._count_changes(step)
        self._renew_clocks(step)
        history = partial(self._is_history_until, step.now, self._backlogs.as_of(step.now))
        self.sla_tracker.check_deadlines(step, history)
        self._tell_oldest()
        if not patient:
            self._drop_closed(step)
        if due:
            self._drop_old(step)
        self._edited.settle(partial(self._merge_into_day, step.now))
        progress = self.progress.rows.get(PROGRESS_KEY)
        if progress is None or abs(step.now - progress.step_at) >= HEARTBEAT_MS or self.figures.before:
            self._tell_as_of(self._progress(step.now), step)
        return self.sla_tracker.next_at

    def _renew_clocks(self, step: Step) -> None:
        progress = self.progress.rows.get(PROGRESS_KEY)
        known = progress.sla if progress else ""
        if known and progress and not progress.promised_at:
            known = (
                RENEWAL_PENDING  # of an earlier release, which told the timelines nothing of what is still to be kept
            )
        if (now := self.sla_tracker.renew(known, step)) != known:
            self._promised_at(step.now)
            self._progress(step.now).sla = now

    def _promised_at(self, now: int) -> int:
        """Return as of when promises are told, `now` if that is later than any told before, by whichever worker's clock."""
        progress = self._progress(now)
        progress.promised_at = max(now, progress.promised_at + 1)
        return progress.promised_at

    def _is_history_until(
        self, now: int, channels: Container[str], key: bytes, row: Contact, *, is_told_late: bool
    ) -> int | None:
        """Return until when a contact is to be left alone since its source tells what was long ago; None if it does not."""
        tells = self._history and source_of(key.decode()) in self._history
        return now + GRACE_MS if tells or (is_told_late and row.channel in channels) else None

    def _drop_closed(self, step: Step) -> None:
        rows = self.contacts.rows
        for _ in range(min(SWEPT_PER_TICK, len(rows))):
            key = next(self._sweep, None)
            if key is None:
                self._sweep = iter(list(rows))
                return
            row = rows.get(key)
            expires_at = contact.expires_at(row, self._times.keep) if row else None
            if row is not None and expires_at is not None and expires_at <= step.now:
                self._note_dropped(key, row.last_at, step)
                self.contacts.delete(key)

    def _note_history(self, record: Record, event: Event, at: int, delay: int, now: int) -> None:
        """Note whether its source tells history: what the broker took in so long after it happened, milliseconds.

        A dead letter sent again is old, and says nothing of that; nor does an erasure, told by others whenever they are asked to.
        """
        if delay <= HISTORY_AGE_MS:
            if self._history.pop(event.source, None):
                self._has_history_ended = True
        elif event.type == ERASED or (
            record.headers and any(name == topics.REPLAYED_FROM_HEADER for name, _ in record.headers)
        ):
            return
        elif event.channel is _CALL:
            self._history[event.source] = now, at
        elif record.key not in self.contacts.rows:  # late news of a contact that is known is no history
            self._backlogs.note(event.channel, at, record.timestamp, now, self._progress(now).began_at)

    def _end_history(self, now: int) -> None:
        for source in [source for source, (told_at, _) in self._history.items() if abs(now - told_at) >= GRACE_MS]:
            del self._history[source]
            self._has_history_ended = True

    def _is_patient(self, now: int) -> bool:
        """Whether it is too early to know which sources tell history: nothing could be heard of them until a moment ago.

        So it is after a start, and after a time without ticks, as when the broker was away.
        """
        if abs(now - self._ticked_at) >= GRACE_MS:
            self._ticking_since = now
        self._ticked_at = now
        return abs(now - self._ticking_since) < GRACE_MS

    def _forget_calls(self, now: int) -> None:
        """Give up calls, but none of a source that is still telling what was long ago: their end is yet to come."""
        rows = self.contacts.rows
        for key in self.waiting.due(now, self._times.time_to_live):
            if source_of(key.decode()) in self._history:
                continue
            before = rows[key]
            after = contact.forget(before, now, self._times.time_to_live)
            if after is not before:
                self.contacts.put(key, after)
                self._changed[key] = before

    def _forget_agents(self, now: int) -> None:
        for key, before in list(self.agents.rows.items()):
            if source_of(key.decode()) in self._history:
                continue
            after = agent.forget(before, now, self._times.agent_time_to_live)
            if after is not before:
                self.agents.put(key, after)
                self._changed_agents[key] = before

    def _drop_old(self, step: Step) -> None:
        now = step.now
        oldest = self._oldest_bucket(now)
        for dimensions in [dimensions for dimensions in self.figures.rows if 0 < dimensions[0] < oldest]:
            self._merge_into_day(now, dimensions, self.figures.rows[dimensions])
            self.figures.delete(dimensions)
        first_day = self._first_day(now)
        for day in [day for day in self.days.rows if day[0] < first_day]:
            self.days.delete(day)
        keep, touched = max(self._times.agent_time_to_live, self._times.keep.closed), self._times.keep.touched
        for key, row in list(self.agents.rows.items()):
            if max(row.last_at + keep, row.touched_at + touched) < now and not agent.states(row):
                self._note_dropped(key, row.last_at, step)
                self.agents.delete(key)


def _check_partition(key: bytes, step: Step) -> None:
    """Raise `Unusable` if others would write of this contact to another partition: it would get two rows."""
    if partition_of(key, step.partitions) != step.partition:
        raise UnusableRecord(Reason.KEY_MISMATCH, "in another partition than the key's by murmur2")


def _refuse(record: Record, event: Event) -> NoReturn:
    """Raise why `event` may not be folded.

    Its time is judged by the broker's clock when it was taken in, so that it does not matter who reads it when.
    """
    key = record.key
    if key is None:
        raise UnusableRecord(Reason.MISSING_KEY)
    if key != event.subject.encode():
        raise UnusableRecord(Reason.KEY_MISMATCH, "the key is not the event's subject")
    if key < _FIRST_KEY:
        raise UnusableRecord(Reason.INVALID_FIELD, "subject: begins with a control character or a space")
    if key.startswith(AGENT_PREFIX) is not (event.type == AGENT_CHANGED):
        raise UnusableRecord(Reason.KEY_MISMATCH, "an agent's subject for a contact's event, or the reverse")
    check_event_time(event.time, datetime.fromtimestamp(record.timestamp / 1000, UTC))
    raise AssertionError("refused without a reason")
