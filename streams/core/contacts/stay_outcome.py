"""Outcome of a queue stay; decides whether it was answered, abandoned (also by a visitor who left) or left otherwise.

All times are milliseconds since 1970 UTC, all durations milliseconds.
"""

from typing import NamedTuple

import msgspec

from models.topics import Channel
from streams.core.contacts.queue_stay import QueueStay


class StayResult(msgspec.Struct, gc=False):
    """Result of a queue stay. `outcome` and `finish` are names of counts or stocks of `figure_schemas.QUEUE_SCHEMA`."""

    queued_at: int
    """Start of the wait, from an event or derived."""
    outcome: str
    """Exactly one of `waiting answered abandoned left_<reason> left_forgotten`."""
    outcome_at: int
    """Time of the outcome; for `waiting`, the start of the wait."""
    wait_ms: int
    """Duration of the wait; 0 while it lasts."""
    finish: str
    """For an answered queue stay exactly one of `in_progress transferred ended ended_forgotten`, else empty."""
    finished_at: int
    """Time of the finish; for `in_progress`, the time of the answer; 0 without a finish."""
    handle_ms: int
    """Duration of the conversation; 0 without one, while it lasts, and for `ended_forgotten`."""


def stay_result(stay: QueueStay) -> StayResult:
    """Return the result of a queue stay.

    The strongest evidence wins, in this order: answered (or an event that only follows an answer), abandoned, left, forgotten,
    waiting; and transferred, ended, forgotten, in progress. Exception: a visitor who left without being served has abandoned,
    even if called before.

    Missing times are derived from later events: an answer without a start was queued `wait_ms` earlier.
    """
    global _last_result  # noqa: PLW0603 - figures, index and timeline need the same result in turn; stays are immutable
    last = _last_result
    if last[0] is not stay:
        last = _last_result = stay, _compute_result(stay)
    return last[1]


def _compute_result(stay: QueueStay) -> StayResult:
    queued_at, wait_ms = stay.queued_at, stay.wait_ms
    finish, finished_at, handle_ms = "", 0, 0
    answered_at = _answer_time(stay)
    if answered_at is None:
        outcome, outcome_at = _unanswered_outcome(stay)
    elif stay.abandoned_at is not None and stay.ended_at is None and stay.dimensions.channel == Channel.VISIT:
        # A visitor who left without being served: called, but already gone.
        outcome, outcome_at = "abandoned", min(answered_at, stay.abandoned_at)
    else:
        outcome, outcome_at = "answered", answered_at
        finish, finished_at, handle_ms = _conversation(stay, answered_at)
    if queued_at is None:
        queued_at = outcome_at - (wait_ms or 0)
    if wait_ms is None:
        wait_ms = max(0, outcome_at - queued_at)
    return StayResult(queued_at, outcome, outcome_at, wait_ms, finish, finished_at, handle_ms)


def _answer_time(stay: QueueStay) -> int | None:
    """Return the time of the answer, from an event or derived; None without an answer."""
    if stay.answered_at is not None:
        return stay.answered_at
    finished_at = stay.ended_at if stay.transferred_at is None else stay.transferred_at
    return None if finished_at is None else finished_at - (stay.handle_ms or 0)


def _conversation(stay: QueueStay, answered_at: int) -> tuple[str, int, int]:
    """Return the finish of an answered queue stay, its time, and the handle time."""
    if stay.transferred_at is not None:
        finish, finished_at = "transferred", stay.transferred_at
    elif stay.ended_at is not None:
        finish, finished_at = "ended", stay.ended_at
    elif stay.ended_forgotten_at is not None:
        return "ended_forgotten", stay.ended_forgotten_at, 0
    else:
        return "in_progress", answered_at, 0
    return finish, finished_at, max(0, finished_at - answered_at) if stay.handle_ms is None else stay.handle_ms


def _unanswered_outcome(stay: QueueStay) -> tuple[str, int]:
    if stay.abandoned_at is not None:
        return "abandoned", stay.abandoned_at
    if stay.left_at is not None:
        return f"left_{stay.left_reason}", stay.left_at
    if stay.left_forgotten_at is not None:
        return "left_forgotten", stay.left_forgotten_at
    return "waiting", stay.placed_at if stay.queued_at is None else stay.queued_at


_last_result: tuple[QueueStay | None, StayResult] = None, StayResult(0, "", 0, 0, "", 0, 0)
"""The last queue stay passed to `stay_result`, and its result."""


# ------------------------------------------------------------------------------------------------------------ forgetting
class TimesToLive(NamedTuple):
    """Maximum durations in milliseconds. Longer waits and conversations are assumed to have ended without a report."""

    waiting: int
    """Wait of a call."""
    in_progress: int
    """Conversation of a call."""
    visit: int
    """Wait or service of a visitor, which may take half a day."""

    def of(self, channel: str, kind: str) -> int:
        """Return the maximum for a wait (kind `waiting`) or a conversation (`in_progress`) in a channel, in milliseconds."""
        if channel == Channel.VISIT:
            return self.visit
        return self.waiting if kind == "waiting" else self.in_progress


def forget(stay: QueueStay, now_ms: int, ttl: TimesToLive) -> QueueStay:
    """Return the queue stay with its wait or conversation ended if it exceeds its time to live, else `stay` itself.

    The assumed end is the end of the time to live, so the result does not depend on `now_ms`.
    """
    result, channel = stay_result(stay), stay.dimensions.channel
    if result.outcome == "waiting" and (end := result.outcome_at + ttl.of(channel, "waiting")) <= now_ms:
        after = stay.__copy__()
        after.left_forgotten_at = end
        return after
    if result.finish == "in_progress" and (end := result.finished_at + ttl.of(channel, "in_progress")) <= now_ms:
        after = stay.__copy__()
        after.ended_forgotten_at = end
        return after
    return stay
