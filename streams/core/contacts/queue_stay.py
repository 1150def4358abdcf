"""Evidence of a queue stay of a call or a visitor; `stay_outcome` decides from it whether the stay was answered.

Evidence only grows: the earliest time, the shortest duration, and the most complete and then earliest dimensions win. It
therefore does not depend on the order or the repetition of events.

All times are milliseconds since 1970 UTC, all durations milliseconds.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from models.events import Event, LeaveReason
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import TRANSFER_CHANNEL
from streams.core.rows import MAX_DIMENSIONS, Row, derived_dimensions, intern_dimensions


class QueueStay(Row):
    """Evidence of a queue stay. Immutable once it is part of a row."""

    number: int
    """Number of the queue stay within the call: 1, 2 …, or its start in seconds since 1970. Always 1 for a visitor."""
    dimensions: Dimensions
    placed_at: int
    """Earliest event time with these dimensions."""
    queued_at: int | None = None
    answered_at: int | None = None
    abandoned_at: int | None = None
    left_at: int | None = None
    left_reason: LeaveReason | None = None
    transferred_at: int | None = None
    ended_at: int | None = None
    wait_ms: int | None = None
    """Shortest wait that an event of this queue stay reports; None if none does."""
    handle_ms: int | None = None
    """Shortest conversation that an event of this queue stay reports; None if none does."""
    left_forgotten_at: int | None = None
    """Time at which the wait exceeded its time to live (`forget`), else None."""
    ended_forgotten_at: int | None = None
    """Time at which the conversation exceeded its time to live (`forget`), else None."""
    to_queue: str | None = None
    """Target queue of the transfer, empty for an unknown target. The latest transfer with a known target wins. None without a
    transfer, and in rows of an earlier release, which did not record the target."""
    to_queue_at: int | None = None
    """Time of the event with `to_queue`; None without one, and in rows of an earlier release, where it is the transfer's time."""


stay_times: Final[Callable[[QueueStay], tuple[int | None, ...]]] = attrgetter(
    "placed_at", "queued_at", "answered_at", "abandoned_at", "left_at", "transferred_at", "ended_at"
)
"""Getter of all event times of a queue stay, each None without an event."""


def transfer_dimensions(stay: QueueStay) -> Dimensions:
    """Return the dimensions of the figures of a stay's transfer, whose `queue` has three parts (`TRANSFER_CHANNEL`)."""
    channel, site, service, queue = stay.dimensions
    return derived_dimensions(TRANSFER_CHANNEL, site, service, f"{channel}:{queue}:{stay.to_queue}")


def find(stays: tuple[QueueStay, ...], number: int) -> QueueStay | None:
    """Return the queue stay with this number within the contact, or None."""
    for stay in stays:
        if stay.number == number:
            return stay
    return None


# ------------------------------------------------------------------------------------------------------------- evidence
TIME_FIELDS: Final = {
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
"""Event type → field with the earliest time of such an event."""
_DESTINATIONS: Final[set[str]] = set()
"""Names of the known target queues of transfers, at most `MAX_DIMENSIONS`."""


def add_evidence(stays: tuple[QueueStay, ...], event: Event, at: int) -> tuple[QueueStay, ...] | None:
    """Return `stays`, sorted by number, with `event` added; None if its type does not concern a queue stay.

    Raises `rows.TooManyDimensions`.
    """
    field = TIME_FIELDS.get(event.type)
    if field is None:
        return None
    data: Any = event.data
    number = getattr(data, "visit", 1)
    dimensions = intern_dimensions(event.channel, event.site, event.service, getattr(data, "queue", ""), MAX_DIMENSIONS)
    for index, known in enumerate(stays):
        if known.number == number:
            stay = known.__copy__()
            _add(stay, field, dimensions, at, data)
            return (stay,) if len(stays) == 1 else (*stays[:index], stay, *stays[index + 1 :])
    stay = QueueStay(number, dimensions, at)
    _add(stay, field, dimensions, at, data)
    return tuple(sorted((*stays, stay), key=attrgetter("number"))) if stays else (stay,)


def _add(stay: QueueStay, field: str, dimensions: Dimensions, at: int, data: Any) -> None:
    if dimensions is not stay.dimensions or at < stay.placed_at:
        _, stay.placed_at, stay.dimensions = min(
            (stay.dimensions.count(""), stay.placed_at, stay.dimensions), (dimensions.count(""), at, dimensions)
        )
    if reason := getattr(data, "reason", None):
        stay.left_reason = min((stay.left_at or at, stay.left_reason or reason), (at, reason))[1]
    if field == "transferred_at":
        _add_destination(stay, _destination(data.to_queue), at)
    known_at = getattr(stay, field)
    if known_at is None or at < known_at:
        setattr(stay, field, at)
    if (seconds := getattr(data, "wait_seconds", None)) is not None:
        stay.wait_ms = _shortest(stay.wait_ms, seconds)
    if (seconds := getattr(data, "handle_seconds", None)) is not None:
        stay.handle_ms = _shortest(stay.handle_ms, seconds)


def _add_destination(stay: QueueStay, queue: str, at: int) -> None:
    """Add the target of a transfer. Must be called before `transferred_at` is set. At equal times the lesser name wins."""
    candidates = [(not queue, -at, queue)]
    if stay.to_queue is not None:
        known_at = stay.to_queue_at if stay.to_queue_at is not None else stay.transferred_at or at
        candidates.append((not stay.to_queue, -known_at, stay.to_queue))
    _, negative_at, stay.to_queue = min(candidates)
    stay.to_queue_at = -negative_at


def _destination(queue: str) -> str:
    """Return `queue` and remember it. Return the empty name for a new queue beyond `MAX_DIMENSIONS`.

    With so many queues, the source puts a value per call there.
    """
    if queue not in _DESTINATIONS:
        if len(_DESTINATIONS) >= MAX_DIMENSIONS:
            return ""
        _DESTINATIONS.add(queue)
    return queue


def _shortest(known_ms: int | None, seconds: float) -> int:
    new_ms = round(seconds * 1000)
    return new_ms if known_ms is None or new_ms < known_ms else known_ms
