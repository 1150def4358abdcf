"""One stay in a queue, of a call or of a visitor: its evidence, and the story that the evidence tells.

Evidence only ever grows: by the earliest time, the shortest duration, the place told first. So it is the same in whatever
order, and however often, the events come.

All times are milliseconds since 1970 UTC, all durations milliseconds.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from models.events import Event, LeaveReason
from models.topics import Channel
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import TRANSFER_CHANNEL
from streams.core.rows import MAX_DIMENSIONS, Row, derived_dimensions, intern_dimensions


class QueueStay(Row):
    """The evidence. Never changed once it is part of a row."""

    number: int
    """Which of the call's stays: 1, 2 …"""
    dimensions: Dimensions
    placed_at: int
    """When `place` was told first."""
    queued_at: int | None = None
    answered_at: int | None = None
    abandoned_at: int | None = None
    left_at: int | None = None
    left_reason: LeaveReason | None = None
    transferred_at: int | None = None
    ended_at: int | None = None
    wait_ms: int | None = None
    """The shortest wait that an event told."""
    handle_ms: int | None = None
    """The shortest conversation that an event told."""
    left_forgotten_at: int | None = None
    """When the wait had lasted longer than any real one (`forget`)."""
    ended_forgotten_at: int | None = None
    """When the conversation had lasted longer than any real one (`forget`)."""
    to_queue: str | None = None
    """To which queue it was transferred, empty if to none that is known: of several the one that was told of the latest time,
    a known one before none. None if it was not, or if an earlier release took in that it was: which did not count where to."""
    to_queue_at: int | None = None
    """Of which time `to_queue` was told; None if it was not, or to an earlier release: then that of the transfer."""


stay_times: Final[Callable[[QueueStay], tuple[int | None, ...]]] = attrgetter(
    "placed_at", "queued_at", "answered_at", "abandoned_at", "left_at", "transferred_at", "ended_at"
)
"""Returns when each thing was told to have happened, None for what was not."""


def transfer_dimensions(visit: QueueStay) -> Dimensions:
    """Return where a visit that was transferred is counted as handed on."""
    channel, site, service, queue = visit.dimensions
    return derived_dimensions(TRANSFER_CHANNEL, site, service, f"{channel}:{queue}:{visit.to_queue}")


def find(stays: tuple[QueueStay, ...], number: int) -> QueueStay | None:
    """Return the visit of that number, None if there is none."""
    for visit in stays:
        if visit.number == number:
            return visit
    return None


# ---------------------------------------------------------------------------------------------------------------- story
class StayResult(msgspec.Struct, gc=False):
    """What the evidence says. `outcome` and `finish` are names in `layouts.QUEUES`, or empty."""

    queued_at: int
    """When the wait began, told or derived."""
    outcome: str
    """Exactly one of `waiting answered abandoned left_<reason> left_forgotten`."""
    outcome_at: int
    """When; for `waiting`, since when."""
    wait_ms: int
    """How long the wait was; 0 while it lasts."""
    finish: str
    """For an answered visit exactly one of `in_progress transferred ended ended_forgotten`, else empty."""
    finished_at: int
    """When; for `in_progress`, since when."""
    handle_ms: int
    """How long the conversation was; 0 while it lasts, or if it was forgotten."""


def stay_result(visit: QueueStay) -> StayResult:
    """Return the story of a visit.

    Where evidence contradicts itself the stronger wins, whichever came first: answered (or what only follows an answer),
    abandoned, left, forgotten, waiting; and transferred, ended, forgotten, in progress. But a visitor who was called and left
    without being served was not there any more.

    What no event told is derived from what later ones did: an answer without a beginning was queued `wait_ms` before.
    """
    global _told  # noqa: PLW0603 - figures, index and timeline ask for the same story in turn, and a visit never changes
    told = _told
    if told[0] is not visit:
        told = _told = visit, _tell(visit)
    return told[1]


def _tell(visit: QueueStay) -> StayResult:
    queued_at, wait_ms = visit.queued_at, visit.wait_ms
    finish, finished_at, handle_ms = "", 0, 0
    answered_at = _answer(visit)
    if answered_at is None:
        outcome, outcome_at = _no_answer(visit)
    elif visit.abandoned_at is not None and visit.ended_at is None and visit.dimensions.channel == Channel.VISIT:
        outcome, outcome_at = "abandoned", min(answered_at, visit.abandoned_at)  # was called, and no longer there
    else:
        outcome, outcome_at = "answered", answered_at
        finish, finished_at, handle_ms = _conversation(visit, answered_at)
    if queued_at is None:
        queued_at = outcome_at - (wait_ms or 0)
    if wait_ms is None:
        wait_ms = max(0, outcome_at - queued_at)
    return StayResult(queued_at, outcome, outcome_at, wait_ms, finish, finished_at, handle_ms)


def _answer(visit: QueueStay) -> int | None:
    """Return when it was answered, told or derived."""
    if visit.answered_at is not None:
        return visit.answered_at
    finished_at = visit.ended_at if visit.transferred_at is None else visit.transferred_at
    return None if finished_at is None else finished_at - (visit.handle_ms or 0)


def _conversation(visit: QueueStay, answered_at: int) -> tuple[str, int, int]:
    """Return finish, its time and the handle time of an answered visit."""
    if visit.transferred_at is not None:
        finish, finished_at = "transferred", visit.transferred_at
    elif visit.ended_at is not None:
        finish, finished_at = "ended", visit.ended_at
    elif visit.ended_forgotten_at is not None:
        return "ended_forgotten", visit.ended_forgotten_at, 0
    else:
        return "in_progress", answered_at, 0
    return finish, finished_at, max(0, finished_at - answered_at) if visit.handle_ms is None else visit.handle_ms


