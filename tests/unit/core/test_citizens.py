"""Figures of citizens: recontacts, first contacts, avoidable contacts, channel hopping, shared identities."""

from collections.abc import Iterable

import msgspec
import pytest

from streams.core.citizens import citizen as citizens
from streams.core.citizens import citizen_figures, reattribution
from streams.core.citizens.citizen import MAX_CONTACTS, RecontactTerms
from streams.core.citizens.citizen_figures import CitizenFigureKey, Period, counted_from, start_of
from streams.core.citizens.reattribution import ADOPTED, WITHDRAWN
from streams.core.citizens.recontact_rules import close, erase, facts, forget, is_empty
from streams.core.contacts import event_order
from streams.core.figures.figure_schemas import CITIZENS
from streams.core.rows import fingerprint
from streams.core.timeline.entries import Entry
from tests.support.citizens import START_DAY, entry, fold, move
from tests.support.events import START_MS

STORED_REATTRIBUTION = (
    b'{"id":"11111111-1111-5111-8111-111111111111","citizen":"case:a1b2-x","contact":"call:s:1","channel":'
    b'"call","site":"siege","service":"rsa","type":"contact.adopted","happened_at":"2026-03-16T09:00:00Z",'
    b'"state":"closed","outcome":"answered","source":"accueil/worker","sector":"","detail":"","identities"'
    b':"","withdraws":"","told":[["call.queued",1773651600000,"rsa"]],"settled":[false,1773651600000,"soci'
    b'al"]}'
)
"""A record as version 0.1.0 of 2026-11-29 wrote it."""


def contact(channel: str, *events: tuple[str, float], number: int = 0, service: str = "autonomie") -> list[Entry]:
    """Return the entries of one contact, given (event type, days after `START`)."""
    return [entry(kind, days, f"{channel}:s:{number}", service) for kind, days in events]


def handled_call(day: float, number: int = 1, service: str = "autonomie") -> list[Entry]:
    return contact("call", ("call.queued", day), ("call.ended", day + 0.01), number=number, service=service)


def figure_days(*contacts: Iterable[Entry]) -> dict[str, int]:
    """Return name of a figure → day on which it counts, for the figures of a service."""
    row = fold(item for entries in contacts for item in entries)
    return {CITIZENS.counts[index]: day - START_DAY for day, service, index in facts(row) if service}


@pytest.mark.parametrize(("days", "followed"), [(1, True), (7.6, True), (8, False), (20, False)])
def test_recontact_begins_within_seven_days(days: float, followed: bool) -> None:
    found = figure_days(contact("mail", ("letter.arrived", 0), ("letter.answered", 0.5)), handled_call(days))
    assert found[f"handled_mail_first_{'followed' if followed else 'alone'}"] == 0
    assert found[f"handled_call_{'again' if followed else 'first'}_alone"] == int(days)


def test_contact_with_another_service_is_no_recontact() -> None:
    found = figure_days(handled_call(0), handled_call(1, 2, "enfance"))
    assert found["handled_call_first_alone"] in (0, 1)
    assert "handled_call_first_followed" not in found


def test_appointment_after_a_handled_call_is_neither_recontact_nor_first_contact() -> None:
    appointment = contact("appointment", ("appointment.booked", 1), ("appointment.attended", 5))
    found = figure_days(handled_call(0), appointment)
    assert (found["handled_call_first_alone"], found["hop_call_appointment"]) == (0, 1)
    assert found["handled_appointment_again_alone"] == 5


def test_abandoned_call_is_not_handled_and_a_repeated_call_has_its_own_reason() -> None:
    found = figure_days(contact("call", ("call.queued", 0), ("call.abandoned", 0.01)), handled_call(2))
    assert found == {
        "active": 2,
        "began_call_other": 0,
        "hop_none_call": 0,
        "began_call_abandoned": 2,
        "hop_call_call": 2,
        "handled_call_again_alone": 2,
    }


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (("mail", ("letter.arrived", 0), ("letter.acknowledged", 1)), "letter_unanswered"),
        (("mail", ("letter.arrived", 0), ("letter.answered", 6)), "letter_unanswered"),
        (("mail", ("letter.arrived", 0), ("letter.answered", 4)), "other"),
        (("form", ("form.submitted", 0), ("form.taken_up", 1)), "form_unanswered"),
        (("form", ("form.submitted", 0), ("form.correction_requested", 1)), "other"),
        (("email", ("email.received", 0)), "email_unanswered"),
        (("appointment", ("appointment.booked", 0), ("appointment.missed", 3)), "no_show"),
        (("appointment", ("appointment.booked", 0), ("appointment.attended", 3)), "other"),
    ],
)
@pytest.mark.parametrize("channel", ["call", "visit"])
def test_contact_after_an_unanswered_case_or_a_no_show_is_avoidable(
    case: tuple[str, tuple[str, float]], reason: str, channel: str
) -> None:
    kind = {"call": "call.queued", "visit": "visit.arrived"}[channel]
    found = figure_days(contact(*case), contact(channel, (kind, 5), number=1))
    assert found[f"began_{channel}_{reason}"] == 5


