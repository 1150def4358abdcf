"""Explained facts add up to their figure."""

from collections import defaultdict

import pytest

from streams.core.contacts.contact import Contact, fold
from streams.core.figures.figure import Dimensions, Figure, Formula, new_figure
from streams.core.figures.figure_counts import count_contact
from streams.core.figures.figure_explanation import (
    ABANDONMENT,
    FigureQuery,
    counted_facts,
    figure_names,
    formula_of,
)
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, QUEUE_SCHEMA
from tests.support.events import START, answered_call, make

WAITS = (3, 10, 11, 20, 21, 45)
TARGET, SHORT = 20, 10


def rows() -> list[Contact]:
    lives = [answered_call(f"call:asterisk/siege:a{wait}", wait=wait) for wait in WAITS]
    for wait in WAITS:
        subject = f"call:asterisk/siege:b{wait}"
        lives.append(
            [
                make("call.queued", 0, subject=subject, queue="mdph", site="siege", service="autonomie"),
                make("call.abandoned", wait, subject=subject, queue="mdph", site="siege", service="autonomie"),
            ]
        )
    subject = "call:asterisk/siege:c"
    lives.append(
        [
            make("call.queued", 0, subject=subject, queue="mdph", site="siege", service="autonomie"),
            make(
                "call.left_queue", 5, subject=subject, queue="mdph", site="siege", service="autonomie", reason="timeout"
            ),
        ]
    )
    lives.append(
        [make("call.queued", 0, subject="call:asterisk/siege:d", queue="mdph", site="siege", service="autonomie")]
    )
    found = []
    for life in lives:
        row = None
        for event in life:
            row = fold(row, event)
        assert row
        found.append(row)
    return found


def count(row_list: list[Contact]) -> Figure:
    figures: defaultdict[tuple[int, Dimensions], Figure] = defaultdict(new_figure)
    for row in row_list:
        count_contact(None, row, figures.__getitem__)
    places = {dimensions for _, dimensions in figures}
    assert len(places) == 1
    return figures[0, places.pop()]


def test_abandonment_excludes_short_waits() -> None:
    made = formula_of(ABANDONMENT, Formula.NET_OF_SHORT, TARGET, SHORT)
    counted = [made.judge(fact.name, fact.amount) for row in rows() for fact in counted_facts(row)]
    assert sum(above for above, _ in counted) == len([wait for wait in WAITS if wait > SHORT])
    assert sum(below for _, below in counted) == len(WAITS) + len([wait for wait in WAITS if wait > SHORT])


def test_every_number_matches_its_facts() -> None:
    figure = count(rows())
    known = dict(zip(QUEUE_SCHEMA.counts, figure.counts, strict=True)) | dict(
        zip(QUEUE_SCHEMA.stocks, figure.stocks, strict=True)
    )
    traced = [fact for row in rows() for fact in counted_facts(row)]
    for name in (*QUEUE_SCHEMA.facts, *QUEUE_SCHEMA.stocks):
        made = formula_of(name, Formula.NET_OF_SHORT, TARGET, SHORT)
        assert sum(made.judge(fact.name, fact.amount)[0] for fact in traced) == known[name], name
    assert all(fact.start is None or fact.start >= START.timestamp() - 300 for fact in traced)


def test_transfers_have_their_target_queue_and_channel() -> None:
    row = None
    for event in (
        *answered_call()[:3],
        make("call.transferred", 200, queue="mdph", site="siege", service="autonomie", kind="blind", to_queue="rsa"),
    ):
        row = fold(row, event)
    assert row
    listed = [
        fact.dimensions.queue
        for fact in counted_facts(row)
        if fact.name == "handed_on" and FigureQuery(["call"]).fits(fact)
    ]
    assert listed == ["call:mdph:rsa"]
    assert not any(FigureQuery(["visit"]).fits(fact) for fact in counted_facts(row))


def test_every_number_of_the_schemas_has_a_formula() -> None:
    assert {
        name for figure_schema in FIGURE_SCHEMAS.values() for name in (*figure_schema.facts, *figure_schema.stocks)
    } < set(figure_names())
    with pytest.raises(KeyError, match="nothing"):
        formula_of("nothing", Formula.NET_OF_SHORT, TARGET, SHORT)
