"""What a contact's events mean."""

import sys
from itertools import permutations

import msgspec
import pytest

from models.events import Event
from models.identities import MAX_IDENTITIES
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact, ContactState, RowRetention
from streams.core.contacts.queue_stay import StayResult, TimesToLive, stay_result
from streams.core.rows import UnknownRowVersion
from tests.support.events import CASE, PHONE, START_MS, answered_call, make

TTL = TimesToLive(waiting=3_600_000, in_progress=7_200_000, visit=43_200_000)
MAIL = "mail:maarch:42"

KEEP = RowRetention(closed=1_000, touched=0)


def fold(*events: Event, row: Contact | None = None) -> Contact:
    for event in events:
        row = contact.fold(row, event)
    assert row is not None
    return row


def stories(row: Contact) -> list[StayResult]:
    return [stay_result(visit) for visit in row.stays]


def test_an_answered_call() -> None:
    arrived, queued, answered, ended = answered_call(wait=20, handle=180)
    assert [fold(*answered_call()[:n]).status() for n in (1, 2, 3, 4)] == [
        (ContactState.WAITING, ""),
        (ContactState.WAITING, ""),
        (ContactState.IN_PROGRESS, "answered"),
        (ContactState.CLOSED, "answered"),
    ]
    row = fold(arrived, queued, answered, ended)
    assert stories(row) == [
        StayResult(START_MS + 5_000, "answered", START_MS + 25_000, 20_000, "ended", START_MS + 205_000, 180_000)
    ]
    assert (row.sector, row.identities, row.citizen) == ("social", PHONE, PHONE)
    assert row.dimensions == ("call", "siege", "autonomie", "mdph")
    assert row.closed_at == row.last_at == START_MS + 205_000


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_whoever_tells_of_another_sectors_contact_does_not_take_it_there(order: tuple[int, ...]) -> None:
    letter = {"subject": MAIL, "sector": "social", "service": "rsa"}
    opinion = make("feedback.given", 5, subject=MAIL, sector="avis", identities=PHONE, scale="csat_1_5", score=1)
    events = [
        make("letter.arrived", 0, identities=CASE, **letter),
        make("letter.answered", 10, **letter),
        opinion.model_copy(update={"source": "survey/avis"}),
    ]
    row = fold(*(events[number] for number in order))
    assert (row.sector, row.identities) == ("social", CASE)
    assert {told.type for told in row.case_events} == {"letter.arrived", "letter.answered", "feedback.given:csat_1_5"}
    of_others = fold(events[2])
    assert (of_others.sector, of_others.identities) == ("", "")


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_a_contact_stays_in_its_sector_whatever_its_source_is_set_to_later(order: tuple[int, ...]) -> None:
    events = [
        make("letter.arrived", 0, subject=MAIL, sector="social", identities=CASE),
        make("letter.assigned", 5, subject=MAIL, sector="enfance", identities=PHONE),
        make("letter.answered", 10, subject=MAIL, sector="social"),
    ]
    row = fold(*(events[number] for number in order))
    assert (row.sector, row.identities, row.state) == ("social", CASE, ContactState.CLOSED)
    assert contact.decode(contact.encode(row)) == row
    erased = fold(make("personal_data.erased", 20, subject=MAIL, channel="mail"), row=row)
    assert (erased.sector, erased.identities) == ("social", "")
    assert PHONE.encode() not in contact.encode(erased)


def test_waits_and_conversations_nobody_told_are_the_time_between() -> None:
    row = fold(
        make("call.queued", 5, queue="mdph"),
        make("call.answered", 12.5, queue="mdph"),
        make("call.ended", 40, queue="mdph", ended_by="agent"),
    )
    assert (stories(row)[0].wait_ms, stories(row)[0].handle_ms) == (7_500, 27_500)


def test_a_clock_that_went_back_gives_no_negative_duration() -> None:
    row = fold(
        make("call.queued", 9, queue="mdph"),
        make("call.answered", 5, queue="mdph"),
        make("call.ended", 3, queue="mdph", ended_by="agent"),
    )
    assert (stories(row)[0].wait_ms, stories(row)[0].handle_ms) == (0, 0)


