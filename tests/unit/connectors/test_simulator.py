"""Simulated département without its systems: citizens, plan and ledger."""

import random
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, takewhile
from pathlib import Path

import pytest
import time_machine

from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.case_tallies import RULES
from connectors.simulator.office_hours import PARIS, OfficeHours, midnight
from connectors.simulator.organisation import CONTACT_REASONS, EMAILS, VISITS
from connectors.simulator.plan import Plan
from connectors.simulator.population import CITIZENS, citizen
from connectors.simulator.run_modes import RunProgress
from connectors.simulator.simulation_run import SimulationRun
from models.topics import Channel

MONDAY = midnight(date(2026, 3, 16))
WEEK = timedelta(days=7)


def actions(plan: Plan, days: float = 7, since: datetime = MONDAY) -> list[Action]:
    return [*takewhile(lambda action: action.at < since + timedelta(days=days), plan.actions(since))]


@pytest.fixture(scope="module")
def month() -> list[Action]:
    return actions(Plan(1, 200_000), 28)


# ---------------------------------------------------------------------------------------------------------- population
def test_citizens_have_unique_fictional_numbers_and_addresses() -> None:
    citizens = [citizen(1, number) for number in range(0, CITIZENS, 7)]
    assert len({each.phone for each in citizens}) == len(citizens)
    reserved = re.compile(r"(019900|026191|035301|046571|053649|063998)\d{4}")
    assert all(reserved.fullmatch(each.phone) for each in citizens)
    addresses = [each.email for each in citizens if each.email]
    assert all(re.fullmatch(r"[a-z.0-9]+@example\.org", address) for address in addresses)
    assert len(set(addresses)) == len(addresses)
    assert 0.7 < len(addresses) / len(citizens) < 0.9


# --------------------------------------------------------------------------------------------------------- working hours
@pytest.mark.parametrize(
    ("at", "hours", "then"),
    [
        ("2026-03-16T09:00+01:00", 2, "2026-03-16T11:00+01:00"),
        ("2026-03-16T03:00+01:00", 1, "2026-03-16T09:30+01:00"),
        ("2026-03-16T16:30+01:00", 1, "2026-03-17T09:00+01:00"),
        ("2026-03-20T16:00+01:00", 2, "2026-03-23T09:30+01:00"),
        ("2026-03-21T12:00+01:00", 8.5, "2026-03-23T17:00+01:00"),
        ("2026-03-27T16:00+01:00", 2, "2026-03-30T09:30+02:00"),  # the clocks change in between
    ],
)
def test_work_is_done_in_working_hours(at: str, hours: float, then: str) -> None:
    assert OfficeHours().after(datetime.fromisoformat(at), hours) == datetime.fromisoformat(then)


def test_arrivals_match_the_volume_and_the_opening_hours() -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    chance = random.Random(2)
    visits = [at for day in days for at in VISITS.rhythm.arrivals(20_000, day, chance, always=False)]
    assert 0.95 < len(visits) / 20_000 * 252 / 261 < 1.05
    local = [at.astimezone(PARIS) for at in visits]
    assert {at.weekday() for at in local} == {0, 1, 2, 3, 4}
    assert {at.hour for at in local} == {9, 10, 11, 14, 15}
    emails = [at for day in days for at in EMAILS.rhythm.arrivals(20_000, day, chance, always=False)]
    assert any(at.astimezone(PARIS).weekday() == 6 for at in emails)


# ------------------------------------------------------------------------------------------------------------------ plan
def test_plan_depends_only_on_the_seed() -> None:
    assert actions(Plan(1, 50_000)) == actions(Plan(1, 50_000)) != actions(Plan(2, 50_000))


def test_actions_are_ordered_and_case_numbers_are_unique(month: list[Action]) -> None:
    assert all(each.at <= other.at for each, other in pairwise(month))
    cases = {case.number: case for action in month for case in (action.citizen_case, *action.other_cases)}
    assert all(cases[action.citizen_case.number] == action.citizen_case for action in month)
    assert max(cases) < 2**31
    assert all(action.at.tzinfo is UTC and not action.at.microsecond for action in month)


def test_scenario_does_not_depend_on_the_start_of_the_plan() -> None:
    later = MONDAY + timedelta(days=2)
    whole = actions(Plan(1, 50_000), 9)
    begun = {action.citizen_case.number for action in whole if action.at < later}
    fresh = actions(Plan(1, 50_000), 7, later)
    fresh_numbers = {action.citizen_case.number for action in fresh}
    assert not fresh_numbers & begun
    assert [action for action in whole if action.citizen_case.number in fresh_numbers] == fresh


def test_all_kinds_of_actions_occur_in_a_valid_order(month: list[Action]) -> None:
    assert {action.kind for action in month} == {*ActionKind}
    counted_otherwise = {
        action.kind for action in month if action.citizen_case.channel in {Channel.CALL, Channel.VISIT}
    }
    assert {*ActionKind} - RULES.keys() == {*counted_otherwise, ActionKind.POST_FRANKED}
    begun: set[int] = set()
    for action in month:
        for case in (action.citizen_case, *action.other_cases):
            begun.add(case.number)
            assert case.parent is None or case.parent.number in begun or case.parent.channel is Channel.CALL


# -------------------------------------------------------------------------------------------------- directory and progress
def test_ports_and_secrets_are_stored_for_this_user_only(tmp_path: Path) -> None:
    simulation_run = SimulationRun(tmp_path / "systems")
    ports = [simulation_run.port(name) for name in ("a", "b", "c")]
    secret = simulation_run.secret("a").read_bytes()
    simulation_run.write_settings({"guichets": {"connector": "webhook", "port": ports[0]}})
    again = SimulationRun(tmp_path / "systems")
    assert [again.port(name) for name in ("a", "b", "c")] == ports
    assert len(set(ports)) == 3
    assert again.secret("a").read_bytes() == secret != again.secret("b").read_bytes()
    settings = tomllib.loads(again.settings.read_text())
    assert settings["connectors"] == {"guichets": {"connector": "webhook", "port": ports[0]}}
    assert settings["contact_reasons"].keys() == CONTACT_REASONS.keys()
    assert not [path for path in (tmp_path / "systems").rglob("*") if path.stat().st_mode & 0o077]


def test_ports_asked_for_at_once_are_all_stored(tmp_path: Path) -> None:
    simulation_run = SimulationRun(tmp_path)
    names = [str(number) for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        ports = [*threads.map(simulation_run.port, names)]
    assert len(set(ports)) == len(names)
    assert [*map(SimulationRun(tmp_path).port, names)] == ports


def test_ports_are_renewed_for_another_start(tmp_path: Path) -> None:
    simulation_run = SimulationRun(tmp_path)
    names = [str(number) for number in range(20)]
    before = [simulation_run.port(name) for name in names]
    simulation_run.renew_ports()
    assert [simulation_run.port(name) for name in names] != before
    assert [SimulationRun(tmp_path).port(name) for name in names] == [simulation_run.port(name) for name in names]


def test_only_the_same_simulation_is_resumed(tmp_path: Path) -> None:
    with time_machine.travel(MONDAY + timedelta(minutes=30), tick=False):  # still Sunday in UTC
        progress = RunProgress.new({"seed": 1}, 2)._replace(played_until=MONDAY + timedelta.resolution)
    progress.save(tmp_path / "progress")
    assert RunProgress.load(tmp_path / "progress", {"seed": 1}) == progress
    assert RunProgress.load(tmp_path / "progress", {"seed": 2}) is None
    assert RunProgress.load(tmp_path / "none", {"seed": 1}) is None
    assert progress.since == MONDAY - timedelta(days=1)
