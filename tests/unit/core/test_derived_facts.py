"""Figures of lines, menu choices, callbacks, counted post and reasons for contact."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import Event
from streams.core.contacts import case_event, contact
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    LINE_CHANNEL,
    MENU_CHANNEL,
    POST_CHANNEL,
    REASON_CHANNEL,
)
from streams.core.rows import MAX_DIMENSIONS_PER_ROW, TooManyDimensions
from streams.core.timeline.entries import is_recorded
from tests.support import figures as support
from tests.support.events import IN_QUEUE, START_MS, answered_call, deliveries, make
from tests.support.figures import count_events, fold_contact

START = START_MS // 1000
LETTER = "mail:franking/siege:2026-11-30|social|lettre_verte"


def totals(channel: str, *events: Event) -> dict[tuple[str, str, str], dict[str, int]]:
    """Return site, service and queue → counts that are not zero, of the derived figures with this name."""
    return {
        dimensions[1:]: numbers
        for (start, dimensions), figure in count_events(*events).items()
        if not start and dimensions.channel == channel and (numbers := support.named(dimensions, figure))
    }


def test_call_that_never_reaches_a_queue_counts_for_its_line() -> None:
    arrived = make("call.arrived", 0, line="accueil", site="siege")
    assert totals(LINE_CHANNEL, arrived) == {("siege", "", "accueil"): {"line_arrived": 1}}
    queued = make("call.queued", 9, **IN_QUEUE)
    assert totals(LINE_CHANNEL, arrived, queued) == {("siege", "", "accueil"): {"line_arrived": 1, "line_queued": 1}}
    assert totals(LINE_CHANNEL, queued) == {}


def test_each_menu_choice_counts_once_per_call() -> None:
    chosen = [make("call.menu_chosen", at, option=option) for at, option in enumerate(("aide", "rsa", "aide", ""))]
    assert totals(MENU_CHANNEL, *chosen) == {("", "", option): {"menu_chosen": 1} for option in ("aide", "rsa", "")}


def test_voice_message_that_was_heard_and_called_back() -> None:
    counts = totals(
        CALLBACK_CHANNEL,
        make("call.queued", 0, **IN_QUEUE),
        make("call.left_queue", 60, **IN_QUEUE, reason="closed"),
        make("call.voicemail_left", 70, duration_seconds=20),
        make("call.voicemail_heard", 3670),
        make("call.called_back", 7270),
    )
    assert counts == {
        ("siege", "autonomie", "mdph"): {
            "message_left": 1,
            "message_heard": 1,
            "called_back": 1,
            "message_hearing_milliseconds": 3_600_000,
            "message_hearing_le_3600": 1,
            "callback_milliseconds": 7_200_000,
            "callback_le_7200": 1,
        }
    }


def test_callback_that_was_asked_for_belongs_to_the_queue_of_the_request() -> None:
    requested = make("call.callback_requested", 30, queue="rsa", site="siege", service="social")
    counts = totals(CALLBACK_CHANNEL, make("call.queued", 0, **IN_QUEUE), requested)
    assert counts == {("siege", "social", "rsa"): {"callback_requested": 1}}


@pytest.mark.parametrize("kind", ["call.voicemail_heard", "call.called_back"])
def test_callback_without_a_request_is_not_counted(kind: str) -> None:
    assert totals(CALLBACK_CHANNEL, make(kind, 0, service="social")) == {}


def post_counted(items: int = 340, cents: int = 43_860, at: float = 0) -> Event:
    return make(
        "post.counted", at, subject=LETTER, service="social", post_class="lettre_verte", items=items, cost_cents=cents
    )


def test_counted_post_adds_items_and_postage_and_is_no_contact() -> None:
    figures = count_events(post_counted())
    assert {dimensions for _, dimensions in figures} == {(POST_CHANNEL, "", "social", "outgoing:lettre_verte")}
    assert totals(POST_CHANNEL, post_counted()) == {
        ("", "social", "outgoing:lettre_verte"): {"post_items": 340, "post_cost_cents": 43_860}
    }
    row = fold_contact(post_counted())
    assert row.is_closed
    assert not is_recorded("post.counted", row)


def test_retracted_total_counts_nowhere() -> None:
    figures = count_events(post_counted(), make("contact.retracted", 5, subject=LETTER, channel="mail"))
    assert not any(any(figure.counts) for figure in figures.values())


def test_latest_reason_counts_at_the_begin_of_the_contact() -> None:
    reasons = [
        make("contact.reason_set", at, channel="call", contact_reason=reason)
        for at, reason in ((400, "aide"), (900, "dossier"))
    ]
    figures = count_events(*reasons, *answered_call(at=240, wait=70, handle=300))
    counted = {
        (start, dimensions[1:])
        for (start, dimensions), figure in figures.items()
        if dimensions.channel == REASON_CHANNEL and any(figure.counts)
    }
    assert counted == {(0, ("siege", "autonomie", "call:dossier")), (START, ("siege", "autonomie", "call:dossier"))}


def reason_set(at: float, reason: str, **fields: object) -> Event:
    return make("contact.reason_set", at, **{"channel": "call", "contact_reason": reason, **fields})


def test_reason_of_the_source_counts_before_those_of_rules() -> None:
    begun = make("call.queued", 0, **IN_QUEUE)
    reasons = [reason_set(5, "social-aid", by_rule=True), reason_set(0, "roads"), reason_set(9, "apa", by_rule=True)]
    for order in permutations(reasons):
        assert current_totals(REASON_CHANNEL, begun, *order) == {
            ("siege", "autonomie", "call:roads"): {"reason_contacts": 1}
        }
    by_rule = current_totals(REASON_CHANNEL, begun, reasons[0], reasons[2])
    assert by_rule == {("siege", "autonomie", "call:apa"): {"reason_contacts": 1}}


def test_reason_of_an_opinion_counts_nowhere() -> None:
    given = make("feedback.given", 0, scale="csat_1_5", score=5)
    assert totals(REASON_CHANNEL, given, reason_set(0, "roads", channel="feedback")) == {}


def test_retracted_contact_has_no_reason_in_any_order() -> None:
    events = [
        make("call.queued", 0, **IN_QUEUE),
        make("feedback.given", 9, scale="csat_1_5", score=5),
        reason_set(3, "roads"),
        reason_set(3, "waste", channel="feedback"),
        make("contact.retracted", 20, channel="call"),
    ]
    rows = {contact.encode(fold_contact(*order)) for order in permutations(events)}
    assert len(rows) == 1
    assert current_totals(REASON_CHANNEL, *events) == {}


def test_contact_with_too_many_menu_choices_is_refused() -> None:
    row = fold_contact(*(make("call.menu_chosen", at, option=f"o{at}") for at in range(MAX_DIMENSIONS_PER_ROW)))
    one_more = make("call.menu_chosen", 999, option="o999")
    with pytest.raises(TooManyDimensions):
        fold_contact(one_more, row=row)


def test_reason_alone_neither_begins_nor_delays_a_case() -> None:
    reason = make("contact.reason_set", 9, subject="mail:m:1", channel="mail", contact_reason="aide")
    assert totals(REASON_CHANNEL, reason) == {}
    alone = fold_contact(reason)
    assert not alone.has_begun
    row = fold_contact(make("letter.arrived", 500, subject="mail:m:1", service="social"), row=alone)
    assert (row.began_at, row.dimensions.service) == (START_MS + 500_000, "social")


CALL_EVENTS = [
    make("call.arrived", 0, line="accueil"),
    make("call.menu_chosen", 5, option="aide"),
    make("contact.reason_set", 5, channel="call", contact_reason="aide"),
    *answered_call()[1:],
    make("call.voicemail_left", 200, queue="mdph"),
    make("call.voicemail_heard", 900),
    make("call.called_back", 1200),
    make("contact.reason_set", 600, channel="call", contact_reason="dossier"),
]


def current_totals(channel: str, *events: Event) -> dict[tuple[str, str, str], dict[str, int]]:
    """Return `totals` without corrections."""
    current = {
        place: {name: number for name, number in numbers.items() if not name.startswith("-")}
        for place, numbers in totals(channel, *events).items()
    }
    return {place: numbers for place, numbers in current.items() if numbers}


@given(st.sampled_from([CALL_EVENTS]).flatmap(deliveries))
def test_order_and_repetition_change_nothing(events: list[Event]) -> None:
    for channel in (LINE_CHANNEL, MENU_CHANNEL, CALLBACK_CHANNEL, REASON_CHANNEL):
        assert current_totals(channel, *events) == current_totals(channel, *CALL_EVENTS)


def test_source_with_a_reason_per_contact_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_event, "MAX_DIMENSIONS", 0)
    event = make("contact.reason_set", channel="call", contact_reason="r-1234567")
    with pytest.raises(TooManyDimensions):
        fold_contact(event)