@pytest.mark.parametrize(
    ("kinds", "outcome", "finish"),
    [
        (["queued"], "waiting", ""),
        (["queued", "left_queue"], "left_timeout", ""),
        (["queued", "left_queue", "abandoned"], "abandoned", ""),
        (["queued", "left_queue", "abandoned", "answered"], "answered", "in_progress"),
        (["queued", "abandoned", "ended"], "answered", "ended"),
        (["queued", "answered", "ended", "transferred"], "answered", "transferred"),
    ],
)
def test_the_stronger_evidence_wins_whichever_came_first(kinds: list[str], outcome: str, finish: str) -> None:
    fields: dict[str, dict[str, str]] = {
        "left_queue": {"reason": "timeout"},
        "ended": {"ended_by": "caller"},
        "transferred": {"kind": "blind"},
    }
    events = [make(f"call.{kind}", at, queue="mdph", **fields.get(kind, {})) for at, kind in enumerate(kinds)]
    assert {(story.outcome, story.finish) for order in permutations(events) for story in stories(fold(*order))} == {
        (outcome, finish)
    }


def test_a_call_that_waits_in_the_same_queue_twice_has_two_visits() -> None:
    row = fold(
        make("call.queued", 0, queue="mdph", visit=1),
        make("call.left_queue", 60, queue="mdph", visit=1, reason="timeout"),
        make("call.queued", 61, queue="mdph", visit=2),
    )
    assert [story.outcome for story in stories(row)] == ["left_timeout", "waiting"]
    assert row.state is ContactState.WAITING
    assert fold(make("call.abandoned", 80, queue="mdph", visit=2), row=row).status() == (
        ContactState.CLOSED,
        "abandoned",
    )


def test_an_answer_without_a_beginning_was_queued_before_and_the_real_beginning_corrects_it() -> None:
    answered = make("call.answered", 100, queue="mdph", wait_seconds=30)
    row = fold(answered)
    assert stories(row)[0].queued_at == START_MS + 70_000
    row = fold(make("call.queued", 69, queue="mdph"), row=row)
    assert stories(row)[0].queued_at == START_MS + 69_000
    assert stories(row)[0].wait_ms == 30_000


@pytest.mark.parametrize("kind", ["call.ended", "call.transferred"])
def test_an_end_without_an_answer_was_answered_before(kind: str) -> None:
    how = {"ended_by": "agent"} if kind == "call.ended" else {"kind": "blind"}
    (story,) = stories(fold(make(kind, 100, queue="mdph", wait_seconds=10, handle_seconds=60, **how)))
    assert (story.queued_at, story.outcome_at) == (START_MS + 30_000, START_MS + 40_000)
    assert (story.outcome, story.wait_ms, story.handle_ms) == ("answered", 10_000, 60_000)


def test_a_visit_is_where_its_earliest_event_says_unless_that_did_not_know() -> None:
    events = [
        make("call.queued", 1, queue="mdph", site="siege", service=""),
        make("call.answered", 2, queue="mdph", site="siege", service="autonomie"),
        make("call.ended", 3, queue="mdph", site="siege", service="enfance", ended_by="caller"),
    ]
    assert {fold(*order).dimensions.service for order in permutations(events)} == {"autonomie"}


# --------------------------------------------------------------------------------------------------------------- forget
def test_a_call_the_switchboard_forgot_has_left_when_its_time_was_over() -> None:
    row = fold(*answered_call()[:2])
    began = START_MS + 5_000
    assert contact.forget(row, began + TTL.waiting - 1, TTL) is row
    forgotten = contact.forget(row, began + TTL.waiting + 123_456, TTL)
    assert stories(forgotten)[0].outcome == "left_forgotten"
    assert forgotten.closed_at == began + TTL.waiting
    assert stories(row)[0].outcome == "waiting"


def test_a_late_answer_undoes_the_forgetting() -> None:
    events = answered_call()
    forgotten = contact.forget(fold(*events[:2]), START_MS + 10 * TTL.waiting, TTL)
    assert stories(fold(events[2], row=forgotten))[0].finish == "in_progress"
    assert stories(fold(*events[2:], row=forgotten)) == stories(fold(*events))


def test_a_conversation_without_end_is_given_up_and_a_late_end_undoes_that() -> None:
    events = answered_call()
    talking = fold(*events[:3])
    forgotten = contact.forget(talking, START_MS + 25_000 + TTL.in_progress, TTL)
    assert forgotten.status() == (ContactState.CLOSED, "answered")
    assert stories(forgotten)[0].finish == "ended_forgotten"
    assert stories(fold(events[3], row=forgotten)) == stories(fold(*events))


