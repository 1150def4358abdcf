"""Derive the steps of a participation from its observed states.

The server reports states, not changes, and not always in order. Observations are therefore sorted by time, and the steps are a
function of the sorted observations. They do not depend on the order of receipt, or on webhook or API as the origin.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from connectors.sdk.reconcile import Observations

OPEN: Final = "unknown"
"""Future appointment, or past appointment without a recorded outcome."""
WAITING: Final = "waiting"
DELETED: Final = "deleted"
"""Deleted by the service before the appointment, which is thereby cancelled."""
ERASED: Final = "erased"
"""Personal data deleted by the server, because of the appointment's age or together with the citizen's account."""
STATUSES: Final = frozenset({OPEN, WAITING, "seen", "noshow", "excused", "revoked"})
"""Statuses of the server by their current names; `waiting` existed until 2023."""
RENAMED: Final = {"notexcused": "noshow"}
"""Status names until 2021, which some instances still send on request."""
AT_THE_TIME: Final = frozenset({WAITING, "seen", "noshow"})
"""Statuses of something that happens at the time of the appointment, even if agents record it later."""
BOOKED: Final = "booked"
MOVED: Final = "moved"


class ParticipationState(NamedTuple):
    """State of a participation."""

    starts_at: int
    """Start of the appointment, in seconds since 1970."""
    status: str

    def __str__(self) -> str:
        """Return `<starts_at> <status>`, which `parse_state` reads."""
        return f"{self.starts_at} {self.status}"


def parse_state(text: str) -> ParticipationState:
    """Return the state in a text `<starts_at> <status>`. Raises `ValueError`."""
    starts_at, _, status = text.partition(" ")
    return ParticipationState(int(starts_at), status)


class ParticipantList(NamedTuple):
    """Participations of an appointment."""

    numbers: frozenset[int]
    """Ids of the participations."""
    erased: bool
    """Whether the server deleted the appointment because of its age."""

    def __str__(self) -> str:
        """Return `:<id>,<id>,…`, with `erased` before the colon if the list is erased."""
        return f"{'erased' if self.erased else ''}:{','.join(map(str, sorted(self.numbers)))}"


def parse_participants(text: str) -> ParticipantList:
    """Return the list in a text `:<id>,…` or `erased:<id>,…`. Raises `ValueError`."""
    erased, _, numbers = text.partition(":")
    return ParticipantList(frozenset(map(int, filter(None, numbers.split(",")))), bool(erased))


class Step(NamedTuple):
    """Step of a participation."""

    kind: str
    """`booked`, `moved`, or the new status."""
    native: str
    """Name of the step, used in the event id."""
    revision: str
    """Number of the occurrence of `native`, from `2`; empty for the first one."""
    at: int
    """Latest possible time of the step, in microseconds since 1970."""
    starts_at: int
    """Start of the appointment after the step, in seconds since 1970."""
    is_last: bool
    """Whether the step comes from the last observation."""


def steps(observations: Observations, length_seconds: int) -> Iterator[Step]:
    """Yield the steps of a participation in an appointment of `length_seconds`, in order.

    A status in `AT_THE_TIME` that is recorded later has the time of the appointment's end. A later correction of such a status
    has the time of the correction.
    """
    occurrences = Counter[str]()
    before: ParticipationState | None = None
    last_at = 0
    for observation in observations:
        now = parse_state(observation.state)
        begin, end = now.starts_at * 1_000_000, (now.starts_at + length_seconds) * 1_000_000
        for kind, native, at in _changes(before, now, observation.at, begin, end):
            occurrences[native] += 1
            revision = "" if occurrences[native] == 1 else str(occurrences[native])
            last_at = max(last_at, at)
            yield Step(kind, native, revision, last_at, now.starts_at, observation is observations[-1])
        before = now


def _changes(
    before: ParticipationState | None, now: ParticipationState, at: int, begin: int, end: int
) -> Iterator[tuple[str, str, int]]:
    """Yield kind, native name and time of each change since `before`, which is None for the first observation.

    All times are microseconds since 1970.
    """
    if before is None:
        if now.status != ERASED:  # nothing to publish for a participation that was unknown before its erasure
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
