"""The clocks of one partition's contacts: set when a contact changes, and told by ticks when time alone tells something.

What a clock is, and what is told of it, is in `streams.core.sla.clock_changes`.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from models import topics
from models.policies import ClockKind, Policies
from streams.core.contacts.contact import Contact
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_counts import EditFigure, count_clocks, count_contact
from streams.core.sla import events
from streams.core.sla import open_targets as promises
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_changes import ClockChange, advance, advance_time
from streams.core.sla.clock_intervals import clock_intervals
from streams.core.sla.deadlines import DeadlineIndex
from streams.core.sla.open_targets import open_targets
from streams.core.timeline import entries
from streams.engine.job import Step, Table

LAG_MS: Final = 1_500
"""A switchboard writes whole seconds: who is answered within the second of the deadline is answered in time; and it takes a
moment to be read."""
LATE_MS: Final = 5_000
"""What a switchboard tells so late was held up, and more of it comes; after so long without a tick, anything may have been."""
TOLD_PER_TICK: Final = 5000
"""Contacts whose clocks are looked at in one tick; the others are in the next."""
RENEWED_PER_TICK: Final = 2000
"""Contacts whose clocks are set anew in one tick after policies changed."""
RENEWAL_PENDING: Final = "-"
"""No fingerprint: some clocks are set by other policies than the rest."""


class SlaDelays(NamedTuple):
    """How long news is waited for before a deadline that passed is told. Milliseconds."""

    grace: int = 30_000
    """Where it may still come: after a stop, and of what is told late."""
    news: int = 90_000
    """Within which time sources of letters, e-mails and forms, which are asked once a minute, tell what happened."""


class History(Protocol):
    """Tells of whom a source tells what was long ago."""

    def __call__(self, key: bytes, row: Contact, *, is_told_late: bool) -> int | None:
        """Return until when a contact is to be left alone, in milliseconds since 1970; None if its source tells what is."""


class SlaTracker:
    """The clocks of the contacts in the table `contacts`, which count in figures by `edit`.

    `told_at` returns the time as which something is told now: later than any before.
    """

    def __init__(
        self,
        contacts: Table[bytes, Contact],
        edit: EditFigure,
        policies: Callable[[], Policies],
        sla_delays: SlaDelays,
        told_at: Callable[[int], int],
    ) -> None:
        self._contacts: Final = contacts
        self._edit: Final = edit
        self._ask_policies: Final = policies
        self._policies = policies()
        self._patience: Final = sla_delays
        self._told_at: Final = told_at
        self._deadlines: Final = DeadlineIndex(self._lag)
        self._judging_since = self._ticked_at = 0
        self._renewal: Iterator[bytes] | None = None
        """Contacts whose clocks are still to be set by policies that changed; None if all are."""
        self._renewing = ""
        """By which policies, and versions that began."""

    def restore(self) -> None:
        """Rebuild from the rows what is due when."""
        self._ticked_at = 0
        self._deadlines.rebuild(self._contacts.rows)
        self._renewal = None

    def undo(self) -> None:
        """Know what is due as before the step: of the rows that it touched."""
        self._renewal = None
        for key in self._contacts.before:
            self._deadlines.restore(key, self._contacts.rows.get(key))

    @property
    def has_no_targets(self) -> bool:
        """Whether no policy sets any clock."""
        return self._policies.empty

    @property
    def next_at(self) -> int | None:
        """When something is to be told next; None if not soon."""
        return self._deadlines.next_at

    def oldest_overdue(self, dimensions: Dimensions) -> int | None:
        """Return the earliest deadline that passed of the open clocks counted at `place`; None if none did."""
        return self._deadlines.oldest_overdue(dimensions, self._contacts.rows)

    def set(self, key: bytes, before: Contact | None, after: Contact, step: Step) -> None:
        """Set the clocks of a row that changed in this step, and tell what is new of them: not what time alone tells."""
        had_ended = _Over(before)
        clocks, news = advance(
            after.clocks, clock_intervals(after), self._policies, step.now, after.last_own_event_at, had_ended=had_ended
        )
        self._put(key, before, after, clocks, step, news)

    def renew(self, known: str, step: Step) -> str:
        """Set the clocks of open contacts anew, some at a time, after policies or calendars changed.

        `known` says by which the clocks were set; returned is by which they are now.
        """
        self._policies = self._ask_policies()
        wanted = self._policies.fingerprint_at(step.now)
        if self._renewal is None and known == wanted:
            return known
        if self._renewal is None or self._renewing != wanted:
            self._renewal, self._renewing = iter(list(self._contacts.rows)), wanted
        rows = self._contacts.rows
        for _ in range(RENEWED_PER_TICK):
            key = next(self._renewal, None)
            if key is None:
                self._renewal = None
                return wanted
            before = rows.get(key)
            if before is not None and not before.is_closed:
                self._renew(key, before, step)
        return RENEWAL_PENDING

    def _renew(self, key: bytes, before: Contact, step: Step) -> None:
        known, had_ended = before.clocks, _Over(before)
        complete_until = max(before.last_own_event_at, *(clock.breach_reported_at or 0 for clock in known), 0)
        clocks, news = advance(
            known, clock_intervals(before), self._policies, step.now, complete_until, renew=True, had_ended=had_ended
        )
        if clocks is not known:
            after = before.__copy__()
            self._contacts.put(key, after)
            self._put(key, before, after, clocks, step, news)
            count_contact(before, after, self._edit)
        elif open_targets(known) and not before.stays and not before.is_erased:
            self._tell_running(key, before, step)  # to who lacks it: of an earlier release, or a database that is new

    def check_deadlines(self, step: Step, history: History) -> None:
        """Tell which deadlines are near or have passed, once it is clear that nothing was done in time."""
        now, rows = step.now, self._contacts.rows
        if abs(now - self._ticked_at) >= LATE_MS:
            self._judging_since = now
        self._ticked_at = now
        for key in self._deadlines.due(step.as_of, rows, TOLD_PER_TICK):
            before = rows[key]
            lag = self._lag(before)
            is_told_late = before.touched_at - before.last_own_event_at > max(lag, LATE_MS)
            clear_at = history(key, before, is_told_late=is_told_late)
            if clear_at is None:
                # Its source may have been away as we were, and reads on; or tells what happened next in the next breath.
                since = max(self._judging_since, before.touched_at) if is_told_late else self._judging_since
                clear_at = since + self._patience.grace
            if now < clear_at:
                self._deadlines.postpone(key, clear_at)
                continue
            clocks, news = advance_time(before.clocks, now, step.as_of - lag)
            after = before.__copy__()
            self._contacts.put(key, after)
            self._put(key, before, after, clocks, step, news)
            count_contact(before, after, self._edit)

    def _lag(self, row: Contact) -> int:
        """Return within which time it is told what happened to a contact."""
        return LAG_MS if row.stays else self._patience.news

    def _put(
        self,
        key: bytes,
        before: Contact | None,
        after: Contact,
        clocks: tuple[SlaClock, ...],
        step: Step,
        news: list[ClockChange],
    ) -> None:
        """Give a row, that nobody else has seen yet, its clocks; count them, and tell what is new of them."""
        known = before.clocks if before is not None else ()
        if clocks is known:
            return
        after.clocks = clocks
        step.outputs[topics.SLA.name] += [events.record(key, after.sector, told, step.now) for told in news]
        if not after.is_erased:
            step.outputs[topics.TIMELINE.name] += [
                entries.clock_record(told, after, key.decode()) for told in news if told.kind in entries.TIMELINE_KINDS
            ]
            if not after.stays and open_targets(known) != open_targets(clocks):
                self._tell_running(key, after, step)
        count_clocks(known, clocks, self._edit)
        self._deadlines.update(key, before, after)

    def _tell_running(self, key: bytes, row: Contact, step: Step) -> None:
        """Tell the timelines what is still to be kept of what was promised to who has a matter."""
        step.outputs[topics.TIMELINE.name].append(promises.record(row, key.decode(), self._told_at(step.now)))


class _Over:
    """Tells whether what a clock would have measured was over before something changed; looks at the row when it is asked."""

    def __init__(self, row: Contact | None) -> None:
        self._row = row
        self._over: frozenset[tuple[ClockKind, int]] | None = None

    def __call__(self, kind: ClockKind, number: int) -> bool:
        if self._row is None:
            return False
        if self._over is None:
            ended = (
                clock_interval for clock_interval in clock_intervals(self._row) if clock_interval.ended_at is not None
            )
            self._over = frozenset((clock_interval.kind, clock_interval.number) for clock_interval in ended)
        return (kind, number) in self._over
