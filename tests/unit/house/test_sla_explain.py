"""What `accueil sla explain` says of a clock, as it stands in a contact's row."""

import tomllib
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from models.policies import Policies, SlaFile
from streams.cli.main import main
from streams.cli.sla_explanation import describe_clock, describe_distance, explain_mismatch
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import clock_intervals
from tests.support.events import START_MS, make
from tests.support.sla_events import SIEGE

PARIS = ZoneInfo("Europe/Paris")
FILE = (
    SIEGE
    + """
[[policy]]
name = "dossiers"
match = { channel = "form" }
calendar = "siege"
clocks.acknowledge = { target = 7200, unit = "opening_hours" }
clocks.resolution = { target = 10, unit = "working_days" }
"""
)
POLICIES = Policies(SlaFile.model_validate(tomllib.loads(FILE)))
CALENDAR = POLICIES.calendars["siege"]
FORM = "form:demarches/siege:12"
DATA = {"form.submitted": {"procedure": "transport"}, "form.decided": {"decision": "accepted"}}
HOUR, DAY = 3600, 86_400


def clocks(*happened: tuple[str, float], at: float) -> dict[str, SlaClock]:
    """The clocks of a form to which that happened, so many seconds after Monday the 3rd of March 2025, 9 o'clock."""
    row: Contact | None = None
    for kind, seconds in happened:
        row = contact.fold(row, make(kind, seconds, subject=FORM, **DATA.get(kind, {})))
    assert row is not None
    found, _ = advance((), clock_intervals(row), POLICIES, START_MS + round(at * 1000))
    return {clock.kind.value: clock for clock in found}


def lines(clock: SlaClock, at: float) -> list[str]:
    return [line.strip() for line in describe_clock(clock, CALENDAR, PARIS, START_MS + round(at * 1000))]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def test_life_of_a_clock_is_told_step_by_step() -> None:
    assert datetime.fromtimestamp(START_MS / 1000, PARIS).isoformat() == "2025-03-03T09:00:00+01:00"
    history = (
        ("form.submitted", 0.0),
        ("form.correction_requested", 2 * DAY),
        ("form.corrected", 6 * DAY),
        ("form.decided", 16 * DAY),
    )
    assert lines(clocks(*history, at=20 * DAY)["resolution"], 20 * DAY) == [
        "resolution: 10 working_days, policy dossiers, calendar siege".replace("_", " "),
        "2025-03-03 09:00:00+01:00  started",
        "2025-03-05 09:00:00+01:00  paused: the citizen has to act",
        "2025-03-09 09:00:00+01:00  resumed",
        "2025-03-18 01:48:00+01:00  at risk",
        "2025-03-19 09:00:00+01:00  done in time",
        "2025-03-20                 deadline",
        "2025-03-04  1 d",
        "2025-03-10  1 d",
        "2025-03-11  1 d",
        "2025-03-12  1 d",
        "2025-03-13  1 d",
        "2025-03-14  1 d",
        "2025-03-17  1 d",
        "2025-03-18  1 d",
        "counted: 8 d",
    ]


def test_opening_hours_are_counted_by_day_and_what_was_never_at_risk_is_not_said_to_be() -> None:
    clock = clocks(("form.submitted", 7.5 * HOUR), ("form.taken_up", 25 * HOUR), at=2 * DAY)["acknowledge"]
    assert lines(clock, 2 * DAY) == [
        "acknowledgement: 2 h of opening, policy dossiers, calendar siege",
        "2025-03-03 16:30:00+01:00  started",
        "2025-03-04 09:36:00+01:00  at risk",
        "2025-03-04 10:00:00+01:00  deadline",
        "2025-03-04 10:00:00+01:00  done in time",
        "2025-03-03  30 min",
        "2025-03-04  1 h 30 min",
        "counted: 2 h",
    ]
    early = clocks(("form.submitted", 0), ("form.taken_up", HOUR), at=2 * DAY)["acknowledge"]
    assert not any("at risk" in line for line in lines(early, 2 * DAY))


