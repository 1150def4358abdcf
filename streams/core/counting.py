"""How a change of a row changes the figures: by the difference between the facts before and after.

A fact is one thing to be counted. What a row's facts are is a pure function of the row, so figures are exact whatever the
order of the events, and adding up the changes gives the same as counting the last row alone. Nor does it matter whether a row
is counted after every event or after many: only what was counted wrong in between shows as corrected or does not.
"""

from collections.abc import Callable
from typing import Final

from streams.core.agent import Agent, states
from streams.core.contact import Contact
from streams.core.figures import (
    ABANDON_START,
    BUCKET_SECONDS,
    HANDLE_BOUNDS,
    HANDLE_START,
    INDEX,
    STOCK_INDEX,
    WAIT_BOUNDS,
    WAIT_START,
    Dimensions,
    Figure,
    wait_slot,
)
from streams.core.visit import Visit, find, tell

Edit = Callable[[tuple[int, Dimensions]], Figure]
"""Hands out the row to change: of the bucket that starts at these seconds since 1970, or with 0 the total row."""

Fact = tuple[int | None, int, int]
"""Bucket start, index in counts, duration in milliseconds (0 if it has no distribution). A stock has no bucket: None, index
in stocks, 0."""

_BUCKET_MS: Final = BUCKET_SECONDS * 1000
_DISTRIBUTIONS: Final = {
    INDEX["answered"]: (INDEX["wait_milliseconds"], WAIT_START, WAIT_BOUNDS),
    INDEX["abandoned"]: (INDEX["abandon_wait_milliseconds"], ABANDON_START, WAIT_BOUNDS),
    INDEX["transferred"]: (INDEX["handle_milliseconds"], HANDLE_START, HANDLE_BOUNDS),
    INDEX["ended"]: (INDEX["handle_milliseconds"], HANDLE_START, HANDLE_BOUNDS),
}
"""Count → sum, first slot and bounds of the distribution of its durations."""
_OFFERED: Final = INDEX["offered"]
_RING_UNANSWERED: Final = INDEX["ring_unanswered"]
_WAITING: Final[Fact] = (None, STOCK_INDEX["waiting"], 0)
_IN_PROGRESS: Final[Fact] = (None, STOCK_INDEX["in_progress"], 0)


def count_contact(before: Contact | None, after: Contact | None, edit: Edit) -> None:
    """Change the figures from what `before` contributes to what `after` does.

    A tombstone (`after` is None) changes nothing: what was counted stays counted.
    """
    if after is None or (before is not None and before.visits is after.visits):
        return
    known = before.visits if before is not None else ()
    for visit in after.visits:
        former = find(known, visit.number)
        if former is visit:
            continue
        was = () if former is None else facts(former)
        if former is not None and former.place != visit.place:
            _change(former.place, was, (), edit)
            was = ()
        _change(visit.place, was, facts(visit), edit)


States = dict[Dimensions, str]


def count_agent(before: Agent | None, after: Agent | None, edit: Edit) -> None:
    """Change the stocks by state from what `before` contributes to what `after` does; a tombstone takes the agent out."""
    was = states(before) if before is not None else {}
    now = states(after) if after is not None else {}
    for place, state in now.items():
        former = was.pop(place, None)
        if former is not state:
            stocks = edit((0, place)).stocks
            stocks[STOCK_INDEX[state]] += 1
            if former is not None:
                stocks[STOCK_INDEX[former]] -= 1
    for place, former in was.items():
        edit((0, place)).stocks[STOCK_INDEX[former]] -= 1


def count_rings(before: Agent | None, after: Agent, edit: Edit) -> None:
    """Count the unanswered rings that `after` has and `before` had not, and those no longer that turned out to be elsewhere.

    Call it after every fold: a row remembers only the latest rings.
    """
    known = before.rings if before is not None else ()
    if after.rings is known:
        return
    told = {ring.mark for ring in after.rings}
    for ring in set(known).difference(after.rings):
        if ring.mark in told:
            _count((_bucket(ring.at), _RING_UNANSWERED, 0), -1, ring.place, edit((0, ring.place)), edit)
    for ring in set(after.rings).difference(known):
        _count((_bucket(ring.at), _RING_UNANSWERED, 0), 1, ring.place, edit((0, ring.place)), edit)


def facts(visit: Visit) -> tuple[Fact, ...]:
    """Return what a visit contributes to the figures of its place.

    It is always offered, and has either an outcome or the stock `waiting`: `offered = answered + abandoned + left + waiting`.
    """
    story = tell(visit)
    offered = (_bucket(story.queued_at), _OFFERED, 0)
    if story.outcome == "waiting":
        return offered, _WAITING
    index = INDEX[story.outcome]
    outcome = (_bucket(story.outcome_at), index, story.wait_ms if index in _DISTRIBUTIONS else 0)
    if not story.finish:
        return offered, outcome
    if story.finish == "in_progress":
        return offered, outcome, _IN_PROGRESS
    return offered, outcome, (_bucket(story.finished_at), INDEX[story.finish], story.handle_ms)


def _bucket(at: int) -> int:
    return at // _BUCKET_MS * BUCKET_SECONDS


def _change(place: Dimensions, was: tuple[Fact, ...], now: tuple[Fact, ...], edit: Edit) -> None:
    if was == now:
        return
    total = edit((0, place))
    for fact in was:
        if fact not in now:
            _count(fact, -1, place, total, edit)
    for fact in now:
        if fact not in was:
            _count(fact, 1, place, total, edit)


def _count(fact: Fact, sign: int, place: Dimensions, total: Figure, edit: Edit) -> None:
    start, index, duration_ms = fact
    if start is None:
        total.stocks[index] += sign
        return
    changes = _changes(index, duration_ms)
    for figure in (total, edit((start, place))):
        counts = figure.counts
        for changed, by in changes:
            counts[changed] += sign * by
        if sign < 0:
            for changed, by in changes:
                figure.corrected[changed] = figure.corrected.get(changed, 0) + by


_ONE: Final = tuple(((index, 1),) for index in range(len(INDEX)))


def _changes(index: int, duration_ms: int) -> tuple[tuple[int, int], ...]:
    """Return which counts one more changes, and by how much: its own, and sum and slot of its distribution."""
    distribution = _DISTRIBUTIONS.get(index)
    if distribution is None:
        return _ONE[index]
    sum_index, first_slot, bounds = distribution
    return (index, 1), (sum_index, duration_ms), (wait_slot(first_slot, bounds, duration_ms), 1)