# -------------------------------------------------------------------------------------------------------------- expiring
def test_a_row_expires_when_it_was_closed_and_silent_long_enough() -> None:
    row = fold(*answered_call())
    assert contact.expires_at(row, KEEP) == START_MS + 206_000
    asked = fold(make("feedback.invited", 500), row=row)
    assert contact.expires_at(asked, KEEP) == START_MS + 501_000
    assert contact.expires_at(fold(*answered_call()[:2]), KEEP) is None
    assert contact.expires_at(fold(*answered_call()[:1]), KEEP) == START_MS + 1_000


def test_a_row_of_old_events_is_kept_after_its_last_change() -> None:
    row = fold(*answered_call()).__copy__()
    row.touched_at = START_MS + 10_000_000
    assert contact.expires_at(row, RowRetention(closed=1_000, touched=60_000)) == START_MS + 10_060_000


# -------------------------------------------------------------------------------------------------------- other channels
@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (["letter.arrived", "letter.registered"], (ContactState.WAITING, "")),
        (["letter.arrived", "letter.assigned", "letter.acknowledged"], (ContactState.IN_PROGRESS, "")),
        (["letter.arrived", "letter.answered", "letter.sent"], (ContactState.CLOSED, "answered")),
        (["letter.arrived", "letter.closed"], (ContactState.CLOSED, "resolved")),
        (["letter.arrived", "letter.closed", "letter.assigned"], (ContactState.IN_PROGRESS, "")),
        (["email.received", "email.acknowledged"], (ContactState.WAITING, "")),
        (["email.received", "email.answered"], (ContactState.CLOSED, "answered")),
        (["form.submitted", "form.taken_up", "form.correction_requested"], (ContactState.PENDING_CITIZEN, "")),
        (["form.submitted", "form.correction_requested", "form.corrected"], (ContactState.IN_PROGRESS, "")),
        (
            ["form.submitted", "form.correction_requested", "form.corrected", "form.correction_requested"],
            (ContactState.PENDING_CITIZEN, ""),
        ),
        (["form.submitted", "form.taken_up", "form.decided"], (ContactState.CLOSED, "accepted")),
        (["appointment.booked"], (ContactState.PENDING_CITIZEN, "")),
        (["appointment.booked", "appointment.checked_in"], (ContactState.WAITING, "")),
        (["appointment.booked", "appointment.missed"], (ContactState.CLOSED, "missed")),
        (["appointment.booked", "appointment.cancelled"], (ContactState.CLOSED, "cancelled")),
        (["visit.arrived", "visit.called"], (ContactState.IN_PROGRESS, "answered")),
        (["visit.arrived", "visit.left"], (ContactState.CLOSED, "abandoned")),
        (["feedback.given"], (ContactState.CLOSED, "")),
    ],
)
def test_state_of_the_other_channels(kinds: list[str], status: tuple[ContactState, str]) -> None:
    fields: dict[str, dict[str, object]] = {
        "letter.registered": {"chrono": "2025A/1"},
        "letter.sent": {"postage": "lettre_verte", "cost_cents": 129},
        "form.submitted": {"procedure": "apa"},
        "form.decided": {"decision": "accepted"},
        "appointment.booked": {"starts_at": "2025-03-05T09:00:00Z"},
        "appointment.cancelled": {"by": "citizen"},
        "feedback.given": {"scale": "csat_1_5", "score": 4},
    }
    events = [make(kind, at, subject=MAIL, **fields.get(kind, {})) for at, kind in enumerate(kinds)]
    assert {fold(*order).status() for order in permutations(events)} == {status}


def test_what_happened_within_one_second_stands_in_the_order_of_a_contacts_life() -> None:
    events = [make(kind, 0, subject=MAIL) for kind in ("letter.closed", "letter.assigned", "letter.arrived")]
    assert {fold(*order).state for order in permutations(events)} == {ContactState.CLOSED}


def test_what_was_told_last_of_each_kind_is_kept() -> None:
    row = fold(
        make("appointment.moved", 9, subject="appointment:rdv:1", starts_at="2025-03-07T09:00:00Z"),
        make("appointment.moved", 5, subject="appointment:rdv:1", starts_at="2025-03-06T09:00:00Z"),
    )
    (moved,) = row.case_events
    assert (moved.first_at, moved.last_at) == (START_MS + 5_000, START_MS + 9_000)
    assert msgspec.json.decode(moved.detail) == {"starts_at": "2025-03-07T09:00:00Z", "by": "citizen"}


