"""The simulated département on paper: who there is, what happens when, and what the ledger says of it."""

import json
import random
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice, pairwise, takewhile
from pathlib import Path

import pytest

from connectors.simulator.accounts import RULES, STAYS
from connectors.simulator.deeds import Deed, Matter, Place, What, Why
from connectors.simulator.house import CALLS, EMAILS, VISITS
from connectors.simulator.ledger import Ledger
from connectors.simulator.plan import Plan
from connectors.simulator.playing import Mark
from connectors.simulator.population import CITIZENS, citizen, draw, who_has
from connectors.simulator.stage import Stage
from connectors.simulator.stories import PATIENCE_HOURS
from connectors.simulator.working import PARIS, Office, midnight
from models.topics import Channel

MONDAY = midnight(date(2026, 3, 16))
WEEK = timedelta(days=7)


def deeds(plan: Plan, days: float = 7, since: datetime = MONDAY) -> list[Deed]:
    return [*takewhile(lambda deed: deed.at < since + timedelta(days=days), plan.deeds(since))]


@pytest.fixture(scope="module")
def month() -> list[Deed]:
    return deeds(Plan(1, 200_000), 28)


# ---------------------------------------------------------------------------------------------------------- population
def test_citizens_have_reserved_numbers_and_addresses_each_their_own() -> None:
    everybody = [citizen(1, number) for number in range(0, CITIZENS, 7)]
    assert len({one.phone for one in everybody}) == len(everybody)
    reserved = re.compile(r"(019900|026191|035301|046571|053649|063998)\d{4}")
    assert all(reserved.fullmatch(one.phone) for one in everybody)
    addresses = [one.email for one in everybody if one.email]
    assert all(re.fullmatch(r"[a-z.0-9]+@example\.org", address) for address in addresses)
    assert len(set(addresses)) == len(addresses)
    assert 0.7 < len(addresses) / len(everybody) < 0.9


def test_a_number_tells_whose_it_is() -> None:
    chance = random.Random(3)
    for _ in range(200):
        who = draw(5, chance)
        assert who_has(5, who.phone) == who