def test_only_the_first_of_several_reasons_counts() -> None:
    found = figure_days(
        contact("mail", ("letter.arrived", 0)),
        contact("form", ("form.submitted", 0), number=1),
        contact("call", ("call.queued", 1), number=2),
    )
    assert [name for name in found if name.startswith("began_call")] == ["began_call_letter_unanswered"]


def test_reassigned_letter_counts_for_the_new_service() -> None:
    entries = [entry("letter.arrived", 0, "mail:s:1", "autonomie"), entry("letter.assigned", 1, "mail:s:1", "enfance")]
    assert {service for _, service, _ in facts(fold(entries))} == {None, "enfance"}


def test_civil_days_are_in_the_configured_time_zone() -> None:
    # START is 8:00 UTC, 9:00 in Paris: 15 hours later it is midnight there.
    assert figure_days(contact("call", ("call.queued", 14.99 / 24)))["began_call_other"] == 0
    assert figure_days(contact("call", ("call.queued", 15 / 24)))["began_call_other"] == 1


def test_contact_without_identity_counts_only_as_unidentified() -> None:
    row = fold([entry("call.queued", 0, citizen=""), entry("call.ended", 0.01, citizen="")])
    assert [CITIZENS.counts[index] for _, _, index in facts(row)] == ["unidentified_call"]


def test_identity_with_too_many_contacts_is_not_counted() -> None:
    calls = [entry("call.queued", number / 10, f"call:s:{number}") for number in range(MAX_CONTACTS + 1)]
    row = fold(calls[:-1])
    assert len([fact for fact in facts(row) if fact[1]]) > MAX_CONTACTS
    shared = fold(calls[-1:], row)
    assert facts(shared) == []
    assert fold(calls, shared) == shared
    assert not is_empty(forget(shared, START_DAY + 10))
    assert is_empty(forget(shared, START_DAY + 11))


def test_erased_contact_leaves_the_row_and_stays_counted() -> None:
    row = fold([*handled_call(0), *handled_call(2, 2)])
    assert erase(row, {fingerprint("call:s:3")}) is row
    left = erase(row, {fingerprint("call:s:1")})
    assert [known.fingerprint for known in left.contacts] == [fingerprint("call:s:2")]
    assert facts(close(row, START_DAY + 2)) == facts(close(left, START_DAY + 2)) == []


def test_row_of_an_earlier_release_is_read_and_its_withdrawn_contact_can_return() -> None:
    row = fold([entry("letter.arrived", 0, "mail:s:1"), move(WITHDRAWN, 1, "mail:s:1")])
    tag, terms, since, is_known, ((*known, _moved),), overflow_at = msgspec.msgpack.decode(citizens.encode(row))
    earlier = citizens.decode(msgspec.msgpack.encode([tag, terms, since, is_known, [known], overflow_at]))
    (contact,) = earlier.contacts
    assert (contact.moved, facts(earlier)) == (None, [])
    past = ("letter.arrived", START_MS, "autonomie")
    adoption = move(ADOPTED, 1, "mail:s:1", START_MS, past)
    assert facts(fold([adoption], earlier))
    assert facts(fold([adoption], row)) == [], "the sector is the same, so the adoption is older"


def test_reattribution_of_an_earlier_release_keeps_its_events_and_sector() -> None:
    decoded = reattribution.decode(STORED_REATTRIBUTION)
    assert decoded.events == (("call.queued", 1_773_651_600_000, "rsa"),)
    assert decoded.assigned_sector == (False, 1_773_651_600_000, "social")


def test_indexes_of_event_types_are_stable() -> None:
    expected = {"call.arrived": 0, "letter.answered": 4, "appointment.cancelled": 18, "call.transferred": 19}
    expected |= {"call.ended": 24, "visit.served": 28}
    assert {kind: event_order.KINDS.index(kind) for kind in expected} == expected


def test_four_weeks_stay_open_for_their_recontacts() -> None:
    monday = start_of(Period.FOUR_WEEKS, START_DAY)
    assert counted_from(monday + 28 + 13, RecontactTerms()) == monday
    assert counted_from(monday + 28 + 14, RecontactTerms()) == monday + 28
    assert monday % 7 == 1  # ordinal 1 was a Monday


@pytest.mark.parametrize(
    "key",
    [
        CitizenFigureKey("day", START_DAY, None),
        CitizenFigureKey("week", START_DAY, "mdph"),
        CitizenFigureKey("total", 0, ""),
        CitizenFigureKey("total", 0, None),
    ],
)
def test_figure_key_survives_a_round_trip(key: CitizenFigureKey) -> None:
    assert citizen_figures.load_key(citizen_figures.dump_key(key)) == key
    assert citizen_figures.load_key(citizen_figures.PROGRESS_KEY) is None
