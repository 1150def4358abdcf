"""Contacts agent: folds the events of all channels into contact and agent rows, figures, SLA events and timeline entries.

The rules are in `streams.core`, and the steps in `streams.engine`. This module decodes, folds and counts batches.
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
"""Interval of the progress updates of an idle partition, in milliseconds."""
HISTORY_AGE_MS: Final = 5 * 60_000
"""Delay from a call event to its arrival at the broker, in milliseconds, beyond which the source is reading an old log."""
GRACE_MS: Final = 30_000
"""Time without old events after which a source's history counts as read, in milliseconds. Long enough for a restart of its
connector. A recent event ends the history immediately."""
LIVE_CHANNELS: Final = frozenset({Channel.CALL, Channel.VISIT})
"""Channels whose sources emit events in order of time."""
SWEPT_PER_TICK: Final = 500
"""Maximum number of rows checked for expiry per tick: a million rows take an hour."""
MAX_SOURCES_LENGTH: Final = 120_000
"""Maximum length of all source names in `Progress.dropped`, enough for about three thousand sources."""
OTHERS: Final = ""
"""Key in `Progress.dropped` that all sources share beyond `MAX_SOURCES_LENGTH`."""
EARLIER: Final = "*"
"""Key in `Progress.dropped` for rows of any source that an earlier release may have deleted."""
_NEVER: Final = -(1 << 62)
LENGTHS: Final = {channel: len(figure_schema.counts) for channel, figure_schema in FIGURE_SCHEMAS.items()}
"""Channel, or name in its place → number of counts in its rows."""
_FIRST_KEY: Final = b"!"
"""Least valid key. The engine uses keys that begin with a control character."""
_CALL: Final = Channel.CALL
_EARLIEST_MS: Final = -int(MAX_AHEAD.total_seconds() * 1000)
_AGE_MS: Final = int(MAX_AGE.total_seconds() * 1000)


class WorkerTimings(NamedTuple):
    """Timeouts and retentions of a worker, in milliseconds, except `keep_days`."""

    time_to_live: TimesToLive
    keep: RowRetention
    """Retention of the rows of closed contacts."""
    agent_time_to_live: int
    """Time without events of an agent after which the agent counts as logged out."""
    keep_buckets: int
    """Age at which a 5-minute bucket is merged into the row of its day. Totals have no limit."""
    sla_delays: SlaDelays = SlaDelays()
    """Time between a deadline and the report that it passed."""
    keep_days: int = 500
    """Retention of day rows, in days."""
    zone: ZoneInfo = ZoneInfo("Europe/Paris")
    """Time zone of the civil days."""


def make_job(app_id: str, times: WorkerTimings, policies: Callable[[], Policies] = Policies) -> Job:
    """Return the job of the contacts agent for the engine. `policies` returns the current SLA policies at each call."""
    return Job(
        name=app_id,
        sources=[topic.name for topic in topics.SOURCES.values()],
        states=[topic.name for topic in topics.STATES],
        outputs=[topics.TIMELINE.name, topics.SLA.name],
        dead_letters=topics.DEAD_LETTERS.name,
        open=lambda partition: ContactJob(partition, times, policies),
    )


class _Edited(dict[FigureKey, Figure]):
    """Mutable figures of a step, fetched once from the table.

    Counts in expired buckets are collected separately, until `merge_old` adds them to the rows of their days.
    """

    def __init__(self, figures: Table[FigureKey, Figure]) -> None:
        super().__init__()
        self._figures = figures
        self._oldest = 0
        self._old: dict[FigureKey, Figure] = {}

    def begin(self, oldest: int) -> None:
        """Begin a step: forget the figures of the last one. Buckets before `oldest`, in seconds since 1970, are expired."""
        self.clear()
        self._oldest = oldest
        self._old.clear()

    def merge_old(self, merge: Callable[[FigureKey, Figure], None]) -> None:
        """Call `merge` with each expired bucket that the step changed, then forget them."""
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
    """Rows, figures and indexes of the contacts of one partition."""

    def __init__(self, partition: int, times: WorkerTimings, policies: Callable[[], Policies] = Policies) -> None:
        self.partition: Final = partition
        self._times: Final = times
        self.contacts: Final = Table(topics.CONTACTS.name, codecs.CONTACTS)
        self.agents: Final = Table(topics.CONTACTS.name, codecs.AGENTS)
        self.figures: Final = Table(topics.FIGURES.name, codecs.FIGURES._replace(load=self._load_figure))
        self._lengths: Final[dict[str, int]] = {}
        """`LENGTHS` of the release that wrote the rows, by the longest loaded total row of each channel."""
        self.progress: Final = Table(topics.FIGURES.name, codecs.PROGRESS)
        self.days: Final = Table(topics.FIGURES.name, codecs.DAYS)
        self.tables: Final = (self.contacts, self.agents, self.figures, self.progress, self.days)
        self.waiting: Final = WaitingIndex[bytes]()
        self._edited: Final = _Edited(self.figures)
        self._edit: Final = self._edited.__getitem__
        self.sla_tracker: Final = SlaTracker(
            self.contacts, self._edit, policies, times.sla_delays, self._next_targets_time
        )
        self._changed: Final[dict[bytes, Contact | None]] = {}
        """Keys of changed rows that are not yet counted → the row before the change."""
        self._changed_agents: Final[dict[bytes, Agent | None]] = {}
        self._history: Final[dict[str, tuple[int, int]]] = {}
        """Source of calls whose history is being read → worker's time of its last old event, and the event's time."""
        self._has_history_ended = False
        """True if the history of a source ended since the last check of agents."""
        self._backlogs: Final = BacklogDetector()
        self._ticking_since = self._ticked_at = 0
        self._sweep: Iterator[bytes] = iter(())
        self._swept_at = 0
        self._dropped: dict[str, int] = {}
        self._dropped_until = _NEVER
        """Latest event time in all deleted rows of all sources; `_NEVER` without one."""
        self._ageless: list[FigureKey] = []
        """Keys of an earlier release's total rows of cases, which have no `open_since`."""

    def restore(self) -> None:
        """Rebuild the indexes of waits and deadlines from the rows."""
        self._ticked_at = 0
        self.waiting.rebuild(self.contacts.rows)
        self.sla_tracker.restore()
        self._ageless = [
            key
            for key, row in self.figures.rows.items()
            if not key[0] and FIGURE_SCHEMAS[key[1].channel] is CASE_SCHEMA and row.open_since is None
        ]

    def undo(self) -> None:
        """Restore the indexes of waits and deadlines to the state before a failed step, from the rows restored already."""
        self._changed.clear()
        self._changed_agents.clear()
        rows = self.contacts.rows
        for key in self.contacts.before:
            self.waiting.update(key, None, rows.get(key))
        self.sla_tracker.undo()

    # ------------------------------------------------------------------------------------------------------------- fold
    def fold(self, topic: str, records: Sequence[Record], step: Step) -> None:
        """Fold the events of `records` into rows, figures and timeline entries. Reject unusable records."""
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
                    _raise_unusable(record, event)
                if delay > HISTORY_AGE_MS or history:
                    self._detect_history(record, event, at, delay, now)
                if event.type == AGENT_CHANGED:
                    if self._fold_agent(key, event, at, step):
                        folded += 1
                else:
                    after = self._fold_contact(key, event, at, record, step)
                    if after is not None:
                        folded += 1
                        if after.identities or timeline.is_recorded(event.type, after):
                            entries.append(timeline.record(event, after))
            except (UnusableRecord, TooManyDimensions) as error:
                # Do not bind `error` to another name: its traceback would hold the step in a reference cycle.
                self._reject(topic, record, error, step)
                rejected += 1
                continue
            if at > latest:
                latest = at
        progress.events += folded
        progress.duplicates += len(records) - folded - rejected
        progress.event_at = latest
        self._set_as_of(progress, step)
        self._count_changes(step)
        self._edited.merge_old(partial(self._merge_into_day, step.now))
        self._set_oldest()

    def reject_record(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        """Reject a record whose processing raised an unexpected error, so that it can be replayed after the fix."""
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
            self._check_not_dropped(key, event, at, record, before)
        after = contact.fold(before, event, at)
        if after is before:
            return None
        after.touched_at = step.now  # safe: no other reference to the new row exists
        self.contacts.put(key, after)
        self._changed.setdefault(key, before)
        if before is not None and after.identities is not before.identities and after.citizen != before.citizen:
            step.outputs[topics.TIMELINE.name] += reattribution.records(before, after, event.subject)
        return after

    def _check_not_dropped(self, key: bytes, event: Event, at: int, record: Record, row: Contact | None) -> None:
        """Raise `UnusableRecord` if the event may have been counted in a row that was deleted since.

        This is assumed if a deleted row of its source has an event at least as late, and the event is older than all events in
        the contact's current row. Sources that emit in order lose no events by this check. For other sources it runs only
        while their connector deliberately reads them again (`topics.REREAD_HEADER`).
        """
        is_reread = bool(record.headers) and any(name == topics.REREAD_HEADER for name, _ in record.headers)
        if not is_reread and event.channel not in LIVE_CHANNELS:
            return
        if at <= self._find_dropped(key, is_reread=is_reread) and (row is None or at < row.began_at):
            raise UnusableRecord(Reason.DUPLICATE, "older than the latest deleted row of its source")

    def _find_dropped(self, key: bytes, *, is_reread: bool = False) -> int:
        """Return the latest event time in all deleted rows of the source in `key`; `_NEVER` without such a row."""
        get = self._dropped.get
        until = max(get(source_of(key.decode()), _NEVER), get(OTHERS, _NEVER))
        return max(until, get(EARLIER, _NEVER)) if is_reread else until

    def _record_dropped(self, key: bytes, last_at: int, step: Step) -> None:
        """Record the deletion of a row with the latest event time `last_at`, so that its events do not recreate it."""
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
        is_counted = event.data.change is AgentChange.RING_UNANSWERED  # other changes are states, which are not counted
        if is_counted and at <= self._dropped_until and at <= self._find_dropped(key):
            raise UnusableRecord(Reason.DUPLICATE, "older than the latest deleted row of its source")
        after.touched_at = step.now
        self.agents.put(key, after)
        self._changed_agents.setdefault(key, before)
        count_rings(before, after, self._edit)
        return True

    def _count_changes(self, step: Step) -> None:
        """Count each row changed since the last call once, and update its SLA clocks and its entries in the index of waits."""
        has_no_targets = self.sla_tracker.has_no_targets
        for key, former in self._changed_agents.items():
            count_agent(former, self.agents.rows[key], self._edit)
        self._changed_agents.clear()
        for key, before in self._changed.items():
            after = self.contacts.rows[key]
            if after.clocks or not has_no_targets:
                self.sla_tracker.set(key, before, after, step)
            count_contact(before, after, self._edit)
            if self.waiting.update(key, before, after):
                # The longest wait in these dimensions may change without a change of counts.
                for stay in after.stays:
                    self._edit((0, stay.dimensions))
                if not after.stays:
                    self._edit((0, after.dimensions))
        self._changed.clear()

    def _set_oldest(self) -> None:
        """Set the start of the longest wait, or the earliest passed deadline, in each changed total row."""
        for start, dimensions in self.figures.before:
            if start == 0:
                row = self.figures.rows[start, dimensions]
                is_sla = dimensions.channel == SLA
                row.oldest_waiting_at = (
                    self.sla_tracker.oldest_overdue(dimensions) if is_sla else self.waiting.oldest(dimensions)
                )
                if FIGURE_SCHEMAS[dimensions.channel] is CASE_SCHEMA:
                    row.open_since = self.waiting.ages(dimensions)

    def _set_ages(self) -> None:
        """Edit the rows of an earlier release without `open_since`, so that `_set_oldest` sets it."""
        for key in self._ageless:
            if self.figures.rows[key].open_since is None:
                self._edit(key)

    def _oldest_bucket(self, now: int) -> int:
        return (now - self._times.keep_buckets) // 1000

    def _first_day(self, now: int) -> date:
        return local_time(now // 1000, self._times.zone).date() - timedelta(days=self._times.keep_days)

    def _merge_into_day(self, now: int, key: FigureKey, bucket: Figure) -> None:
        """Add an expired bucket to the row of its day, unless the day has expired too."""
        start, dimensions = key
        begins_at = local_time(start, self._times.zone)
        if begins_at.date() >= self._first_day(now) and any(bucket.counts):
            day = self.days.edit((begins_at.date(), dimensions), partial(new_day, FIGURE_SCHEMAS[dimensions.channel]))
            merge_into_day(day, bucket, begins_at.hour)

    def _progress(self, now: int) -> Progress:
        new = partial(Progress, step_at=0, began_at=now, dropped={}, lengths=LENGTHS)
        progress = self.progress.edit(PROGRESS_KEY, new)
        if progress.lengths != LENGTHS:
            self._record_added(progress, now)
        if progress.dropped is None:  # an earlier release deleted rows without a record of their event times
            until = now - self._times.keep.closed
            progress.dropped = {source: min(at, until) for source, at in progress.told_at.items()} | {EARLIER: until}
        return progress

    def _record_added(self, progress: Progress, now: int) -> None:
        """Record for the counts that this release has added that they are counted from `now` on."""
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

    def _set_as_of(self, progress: Progress, step: Step) -> None:
        progress.history = self._backlogs.as_of(step.now)
        history = [at for _, at in self._history.values()]
        if history:
            progress.step_at = min([*history, *filter(None, [step.as_of])])
        else:  # the clock, which may be set back, once all records are read; before, it only increases
            progress.step_at = step.now if step.as_of == step.now else max(progress.step_at, step.as_of)

    # ------------------------------------------------------------------------------------------------------------- tick
    def tick(self, step: Step, *, thorough: bool = False) -> int | None:
        """End overlong calls, delete expired rows, report due clock changes, and update the progress.

        Returns the time of the next clock change in milliseconds since 1970; None if it is not soon. Agents are checked every
        five minutes, when the history of a source has ended, and in a `thorough` tick.
        """
        self._edited.begin(self._oldest_bucket(step.now))
        is_starting = self._is_starting(step.now)
        due = not is_starting and abs(step.now - self._swept_at) >= BUCKET_SECONDS * 1000
        if not is_starting:
            self._end_history(step.now)
            self._forget_calls(step.now)
            if due or thorough or self._has_history_ended:
                self._has_history_ended = False
                self._forget_agents(step.now)
        if due:
            self._swept_at = step.now
        self._set_ages()
        self._count_changes(step)
        self._renew_clocks(step)
        history = partial(self._is_history_until, step.now, self._backlogs.as_of(step.now))
        self.sla_tracker.check_deadlines(step, history)
        self._set_oldest()
        if not is_starting:
            self._drop_closed(step)
        if due:
            self._drop_old(step)
        self._edited.merge_old(partial(self._merge_into_day, step.now))
        progress = self.progress.rows.get(PROGRESS_KEY)
        if progress is None or abs(step.now - progress.step_at) >= HEARTBEAT_MS or self.figures.before:
            self._set_as_of(self._progress(step.now), step)
        return self.sla_tracker.next_at

    def _renew_clocks(self, step: Step) -> None:
        progress = self.progress.rows.get(PROGRESS_KEY)
        known = progress.sla if progress else ""
        if known and progress and not progress.promised_at:
            known = RENEWAL_PENDING  # an earlier release did not send open SLA targets to the timelines
        if (fingerprint := self.sla_tracker.renew(known, step)) != known:
            self._next_targets_time(step.now)
            self._progress(step.now).sla = fingerprint

    def _next_targets_time(self, now: int) -> int:
        """Return the time for a record of open SLA targets: `now`, or later than all earlier ones, of any worker's clock."""
        progress = self._progress(now)
        progress.promised_at = max(now, progress.promised_at + 1)
        return progress.promised_at

    def _is_history_until(
        self, now: int, channels: Container[str], key: bytes, row: Contact, *, is_late: bool
    ) -> int | None:
        """Return the time until which a contact's clocks must wait; None if no history with this contact is being read.

        This is the history of the contact's source of calls or, for a late contact, that of its channel (`channels`).
        """
        is_reading = self._history and source_of(key.decode()) in self._history
        return now + GRACE_MS if is_reading or (is_late and row.channel in channels) else None

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
                self._record_dropped(key, row.last_at, step)
                self.contacts.delete(key)

    def _detect_history(self, record: Record, event: Event, at: int, delay: int, now: int) -> None:
        """Record whether the event's source or channel reads its history. `delay` is from the event to its arrival at the broker.

        Replayed dead letters and erasures do not count: they may be old at any time.
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
        elif record.key not in self.contacts.rows:  # a late event of a known contact is not history
            self._backlogs.add(event.channel, at, record.timestamp, now, self._progress(now).began_at)

    def _end_history(self, now: int) -> None:
        ended = [source for source, (noticed_at, _) in self._history.items() if abs(now - noticed_at) >= GRACE_MS]
        for source in ended:
            del self._history[source]
            self._has_history_ended = True

    def _is_starting(self, now: int) -> bool:
        """Return whether it is too early to know whose history is being read.

        This holds for `GRACE_MS` after a start, and after a gap without ticks, for example an outage of the broker.
        """
        if abs(now - self._ticked_at) >= GRACE_MS:
            self._ticking_since = now
        self._ticked_at = now
        return abs(now - self._ticking_since) < GRACE_MS

    def _forget_calls(self, now: int) -> None:
        """End calls that exceed their time to live, except of sources whose history is being read: their ends will follow."""
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
        for key in [key for key in self.figures.rows if 0 < key[0] < oldest]:
            self._merge_into_day(now, key, self.figures.rows[key])
            self.figures.delete(key)
        first_day = self._first_day(now)
        for day in [day for day in self.days.rows if day[0] < first_day]:
            self.days.delete(day)
        keep, touched = max(self._times.agent_time_to_live, self._times.keep.closed), self._times.keep.touched
        for agent_key, row in list(self.agents.rows.items()):
            if max(row.last_at + keep, row.touched_at + touched) < now and not agent.states(row):
                self._record_dropped(agent_key, row.last_at, step)
                self.agents.delete(agent_key)


def _check_partition(key: bytes, step: Step) -> None:
    """Raise `UnusableRecord` if the key belongs to another partition: the contact would get two rows."""
    if partition_of(key, step.partitions) != step.partition:
        raise UnusableRecord(Reason.KEY_MISMATCH, "in another partition than the key's by murmur2")


def _raise_unusable(record: Record, event: Event) -> NoReturn:
    """Raise `UnusableRecord` with the reason that forbids folding `event`.

    The event's time is compared with the broker's time of the record, so the result does not depend on the time of reading.
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
    raise AssertionError("the record is usable")
