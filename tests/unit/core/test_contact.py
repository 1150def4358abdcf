"""Contact rows, and the state derived from them."""

import sys
from itertools import permutations

import msgspec
import pytest

from models.identities import MAX_IDENTITIES
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact, ContactState
from streams.core.contacts.row_expiry import RowRetention, expires_at
from streams.core.contacts.stay_outcome import StayResult, TimesToLive, stay_result
from streams.core.rows import UnknownRowVersion
from tests.support.events import CASE, PHONE, START_MS, answered_call, make
from tests.support.figures import fold_contact as fold

TTL = TimesToLive(waiting=3_600_000, in_progress=7_200_000, visit=43_200_000)
MAIL = "mail:maarch:42"

KEEP = RowRetention(closed=1_000, touched=0)


def results(row: Contact) -> list[StayResult]:
    return [stay_result(stay) for stay in row.stays]


def test_answered_call_has_a_result_and_the_dimensions_of_its_queue() -> None:
    arrived, queued, answered, ended = answered_call(wait=20, handle=180)
    assert [fold(*answered_call()[:n]).status() for n in (1, 2, 3, 4)] == [
        (ContactState.WAITING, ""),
        (ContactState.WAITING, ""),
        (ContactState.IN_PROGRESS, "answered"),
        (ContactState.CLOSED, "answered"),
    ]
    row = fold(arrived, queued, answered, ended)
    assert results(row) == [
        StayResult(START_MS + 5_000, "answered", START_MS + 25_000, 20_000, "ended", START_MS + 205_000, 180_000)
    ]
    assert (row.sector, row.identities, row.citizen) == ("social", PHONE, PHONE)
    assert row.dimensions == ("call", "siege", "autonomie", "mdph")
    assert row.closed_at == row.last_at == START_MS + 205_000


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_contact_keeps_the_sector_of_its_earliest_event(order: tuple[int, ...]) -> None:
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


@pytest.mark.parametrize(
    ("queued", "answered", "ended", "durations"),
    [(5, 12.5, 40, (7_500, 27_500)), pytest.param(9, 5, 3, (0, 0), id="clock set back")],
)
def test_missing_durations_are_derived_from_times(
    queued: float, answered: float, ended: float, durations: tuple[int, int]
) -> None:
    row = fold(
        make("call.queued", queued, queue="mdph"),
        make("call.answered", answered, queue="mdph"),
        make("call.ended", ended, queue="mdph", ended_by="agent"),
    )
    assert (results(row)[0].wait_ms, results(row)[0].handle_ms) == durations


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
def test_stronger_evidence_wins_in_any_order(kinds: list[str], outcome: str, finish: str) -> None:
    fields: dict[str, dict[str, str]] = {
        "left_queue": {"reason": "timeout"},
        "ended": {"ended_by": "caller"},
        "transferred": {"kind": "blind"},
    }
    events = [make(f"call.{kind}", at, queue="mdph", **fields.get(kind, {})) for at, kind in enumerate(kinds)]
    found = [result for order in permutations(events) for result in results(fold(*order))]
    assert {(result.outcome, result.finish) for result in found} == {(outcome, finish)}


def test_missing_start_is_derived_from_the_answer_and_corrected_by_a_late_event() -> None:
    answered = make("call.answered", 100, queue="mdph", wait_seconds=30)
    row = fold(answered)
    assert results(row)[0].queued_at == START_MS + 70_000
    row = fold(make("call.queued", 69, queue="mdph"), row=row)
    assert results(row)[0].queued_at == START_MS + 69_000
    assert results(row)[0].wait_ms == 30_000


@pytest.mark.parametrize("kind", ["call.ended", "call.transferred"])
def test_missing_answer_is_derived_from_the_end(kind: str) -> None:
    data = {"ended_by": "agent"} if kind == "call.ended" else {"kind": "blind"}
    (result,) = results(fold(make(kind, 100, queue="mdph", wait_seconds=10, handle_seconds=60, **data)))
    assert (result.queued_at, result.outcome_at) == (START_MS + 30_000, START_MS + 40_000)
    assert (result.outcome, result.wait_ms, result.handle_ms) == ("answered", 10_000, 60_000)


# --------------------------------------------------------------------------------------------------------------- forget
def test_call_without_an_end_leaves_the_queue_after_its_time_to_live() -> None:
    row = fold(*answered_call()[:2])
    began = START_MS + 5_000
    assert contact.forget(row, began + TTL.waiting - 1, TTL) is row
    forgotten = contact.forget(row, began + TTL.waiting + 123_456, TTL)
    assert results(forgotten)[0].outcome == "left_forgotten"
    assert forgotten.closed_at == began + TTL.waiting
    assert results(row)[0].outcome == "waiting"