def test_some_come_more_often() -> None:
    chance = random.Random(4)
    drawn = Counter(draw(1, chance).number < CITIZENS // 4 for _ in range(2_000))
    assert 0.45 < drawn[True] / 2_000 < 0.55


# --------------------------------------------------------------------------------------------------------- working hours
@pytest.mark.parametrize(
    ("at", "hours", "then"),
    [
        ("2026-03-16T09:00+01:00", 2, "2026-03-16T11:00+01:00"),
        ("2026-03-16T03:00+01:00", 1, "2026-03-16T09:30+01:00"),
        ("2026-03-16T16:30+01:00", 1, "2026-03-17T09:00+01:00"),
        ("2026-03-20T16:00+01:00", 2, "2026-03-23T09:30+01:00"),
        ("2026-03-21T12:00+01:00", 8.5, "2026-03-23T17:00+01:00"),
        ("2026-03-27T16:00+01:00", 2, "2026-03-30T09:30+02:00"),  # clocks are put forward in between
    ],
)
def test_work_is_done_in_working_hours(at: str, hours: float, then: str) -> None:
    assert Office().after(datetime.fromisoformat(at), hours) == datetime.fromisoformat(then)


def test_an_office_that_is_always_open_works_at_night() -> None:
    assert Office(always=True).after(MONDAY, 3) == MONDAY + timedelta(hours=3)


def test_citizens_come_as_often_as_they_should_and_when_it_is_open() -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    chance = random.Random(2)
    visits = [at for day in days for at in VISITS.rhythm.arrivals(20_000, day, chance, always=False)]
    assert 0.95 < len(visits) / 20_000 * 252 / 261 < 1.05
    local = [at.astimezone(PARIS) for at in visits]
    assert {at.weekday() for at in local} == {0, 1, 2, 3, 4}
    assert {at.hour for at in local} == {9, 10, 11, 14, 15}
    emails = [at for day in days for at in EMAILS.rhythm.arrivals(20_000, day, chance, always=False)]
    assert any(at.astimezone(PARIS).weekday() == 6 for at in emails)


def test_in_a_demonstration_they_come_at_any_hour() -> None:
    visits = VISITS.rhythm.arrivals(100_000, date(2026, 3, 15), random.Random(2), always=True)
    assert len({at.hour for at in visits}) == 24


# ------------------------------------------------------------------------------------------------------------------ plan
def test_a_plan_is_a_function_of_its_seed() -> None:
    assert deeds(Plan(1, 50_000)) == deeds(Plan(1, 50_000)) != deeds(Plan(2, 50_000))


def test_deeds_are_in_order_and_each_matter_has_its_own_number(month: list[Deed]) -> None:
    assert all(one.at <= other.at for one, other in pairwise(month))
    matters = {matter.number: matter for deed in month for matter in (deed.matter, *deed.others)}
    assert all(matters[deed.matter.number] == deed.matter for deed in month)
    assert max(matters) < 2**31
    assert all(deed.at.tzinfo is UTC and not deed.at.microsecond for deed in month)


def test_a_story_does_not_depend_on_when_one_begins_to_look() -> None:
    later = MONDAY + timedelta(days=2)
    whole = deeds(Plan(1, 50_000), 9)
    begun = {deed.matter.number for deed in whole if deed.at < later}
    fresh = deeds(Plan(1, 50_000), 7, later)
    fresh_numbers = {deed.matter.number for deed in fresh}
    assert not fresh_numbers & begun
    assert [deed for deed in whole if deed.matter.number in fresh_numbers] == fresh


def test_all_kinds_of_deeds_happen_each_after_the_one_it_follows(month: list[Deed]) -> None:
    assert {deed.what for deed in month} == {*What}
    assert RULES.keys() | STAYS == {*What} - {What.CALLED}
    assert {deed.matter.why for deed in month} == {*Why}
    first: dict[int, What] = {}
    for deed in month:
        for matter in (deed.matter, *deed.others):
            first.setdefault(matter.number, deed.what)
            assert matter.about is None or matter.about.number in first or matter.about.channel is Channel.CALL
    assert set(first.values()) == {
        What.LETTER_SCANNED,
        What.EMAIL_RECEIVED,
        What.FORM_SUBMITTED,
        What.APPOINTMENT_BOOKED,
        What.TICKET_TAKEN,
        What.CALLED,
        What.INVITED,
        What.OPINION_GIVEN,
        What.LETTER_REGISTERED,
        What.LETTER_SENT,
    }


def test_the_same_citizen_calls_because_the_letter_is_unanswered(month: list[Deed]) -> None:
    scanned: dict[int, datetime] = {}
    for deed in month:
        if deed.what is What.LETTER_SCANNED:
            scanned |= {matter.number: deed.at for matter in (deed.matter, *deed.others)}
    calls = [deed for deed in month if deed.matter.why is Why.LETTER_UNANSWERED and deed.what is What.CALLED]
    assert len(calls) > 5
    answered = {deed.matter.number: deed.at for deed in month if deed.what is What.LETTER_ANSWERED}
    for call in calls:
        about = call.matter.about
        assert about is not None
        assert call.matter.citizen == about.citizen
        assert call.at >= Office().after(scanned[about.number], PATIENCE_HOURS)
        assert answered.get(about.number, datetime.max.replace(tzinfo=UTC)) > scanned[about.number] + WEEK


def test_whoever_missed_an_appointment_may_come_to_the_desk(month: list[Deed]) -> None:
    visits = [deed.matter for deed in month if deed.what is What.TICKET_TAKEN and deed.matter.about]
    assert {matter.why for matter in visits} == {Why.APPOINTMENT_MISSED}
    assert all(matter.about and matter.citizen == matter.about.citizen for matter in visits)


def test_there_are_as_many_contacts_as_in_a_year_of_such_a_house(month: list[Deed]) -> None:
    begun = {matter.number for deed in month for matter in (deed.matter, *deed.others) if not matter.about}
    assert 0.9 < len(begun) / (200_000 * (1 - CALLS) * 20 / 252) < 1.1


# ---------------------------------------------------------------------------------------------------------------- ledger
def letter(number: int = 1, **says: object) -> Matter:
    return Matter(number, Channel.MAIL, Place("siege", "mdph"), citizen(1, number), **says)


def test_a_letter_is_counted_where_it_is_in_the_end() -> None:
    ledger, matter = Ledger(), letter()
    at = [MONDAY + timedelta(hours=hours) for hours in range(6)]
    ledger.note(Deed(at[1], What.LETTER_SCANNED, matter, when=at[0]))
    assert ledger.numbers() == {
        ("mail", "siege", "mdph", ""): {
            "received": 1,
            "registered": 1,
            "registration_milliseconds": 3_600_000,
            "scanned": 1,
            "scan_milliseconds": 3_600_000,
            "waiting": 1,
        }
    }
    ledger.note(Deed(at[2], What.LETTER_ASSIGNED, matter, place=Place("siege", "rsa")))
    ledger.note(Deed(at[3], What.LETTER_ANSWERED, matter))
    ledger.note(Deed(at[4], What.LETTER_SENT, matter, "lettre_verte", 139))
    (numbers,) = [numbers for place, numbers in ledger.numbers().items() if place == ("mail", "siege", "rsa", "")]
    assert len(ledger.numbers()) == 1
    assert numbers == {
        "received": 1,
        "registered": 1,
        "registration_milliseconds": 3_600_000,
        "scanned": 1,
        "scan_milliseconds": 3_600_000,
        "assigned": 1,
        "assignment_milliseconds": 7_200_000,
        "responded": 1,
        "first_response_milliseconds": 10_800_000,
        "closed_answered": 1,
        "resolution_milliseconds": 10_800_000,
        "sent_lettre_verte": 1,
        "postage_cents": 139,
        "postage_cents_lettre_verte": 139,
    }


def test_an_opinion_is_counted_at_the_contact_it_is_about() -> None:
    ledger, matter = Ledger(), letter()._replace(channel=Channel.VISIT, place=Place("cdas-sud", "accueil", "accueil"))
    feedback = Matter(2, Channel.FEEDBACK, matter.place, matter.citizen, Why.ASKED_FOR_OPINION, matter)
    ledger.note(Deed(MONDAY, What.TICKET_TAKEN, matter))
    ledger.note(Deed(MONDAY, What.INVITED, feedback))
    ledger.note(Deed(MONDAY, What.OPINION_GIVEN, feedback, "csat_1_5", 4))
    assert ledger.numbers()["feedback", "cdas-sud", "accueil", "visit"] == {
        "invited": 1,
        "given_csat_1_5_4": 1,
        "invited_answered": 1,
    }


def test_a_month_adds_up(month: list[Deed]) -> None:
    ledger = Ledger()
    for deed in month:
        ledger.note(deed)
    totals: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for place, numbers in ledger.numbers().items():
        totals[place[0]].update(numbers)
    came = (What.LETTER_SCANNED, What.LETTER_REGISTERED)
    scanned = [matter for deed in month if deed.what in came for matter in (deed.matter, *deed.others)]
    assert totals["mail"]["received"] == totals["mail"]["registered"] == len(scanned)
    for channel in ("mail", "email", "form"):
        numbers = totals[channel]
        closed = sum(number for name, number in numbers.items() if name.startswith("closed_"))
        assert numbers["received"] == closed + numbers["waiting"] + numbers["in_progress"] + numbers["pending_citizen"]
    told = json.loads(ledger.to_json())
    assert {tuple(place[name] for name in ("channel", "site", "service", "queue")) for place in told} == {
        *ledger.numbers()
    }


# ------------------------------------------------------------------------------------------------------ stage and playing
def test_a_stage_keeps_ports_and_secrets_for_this_user_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    ports = [stage.port(name) for name in ("a", "b", "c")]
    secret = stage.secret("a").read_bytes()
    stage.write_settings({"guichets": {"connector": "webhook", "port": ports[0]}})
    again = Stage(tmp_path / "stage")
    assert [again.port(name) for name in ("a", "b", "c")] == ports
    assert len(set(ports)) == 3
    assert again.secret("a").read_bytes() == secret != again.secret("b").read_bytes()
    assert again.settings.read_text() == f'[connectors.guichets]\nconnector = "webhook"\nport = {ports[0]}\n'
    assert not [path for path in (tmp_path / "stage").rglob("*") if path.stat().st_mode & 0o077]


def test_ports_are_had_anew_for_another_start(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    names = [str(number) for number in range(20)]
    before = [stage.port(name) for name in names]
    stage.renew_ports()
    assert [stage.port(name) for name in names] != before
    assert [Stage(tmp_path).port(name) for name in names] == [stage.port(name) for name in names]


def test_only_the_same_simulation_is_gone_on_with(tmp_path: Path) -> None:
    mark = Mark.new({"seed": 1}, 2)._replace(played_until=datetime.now(UTC))
    mark.save(tmp_path / "mark")
    assert Mark.load(tmp_path / "mark", {"seed": 1}) == mark
    assert Mark.load(tmp_path / "mark", {"seed": 2}) is None
    assert Mark.load(tmp_path / "none", {"seed": 1}) is None
    assert mark.since == midnight(datetime.now(PARIS).date() - timedelta(days=1))


def test_numbers_of_stories_are_drawn_one_after_the_other() -> None:
    day = [*Plan(1, 50_000).day(MONDAY.astimezone(PARIS).date(), MONDAY)]
    numbers = sorted({matter.number for deed in day for matter in (deed.matter, *deed.others)})
    assert numbers == [*islice(count(numbers[0]), len(numbers))]
