"""How a change of a row changes the figures: by the difference between the facts before and after.

What a row's facts are is a pure function of the row (`facts`), so figures are exact whatever the order of the events, and adding
up the changes gives the same as counting the last row alone. Nor does it matter whether a row is counted after every event or
after many: only what was counted wrong in between shows as corrected or does not.
"""

from collections.abc import Callable, Iterable
from typing import Final

from streams.core.contacts.agent import Agent, states
from streams.core.contacts.contact import Contact
from streams.core.contacts.queue_stay import QueueStay, find, transfer_dimensions
from streams.core.figures.facts import (
    Fact,
    Facts,
    bucket_start,
    case_facts,
    clock_dimensions,
    clock_facts,
    stay_facts,
    transfer_facts,
)
from streams.core.figures.figure import Dimensions, Figure
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, QUEUE_SCHEMA, SLA_SCHEMA, TRANSFER_SCHEMA, FigureSchema
from streams.core.sla.clock import SlaClock

EditFigure = Callable[[tuple[int, Dimensions]], Figure]
"""Hands out the row to change: of the bucket that starts at these seconds since 1970, or with 0 the total row."""

_RING_UNANSWERED: Final = QUEUE_SCHEMA.index["ring_unanswered"]


def count_contact(before: Contact | None, after: Contact | None, edit: EditFigure) -> None:
    """Change the figures from what `before` contributes to what `after` does.

    A tombstone (`after` is None) changes nothing: what was counted stays counted.
    """
    if after is None:
        return
    known = before.stays if before is not None else ()
    if after.stays is not known:
        _count_visits(known, after.stays, edit)
    if before is None:
        if after.case_events:
            _count_milestones({}, case_facts(after), edit)
    elif after.case_events is not before.case_events or (
        after.case_events and (after.stays is not known or after.clocks is not before.clocks)
    ):
        _count_milestones(case_facts(before), case_facts(after), edit)


def _count_visits(known: tuple[QueueStay, ...], stays: tuple[QueueStay, ...], edit: EditFigure) -> None:
    for visit in stays:
        former = find(known, visit.number)
        if former is visit:
            continue
        was = () if former is None else stay_facts(former)
        if former is not None and former.dimensions != visit.dimensions:
            _change(former.dimensions, was, (), QUEUE_SCHEMA, edit)
            was = ()
        _change(visit.dimensions, was, stay_facts(visit), QUEUE_SCHEMA, edit)
        if visit.transferred_at is not None:  # of most nothing more is to be counted
            _count_transfer(former, visit, edit)


def _count_transfer(former: QueueStay | None, visit: QueueStay, edit: EditFigure) -> None:
    dimensions, was = transfer_dimensions(visit), () if former is None else transfer_facts(former)
    if former is not None and was and (known := transfer_dimensions(former)) != dimensions:
        _change(known, was, (), TRANSFER_SCHEMA, edit)
        was = ()
    _change(dimensions, was, transfer_facts(visit), TRANSFER_SCHEMA, edit)


def _count_milestones(was: dict[Dimensions, Facts], now: dict[Dimensions, Facts], edit: EditFigure) -> None:
    for dimensions, facts in was.items():
        _change(dimensions, facts, now.get(dimensions, ()), FIGURE_SCHEMAS[dimensions.channel], edit)
    for dimensions, facts in now.items():
        if dimensions not in was:
            _change(dimensions, (), facts, FIGURE_SCHEMAS[dimensions.channel], edit)


def count_clocks(before: Iterable[SlaClock], after: Iterable[SlaClock], edit: EditFigure) -> None:
    """Change the figures of policies from what the clocks `before` contribute to what those `after` do."""
    known = {(clock.kind, clock.number): clock for clock in before}
    for clock in after:
        former = known.pop((clock.kind, clock.number), None)
        if former is clock:
            continue
        dimensions, was = clock_dimensions(clock), ()  # type: tuple[Dimensions, Facts]
        if former is not None:
            was, formerly = clock_facts(former), clock_dimensions(former)
            if formerly != dimensions:
                _change(formerly, was, (), SLA_SCHEMA, edit)
                was = ()
        _change(dimensions, was, clock_facts(clock), SLA_SCHEMA, edit)
    for former in known.values():
        _change(clock_dimensions(former), clock_facts(former), (), SLA_SCHEMA, edit)


States = dict[Dimensions, str]


def count_agent(before: Agent | None, after: Agent | None, edit: EditFigure) -> None:
    """Change the stocks by state from what `before` contributes to what `after` does; a tombstone takes the agent out."""
    was = states(before) if before is not None else {}
    now = states(after) if after is not None else {}
    for dimensions, state in now.items():
        former = was.pop(dimensions, None)
        if former is not state:
            stocks = edit((0, dimensions)).stocks
            stocks[QUEUE_SCHEMA.stock_index[state]] += 1
            if former is not None:
                stocks[QUEUE_SCHEMA.stock_index[former]] -= 1
    for dimensions, former in was.items():
        edit((0, dimensions)).stocks[QUEUE_SCHEMA.stock_index[former]] -= 1


def count_rings(before: Agent | None, after: Agent, edit: EditFigure) -> None:
    """Count the unanswered rings that `after` has and `before` had not, and those no longer that turned out to be elsewhere.

    Call it after every fold: a row remembers only the latest rings.
    """
    known = before.rings if before is not None else ()
    if after.rings is known:
        return
    told = {ring.fingerprint for ring in after.rings}
    for ring in set(known).difference(after.rings):
        if ring.fingerprint in told:
            _count(
                (bucket_start(ring.at), _RING_UNANSWERED, 0),
                -1,
                ring.dimensions,
                QUEUE_SCHEMA,
                edit((0, ring.dimensions)),
                edit,
            )
    for ring in set(after.rings).difference(known):
        _count(
            (bucket_start(ring.at), _RING_UNANSWERED, 0),
            1,
            ring.dimensions,
            QUEUE_SCHEMA,
            edit((0, ring.dimensions)),
            edit,
        )


def _change(dimensions: Dimensions, was: Facts, now: Facts, figure_schema: FigureSchema, edit: EditFigure) -> None:
    if was == now:
        return
    total = edit((0, dimensions))
    for fact in was:
        if fact not in now:
            _count(fact, -1, dimensions, figure_schema, total, edit)
    for fact in now:
        if fact not in was:
            _count(fact, 1, dimensions, figure_schema, total, edit)


def _count(
    fact: Fact, sign: int, dimensions: Dimensions, figure_schema: FigureSchema, total: Figure, edit: EditFigure
) -> None:
    start, index, amount = fact
    if start is None:
        total.stocks[index] += sign
        return
    changes = figure_schema.changes(index, amount)
    for figure in (total, edit((start, dimensions))):
        counts = figure.counts
        for changed, by in changes:
            counts[changed] += sign * by
        if sign < 0:
            for changed, by in changes:
                figure.corrected[changed] = figure.corrected.get(changed, 0) + by