# -------------------------------------------------------------------------------------------------------------- expiring
def test_row_expires_a_retention_period_after_its_last_event() -> None:
    row = fold(*answered_call())
    assert expires_at(row, KEEP) == START_MS + 206_000
    invited = fold(make("feedback.invited", 500), row=row)
    assert expires_at(invited, KEEP) == START_MS + 501_000
    assert expires_at(fold(*answered_call()[:2]), KEEP) is None
    assert expires_at(fold(*answered_call()[:1]), KEEP) == START_MS + 1_000
    erased = make("personal_data.erased", 1000, channel="call")
    for row in (fold(*answered_call(), erased), fold(erased)):
        assert expires_at(row, KEEP) == START_MS + 1_001_000


def test_row_of_old_events_is_kept_after_its_last_change() -> None:
    row = fold(*answered_call()).__copy__()
    row.touched_at = START_MS + 10_000_000
    assert expires_at(row, RowRetention(closed=1_000, touched=60_000)) == START_MS + 10_060_000


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
def test_contact_of_another_channel_has_the_state_after_its_last_event(
    kinds: list[str], status: tuple[ContactState, str]
) -> None:
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


def test_simultaneous_events_count_in_their_usual_order() -> None:
    events = [make(kind, 0, subject=MAIL) for kind in ("letter.closed", "letter.assigned", "letter.arrived")]
    assert {fold(*order).state for order in permutations(events)} == {ContactState.CLOSED}


def test_latest_detail_of_each_event_type_is_kept() -> None:
    row = fold(
        make("appointment.moved", 9, subject="appointment:rdv:1", starts_at="2025-03-07T09:00:00Z"),
        make("appointment.moved", 5, subject="appointment:rdv:1", starts_at="2025-03-06T09:00:00Z"),
    )
    (moved,) = row.case_events
    assert (moved.first_at, moved.last_at) == (START_MS + 5_000, START_MS + 9_000)
    assert msgspec.json.decode(moved.detail) == {"starts_at": "2025-03-07T09:00:00Z", "by": "citizen"}


# ----------------------------------------------------------------------------------------------------------- identities
def test_identities_are_merged_strongest_first() -> None:
    row = fold(
        make("call.arrived", identities=PHONE), make("call.queued", queue="mdph", identities=f"email:k1-b {CASE}")
    )
    assert row.identities == f"{CASE} email:k1-b {PHONE}"
    assert row.citizen == CASE


def test_number_of_identities_is_limited() -> None:
    row = fold(*(make("call.arrived", identities=f"phone:k1-{number:02}") for number in range(20)))
    assert row.identities.split() == [f"phone:k1-{number:02}" for number in range(MAX_IDENTITIES)]


# --------------------------------------------------------------------------------------------------------------- bytes
def test_row_of_a_later_release_is_rejected_with_both_versions() -> None:
    value = contact.encode(fold(*answered_call()))
    with pytest.raises(UnknownRowVersion, match="Contact row of version 2, this release reads version 1"):
        contact.decode(value[:1] + b"\x02" + value[2:])


@pytest.mark.parametrize("value", [b"", b"\xc0", b"{}", b"\x92\x01\x05"])
def test_invalid_row_is_rejected(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        contact.decode(value)


def size_of(value: object, seen: set[int]) -> int:
    """Return the size of `value` in bytes, without the objects in `seen`."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    inner: tuple[object, ...] = ()
    if isinstance(value, msgspec.Struct):
        inner = msgspec.structs.astuple(value)
    elif isinstance(value, tuple):
        inner = value
    return sys.getsizeof(value) + sum(size_of(item, seen) for item in inner)


def test_call_takes_at_most_900_bytes_of_memory() -> None:
    first = contact.decode(contact.encode(fold(*answered_call("call:a:1", identities=f"{CASE} {PHONE}"))))
    shared: set[int] = set()
    size_of(first, shared)
    second = fold(*answered_call("call:a:2", identities=f"{CASE[:-1]}2 {PHONE[:-1]}2", at=1_000))
    assert size_of(contact.decode(contact.encode(second)), shared) <= 900


def test_call_has_the_dimensions_of_the_queue_it_entered_last() -> None:
    where = {"site": "siege", "service": "autonomie"}
    refused = make("call.left_queue", 0, **where, queue="mdph", visit=731, reason="full")
    row = fold(refused, make("call.queued", 5, **where, queue="apa"), make("call.answered", 9, **where, queue="apa"))
    assert row.dimensions.queue == "apa"
    assert row.status() == (ContactState.IN_PROGRESS, "answered")
