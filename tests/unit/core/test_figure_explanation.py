"""Explained facts add up to their figure."""

import pytest

from models.topics import Channel
from streams.core.contacts.contact import Contact
from streams.core.figures.figure import Figure, Formula
from streams.core.figures.figure_counts import count_contact
from streams.core.figures.figure_explanation import (
    ABANDONMENT,
    FigureQuery,
    channel_figures,
    counted_facts,
    figure_names,
    formula_of,
)
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, QUEUE_SCHEMA
from tests.support.events import IN_QUEUE, START, answered_call, make
from tests.support.figures import Figures, fold_contact

WAITS = (3, 10, 11, 20, 21, 45)
TARGET, SHORT = 20, 10


def rows() -> list[Contact]:
    """Return rows of calls: answered and abandoned after each of `WAITS`, one that left its queue, and one that waits."""
    calls = [answered_call(f"call:asterisk/siege:a{wait}", wait=wait) for wait in WAITS]
    others = [
        *(make("call.abandoned", wait, subject=f"call:asterisk/siege:b{wait}", **IN_QUEUE) for wait in WAITS),
        make("call.left_queue", 5, subject="call:asterisk/siege:c", **IN_QUEUE, reason="timeout"),
        make("call.queued", 9, subject="call:asterisk/siege:d", **IN_QUEUE),
    ]
    calls += ([make("call.queued", 0, subject=event.subject, **IN_QUEUE), event] for event in others)
    return [fold_contact(*events) for events in calls]


def count(row_list: list[Contact]) -> Figure:
    figures = Figures()
    for row in row_list:
        count_contact(None, row, figures.__getitem__)
    (dimensions,) = {dimensions for _, dimensions in figures if dimensions.channel == Channel.CALL}
    return figures[0, dimensions]


def test_abandonment_excludes_short_waits() -> None:
    formula = formula_of(ABANDONMENT, Formula.NET_OF_SHORT, TARGET, SHORT)
    counted = [formula.judge(fact.name, fact.amount) for row in rows() for fact in counted_facts(row)]
    assert sum(above for above, _ in counted) == len([wait for wait in WAITS if wait > SHORT])
    assert sum(below for _, below in counted) == len(WAITS) + len([wait for wait in WAITS if wait > SHORT])


def test_every_number_matches_its_facts() -> None:
    figure = count(rows())
    known = dict(zip(QUEUE_SCHEMA.counts, figure.counts, strict=True)) | dict(
        zip(QUEUE_SCHEMA.stocks, figure.stocks, strict=True)
    )
    facts = [fact for row in rows() for fact in counted_facts(row)]
    for name in (*QUEUE_SCHEMA.facts, *QUEUE_SCHEMA.stocks):
        formula = formula_of(name, Formula.NET_OF_SHORT, TARGET, SHORT)
        assert sum(formula.judge(fact.name, fact.amount)[0] for fact in facts) == known[name], name
    assert all(fact.start is None or fact.start >= START.timestamp() - 300 for fact in facts)


def test_transfers_have_their_target_queue_and_channel() -> None:
    transferred = make("call.transferred", 200, **IN_QUEUE, kind="blind", to_queue="rsa")
    row = fold_contact(*answered_call()[:3], transferred)
    listed = [
        fact.dimensions.queue
        for fact in counted_facts(row)
        if fact.name == "handed_on" and FigureQuery(["call"]).fits(fact)
    ]
    assert listed == ["call:mdph:rsa"]
    assert not any(FigureQuery(["visit"]).fits(fact) for fact in counted_facts(row))


def test_every_figure_belongs_to_a_channel() -> None:
    listed = {name for channel in Channel for _kind, names in channel_figures(channel) for name in names}
    assert listed == set(figure_names())


def test_figures_of_a_channel_are_those_that_its_contacts_can_have() -> None:
    letters = {name for _kind, names in channel_figures(Channel.MAIL) for name in names}
    assert letters.isdisjoint({"closed_accepted", "correction_requested", "handed_on", "offered", "line_arrived"})
    assert letters > {"received", "sent_economique", "breached", "reason_contacts"}
    appointments = dict(channel_figures(Channel.APPOINTMENT))
    assert list(appointments) == ["appointment", "reason"]


def test_every_number_of_the_schemas_has_a_formula() -> None:
    assert {
        name for figure_schema in FIGURE_SCHEMAS.values() for name in (*figure_schema.facts, *figure_schema.stocks)
    } < set(figure_names())
    with pytest.raises(KeyError, match="nothing"):
        formula_of("nothing", Formula.NET_OF_SHORT, TARGET, SHORT)
