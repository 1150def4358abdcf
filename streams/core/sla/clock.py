"""One SLA clock of a contact: what was promised, how it stands, and what was told of it.

All times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from models.policies import ClockKind, TargetTerms
from streams.core.figures.figure import Dimensions
from streams.core.rows import Row, intern_dimensions

Pauses = tuple[tuple[int, int | None], ...]
"""From, to; None: it lasts. In order, none touches another."""


class ClockEnd(StrEnum):
    """What became of a promise."""

    NONE = ""
    """It is still to be kept."""
    MET = "kept"
    """What was promised was done, in time or not."""
    CANCELLED = "void"
    """Nobody waits for it any more: the citizen hung up, or went elsewhere."""


class SlaClock(Row):
    """One clock of a contact, and what was told of it. Never changed once it is part of a row."""

    number: int
    """Of the stay in a queue; 0 for what concerns the contact as a whole."""
    dimensions: Dimensions
    terms: TargetTerms
    started_at: int
    deadline_at: int | None
    """None while it is paused before it was reached."""
    at_risk_at: int | None
    """When the share of the time is over after which it is at risk; None while it is paused before."""
    pauses: Pauses = ()
    end: ClockEnd = ClockEnd.NONE
    ended_at: int | None = None
    risk_reported_at: int | None = None
    """The `at_risk_at` that was told."""
    breach_reported_at: int | None = None
    """The `deadline_at` of which it was told that it passed."""
    worked_ms: int | None = None
    """Opening hours from the start to the end, pauses among them; None while it is open, where it is void, of queues, and where
    its calendar was not known then."""

    @property
    def kind(self) -> ClockKind:
        """What was promised."""
        return self.terms.kind

    @property
    def is_open(self) -> bool:
        """Whether the promise is still to be kept."""
        return self.end is ClockEnd.NONE

    @property
    def is_paused(self) -> bool:
        """Whether the citizen has to act."""
        return self.is_open and bool(self.pauses) and self.pauses[-1][1] is None

    @property
    def is_at_risk(self) -> bool:
        """Whether so much of the time is over that it was told."""
        return self.risk_reported_at is not None and self.risk_reported_at == self.at_risk_at

    @property
    def is_breached(self) -> bool:
        """Whether the deadline passed before the end."""
        if self.deadline_at is None:
            return False
        return (
            self.breach_reported_at == self.deadline_at if self.ended_at is None else self.deadline_at < self.ended_at
        )

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline passed, and the promise is still to be kept."""
        return self.is_open and self.is_breached

    @property
    def due_at(self) -> int | None:
        """After which instant something is to be told if nothing happens; None if nothing is."""
        if not self.is_open:
            return None
        return min(
            (
                at
                for at, told_at in (
                    (self.at_risk_at, self.risk_reported_at),
                    (self.deadline_at, self.breach_reported_at),
                )
                if at is not None and at != told_at
            ),
            default=None,
        )


def due_at(clocks: tuple[SlaClock, ...]) -> int | None:
    """Return after which instant something is to be told of one of them if nothing happens; None if nothing is."""
    return min((due for clock in clocks if (due := clock.due_at) is not None), default=None)


_TERMS: Final[dict[TargetTerms, TargetTerms]] = {}


def intern_parts(clocks: tuple[SlaClock, ...], times: Iterable[int | None]) -> None:
    """Let clocks that were just decoded have equal parts in one object: a million clocks have a few dozen terms.

    `times` are those of the row that the clocks are in.
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