def test_what_is_left_is_told_while_nobody_knows_the_deadline() -> None:
    clock = clocks(("form.submitted", 0), ("form.correction_requested", 2 * DAY), at=5 * DAY)["resolution"]
    assert "2025-03-08 09:00:00+01:00  now: paused" in lines(clock, 5 * DAY)
    assert lines(clock, 5 * DAY)[-2:] == ["counted: 1 d", "deadline: 9 d after the citizen has acted"]


def test_french_is_spoken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    clock = clocks(("form.submitted", 0), ("form.correction_requested", 2 * DAY), at=5 * DAY)["resolution"]
    first, *_, last = lines(clock, 5 * DAY)
    assert first == "traitement : 10 jours ouvrés, règle dossiers, calendrier siege"
    assert last == "échéance : 9 j après que l'usager aura agi"


def test_a_calendar_that_is_gone_is_said_to_be() -> None:
    clock = clocks(("form.submitted", 0), at=1)["resolution"]
    *_, last = describe_clock(clock, None, PARIS, START_MS)
    assert last.strip() == "its calendar is no longer in the file"


def test_an_open_clock_says_how_it_stands_now_and_what_is_to_come() -> None:
    def stands(at: float) -> list[str]:
        told = lines(clocks(("form.submitted", 0), at=at)["acknowledge"], at)
        return [line.partition("  ")[2] for line in told if "+01:00  " in line]

    assert stands(HOUR) == ["started", "now: running, 1 h of opening left", "at risk (to come)", "deadline (to come)"]
    assert stands(1.8 * HOUR)[1:] == ["at risk", "now: at risk, 12 min of opening left", "deadline (to come)"]
    assert stands(2.5 * HOUR)[1:] == ["at risk", "deadline", "now: overdue, late by 30 min of opening"]
    assert stands(25 * HOUR)[-1] == "now: overdue, late by 6 h of opening"
    assert stands(50 * HOUR)[-1] == "now: overdue, late by 14 h of opening (1 working day)"