def test_feedback_about_a_call_leaves_it_a_call() -> None:
    given = make("feedback.given", 900, scale="csat_1_5", score=5)
    assert fold(given).channel == "feedback"
    assert fold(given, *answered_call()).channel == fold(*answered_call(), given).channel == "call"
    assert fold(*answered_call(), given).state is ContactState.CLOSED


# ----------------------------------------------------------------------------------------------------------- identities
def test_identities_are_united_strongest_first() -> None:
    row = fold(
        make("call.arrived", identities=PHONE), make("call.queued", queue="mdph", identities=f"email:k1-b {CASE}")
    )
    assert row.identities == f"{CASE} email:k1-b {PHONE}"
    assert row.citizen == CASE


def test_after_an_erasure_nobody_is_named_even_by_a_late_event() -> None:
    events = [*answered_call(), make("personal_data.erased", 1000, channel="call")]
    assert {fold(*order).identities for order in permutations(events)} == {""}


def test_an_opinion_stays_where_it_is_whoever_erases_its_person() -> None:
    given = make("feedback.given", 900, scale="csat_1_5", score=5)
    erased = make("personal_data.erased", 1000, channel="call", site="", service="")
    for order in permutations([given, erased]):
        assert (fold(*order).channel, fold(*order).dimensions) == ("feedback", fold(given).dimensions)
    for order in permutations([given, erased, *answered_call()]):
        assert (fold(*order).channel, fold(*order).dimensions) == ("call", fold(*answered_call()).dimensions)


def test_an_erased_contact_is_kept_as_long_as_any_after_it_was_erased() -> None:
    erased = make("personal_data.erased", 1000, channel="call")
    for row in (fold(*answered_call(), erased), fold(erased)):
        assert contact.expires_at(row, KEEP) == START_MS + 1_000_000 + KEEP.closed


def test_identities_are_bounded_whatever_comes() -> None:
    row = fold(*(make("call.arrived", identities=f"phone:k1-{number:02}") for number in range(20)))
    assert row.identities.split() == [f"phone:k1-{number:02}" for number in range(MAX_IDENTITIES)]


# --------------------------------------------------------------------------------------------------------------- bytes
def test_a_row_of_a_later_release_is_refused_with_both_versions() -> None:
    value = contact.encode(fold(*answered_call()))
    with pytest.raises(UnknownRowVersion, match="Contact row of version 2, this release reads version 1"):
        contact.decode(value[:1] + b"\x02" + value[2:])


@pytest.mark.parametrize("value", [b"", b"\xc0", b"{}", b"\x92\x01\x05"])
def test_what_is_no_row_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        contact.decode(value)


def test_decoded_rows_share_what_is_from_closed_sets() -> None:
    one, other = (contact.decode(contact.encode(fold(*answered_call(subject)))) for subject in ("call:a:1", "call:a:2"))
    assert one.stays[0].dimensions is other.stays[0].dimensions
    assert one.case_events[0].detail is other.case_events[0].detail
    assert one.case_events[0].type is other.case_events[0].type
    assert one.sector is other.sector


def size_of(value: object, seen: set[int]) -> int:
    """Return the bytes that `value` alone takes, what is in `seen` not counted."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    inner: tuple[object, ...] = ()
    if isinstance(value, msgspec.Struct):
        inner = msgspec.structs.astuple(value)
    elif isinstance(value, tuple):
        inner = value
    return sys.getsizeof(value) + sum(size_of(item, seen) for item in inner)


def test_a_call_takes_at_most_900_bytes_of_memory() -> None:
    first = contact.decode(contact.encode(fold(*answered_call("call:a:1", identities=f"{CASE} {PHONE}"))))
    shared: set[int] = set()
    size_of(first, shared)
    second = fold(*answered_call("call:a:2", identities=f"{CASE[:-1]}2 {PHONE[:-1]}2", at=1_000))
    assert size_of(contact.decode(contact.encode(second)), shared) <= 900


def test_a_call_is_in_the_queue_that_it_entered_last_whatever_its_stays_are_numbered() -> None:
    where = {"site": "siege", "service": "autonomie"}
    refused = make("call.left_queue", 0, **where, queue="mdph", visit=731, reason="full")
    row = fold(refused, make("call.queued", 5, **where, queue="apa"), make("call.answered", 9, **where, queue="apa"))
    assert row.dimensions.queue == "apa"
    assert row.status() == (ContactState.IN_PROGRESS, "answered")
