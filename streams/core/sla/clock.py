"""SLA clock of a contact: its target, its state, and the changes already reported.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from models.policies import ClockKind, TargetTerms
from streams.core.figures.figure import Dimensions
from streams.core.rows import Row, intern_dimensions

Pauses = tuple[tuple[int, int | None], ...]
"""Begin and end of the pauses, in order and without touching; end None for a current pause."""


class ClockEnd(StrEnum):
    """End of an SLA clock."""

    NONE = ""
    """The clock is open."""
    MET = "kept"
    """The target was met, in time or late."""
    CANCELLED = "void"
    """The target no longer applies: the citizen hung up, or the contact left the queue."""


class SlaClock(Row):
    """One SLA clock of a contact. Immutable once it is part of a row."""

    number: int
    """Number of the queue stay; 0 for a clock of the whole contact."""
    dimensions: Dimensions
    terms: TargetTerms
    started_at: int
    deadline_at: int | None
    """None while a pause that began before the deadline lasts, and for a deadline beyond the calendar's years."""
    at_risk_at: int | None
    """Time at which the share `at_risk` of the target is used up; None while a pause that began before it lasts, and beyond the
    calendar's years."""
    pauses: Pauses = ()
    end: ClockEnd = ClockEnd.NONE
    ended_at: int | None = None
    risk_reported_at: int | None = None
    """The `at_risk_at` at its last report as at risk; None before."""
    breach_reported_at: int | None = None
    """The `deadline_at` whose breach was last reported; None before."""
    worked_ms: int | None = None
    """Opening hours from start to end, including pauses, in milliseconds. None for open, cancelled and queue clocks, and if the
    calendar was unknown at the end or does not cover it."""

    @property
    def kind(self) -> ClockKind:
        """Return the action that ends the clock."""
        return self.terms.kind

    @property
    def is_open(self) -> bool:
        """Return whether the clock has not ended."""
        return self.end is ClockEnd.NONE

    @property
    def is_paused(self) -> bool:
        """Return whether the clock is paused: the service waits for the citizen."""
        return self.is_open and bool(self.pauses) and self.pauses[-1][1] is None

    @property
    def is_at_risk(self) -> bool:
        """Return whether it was reported that the share `at_risk` of the target is used up, for the current `at_risk_at`."""
        return self.risk_reported_at is not None and self.risk_reported_at == self.at_risk_at

    @property
    def is_breached(self) -> bool:
        """Return whether the deadline passed before the end. For an open clock: whether its breach was reported."""
        if self.deadline_at is None:
            return False
        return (
            self.breach_reported_at == self.deadline_at if self.ended_at is None else self.deadline_at < self.ended_at
        )

    @property
    def is_overdue(self) -> bool:
        """Return whether the clock is open and breached."""
        return self.is_open and self.is_breached

    @property
    def due_at(self) -> int | None:
        """Return the first of `at_risk_at` and `deadline_at` not reported yet; None if none is left, or the clock has ended."""
        if not self.is_open:
            return None
        return min(
            (
                at
                for at, reported_at in (
                    (self.at_risk_at, self.risk_reported_at),
                    (self.deadline_at, self.breach_reported_at),
                )
                if at is not None and at != reported_at
            ),
            default=None,
        )


def due_at(clocks: tuple[SlaClock, ...]) -> int | None:
    """Return the earliest `SlaClock.due_at` of the clocks; None if no clock has one."""
    return min((due for clock in clocks if (due := clock.due_at) is not None), default=None)


_TERMS: Final[dict[TargetTerms, TargetTerms]] = {}


def intern_parts(clocks: tuple[SlaClock, ...], times: Iterable[int | None]) -> None:
    """Replace equal parts of decoded clocks by shared objects, as a million clocks have only a few dozen terms.

    `times` are the times in the clocks' row, which the clocks then share.
    """
    pool = {time: time for time in times if time is not None}
    for clock in clocks:
        clock.terms = _TERMS.setdefault(clock.terms, clock.terms)
        clock.dimensions = intern_dimensions(*clock.dimensions)
        clock.started_at = pool.setdefault(clock.started_at, clock.started_at)
        if clock.ended_at is not None:
            clock.ended_at = pool.get(clock.ended_at, clock.ended_at)
        if clock.breach_reported_at == clock.deadline_at:
            clock.breach_reported_at = clock.deadline_at
        if clock.risk_reported_at == clock.at_risk_at:
            clock.risk_reported_at = clock.at_risk_at
