"""Contacts agent: folds the events of all channels into contact and agent rows, figures, SLA events and timeline entries.

The rules are in `streams.core`, and the steps in `streams.engine`. This module decodes, folds and counts batches.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from models import topics
from models.codec import UnusableRecord, read
from models.event_time import MAX_AGE, MAX_AHEAD, check_event_time
from models.events import AgentChange, AgentStateChanged, Event
from models.ids import source_of
from models.policies import Policies
from models.reasons import Reason
from models.timestamps import milliseconds
from streams.agents import codecs
from streams.agents.codecs import AGENT_PREFIX
from streams.agents.figure_tables import LENGTHS, FigureTables
from streams.agents.sla_tracker import SlaTracker
from streams.core.citizens import reattribution
from streams.core.contacts import agent, contact, row_expiry
from streams.core.contacts.agent import AGENT_CHANGED, Agent
from streams.core.contacts.contact import REMOVALS, RETRACTED, Contact
from streams.core.contacts.history_detection import HISTORY_AGE_MS, HistoryDetector
from streams.core.contacts.row_expiry import LIVE_CHANNELS, DroppedRows, RowRetention, assume_dropped, record_dropped
from streams.core.contacts.stay_outcome import TimesToLive
from streams.core.contacts.waiting_index import WaitingIndex
from streams.core.figures.figure import BUCKET_SECONDS, PROGRESS_KEY, Dimensions, Progress
from streams.core.figures.figure_counts import count_agent, count_contact, count_rings
from streams.core.figures.figure_schemas import SLA
from streams.core.rows import TooManyDimensions
from streams.core.sla.renewal import RENEWAL_PENDING
from streams.core.sla.report_delay import SlaDelays
from streams.core.timeline import entries as timeline
from streams.engine.job import Job, Step, Table
from streams.kafka.partitioner import partition_of
from streams.kafka.record import Record

HEARTBEAT_MS: Final = 5_000
"""Interval of the progress updates of an idle partition, in milliseconds."""
SWEPT_PER_TICK: Final = 500
"""Maximum number of rows checked for expiry per tick: a million rows take half an hour."""
_DROPPED: Final = "older than the latest deleted row of its source"
_FIRST_KEY: Final = b"!"
"""Least valid key. The engine uses keys that begin with a control character."""
_EARLIEST_MS: Final = -int(MAX_AHEAD.total_seconds() * 1000)
_AGE_MS: Final = int(MAX_AGE.total_seconds() * 1000)


class WorkerTimings(NamedTuple):
    """Timeouts and retentions of a worker, in milliseconds, except `keep_days`."""

    time_to_live: TimesToLive
    keep: RowRetention
    """Retention of the rows of closed contacts and of agents."""
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
    """Return the job `app_id` of the contacts agent for the engine. `policies` returns the current SLA policies at each call."""
    return Job(
        name=app_id,
        sources=[topic.name for topic in topics.SOURCES.values()],
        states=[topic.name for topic in topics.STATES],
        outputs=[topics.TIMELINE.name, topics.SLA.name],
        dead_letters=topics.DEAD_LETTERS.name,
        open=lambda partition: ContactJob(partition, times, policies),
    )


class ContactJob:
    """Rows, figures and indexes of the contacts and agents of one partition."""

    def __init__(self, partition: int, times: WorkerTimings, policies: Callable[[], Policies] = Policies) -> None:
        self.partition: Final = partition
        self._keep: Final = times.keep
        self._time_to_live: Final = times.time_to_live
        self._agent_time_to_live: Final = times.agent_time_to_live
        self.contacts: Final = Table(topics.CONTACTS.name, codecs.CONTACTS)
        self.agents: Final = Table(topics.CONTACTS.name, codecs.AGENTS)
        self.progress: Final = Table(topics.FIGURES.name, codecs.PROGRESS)
        self._figures: Final = FigureTables(times.keep_buckets, times.keep_days, times.zone)
        self._edit: Final = self._figures.edit
        self.figures, self.days = self._figures.rows, self._figures.days
        self.tables: Final = (self.contacts, self.agents, self.figures, self.progress, self.days)
        self.waiting: Final = WaitingIndex()
        self.sla_tracker: Final = SlaTracker(
            self.contacts, self._edit, policies, times.sla_delays, self._next_targets_time
        )
        self._changed: Final[dict[bytes, Contact | None]] = {}
        """Keys of changed rows that are not yet counted → the row before the change."""
        self._changed_agents: Final[dict[bytes, Agent | None]] = {}
        self._history: Final = HistoryDetector()
        self._sweep: Iterator[bytes] = iter(())
        self._swept_at = 0
        self._dropped = DroppedRows({})

    def restore(self) -> None:
        """Rebuild the indexes of waits and deadlines from the rows, and restart the detection of histories."""
        self._history.restart()
        self.waiting.rebuild(self.contacts.rows)
        self.sla_tracker.restore()
        self._figures.restore()

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
        """Fold the events of `records` into rows, figures, SLA clocks and timeline entries. Reject unusable records."""
        self._figures.begin(step.now)
        progress = self._progress(step.now)
        latest, folded, rejected = progress.event_at, 0, 0
        self._dropped = DroppedRows(progress.dropped or {})
        entries, old_sources = step.outputs[topics.TIMELINE.name], self._history.sources
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
                if (delay > HISTORY_AGE_MS or old_sources) and not _has_header(record, topics.REPLAYED_FROM_HEADER):
                    is_known = key in self.contacts.rows
                    self._history.note(event, at, record.timestamp, step.now, progress.began_at, is_known=is_known)
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
        self._figures.finish(step.now)
        self._figures.set_oldest(self._oldest, self.waiting.ages)

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
        if at <= self._dropped.until and event.type not in REMOVALS:
            is_reread = _has_header(record, topics.REREAD_HEADER)
            is_ordered = event.channel in LIVE_CHANNELS
            if self._dropped.may_have_counted(key, at, before, is_ordered=is_ordered, is_reread=is_reread):
                raise UnusableRecord(Reason.DUPLICATE, _DROPPED)
        after = contact.fold(before, event, at)
        if after is before:
            return None
        after.touched_at = step.now  # safe: no other reference to the new row exists
        self.contacts.put(key, after)
        self._changed.setdefault(key, before)
        if before is not None and (
            (after.identities is not before.identities and after.citizen != before.citizen) or event.type == RETRACTED
        ):
            step.outputs[topics.TIMELINE.name] += reattribution.records(before, after, event.subject)
        return after

    def _fold_agent(self, key: bytes, event: AgentStateChanged, at: int, step: Step) -> bool:
        before = self.agents.rows.get(key)
        if before is None:
            _check_partition(key, step)
        after = agent.fold(before, event, at)
        if after is before:
            return False
        is_counted = event.data.change is AgentChange.RING_UNANSWERED  # other changes are states, which are not counted
        # The row proves nothing: an old state, which is never rejected, may have recreated it after its deletion.
        if is_counted and at <= self._dropped.until and self._dropped.may_have_counted(key, at):
            raise UnusableRecord(Reason.DUPLICATE, _DROPPED)
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
                row = before if before is not None and after.is_retracted else after
                for stay in row.stays:
                    self._edit((0, stay.dimensions))
                if not row.stays:
                    self._edit((0, row.dimensions))
        self._changed.clear()

    def _oldest(self, dimensions: Dimensions) -> int | None:
        """Return the start of the longest wait; for SLA figures, the earliest passed deadline. None without one."""
        is_sla = dimensions.channel == SLA
        return self.sla_tracker.oldest_overdue(dimensions) if is_sla else self.waiting.oldest(dimensions)

    def _progress(self, now: int) -> Progress:
        new = partial(Progress, step_at=0, began_at=now, dropped={}, lengths=LENGTHS)
        progress = self.progress.edit(PROGRESS_KEY, new)
        if progress.lengths != LENGTHS:
            self._figures.record_added(progress, now)
        if progress.dropped is None:  # an earlier release deleted rows without a record of their event times
            progress.dropped = assume_dropped(progress.told_at, now - self._keep.closed)
        return progress

    def _set_as_of(self, progress: Progress, step: Step) -> None:
        progress.history = self._history.channels(step.now)
        progress.step_at = self._history.complete_until(step.now, step.as_of, progress.step_at)

    # ------------------------------------------------------------------------------------------------------------- tick
    def tick(self, step: Step, *, thorough: bool = False) -> int | None:
        """End overlong queue stays, delete some expired rows, renew clocks, report due clock changes, and update the progress.

        Returns the time of the next call that the clocks need, as `SlaTracker.next_at`. Agents are logged out after
        their time to live: every five minutes, when the history of a source has ended, and in a `thorough` tick. Nothing is
        ended or deleted until `HistoryDetector.tick` returns True.
        """
        self._figures.begin(step.now)
        has_started = self._history.tick(step.now)
        is_due = has_started and abs(step.now - self._swept_at) >= BUCKET_SECONDS * 1000
        if has_started:
            self._forget_calls(step.now)
            if is_due or thorough or self._history.has_ended:
                self._history.has_ended = False
                self._forget_agents(step.now)
        self._figures.edit_ageless()
        self._count_changes(step)
        self._renew_clocks(step)
        self.sla_tracker.check_deadlines(step, self._history)
        self._figures.set_oldest(self._oldest, self.waiting.ages)
        if has_started:
            self._drop_closed(step.now)
        if is_due:
            self._swept_at = step.now
            self._figures.drop_old(step.now)
            self._drop_agents(step.now)
        self._figures.finish(step.now)
        progress = self.progress.rows.get(PROGRESS_KEY)
        if progress is None or abs(step.now - progress.step_at) >= HEARTBEAT_MS or self.figures.before:
            self._set_as_of(self._progress(step.now), step)
        return self.sla_tracker.next_at

    def _renew_clocks(self, step: Step) -> None:
        progress = self.progress.rows.get(PROGRESS_KEY)
        known = progress.sla if progress else ""
        if known and progress and not progress.sla_targets_at:
            known = RENEWAL_PENDING  # an earlier release did not send open SLA targets to the timelines
        if (fingerprint := self.sla_tracker.renew(known, step)) != known:
            self._next_targets_time(step.now)
            self._progress(step.now).sla = fingerprint

    def _next_targets_time(self, now: int) -> int:
        """Return the time for a record of open SLA targets: `now`, or later than all earlier ones, of any worker's clock.

        The time is stored in the progress.
        """
        progress = self._progress(now)
        progress.sla_targets_at = max(now, progress.sla_targets_at + 1)
        return progress.sla_targets_at

    def _drop_closed(self, now: int) -> None:
        """Delete expired rows of contacts; check some rows per tick."""
        rows = self.contacts.rows
        keys = list(islice(self._sweep, SWEPT_PER_TICK))
        if len(keys) < SWEPT_PER_TICK:
            self._sweep = iter(list(rows))
        for key in keys:
            row = rows.get(key)
            expires_at = row_expiry.expires_at(row, self._keep) if row else None
            if row is not None and expires_at is not None and expires_at <= now:
                self._record_dropped(key, row.last_at, now)
                self.contacts.delete(key)

    def _drop_agents(self, now: int) -> None:
        for key, row in list(self.agents.rows.items()):
            if row_expiry.agent_has_expired(row, self._keep, self._agent_time_to_live, now):
                self._record_dropped(key, row.last_at, now)
                self.agents.delete(key)

    def _record_dropped(self, key: bytes, last_at: int, now: int) -> None:
        dropped = self._progress(now).dropped
        assert dropped is not None
        record_dropped(dropped, key, last_at)

    def _forget_calls(self, now: int) -> None:
        """End waits and conversations, of calls and visits, that exceed their time to live.

        Sources whose history is being read are skipped: their ends will follow.
        """
        rows = self.contacts.rows
        for key in self.waiting.due(now, self._time_to_live):
            if source_of(key.decode()) in self._history.sources:
                continue
            before = rows[key]
            after = contact.forget(before, now, self._time_to_live)
            if after is not before:
                self.contacts.put(key, after)
                self._changed[key] = before

    def _forget_agents(self, now: int) -> None:
        for key, before in list(self.agents.rows.items()):
            if source_of(key.decode()) in self._history.sources:
                continue
            after = agent.forget(before, now, self._agent_time_to_live)
            if after is not before:
                self.agents.put(key, after)
                self._changed_agents[key] = before


def _has_header(record: Record, header: str) -> bool:
    return bool(record.headers) and any(name == header for name, _ in record.headers)


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
