"""Update of the figures after the change of a row, by the difference of its facts (`facts` decides them).

Facts are a pure function of the row, so figures do not depend on the order of events. The sum of all changes equals
the facts of the last row. A row may be counted after every event or after several; only `corrected` differs then.
"""

from collections.abc import Callable, Iterable
from typing import Final

from streams.core.contacts.agent import Agent, states
from streams.core.contacts.contact import Contact
from streams.core.contacts.queue_stay import QueueStay, find, transfer_dimensions
from streams.core.figures.derived_facts import has_only_arrival_events
from streams.core.figures.facts import case_facts, clock_dimensions, clock_facts, stay_facts, transfer_facts
from streams.core.figures.figure import Dimensions, Fact, Facts, Figure, bucket_start
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, QUEUE_SCHEMA, SLA_SCHEMA, TRANSFER_SCHEMA, FigureSchema
from streams.core.sla.clock import SlaClock

EditFigure = Callable[[tuple[int, Dimensions]], Figure]
"""Function from bucket start and dimensions to the mutable row; start 0 means the total row."""

_RING_UNANSWERED: Final = QUEUE_SCHEMA.index["ring_unanswered"]


def count_contact(before: Contact | None, after: Contact, edit: EditFigure) -> None:
    """Replace the contribution of the row `before` to the figures by that of `after`. SLA clocks are left to `count_clocks`.

    `before` is None for a new row. The deletion of a row changes no figure.
    """
    known = before.stays if before is not None else ()
    if after.stays is not known:
        _count_stays(known, after.stays, edit)
    if before is None:
        if after.case_events:
            _count_case_events({}, case_facts(after), edit)
    elif after.case_events is not before.case_events or (
        after.case_events
        and (after.stays is not known or after.clocks is not before.clocks)
        and not (known and after.stays and has_only_arrival_events(after))  # nearly all calls
    ):
        _count_case_events(case_facts(before), case_facts(after), edit)


def _count_stays(known: tuple[QueueStay, ...], stays: tuple[QueueStay, ...], edit: EditFigure) -> None:
    if not stays:  # the contact was retracted
        for gone in known:
            _change(gone.dimensions, stay_facts(gone), (), QUEUE_SCHEMA, edit)
            if gone.transferred_at is not None:
                _change(transfer_dimensions(gone), transfer_facts(gone), (), TRANSFER_SCHEMA, edit)
    for stay in stays:
        former = find(known, stay.number)
        if former is stay:
            continue
        was = () if former is None else stay_facts(former)
        if former is not None and former.dimensions != stay.dimensions:
            _change(former.dimensions, was, (), QUEUE_SCHEMA, edit)
            was = ()
        _change(stay.dimensions, was, stay_facts(stay), QUEUE_SCHEMA, edit)
        if stay.transferred_at is not None:
            _count_transfer(former, stay, edit)


def _count_transfer(former: QueueStay | None, stay: QueueStay, edit: EditFigure) -> None:
    dimensions, was = transfer_dimensions(stay), () if former is None else transfer_facts(former)
    if former is not None and was and (known := transfer_dimensions(former)) != dimensions:
        _change(known, was, (), TRANSFER_SCHEMA, edit)
        was = ()
    _change(dimensions, was, transfer_facts(stay), TRANSFER_SCHEMA, edit)


def _count_case_events(was: dict[Dimensions, Facts], now: dict[Dimensions, Facts], edit: EditFigure) -> None:
    for dimensions, facts in was.items():
        _change(dimensions, facts, now.get(dimensions, ()), FIGURE_SCHEMAS[dimensions.channel], edit)
    for dimensions, facts in now.items():
        if dimensions not in was:
            _change(dimensions, (), facts, FIGURE_SCHEMAS[dimensions.channel], edit)


def count_clocks(before: Iterable[SlaClock], after: Iterable[SlaClock], edit: EditFigure) -> None:
    """Replace the contribution of a contact's clocks `before` to the SLA figures by that of its clocks `after`."""
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


def count_agent(before: Agent | None, after: Agent, edit: EditFigure) -> None:
    """Replace the contribution of `before` to the stocks of agents by that of `after`."""
    was = states(before) if before is not None else {}
    for dimensions, state in states(after).items():
        former = was.pop(dimensions, None)
        if former is not state:
            stocks = edit((0, dimensions)).stocks
            stocks[QUEUE_SCHEMA.stock_index[state]] += 1
            if former is not None:
                stocks[QUEUE_SCHEMA.stock_index[former]] -= 1
    for dimensions, former in was.items():
        edit((0, dimensions)).stocks[QUEUE_SCHEMA.stock_index[former]] -= 1


def count_rings(before: Agent | None, after: Agent, edit: EditFigure) -> None:
    """Count the new unanswered rings of `after`, and subtract rings whose dimensions or time changed.

    Must be called after every fold, as a row keeps only the latest rings.
    """
    known = before.rings if before is not None else ()
    if after.rings is known:
        return
    fingerprints = {ring.fingerprint for ring in after.rings}
    changed = {ring for ring in set(known).difference(after.rings) if ring.fingerprint in fingerprints}
    for sign, rings in ((-1, changed), (1, set(after.rings).difference(known))):
        for ring in rings:
            fact = bucket_start(ring.at), _RING_UNANSWERED, 0
            _count(fact, sign, ring.dimensions, QUEUE_SCHEMA, edit((0, ring.dimensions)), edit)


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
