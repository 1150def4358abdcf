"""Facts of cases, appointments, visits and opinions."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from models.events import Event
from streams.core.contacts import contact
from streams.core.contacts.waiting_index import WaitingIndex
from streams.core.figures.figure import Dimensions
from tests.support.events import START, START_MS, answered_call, make
from tests.support.figures import check_invariant, count_events, fold_contact, named

DAY = 86_400
WHERE: dict[str, Any] = {"site": "siege", "service": "autonomie"}
MAIL = "mail:mailroom/siege:2025A-1"
FORM = "form:demarches/siege:12"
BOOKING = "appointment:rdv/siege:7"
VISIT = "visit:webhook/cdas:31"

LETTER = [
    make("letter.arrived", 0, subject=MAIL, site="siege", pages=2),
    make("letter.registered", 600, subject=MAIL, site="siege", chrono="2025A-1"),
    make("letter.assigned", 2 * 3600, subject=MAIL, **WHERE),
    make("letter.acknowledged", DAY, subject=MAIL, **WHERE),
    make("letter.answered", 4 * DAY, subject=MAIL, **WHERE),
]


def count(events: Iterable[Event]) -> dict[str, dict[str, int]]:
    """Return the non-zero numbers of the total rows, by channel and service."""
    figures = count_events(*events)
    for (start, dimensions), figure in figures.items():
        if not start:
            check_invariant(dimensions, figure)
        figure.corrected.clear()
    totals = {dimensions: named(dimensions, figure) for (start, dimensions), figure in figures.items() if not start}
    return {f"{dimensions.channel}/{dimensions.service}": numbers for dimensions, numbers in totals.items() if numbers}


def test_letter_counts_for_the_service_that_answers_it() -> None:
    assert count(LETTER) == {
        "mail/autonomie": {
            "received": 1,
            "registered": 1,
            "assigned": 1,
            "acknowledged": 1,
            "responded": 1,
            "closed_answered": 1,
            "registration_milliseconds": 600_000,
            "registration_le_900": 1,
            "assignment_milliseconds": 7_200_000,
            "assignment_le_7200": 1,
            "acknowledgement_milliseconds": DAY * 1000,
            "acknowledgement_le_86400": 1,
            "first_response_milliseconds": 4 * DAY * 1000,
            "first_response_le_432000": 1,
            "resolution_milliseconds": 4 * DAY * 1000,
            "resolution_le_432000": 1,
        }
    }


def test_letter_is_received_at_its_admission() -> None:
    friday = START - timedelta(days=3)
    late = [make("letter.arrived", 0, subject=MAIL, admitted_at=friday), LETTER[1]]
    assert count(late)["mail/"]["registration_milliseconds"] == 3 * DAY * 1000 + 600_000
    mistyped = [make("letter.arrived", 0, subject=MAIL, admitted_at=START - timedelta(days=3650)), LETTER[1]]
    assert count(mistyped)["mail/"]["registration_milliseconds"] == 600_000


def test_delay_of_the_scan_counts_if_the_admission_is_known() -> None:
    for hours, expected in (
        (5, {"scanned": 1, "scan_milliseconds": 5 * 3_600_000, "scan_le_28800": 1}),
        (0, {}),
        (-1, {}),
    ):
        admitted = START - timedelta(hours=hours)
        counted = count([make("letter.arrived", 0, subject=MAIL, admitted_at=admitted), LETTER[1]])["mail/"]
        assert {name: number for name, number in counted.items() if name.startswith("scan")} == expected
    assert "scanned" not in count(LETTER[:2])["mail/"]


def test_letter_with_events_after_its_closure_is_reopened_once() -> None:
    def again(kind: str, day: int, **data: Any) -> Event:
        return make(kind, day * DAY, subject=MAIL, **WHERE, **data)

    closed = [*LETTER[:3], again("letter.closed", 2, outcome="resolved")]
    assert "reopened" not in count([*closed, again("letter.answered", 3)])["mail/autonomie"], "a second answer"
    taken_up = [*closed, again("letter.assigned", 5)]
    for order in permutations(taken_up):
        counted = count(order)["mail/autonomie"]
        assert (counted["reopened"], counted["in_progress"]) == (1, 1)
    twice = [*taken_up, again("letter.answered", 6), again("letter.assigned", 7)]
    assert count(twice)["mail/autonomie"]["reopened"] == 1


def test_outgoing_letter_is_not_received() -> None:
    sent = make("letter.sent", 0, subject=MAIL, **WHERE, postage="lettre_recommandee", cost_cents=574)
    cents = {"postage_cents": 574, "postage_cents_lettre_recommandee": 574}
    assert count([sent]) == {"mail/autonomie": {"sent_lettre_recommandee": 1, **cents}}
    assert count([*LETTER, sent])["mail/autonomie"]["received"] == 1


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], {"waiting": 1}),
        (["form.taken_up"], {"in_progress": 1, "assigned": 1}),
        (
            ["form.taken_up", "form.correction_requested"],
            {"pending_citizen": 1, "assigned": 1, "correction_requested": 1, "responded": 1},
        ),
        (
            ["form.correction_requested", "form.corrected"],
            {"in_progress": 1, "correction_requested": 1, "corrected": 1, "responded": 1},
        ),
        (["form.decided"], {"closed_accepted": 1, "responded": 1}),
    ],
)
def test_form_is_in_the_stock_of_its_state(steps: list[str], expected: dict[str, int]) -> None:
    events = [
        make("form.submitted", 0, subject=FORM, procedure="apa", **WHERE),
        *(
            make(kind, at, subject=FORM, **WHERE, **({"decision": "accepted"} if kind == "form.decided" else {}))
            for at, kind in enumerate(steps, 1)
        ),
    ]
    counted = count(events)["form/autonomie"]
    assert {name: n for name, n in counted.items() if "_le_" not in name and "millis" not in name} == {
        "received": 1,
        **expected,
    }


def test_form_counts_under_its_procedure() -> None:
    submitted = make("form.submitted", 0, subject=FORM, procedure="apa", **WHERE)
    row = fold_contact(submitted, make("form.taken_up", 5, subject=FORM, **WHERE))
    assert row.dimensions == Dimensions("form", "siege", "autonomie", "apa")


def test_answered_email_with_a_new_message_is_open_again() -> None:
    subject = "email:imap/contact:1"
    events = [
        make("email.received", 0, subject=subject, **WHERE),
        make("email.answered", 3600, subject=subject, **WHERE),
        make("email.received", 2 * 3600, subject=subject, **WHERE),
    ]
    counted = count(events)["email/autonomie"]
    assert (counted["received"], counted["responded"], counted["waiting"]) == (1, 1, 1)
    assert "closed_answered" not in counted
    closed = count([*events, make("email.answered", 3 * 3600, subject=subject, **WHERE)])["email/autonomie"]
    assert closed["resolution_milliseconds"] == 3 * 3600 * 1000
    assert closed["first_response_milliseconds"] == 3600 * 1000


def book(by: str = "citizen") -> Event:
    starts_at = START + timedelta(days=6)
    return make("appointment.booked", 0, subject=BOOKING, **WHERE, starts_at=starts_at, by=by)


def test_appointment_is_upcoming_then_attended_missed_or_cancelled() -> None:
    lead = {"lead_milliseconds": 6 * DAY * 1000, "lead_le_604800": 1}
    booked = {"booked": 1, "booked_by_citizen": 1, **lead}
    key = "appointment/autonomie"
    assert count([book()])[key] == {**booked, "pending_citizen": 1}
    assert count([book("service")])[key] == {"booked": 1, "booked_by_service": 1, **lead, "pending_citizen": 1}
    checked_in = make("appointment.checked_in", 6 * DAY, subject=BOOKING, **WHERE)
    assert count([book(), checked_in])[key] == {**booked, "checked_in": 1, "waiting": 1}
    attended = make("appointment.attended", 6 * DAY + 60, subject=BOOKING, **WHERE)
    assert count([book(), checked_in, attended])[key] == {**booked, "checked_in": 1, "attended": 1}
    assert count([book(), make("appointment.missed", 7 * DAY, subject=BOOKING, **WHERE)])[key] == {
        **booked,
        "missed": 1,
    }
    cancelled = make("appointment.cancelled", 60, subject=BOOKING, **WHERE, by="service")
    moved = make("appointment.moved", 30, subject=BOOKING, **WHERE, starts_at=START + timedelta(days=9))
    assert count([book(), moved, cancelled])[key] == {**booked, "moved": 1, "cancelled_by_service": 1}


def test_rebooked_appointment_keeps_its_first_lead_time() -> None:
    cancelled = make("appointment.cancelled", 3600, subject=BOOKING, **WHERE, by="citizen")
    later = START + timedelta(days=30)
    rebooked = make("appointment.booked", 7200, subject=BOOKING, **WHERE, starts_at=later, by="service")
    first = count([book()])
    for events in permutations([book(), cancelled, rebooked]):
        assert count(events) == first


def test_late_event_of_a_deleted_case_does_not_count() -> None:
    assert count([make("appointment.missed", 0, subject=BOOKING, **WHERE)]) == {}
    assert count([make("letter.closed", 0, subject=MAIL, **WHERE)]) == {}
    assert count(LETTER[1:]) == {}
    assert count([make("email.answered", 0, subject="email:imap/contact:1", **WHERE)]) == {}


def test_visit_counts_as_a_queue_stay() -> None:
    where = {"subject": VISIT, **WHERE}
    visit = [
        make("visit.arrived", 0, **where, queue="guichet"),
        make("visit.called", 400, **where),
        make("visit.served", 1000, **where),
    ]
    expected = {"offered": 1, "answered": 1, "wait_milliseconds": 400_000, "wait_le_600": 1}
    assert count(visit)["visit/autonomie"] == {
        **expected,
        "ended": 1,
        "handle_milliseconds": 600_000,
        "handle_le_600": 1,
    }
    assert count(visit[:1])["visit/autonomie"] == {"offered": 1, "waiting": 1}
    left = count([visit[0], make("visit.left", 700, **where)])["visit/autonomie"]
    assert (left["offered"], left["abandoned"], left["abandon_wait_le_900"]) == (1, 1, 1)
    absent = [*visit[:2], make("visit.left", 410, **where)]
    for order in permutations(absent):
        assert count(order)["visit/autonomie"] == {
            "offered": 1,
            "abandoned": 1,
            "abandon_wait_milliseconds": 400_000,
            "abandon_wait_le_600": 1,
        }


def test_opinion_counts_with_the_dimensions_and_channel_of_its_contact() -> None:
    call = answered_call(**WHERE)
    opinions = [
        make("feedback.invited", 900),
        make("feedback.given", 1000, scale="csat_1_5", score=2),
        make("feedback.given", 1010, scale="csat_1_5", score=4),
        make("feedback.given", 1000, scale="nps_0_10", score=9),
    ]
    for order in permutations(opinions):
        counted = count([*call, *order])
        assert counted["feedback/autonomie"] == {
            "invited": 1,
            "invited_answered": 1,
            "given_csat_1_5_4": 1,
            "given_nps_0_10_9": 1,
            "csat_no_promise_satisfied": 1,
            "csat_wait_le_60_satisfied": 1,
        }
        assert counted["call/autonomie"]["ended"] == 1
    assert fold_contact(call[1], opinions[0]).channel == "call"
    assert count([*opinions, *call]) == count([*call, *opinions])


def test_opinion_about_an_unknown_contact_counts_without_a_channel() -> None:
    subject = "feedback:jdma/transport:77"
    counted = count([make("feedback.given", 0, subject=subject, **WHERE, scale="jdma_0_10", score=7)])
    assert counted == {"feedback/autonomie": {"given_jdma_0_10_7": 1}}


def test_case_waits_from_its_receipt_until_the_citizen_has_to_act() -> None:
    index = WaitingIndex()
    row: contact.Contact | None = None
    seen: list[int | None] = []
    dimensions = Dimensions("form", "siege", "autonomie", "apa")
    for at, kind in enumerate(
        ("form.submitted", "form.taken_up", "form.correction_requested", "form.corrected", "form.decided")
    ):
        data = {"form.submitted": {"procedure": "apa"}, "form.decided": {"decision": "rejected"}}.get(kind, {})
        after = contact.fold(row, make(kind, at, subject=FORM, **WHERE, **data))
        index.update(b"key", row, after)
        seen.append(index.oldest(dimensions))
        row = after
    assert seen == [START_MS, START_MS, None, START_MS, None]
