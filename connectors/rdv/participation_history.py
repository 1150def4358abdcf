"""What happened to one person's appointment, from all that was told of it.

The server tells what is, never what changed, and not always in order. So what was told is put in the order of its times, and
what happened is a function of that: the same in whatever order it was told, and whether pushed or found.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from connectors.sdk.reconcile import Observations

OPEN: Final = "unknown"
"""To come, or over and not filled in."""
WAITING: Final = "waiting"
DELETED: Final = "deleted"
ERASED: Final = "erased"
STATUSES: Final = frozenset({OPEN, WAITING, "seen", "noshow", "excused", "revoked"})
"""The server's own, by their names of today; `waiting` until 2023."""
RENAMED: Final = {"notexcused": "noshow"}
"""Names until 2021, which some instances still send to who asked for it."""
AT_THE_TIME: Final = frozenset({WAITING, "seen", "noshow"})
"""What happens when the appointment does, whenever it is filled in."""
BOOKED: Final = "booked"
MOVED: Final = "moved"


class ParticipationState(NamedTuple):
    """How an appointment stands."""

    starts_at: int
    """Seconds since 1970."""
    status: str

    def __str__(self) -> str:
        """Return it as `read` reads it."""
        return f"{self.starts_at} {self.status}"


def parse_state(text: str) -> ParticipationState:
    """Return the state that was written."""
    starts_at, _, status = text.partition(" ")
    return ParticipationState(int(starts_at), status)


class ParticipantList(NamedTuple):
    """Who took part in an appointment, by the numbers of their participations."""

    numbers: frozenset[int]
    erased: bool
    """Whether the appointment was deleted because it is old."""

    def __str__(self) -> str:
        """Return it as `read_present` reads it."""
        return f"{'erased' if self.erased else ''}:{','.join(map(str, sorted(self.numbers)))}"


def parse_participants(text: str) -> ParticipantList:
    """Return who took part, as it was written."""
    erased, _, numbers = text.partition(":")
    return ParticipantList(frozenset(map(int, filter(None, numbers.split(",")))), bool(erased))


class Step(NamedTuple):
    """Something that happened."""

    kind: str
    """`booked`, `moved`, or the status that it has from then on."""
    native: str
    """What tells it from all else that happened to the appointment."""
    revision: str
    """Which time it happened; empty for the first."""
    at: int
    """Microseconds since 1970: the latest that it can have happened, as far as is known."""
    starts_at: int
    """When the appointment begins from then on, seconds since 1970."""
    is_last: bool
    """Whether it was told last."""


def steps(told: Observations, length_seconds: int) -> Iterator[Step]:
    """Yield what happened, in order.

    What happens at the time of the appointment is as of its end, if it is filled in later; but what is filled in otherwise than
    before is as of then.
    """
    times = Counter[str]()
    before: ParticipationState | None = None
    last_at = 0
    for telling in told:
        now = parse_state(telling.state)
        begin, end = now.starts_at * 1_000_000, (now.starts_at + length_seconds) * 1_000_000
        for kind, native, at in _changes(before, now, telling.at, begin, end):
            times[native] += 1
            revision = "" if times[native] == 1 else str(times[native])
            last_at = max(last_at, at)
            yield Step(kind, native, revision, last_at, now.starts_at, telling is told[-1])
        before = now


def _changes(
    before: ParticipationState | None, now: ParticipationState, at: int, begin: int, end: int
) -> Iterator[tuple[str, str, int]]:
    """Yield kind, native name and time of what changed."""
    if before is None:
        if now.status != ERASED:  # of what nobody told before it was erased, nothing is left to tell
            yield BOOKED, BOOKED, min(at, begin)
        before = ParticipationState(now.starts_at, OPEN)
    elif now.starts_at != before.starts_at:
        yield MOVED, f"{MOVED}|{now.starts_at}", at
    if now.status == before.status:
        return
    if now.status == OPEN:
        yield BOOKED, BOOKED, at
    elif now.status in AT_THE_TIME and before.status in {OPEN, WAITING}:
        yield now.status, now.status, min(at, end)
    else:
        yield now.status, now.status, at
