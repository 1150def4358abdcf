"""What counts as what: recontact, first contact, avoidable, hopping, a crowd; by the day, the service and the channel."""

from collections.abc import Iterable

import msgspec
import pytest

from streams.core.citizens import citizen as citizens
from streams.core.citizens import citizen_figures
from streams.core.citizens.citizen import MAX_CONTACTS, RecontactTerms, facts
from streams.core.citizens.citizen_figures import CitizenFigureKey, Period, counted_from, start_of
from streams.core.citizens.reattribution import ADOPTED, WITHDRAWN
from streams.core.contacts import event_order
from streams.core.figures.figure_schemas import CITIZENS
from streams.core.rows import fingerprint
from streams.core.timeline.entries import Entry
from tests.support.citizens import START_DAY, entry, fold, move
from tests.support.events import START_MS


def contact(channel: str, *told: tuple[str, float], number: int = 0, service: str = "autonomie") -> list[Entry]:
    """The entries of one contact: type of event, and days after `START`."""
    return [entry(kind, days, f"{channel}:s:{number}", service) for kind, days in told]


def handled_call(day: float, number: int = 1, service: str = "autonomie") -> list[Entry]:
    return contact("call", ("call.queued", day), ("call.ended", day + 0.01), number=number, service=service)


def names(*contacts: Iterable[Entry]) -> dict[str, int]:
    """Name of a figure → the day on which it counts, of those of a service."""
    row = fold(one for entries in contacts for one in entries)
    return {CITIZENS.counts[index]: day - START_DAY for day, service, index in facts(row) if service}


@pytest.mark.parametrize(("days", "followed"), [(1, True), (7.6, True), (8, False), (20, False)])
def test_a_recontact_begins_by_the_end_of_the_seventh_day_after(days: float, followed: bool) -> None:
    found = names(contact("mail", ("letter.arrived", 0), ("letter.answered", 0.5)), handled_call(days))
    assert found[f"handled_mail_first_{'followed' if followed else 'alone'}"] == 0
    assert found[f"handled_call_{'again' if followed else 'first'}_alone"] == int(days)


def test_another_service_is_another_matter() -> None:
    found = names(handled_call(0), handled_call(1, 2, "enfance"))
    assert found["handled_call_first_alone"] in (0, 1)
    assert "handled_call_first_followed" not in found


def test_an_appointment_is_no_recontact() -> None:
    found = names(handled_call(0), contact("appointment", ("appointment.booked", 1)))
    assert (found["handled_call_first_alone"], found["hop_call_appointment"]) == (0, 1)


def test_who_gave_up_was_not_handled_and_who_calls_again_for_that_is_told_apart() -> None:
    found = names(contact("call", ("call.queued", 0), ("call.abandoned", 0.01)), handled_call(2))
    assert found == {
        "active": 2,
        "began_call_other": 0,
        "hop_none_call": 0,
        "began_call_abandoned": 2,
        "hop_call_call": 2,
        "handled_call_again_alone": 2,
    }


@pytest.mark.parametrize(
    ("matter", "reason"),
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
def test_who_calls_or_comes_since_nothing_was_answered_or_after_a_no_show(
    matter: tuple[str, tuple[str, float]], reason: str, channel: str
) -> None:
    kind = {"call": "call.queued", "visit": "visit.arrived"}[channel]
    found = names(contact(*matter), contact(channel, (kind, 5), number=1))
    assert found[f"began_{channel}_{reason}"] == 5


def test_of_several_reasons_the_first_counts_alone() -> None:
    found = names(
        contact("mail", ("letter.arrived", 0)),
        contact("form", ("form.submitted", 0), number=1),
        contact("call", ("call.queued", 1), number=2),
    )
    assert [name for name in found if name.startswith("began_call")] == ["began_call_letter_unanswered"]


def test_a_letter_that_goes_to_another_service_counts_there() -> None:
    found = fold(
        [
            entry("letter.arrived", 0, "mail:s:1", "autonomie"),
            entry("letter.assigned", 1, "mail:s:1", "enfance"),
        ]
    )
    assert {service for _, service, _ in facts(found)} == {None, "enfance"}


def test_a_civil_day_is_that_of_paris() -> None:
    # START is 8:00 UTC, 9:00 in Paris: 15 hours later it is midnight there.
    assert names(contact("call", ("call.queued", 14.99 / 24)))["began_call_other"] == 0
    assert names(contact("call", ("call.queued", 15 / 24)))["began_call_other"] == 1


def test_of_whom_nobody_knows_nothing_else_is_counted() -> None:
    row = fold([entry("call.queued", 0, citizen=""), entry("call.ended", 0.01, citizen="")])
    assert [CITIZENS.counts[index] for _, _, index in facts(row)] == ["unidentified_call"]


def test_too_many_contacts_are_no_citizens() -> None:
    calls = [entry("call.queued", number / 10, f"call:s:{number}") for number in range(MAX_CONTACTS + 1)]
    row = fold(calls[:-1])
    assert len([fact for fact in facts(row) if fact[1]]) > MAX_CONTACTS
    crowd = fold(calls[-1:], row)
    assert facts(crowd) == []
    assert fold(calls, crowd) == crowd
    assert not citizens.is_empty(citizens.forget(crowd, START_DAY + 10))
    assert citizens.is_empty(citizens.forget(crowd, START_DAY + 11))


def test_what_was_erased_leaves_the_row_and_what_was_counted_stands() -> None:
    row = fold([*handled_call(0), *handled_call(2, 2)])
    assert citizens.erase(row, {fingerprint("call:s:3")}) is row
    left = citizens.erase(row, {fingerprint("call:s:1")})
    assert [known.fingerprint for known in left.contacts] == [fingerprint("call:s:2")]
    assert facts(citizens.close(row, START_DAY + 2)) == facts(citizens.close(left, START_DAY + 2)) == []


def test_what_an_earlier_release_wrote_is_read_and_what_it_took_away_comes_back() -> None:
    row = fold([entry("letter.arrived", 0, "mail:s:1"), move(WITHDRAWN, 1, "mail:s:1")])
    tag, terms, since, is_known, ((*known, _moved),), overflow_at = msgspec.msgpack.decode(citizens.encode(row))
    before = citizens.decode(msgspec.msgpack.encode([tag, terms, since, is_known, [known], overflow_at]))
    (contact,) = before.contacts
    assert (contact.moved, facts(before)) == (None, [])
    told = ("letter.arrived", START_MS, "autonomie")
    assert facts(fold([move(ADOPTED, 1, "mail:s:1", START_MS, told)], before))
    assert (
        facts(fold([move(ADOPTED, 1, "mail:s:1", START_MS, told)], row)) == []
    )  # the sector is the same: it was before


def test_the_types_of_events_that_rows_keep_are_where_they_were() -> None:
    assert [event_order.KINDS.index(kind) for kind in ("call.arrived", "letter.answered", "appointment.cancelled")] == [
        0,
        4,
        18,
    ]
    assert [event_order.KINDS.index(kind) for kind in ("call.transferred", "call.ended", "visit.served")] == [
        19,
        24,
        28,
    ]


def test_four_weeks_are_counted_until_what_follows_is_known() -> None:
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
def test_a_key_is_read_back(key: CitizenFigureKey) -> None:
    assert citizen_figures.load_key(citizen_figures.dump_key(key)) == key
    assert citizen_figures.load_key(citizen_figures.PROGRESS_KEY) is None