@pytest.mark.parametrize(
    ("unit", "left", "french"),
    [
        ("calendar_days", "13 calendar days (9 working days) left", "reste 13 jours calendaires (9 jours ouvrés)"),
        ("clear_days", "14 calendar days (10 working days) left", "reste 14 jours calendaires (10 jours ouvrés)"),
        ("business_days", "13 business days (11 working days) left", "reste 13 jours ouvrables (11 jours ouvrés)"),
        ("working_days", "13 working days left", "reste 13 jours ouvrés"),
    ],
)
def test_what_is_left_is_told_in_the_unit_of_the_promise_and_in_working_time(
    unit: str, left: str, french: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = FILE.replace('target = 10, unit = "working_days"', f'target = 14, unit = "{unit}"')
    policies = Policies(SlaFile.model_validate(tomllib.loads(file)))
    row = contact.fold(None, make("form.submitted", 0, subject=FORM, **DATA["form.submitted"]))
    found, _ = advance((), clock_intervals(row), policies, START_MS)
    (clock,) = (one for one in found if one.kind == "resolution")
    assert describe_distance(clock, policies.calendars["siege"], START_MS + DAY * 1000) == left
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert describe_distance(clock, policies.calendars["siege"], START_MS + DAY * 1000) == french


@pytest.mark.parametrize(
    ("history", "steps"),
    [
        (
            ("form.correction_requested", "form.decided", "form.taken_up"),
            ["paused: the citizen has to act", "paused: it was closed", "resumed: opened again"],
        ),
        (("form.decided", "form.taken_up"), ["paused: it was closed", "resumed: opened again"]),
        (
            ("form.decided", "form.correction_requested", "form.corrected"),
            ["paused: it was closed", "paused: the citizen has to act", "resumed"],
        ),
    ],
)
def test_time_in_which_it_was_closed_is_told_as_such(history: tuple[str, ...], steps: list[str]) -> None:
    happened = [("form.submitted", 0.0), *((kind, day * DAY) for day, kind in enumerate(history, 1))]
    row: Contact | None = None
    for kind, seconds in happened:
        row = contact.fold(row, make(kind, seconds, subject=FORM, **DATA.get(kind, {})))
    assert row is not None
    closures = {clock_interval.kind.value: clock_interval.closures for clock_interval in clock_intervals(row)}[
        "resolution"
    ]
    clock, now = clocks(*happened, at=5 * DAY)["resolution"], START_MS + 5 * DAY * 1000
    told = [line.partition("+01:00  ")[2] for line in describe_clock(clock, CALENDAR, PARIS, now, closures)]
    assert [step for step in told if step.startswith(("paused", "resumed"))] == steps


def test_a_deadline_that_another_file_made_is_said_to_be() -> None:
    clock = clocks(("form.submitted", 0), at=1)["resolution"]
    assert explain_mismatch(clock, POLICIES, PARIS) == ""
    shorter = SlaFile.model_validate(tomllib.loads(FILE.replace("target = 10,", "target = 5,")))
    assert "not with these terms" in explain_mismatch(clock, Policies(shorter), PARIS)
    closed = FILE.replace('holidays = "FR"', 'holidays = "FR"\nclosures = [2025-03-10]')
    said = explain_mismatch(clock, Policies(SlaFile.model_validate(tomllib.loads(closed))), PARIS)
    assert "by this file the deadline would be another one (2025-03-18): another file, or" in said


def test_the_last_day_of_a_promise_in_days_is_its_deadline_in_lists_and_step_by_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = contact.fold(None, make("form.submitted", 0, subject=FORM, **DATA["form.submitted"]))
    row.clocks, _ = advance((), clock_intervals(row), POLICIES, START_MS)
    monkeypatch.chdir(tmp_path)
    Path("sla.toml").write_text(FILE, encoding="utf-8")
    Path("accueil.toml").write_text('sla = "sla.toml"', encoding="utf-8")
    monkeypatch.setattr("streams.cli.sla.read_contacts", lambda _, wanted: {FORM: row} if wanted(row) else {})
    monkeypatch.setattr("streams.cli.sla.read_contact", lambda *_: row)
    first, second = CliRunner().invoke(main, ["sla", "list"]).output.splitlines()[1:]
    assert "  acknowledgement  dossiers  2025-03-03 11:00:00+01:00  late by " in first
    assert "  resolution       dossiers  2025-03-17                 late by " in second
    explained = CliRunner().invoke(main, ["sla", "explain", FORM]).output.splitlines()
    assert "  2025-03-17                 deadline" in explained
    assert "  2025-03-03 11:00:00+01:00  deadline" in explained
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    french_descriptions = CliRunner().invoke(main, ["sla", "explain", FORM]).output.splitlines()
    assert "  2025-03-17                 échéance" in french_descriptions


def test_without_an_sla_file_the_setting_that_names_one_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = contact.fold(None, make("form.submitted", 0, subject=FORM, **DATA["form.submitted"]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACCUEIL_SLA", raising=False)
    monkeypatch.setattr("streams.cli.sla.read_contacts", lambda *_: {})
    monkeypatch.setattr("streams.cli.sla.read_contact", lambda *_: row)
    for asked in (["explain", FORM], ["list"]):
        monkeypatch.setenv("LC_ALL", "C")
        told = CliRunner().invoke(main, ["sla", *asked]).stdout.splitlines()[-1]
        assert told.startswith('no SLA file is set: write sla = "sla.toml" in accueil.toml')
        monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
        told = CliRunner().invoke(main, ["sla", *asked]).stdout.splitlines()[-1]
        assert told.startswith("aucun fichier des promesses n'est réglé")
    Path("sla.toml").write_text(FILE, encoding="utf-8")
    monkeypatch.setenv("ACCUEIL_SLA", "sla.toml")
    assert CliRunner().invoke(main, ["sla", "explain", FORM]).stdout == "rien n'a été promis à ce contact\n"