def _no_answer(visit: QueueStay) -> tuple[str, int]:
    """Return outcome and its time of a visit without an answer."""
    if visit.abandoned_at is not None:
        return "abandoned", visit.abandoned_at
    if visit.left_at is not None:
        return f"left_{visit.left_reason}", visit.left_at
    if visit.left_forgotten_at is not None:
        return "left_forgotten", visit.left_forgotten_at
    return "waiting", visit.placed_at if visit.queued_at is None else visit.queued_at


_told: tuple[QueueStay | None, StayResult] = None, StayResult(0, "", 0, 0, "", 0, 0)
"""The story told last, and of which visit."""


# ------------------------------------------------------------------------------------------------------------- evidence
_FIELD: Final = {
    "call.queued": "queued_at",
    "call.answered": "answered_at",
    "call.abandoned": "abandoned_at",
    "call.left_queue": "left_at",
    "call.transferred": "transferred_at",
    "call.ended": "ended_at",
    "visit.arrived": "queued_at",
    "visit.called": "answered_at",
    "visit.left": "abandoned_at",
    "visit.served": "ended_at",
}
"""Event type → the field that holds when it first happened."""
_DESTINATIONS: Final[set[str]] = set()
"""Queues to which calls were handed on."""


def add_evidence(stays: tuple[QueueStay, ...], event: Event, at: int) -> tuple[QueueStay, ...] | None:
    """Return `visits`, which stand by number, with what `event` tells about one of them; None if it tells about none."""
    field = _FIELD.get(event.type)
    if field is None:
        return None
    data: Any = event.data
    number = getattr(data, "visit", 1)
    dimensions = intern_dimensions(event.channel, event.site, event.service, getattr(data, "queue", ""), MAX_DIMENSIONS)
    for index, known in enumerate(stays):
        if known.number == number:
            visit = known.__copy__()
            _add(visit, field, dimensions, at, data)
            return (visit,) if len(stays) == 1 else (*stays[:index], visit, *stays[index + 1 :])
    visit = QueueStay(number, dimensions, at)
    _add(visit, field, dimensions, at, data)
    return tuple(sorted((*stays, visit), key=attrgetter("number"))) if stays else (visit,)


def _add(visit: QueueStay, field: str, dimensions: Dimensions, at: int, data: Any) -> None:
    if dimensions is not visit.dimensions or at < visit.placed_at:
        _, visit.placed_at, visit.dimensions = min(
            (visit.dimensions.count(""), visit.placed_at, visit.dimensions), (dimensions.count(""), at, dimensions)
        )
    if reason := getattr(data, "reason", None):
        visit.left_reason = min((visit.left_at or at, visit.left_reason or reason), (at, reason))[1]
    if field == "transferred_at":
        _add_destination(visit, _destination(data.to_queue), at)
    known_at = getattr(visit, field)
    if known_at is None or at < known_at:
        setattr(visit, field, at)
    if (seconds := getattr(data, "wait_seconds", None)) is not None:
        visit.wait_ms = _shortest(visit.wait_ms, seconds)
    if (seconds := getattr(data, "handle_seconds", None)) is not None:
        visit.handle_ms = _shortest(visit.handle_ms, seconds)


def _add_destination(visit: QueueStay, queue: str, at: int) -> None:
    """Take in where it went, before the time of the transfer is: of one time the lesser name counts."""
    told = [(not queue, -at, queue)]
    if visit.to_queue is not None:
        known_at = visit.to_queue_at if visit.to_queue_at is not None else visit.transferred_at or at
        told.append((not visit.to_queue, -known_at, visit.to_queue))
    _, ago, visit.to_queue = min(told)
    visit.to_queue_at = -ago


def _destination(queue: str) -> str:
    """Return the name of a queue, empty for one more than `MAX_PLACES`: somebody puts there what is different for each call."""
    if queue not in _DESTINATIONS:
        if len(_DESTINATIONS) >= MAX_DIMENSIONS:
            return ""
        _DESTINATIONS.add(queue)
    return queue


def _shortest(known_ms: int | None, seconds: float) -> int:
    told_ms = round(seconds * 1000)
    return told_ms if known_ms is None or told_ms < known_ms else known_ms


# ------------------------------------------------------------------------------------------------------------ forgetting
class TimesToLive(NamedTuple):
    """How long somebody can wait or talk before the source must have forgotten to tell the end. Milliseconds."""

    waiting: int
    """Of calls."""
    in_progress: int
    """Of calls."""
    visit: int
    """Of visitors, both: a waiting room may take half a day."""

    def of(self, channel: str, kind: str) -> int:
        """Return the time for `waiting` or `in_progress` in a channel."""
        if channel == Channel.VISIT:
            return self.visit
        return self.waiting if kind == "waiting" else self.in_progress


def forget(visit: QueueStay, now_ms: int, ttl: TimesToLive) -> QueueStay:
    """Return the visit with its wait or conversation given up if it outlived its time to live; else `visit` itself.

    It is given up as of the end of that time, not of `now_ms`, so that it does not matter when somebody looked.
    """
    story, channel = stay_result(visit), visit.dimensions.channel
    if story.outcome == "waiting" and (end := story.outcome_at + ttl.of(channel, "waiting")) <= now_ms:
        after = visit.__copy__()
        after.left_forgotten_at = end
        return after
    if story.finish == "in_progress" and (end := story.finished_at + ttl.of(channel, "in_progress")) <= now_ms:
        after = visit.__copy__()
        after.ended_forgotten_at = end
        return after
    return visit
