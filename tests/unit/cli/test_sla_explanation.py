"""`accueil sla explain`: explanation of the SLA clocks of a contact."""

import tomllib
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.policies import Policies, SlaFile
from streams.cli.sla_explanation import describe_clock, explain_mismatch
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import clock_intervals
from tests.support.commands import run
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


def fold(*history: tuple[str, float]) -> Contact:
    """Return the row of a form with these events, at seconds after Monday 2025-03-03 09:00 in Paris."""
    row: Contact | None = None
    for kind, seconds in history:
        row = contact.fold(row, make(kind, seconds, subject=FORM, **DATA.get(kind, {})))
    assert row is not None
    return row


def clocks(*history: tuple[str, float], at: float) -> dict[str, SlaClock]:
    found, _ = advance((), clock_intervals(fold(*history)), POLICIES, START_MS + round(at * 1000))
    return {clock.kind.value: clock for clock in found}


def lines(clock: SlaClock, at: float) -> list[str]:
    return [line.strip() for line in describe_clock(clock, CALENDAR, PARIS, START_MS + round(at * 1000))]


SUBMITTED = contact.fold(None, make("form.submitted", 0, subject=FORM, **DATA["form.submitted"]))


def test_clock_is_explained_step_by_step() -> None:
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
        "2025-03-05 09:00:00+01:00  paused: waiting for the citizen",
        "2025-03-09 09:00:00+01:00  resumed",
        "2025-03-18 01:48:00+01:00  at risk",
        "2025-03-19 09:00:00+01:00  done in time",
        "2025-03-20                 deadline",
        *(f"2025-03-{day}  1 d" for day in ("04", 10, 11, 12, 13, 14, 17, 18)),
        "counted: 8 d",
    ]


def test_opening_hours_are_counted_by_day_and_at_risk_is_shown_only_if_reached() -> None:
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


def test_paused_clock_shows_the_remaining_time_instead_of_a_deadline() -> None:
    clock = clocks(("form.submitted", 0), ("form.correction_requested", 2 * DAY), at=5 * DAY)["resolution"]
    assert "2025-03-08 09:00:00+01:00  now: paused" in lines(clock, 5 * DAY)
    assert lines(clock, 5 * DAY)[-2:] == ["counted: 1 d", "deadline: 9 d after the citizen has acted"]


def test_missing_calendar_is_reported() -> None:
    clock = clocks(("form.submitted", 0), at=1)["resolution"]
    *_, last = describe_clock(clock, None, PARIS, START_MS)
    assert last.strip() == "its calendar is no longer in the file"


def test_open_clock_shows_its_state_and_future_steps() -> None:
    def steps(at: float) -> list[str]:
        explained = lines(clocks(("form.submitted", 0), at=at)["acknowledge"], at)
        return [line.partition("  ")[2] for line in explained if "+01:00  " in line]

    assert steps(HOUR) == ["started", "now: running, 1 h of opening left", "at risk (to come)", "deadline (to come)"]
    assert steps(1.8 * HOUR)[1:] == ["at risk", "now: at risk, 12 min of opening left", "deadline (to come)"]
    assert steps(2.5 * HOUR)[1:] == ["at risk", "deadline", "now: overdue, late by 30 min of opening"]
    assert steps(25 * HOUR)[-1] == "now: overdue, late by 6 h of opening"
    assert steps(50 * HOUR)[-1] == "now: overdue, late by 1 working day"


@pytest.mark.parametrize(
    ("history", "steps"),
    [
        (
            ("form.correction_requested", "form.decided", "form.taken_up"),
            ["paused: waiting for the citizen", "paused: closed", "resumed: reopened"],
        ),
        (("form.decided", "form.taken_up"), ["paused: closed", "resumed: reopened"]),
        (
            ("form.decided", "form.correction_requested", "form.corrected"),
            ["paused: closed", "paused: waiting for the citizen", "resumed"],
        ),
    ],
)
def test_pauses_while_the_case_was_closed_are_labelled(history: tuple[str, ...], steps: list[str]) -> None:
    happened = [("form.submitted", 0.0), *((kind, day * DAY) for day, kind in enumerate(history, 1))]
    closures = {interval.kind.value: interval.closures for interval in clock_intervals(fold(*happened))}["resolution"]
    clock, now = clocks(*happened, at=5 * DAY)["resolution"], START_MS + 5 * DAY * 1000
    found = [line.partition("+01:00  ")[2] for line in describe_clock(clock, CALENDAR, PARIS, now, closures)]
    assert [step for step in found if step.startswith(("paused", "resumed"))] == steps


def test_deadline_set_by_another_sla_file_is_reported() -> None:
    clock = clocks(("form.submitted", 0), at=1)["resolution"]
    assert explain_mismatch(clock, POLICIES, PARIS) == ""
    shorter = SlaFile.model_validate(tomllib.loads(FILE.replace("target = 10,", "target = 5,")))
    assert "not in this file with these terms" in explain_mismatch(clock, Policies(shorter), PARIS)
    closed = FILE.replace('holidays = "FR"', 'holidays = "FR"\nclosures = [2025-03-10]')
    reason = explain_mismatch(clock, Policies(SlaFile.model_validate(tomllib.loads(closed))), PARIS)
    assert "by this file the deadline would be 2025-03-18: another file, or" in reason


def test_deadline_in_days_is_shown_as_its_last_day(monkeypatch: pytest.MonkeyPatch) -> None:
    row = fold(("form.submitted", 0))
    row.clocks, _ = advance((), clock_intervals(row), POLICIES, START_MS)
    Path("sla.toml").write_text(FILE, encoding="utf-8")
    Path("accueil.toml").write_text('sla = "sla.toml"', encoding="utf-8")
    monkeypatch.setattr("streams.cli.sla.find_readable_cluster", lambda *_: ("", {}))
    monkeypatch.setattr(
        "streams.cli.sla.read_contacts", lambda _brokers, _client, wanted: {FORM: row} if wanted(row) else {}
    )
    monkeypatch.setattr("streams.cli.sla.read_contact", lambda *_: row)
    first, second = run("sla", "list").output.splitlines()[1:]
    assert "  acknowledgement  dossiers  2025-03-03 11:00:00+01:00  late by " in first
    assert "  resolution       dossiers  2025-03-17                 late by " in second
    explained = run("sla", "explain", FORM).output.splitlines()
    assert "  2025-03-17                 deadline" in explained
    assert "  2025-03-03 11:00:00+01:00  deadline" in explained


def test_hint_names_the_setting_without_an_sla_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cli.sla.find_readable_cluster", lambda *_: ("", {}))
    monkeypatch.setattr("streams.cli.sla.read_contacts", lambda *_: {})
    monkeypatch.setattr("streams.cli.sla.read_contact", lambda *_: SUBMITTED)
    for arguments in (["explain", FORM], ["list"]):
        hint = run("sla", *arguments).stdout.splitlines()[-1]
        assert hint.startswith('no SLA file is configured: write sla = "sla.toml" in accueil.toml')
    Path("sla.toml").write_text(FILE, encoding="utf-8")
    monkeypatch.setenv("ACCUEIL_SLA", "sla.toml")
    assert run("sla", "explain", FORM).stdout == "this contact has no SLA clocks\n"
