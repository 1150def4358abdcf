"""How a change of a row changes the figures: by the difference between the facts before and after.

A fact is one thing to be counted. What a row's facts are is a pure function of the row, so figures are exact whatever the
order of the events, and adding up the changes gives the same as counting the last row alone.
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
from streams.core.visit import Visit, tell

Edit = Callable[[tuple[int, Dimensions]], Figure]
"""Hands out the row to change: of the bucket that starts at these seconds since 1970, or with 0 the total row."""

Fact = tuple[int, int, int]
"""Bucket start, index in counts, duration in milliseconds (0 if it has no distribution)."""

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
_WAITING: Final = STOCK_INDEX["waiting"]
_IN_PROGRESS: Final = STOCK_INDEX["in_progress"]


Facts = tuple[Fact | None, Fact | None, Fact | None, int | None]
"""What a visit contributes to the figures of its place: offered, outcome, finish, and the index of a stock."""

_NOTHING: Final[Facts] = (None, None, None, None)


def count_contact(before: Contact | None, after: Contact | None, edit: Edit) -> None:
    """Change the figures from what `before` contributes to what `after` does.

    A tombstone (`after` is None) changes nothing: what was counted stays counted.
    """
    known = before.visits if before is not None else ()
    visits = after.visits if after is not None else known
    if visits is known:
        return
    index = 0
    for visit in visits:  # by number, and visits never vanish
        former = None
        if index < len(known) and known[index].number == visit.number:
            former = known[index]
            index += 1
        if visit is former:
            continue
        was = _NOTHING if former is None else facts(former)
        if former is not None and former.place != visit.place:
            _change(former.place, was, _NOTHING, edit)
            was = _NOTHING
        _change(visit.place, was, facts(visit), edit)


def count_agent(before: Agent | None, after: Agent | None, edit: Edit) -> None:
    """Change the figures from what `before` contributes to what `after` does: stocks by state, and unanswered rings.

    Call it after every fold: a row remembers only the latest rings. A tombstone takes the agent out of the stocks.
    """
    was = states(before) if before is not None else {}
    now = states(after) if after is not None else {}
    for place, state in was.items():
        if now.get(place) != state:
            edit((0, place)).stocks[STOCK_INDEX[state]] -= 1
    for place, state in now.items():
        if was.get(place) != state:
            edit((0, place)).stocks[STOCK_INDEX[state]] += 1
    known = before.rings if before is not None else ()
    rings = after.rings if after is not None else known
    for ring in set(rings).difference(known):
        start = _bucket(ring.at)
        _add((start, _RING_UNANSWERED, 0), 1, edit((0, ring.place)), edit((start, ring.place)))


def facts(visit: Visit) -> Facts:
    """Return that it was offered, its outcome, its finish, and the stock it is in.

    It is always offered, and has either an outcome or the stock `waiting`: `offered = answered + abandoned + left + waiting`.
    """
    story = tell(visit)
    offered = (_bucket(story.queued_at), _OFFERED, 0)
    if story.outcome == "waiting":
        return offered, None, None, _WAITING
    index = INDEX[story.outcome]
    outcome = (_bucket(story.outcome_at), index, story.wait_ms if index in _DISTRIBUTIONS else 0)
    if story.finish == "in_progress":
        return offered, outcome, None, _IN_PROGRESS
    if story.finish:
        return offered, outcome, (_bucket(story.finished_at), INDEX[story.finish], story.handle_ms), None
    return offered, outcome, None, None


def _bucket(at: int) -> int:
    return at // _BUCKET_MS * BUCKET_SECONDS


def _change(place: Dimensions, was: Facts, now: Facts, edit: Edit) -> None:
    if was == now:
        return
    total = edit((0, place))
    for gone, come in zip(was[:3], now[:3], strict=True):
        if gone != come:
            if gone is not None:
                _add(gone, -1, total, edit((gone[0], place)))
            if come is not None:
                _add(come, 1, total, edit((come[0], place)))
    if was[3] is not None:
        total.stocks[was[3]] -= 1
    if now[3] is not None:
        total.stocks[now[3]] += 1


def _add(fact: Fact, sign: int, *figures: Figure) -> None:
    _, index, duration_ms = fact
    distribution = _DISTRIBUTIONS.get(index)
    for figure in figures:
        _add_to(figure, index, sign)
        if distribution:
            sum_index, first_slot, bounds = distribution
            _add_to(figure, sum_index, sign * duration_ms)
            _add_to(figure, wait_slot(first_slot, bounds, duration_ms), sign)


def _add_to(figure: Figure, index: int, by: int) -> None:
    figure.counts[index] += by
    if by < 0:
        figure.corrected[index] = figure.corrected.get(index, 0) - by
