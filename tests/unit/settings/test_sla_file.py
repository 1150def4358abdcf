"""The SLA file: errors with line and key, reload, and the commands `accueil sla check` and `import`."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.typing import EventDict

from connectors.sdk.ports import free_port
from models.calendars import CalendarRules
from models.policies import ClockKind
from streams.cli.sla import EXAMPLE
from streams.core.contacts import contact
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import clock_intervals
from streams.settings import sla_file
from streams.settings.loader import load
from streams.settings.schema import ConfigError
from streams.settings.sla_file import WatchedPolicies, load_policies
from tests.support.commands import run
from tests.support.events import START_MS, make
from tests.support.processes import Child, wait_until

TEXT = EXAMPLE.read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sla.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def test_example_has_targets_for_every_channel_with_waiting_citizens() -> None:
    policies = load_policies(EXAMPLE)
    for channel in ("call", "visit", "mail", "email", "form"):
        assert policies.find(channel, "siege", "mdph", "", 10**12, 10**12)
    assert not policies.find("appointment", "", "", "", 10**12, 10**12)


def test_all_settings_in_the_comments_of_the_example_are_valid(file: Path) -> None:
    used, commented = TEXT.split("# All settings.")
    _, *lines = commented.splitlines()
    file.write_text("\n".join([used, *(line.removeprefix("#").removeprefix(" ") for line in lines)]), encoding="utf-8")
    policies = load_policies(file)
    *_, (terms, rule) = policies.sla_targets()
    assert (terms.policy, terms.since, terms.target, terms.roll) == ("dossiers-mdph", "2026-09-01", 10, True)
    version = policies.in_force(10**14)[-1]
    for model, given in (
        (type(version), version),
        (type(rule), rule),
        (type(version.match), version.match),
        (CalendarRules, policies.calendars["mdph"].rules),
    ):
        assert given.model_fields_set == set(model.model_fields)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('holidays = "FR" ', 'holidays = "XX" ', "calendars.siege.holidays: "),
        ('"13:30-16:30"', '"12:00-16:30"', "calendars.siege.versions #1.friday: "),
        ('match = { channel = "mail" }', 'match = { chanel = "mail" }', "policy #3 (courrier).match.chanel: "),
        ("[calendars.siege]", "[calenders.siege]", "calenders: "),
        ('name = "courriel"', 'name = "courrier"', "policy #4 (courrier).from: "),
        (
            'channel = "visit" }\ncalendar = "siege"',
            'channel = "visit" }\ncalendar = "agence"',
            "policy #2 (guichets).calendar: ",
        ),
        (
            'name = "guichets"',
            'name = "guichets"\nopen_contacts = true',
            "policy #2 (guichets).open_contacts: needs from",
        ),
        (
            'channel = "email"',
            'channel = "mail"',
            "policy #4 (courriel).match: never applies: the earlier policy 'courrier' matches",
        ),
        (
            'channel = "form" }',
            'channel = ["mail"], service = "x" }',
            "policy #5 (demarches).match: never applies: the earlier policy 'courrier'",
        ),
        (
            'name = "guichets"',
            'name = "les guichets"',
            "policy #2 (les guichets).name: may have letters without accents",
        ),
        ('name = "guichets"', "name = guichets", "not valid TOML: "),
        (
            "closures = []",
            "closures = [{ from = 2027-01-04, to = 2026-12-24 }]",
            "calendars.siege.closures #1: to (2026-12-24) is before from (2027-01-04)",
        ),
        ("from = 2020-01-01", "from = 2020-01-01T10:00:00", "calendars.siege.versions #1.from: must be a day, without"),
        ("clocks.announced", "clocks.anounced", "policy #3 (courrier).clocks.anounced: must be "),
        (
            'unit = "elapsed", at_risk',
            'unit = "elapsed", roll = true, at_risk',
            "policy #1 (telephone).clocks.answer.roll: has no effect",
        ),
        ("at_risk = 0.5", 'at_risk = "0.5"', "policy #1 (telephone).clocks.answer.at_risk: must be a number"),
        ("target = 2, ", "target = 121, ", "policy #3 (courrier).clocks.resolution.target: exceeds 10 years"),
    ],
)
def test_error_is_reported_with_file_and_key(file: Path, old: str, new: str, error: str) -> None:
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_policies(file)
    first, *others = str(caught.value).splitlines()
    assert not any("is empty" in other for other in others)
    assert first.startswith(f"{file}: {error}")


def test_errors_in_list_items_name_the_item(file: Path) -> None:
    closures = """closures = [
    2026-12-24, { on = 2026-12-31, hours = ["12:00-13:00", "15:00-14:00"] },
    # [, of the summer
    { from = 2027-08-14, to = 2027-08-10 },
    "x, ]",
    { on = "soon" }, [3],
    { from = 2027-08-14, on = 2027-08-10 },
]"""
    file.write_text(TEXT.replace("closures = []", closures, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_policies(file)
    assert str(caught.value).splitlines() == [
        f"{file}: calendars.siege.closures #{item}: {error}"
        for item, error in (
            ("2.hours #2", "15:00-14:00 ends before it begins"),
            ("3", "to (2027-08-10) is before from (2027-08-14)"),
            ("4", "must be a day such as 2026-12-24"),
            ("5.on", "must be a day such as 2026-12-24"),
            ("6", "must be a day such as 2026-12-24, or a table with on, or with from and to"),
            ("7", "needs either on, or from and to"),
        )
    ]


def test_invalid_file_keeps_the_previous_policies_and_warns_once(
    file: Path, monkeypatch: pytest.MonkeyPatch, logs: list[EventDict]
) -> None:
    monkeypatch.setattr(sla_file, "CHECK_SECONDS", 0.0)
    watched = WatchedPolicies(file)
    first = watched()
    file.write_text(TEXT.replace("target = 60", "target = none"), encoding="utf-8")
    assert watched() is watched() is first
    assert is_usable(watched) == 0
    file.unlink()
    assert watched() is first
    file.write_text(TEXT.replace("target = 60", "target = 30"), encoding="utf-8")
    assert watched().find("call", "", "", "", 10**12, 10**12)[ClockKind.ANSWER].target == 30
    assert is_usable(watched) == 1
    assert [entry["event"] for entry in logs] == [
        "sla_file_refused",
        "sla_file_refused",
        "sla_file_usable",
        "sla_file_read",
    ]


def is_usable(watched: WatchedPolicies) -> float | None:
    registry = CollectorRegistry()
    registry.register(watched)
    return registry.get_sample_value("pipeline_sla_file_last_reload_successful")


def test_board_exports_whether_the_last_reload_succeeded(file: Path, tmp_path: Path) -> None:
    port, settings = free_port(), tmp_path / "accueil.toml"
    settings.write_text(f'brokers = "127.0.0.1:{free_port()}"\nsla = "sla.toml"\nweb.port = {port}', encoding="utf-8")

    def exported() -> list[str]:
        with suppress(httpx.TransportError):
            lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
            return [line[-3:] for line in lines if line.startswith("pipeline_sla_file_last_reload_successful ")]
        return []

    with Child(["-m", "streams.cli.main", "--config", str(settings), "web"], tmp_path / "web.log") as web:
        web.start()
        for text, value in ((TEXT, "1.0"), ("policy = 3", "0.0"), (TEXT, "1.0")):
            file.write_text(text, encoding="utf-8")
            wait_until(lambda value=value: exported() == [value], value, otherwise=exported)


def test_running_clocks_keep_removed_targets_unless_a_version_replaces_them(
    file: Path, monkeypatch: pytest.MonkeyPatch, logs: list[EventDict]
) -> None:
    monkeypatch.setattr(sla_file, "CHECK_SECONDS", 0.0)
    watched, row = WatchedPolicies(file), contact.fold(None, make("letter.arrived", 0, subject="letter:a:1"))
    running, _ = advance((), clock_intervals(row), watched(), START_MS)

    def after(text: str) -> dict[str, int]:
        file.write_text(text, encoding="utf-8")
        found, _ = advance(running, clock_intervals(row), watched(), START_MS + 3 * 86_400_000, renew=True)
        return {clock.kind.value: clock.terms.target for clock in found}

    begin, end = TEXT.index('[[policy]]\nname = "courrier"'), TEXT.index('[[policy]]\nname = "courriel"')
    assert after(TEXT[:begin] + TEXT[end:]) == {"acknowledge": 14, "announced": 15, "resolution": 2}
    announced = 'clocks.announced = { target = 15, unit = "working_days" }\n'
    assert after(TEXT.replace(announced, ""))["announced"] == 15
    later = TEXT[begin:end].replace("[[policy]]", "[[policy]]\nfrom = 2025-03-04\nopen_contacts = true")
    assert after(TEXT + later.replace("target = 15", "target = 30"))["announced"] == 30
    assert [(entry["event"], entry["detail"]) for entry in logs if entry["log_level"] == "warning"] == [
        ("sla_targets_gone", "courrier.clocks.acknowledge, courrier.clocks.announced, courrier.clocks.resolution"),
    ]


def test_removed_calendars_are_logged(file: Path, monkeypatch: pytest.MonkeyPatch, logs: list[EventDict]) -> None:
    monkeypatch.setattr(sla_file, "CHECK_SECONDS", 0.0)
    watched = WatchedPolicies(file)
    file.write_text(TEXT.replace("siege", "agence"), encoding="utf-8")
    assert list(watched().calendars) == ["agence"]
    assert [(entry["event"], entry.get("detail")) for entry in logs] == [
        ("sla_calendars_gone", "siege"),
        ("sla_file_read", None),
    ]


def test_list_says_that_workers_keep_the_targets_from_before_an_error(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(file.read_text().replace("target = 1200", "target = 0"))
    monkeypatch.setenv("ACCUEIL_SLA", str(file))
    result = run("sla", "list")
    assert result.exit_code == 2
    error, note = result.stderr.splitlines()
    assert re.match(rf"accueil: {re.escape(str(file))}: policy #2 \(guichets\).clocks.answer.target: ", error)
    assert note == "accueil: running workers keep the previous targets until this is fixed"


def test_check_prints_targets_and_deadlines(file: Path) -> None:
    result = run("sla", "check", str(file))
    assert result.exit_code == 0, result.output
    assert "15 working days" in result.output
    assert "40 h of opening" in result.output
    due = {re.split(r"  +", line)[-1] for line in result.output.splitlines() if " working days" in line}
    assert due
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", deadline) for deadline in due), "the last day, without a time"


def test_check_prints_the_settings_file_and_the_sla_file(file: Path, tmp_path: Path) -> None:
    hint = "settings: no file, ./accueil.toml does not exist (--config or ACCUEIL_CONFIG names another file)"
    assert run("sla", "check").stderr == f"accueil: {hint}\naccueil: no SLA file: name one, or configure sla\n"
    settings = tmp_path / "ours.toml"
    settings.write_text('sla = "sla.toml"', encoding="utf-8")
    done = run("--config", str(settings), "sla", "check")
    assert done.stderr == f"accueil: settings: {settings}\n"
    assert done.stdout.startswith(f"SLA file: {file}\n")


def test_check_prints_the_terms_of_each_target_and_marks_replaced_and_later_ones(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = """
[[policy]]
name = "demarches"
from = 2020-01-01
match = { channel = "form" }
calendar = "siege"
clocks.acknowledge = { target = 1, unit = "clear_days", at_risk = 0.5, pause = [] }
[[policy]]
name = "demarches"
from = 2100-01-01
match = { channel = "form" }
calendar = "siege"
clocks.acknowledge = { target = 3, unit = "business_days", roll = true }
"""
    file.write_text(TEXT + more, encoding="utf-8")
    for language, clock, expected in (
        (
            "C",
            "acknowledgement",
            [
                ["7 calendar days (jours calendaires)", "siege", "no", "citizen", "80%", "95%", "replaced"],
                ["1 clear day (jour franc)", "siege", "yes", "never", "50%", "90%"],
                ["3 business days (jours ouvrables)", "siege", "yes", "citizen", "80%", "90%", "later"],
            ],
        ),
        (
            "fr_FR.UTF-8",
            "accusé de réception",
            [
                ["7 jours calendaires (calendar_days)", "siege", "non", "usager", "80 %", "95 %", "remplacée"],
                ["1 jour franc (clear_days)", "siege", "oui", "jamais", "50 %", "90 %"],
                ["3 jours ouvrables (business_days)", "siege", "oui", "usager", "80 %", "90 %", "plus tard"],
            ],
        ),
    ):
        monkeypatch.setenv("LC_ALL", language)
        result = run("sla", "check", str(file))
        rows = [re.split(r"  +", line) for line in result.output.splitlines() if line.startswith("demarches")]
        found = [row[row.index(clock) + 1 :] for row in rows if clock in row]
        assert [row[: len(wanted)] for row, wanted in zip(found, expected, strict=True)] == expected


def test_check_with_a_year_prints_holidays_and_closures(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    closures = (
        'closures = [2027-05-07, { from = 2026-12-24, to = 2027-01-02 }, { on = 2027-06-03, hours = "12:00-24:00" }]'
    )
    file.write_text(TEXT.replace("closures = []", closures), encoding="utf-8")
    result = run("sla", "check", str(file), "--year", "2027")
    days = [line.strip() for line in result.output.splitlines() if line.startswith("  20")]
    assert len(days) == 14
    assert days[:2] == ["2026-12-24 au 2027-01-02  fermé", "2027-01-01  Jour de l'an"]
    assert {"2027-05-07  fermé", "2027-06-03  fermé 12:00-24:00", "2027-05-06  Ascension"} < set(days)


def test_closures_and_extra_openings_are_imported_from_icalendar(file: Path, tmp_path: Path) -> None:
    closed, opened = tmp_path / "closed.ics", tmp_path / "opened.ics"
    for path, times in (
        (closed, "DTSTART;VALUE=DATE:20260810\nDTEND;VALUE=DATE:20260815"),
        (opened, "DTSTART:20261225T090000Z\nDTEND:20261225T110000Z"),
    ):
        path.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\n{times}\nEND:VEVENT\nEND:VCALENDAR\n")
    closures, extra = run("sla", "import", str(closed)).output, run("sla", "import", "--extra", str(opened)).output
    hours = "[[calendars.siege.versions]]"
    file.write_text(TEXT.replace("closures = []", closures).replace(hours, f"{extra}{hours}"), encoding="utf-8")
    rules = load_policies(file).calendars["siege"].rules
    assert [(str(days.from_), str(days.to)) for days in rules.closures] == [("2026-08-10", "2026-08-14")]
    assert [(str(days.from_), [*map(str, days.hours or ())]) for days in rules.extra] == [
        ("2026-12-25", ["10:00-12:00"])
    ]
    assert "not an iCalendar" in run("sla", "import", str(file)).output
    assert "has no hours and cannot be an opening" in run("sla", "import", "--extra", str(closed)).output


def test_check_reports_an_empty_file_and_deadlines_beyond_the_calendar(file: Path) -> None:
    file.write_text("", encoding="utf-8")
    assert "has no targets" in run("sla", "check", str(file)).output
    closed = "closures = [{ from = 2020-01-01, to = 2100-12-31 }]"
    file.write_text(TEXT.replace("closures = []", closed), encoding="utf-8")
    result = run("sla", "check", str(file))
    assert result.exit_code == 0, result.output
    assert "after 2100" in result.output


def test_file_in_another_encoding_is_refused(file: Path) -> None:
    file.write_bytes("# réglé".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"sla\.toml is not UTF-8"):
        load_policies(file)


def test_errors_name_the_setting_only_if_the_file_comes_from_it(file: Path) -> None:
    file.with_name("accueil.toml").write_text('sla = "ours.toml"', encoding="utf-8")
    settings = ("--config", str(file.with_name("accueil.toml")), "sla")
    error = "accueil: SLA file: nope.toml is not there: is the path right?\n"
    result = run(*settings, "check", "nope.toml")
    assert (result.exit_code, result.stderr) == (2, error)
    result = run(*settings, "check")
    assert f"accueil.toml: sla: the SLA file {file.with_name('ours.toml')} is not there: is the path " in result.stderr


def test_warning_for_a_lost_file_names_its_setting(
    file: Path, monkeypatch: pytest.MonkeyPatch, logs: list[EventDict]
) -> None:
    monkeypatch.setattr(sla_file, "CHECK_SECONDS", 0.0)
    watched = WatchedPolicies(file, "accueil.toml")
    before = watched()
    file.unlink()
    assert watched() is before
    (entry,) = logs
    assert entry["detail"].startswith(f"accueil.toml: sla: the SLA file {file} is not there")


def test_path_of_the_sla_file_is_relative_to_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "accueil.toml").write_text('sla = "sla.toml"', encoding="utf-8")
    assert load(tmp_path / "accueil.toml").sla == tmp_path / "sla.toml"
    monkeypatch.setenv("ACCUEIL_SLA", "elsewhere.toml")
    assert load(tmp_path / "accueil.toml").sla == Path("elsewhere.toml")
