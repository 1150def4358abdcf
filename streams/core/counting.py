"""How a change of a row changes the figures: by the difference between the facts before and after.

What a row's facts are is a pure function of the row (`facts`), so figures are exact whatever the order of the events, and adding
up the changes gives the same as counting the last row alone. Nor does it matter whether a row is counted after every event or
after many: only what was counted wrong in between shows as corrected or does not.
"""

from collections.abc import Callable, Iterable
from typing import Final

from streams.core.agent import Agent, states
from streams.core.clock import Clock
from streams.core.contact import Contact
from streams.core.facts import (
    Fact,
    Facts,
    facts_of_clock,
    facts_of_milestones,
    facts_of_transfer,
    facts_of_visit,
    place_of_clock,
    start_of_bucket,
)
from streams.core.figures import Dimensions, Figure
from streams.core.layouts import CLOCKS, LAYOUTS, QUEUES, TRANSFERS, Layout
from streams.core.visit import Visit, find, place_of_transfer

Edit = Callable[[tuple[int, Dimensions]], Figure]
"""Hands out the row to change: of the bucket that starts at these seconds since 1970, or with 0 the total row."""

_RING_UNANSWERED: Final = QUEUES.index["ring_unanswered"]


def count_contact(before: Contact | None, after: Contact | None, edit: Edit) -> None:
    """Change the figures from what `before` contributes to what `after` does.

    A tombstone (`after` is None) changes nothing: what was counted stays counted.
    """
    if after is None:
        return
    known = before.visits if before is not None else ()
    if after.visits is not known:
        _count_visits(known, after.visits, edit)
    if before is None:
        if after.milestones:
            _count_milestones({}, facts_of_milestones(after), edit)
    elif after.milestones is not before.milestones or (
        after.milestones and (after.visits is not known or after.clocks is not before.clocks)
    ):
        _count_milestones(facts_of_milestones(before), facts_of_milestones(after), edit)


def _count_visits(known: tuple[Visit, ...], visits: tuple[Visit, ...], edit: Edit) -> None:
    for visit in visits:
        former = find(known, visit.number)
        if former is visit:
            continue
        was = () if former is None else facts_of_visit(former)
        if former is not None and former.place != visit.place:
            _change(former.place, was, (), QUEUES, edit)
            was = ()
        _change(visit.place, was, facts_of_visit(visit), QUEUES, edit)
        if visit.transferred_at is not None:  # of most nothing more is to be counted
            _count_transfer(former, visit, edit)


def _count_transfer(former: Visit | None, visit: Visit, edit: Edit) -> None:
    place, was = place_of_transfer(visit), () if former is None else facts_of_transfer(former)
    if former is not None and was and (known := place_of_transfer(former)) != place:
        _change(known, was, (), TRANSFERS, edit)
        was = ()
    _change(place, was, facts_of_transfer(visit), TRANSFERS, edit)


def _count_milestones(was: dict[Dimensions, Facts], now: dict[Dimensions, Facts], edit: Edit) -> None:
    for place, facts in was.items():
        _change(place, facts, now.get(place, ()), LAYOUTS[place.channel], edit)
    for place, facts in now.items():
        if place not in was:
            _change(place, (), facts, LAYOUTS[place.channel], edit)


def count_clocks(before: Iterable[Clock], after: Iterable[Clock], edit: Edit) -> None:
    """Change the figures of policies from what the clocks `before` contribute to what those `after` do."""
    known = {(clock.kind, clock.number): clock for clock in before}
    for clock in after:
        former = known.pop((clock.kind, clock.number), None)
        if former is clock:
            continue
        place, was = place_of_clock(clock), ()  # type: tuple[Dimensions, Facts]
        if former is not None:
            was, formerly = facts_of_clock(former), place_of_clock(former)
            if formerly != place:
                _change(formerly, was, (), CLOCKS, edit)
                was = ()
        _change(place, was, facts_of_clock(clock), CLOCKS, edit)
    for former in known.values():
        _change(place_of_clock(former), facts_of_clock(former), (), CLOCKS, edit)


States = dict[Dimensions, str]


def count_agent(before: Agent | None, after: Agent | None, edit: Edit) -> None:
    """Change the stocks by state from what `before` contributes to what `after` does; a tombstone takes the agent out."""
    was = states(before) if before is not None else {}
    now = states(after) if after is not None else {}
    for place, state in now.items():
        former = was.pop(place, None)
        if former is not state:
            stocks = edit((0, place)).stocks
            stocks[QUEUES.stock_index[state]] += 1
            if former is not None:
                stocks[QUEUES.stock_index[former]] -= 1
    for place, former in was.items():
        edit((0, place)).stocks[QUEUES.stock_index[former]] -= 1


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
            _count((start_of_bucket(ring.at), _RING_UNANSWERED, 0), -1, ring.place, QUEUES, edit((0, ring.place)), edit)
    for ring in set(after.rings).difference(known):
        _count((start_of_bucket(ring.at), _RING_UNANSWERED, 0), 1, ring.place, QUEUES, edit((0, ring.place)), edit)


def _change(place: Dimensions, was: Facts, now: Facts, layout: Layout, edit: Edit) -> None:
    if was == now:
        return
    total = edit((0, place))
    for fact in was:
        if fact not in now:
            _count(fact, -1, place, layout, total, edit)
    for fact in now:
        if fact not in was:
            _count(fact, 1, place, layout, total, edit)


def _count(fact: Fact, sign: int, place: Dimensions, layout: Layout, total: Figure, edit: Edit) -> None:
    start, index, amount = fact
    if start is None:
        total.stocks[index] += sign
        return
    changes = layout.changes(index, amount)
    for figure in (total, edit((start, place))):
        counts = figure.counts
        for changed, by in changes:
            counts[changed] += sign * by
        if sign < 0:
            for changed, by in changes:
                figure.corrected[changed] = figure.corrected.get(changed, 0) + by
