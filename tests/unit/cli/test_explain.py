"""`accueil explain`: periods, channels, filters and labels."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result

from streams.cli import explain as explain_cli
from streams.cli.figure_labels import figure_label
from streams.core.contacts.contact import Contact, fold
from streams.core.figures.figure_explanation import figure_names
from tests.support.commands import error, run
from tests.support.events import START, answered_call, make

DAY = 86_400
PARIS = ZoneInfo("Europe/Paris")
MORNING = START.date().isoformat()


def rows() -> dict[str, Contact]:
    """Return a call at 9:00 in Paris on each of ten days up to `MORNING`, and a visit and a letter on that day."""
    contacts = [answered_call(f"call:asterisk/siege:{ago}", at=-ago * DAY, wait=10) for ago in range(10)]
    contacts.append([make("visit.arrived", 600, subject="visit:kiosk/siege:1", site="siege", queue="accueil")])
    contacts.append([make("letter.arrived", 0, subject="mail:ged/siege:1", site="siege")])
    found = {}
    for events in contacts:
        row = None
        for event in events:
            row = fold(row, event)
        assert row
        found[events[0].subject] = row
    return found


@pytest.fixture(autouse=True)
def _known_contacts(monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(brokers: str, client: Any, note: Callable[[str, Contact], bool]) -> None:
        for name, row in rows().items():
            note(name, row)

    monkeypatch.setenv("ACCUEIL_WEB__TIME_ZONE", "Europe/Paris")
    monkeypatch.setattr(explain_cli, "find_readable_cluster", lambda *_: ("", {}))
    monkeypatch.setattr(explain_cli, "scan_contacts", scan)


def explain(*arguments: str) -> Result:
    return run("explain", *arguments)


def first_line(*arguments: str) -> str:
    return lines(*arguments)[0]


def lines(*arguments: str) -> list[str]:
    result = explain(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_days_are_civil_days_up_to_the_given_day() -> None:
    assert first_line("offered", "--day", MORNING, "--channel", "call") == f"offered, call, {MORNING}: 1"
    assert first_line("offered", "--day", MORNING).startswith("offered, all sites, ")


def test_times_select_whole_buckets_of_five_minutes() -> None:
    day = f"{MORNING}T"
    assert first_line("offered", "--since", day + "09:00", "--until", day + "09:15").endswith("+01:00: 2")
    assert first_line("offered", "--since", day + "09:04+01:00", "--until", day + "09:10").endswith(": 1")
    assert first_line("offered", "--since", day + "09:05", "--until", day + "09:10").endswith(": 0")


def test_several_channels_are_added_up() -> None:
    assert first_line("offered", "--day", MORNING, "--channel", "call", "--channel", "visit").endswith(": 2")
    assert first_line("waiting", "--channel", "mail", "--channel", "visit").endswith(": 2"), (
        "current states have no day"
    )


def test_current_states_are_listed_with_their_start_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    received = {"mail:ged/siege:1": -DAY, "mail:ged/siege:2": -9 * DAY, "mail:ged/siege:3": -4 * DAY}
    letters = {name: fold(None, make("letter.arrived", at, subject=name)) for name, at in received.items()}
    calls = {
        name: fold(None, make("call.queued", at, subject=name, queue="mdph", site="siege"))
        for name, at in {"call:pbx/siege:1": 0, "call:pbx/siege:2": -60}.items()
    }

    def scan(brokers: str, client: Any, note: Callable[[str, Contact], bool]) -> None:
        for name, row in (letters | calls).items():
            assert row
            note(name, row)

    monkeypatch.setattr(explain_cli, "scan_contacts", scan)
    waiting = lines("waiting", "--channel", "mail")[2:]
    assert [line.split()[0] for line in waiting] == [f"mail:ged/siege:{number}" for number in (2, 3, 1)]
    assert f"now, since {(START - timedelta(days=9)).astimezone(PARIS).isoformat(' ', 'seconds')}" in waiting[0]
    first, second = map(json.loads, lines("waiting", "--channel", "call", "--json"))
    assert (first["contact"], second["contact"]) == ("call:pbx/siege:2", "call:pbx/siege:1"), "longest wait first"
    assert datetime.fromisoformat(first["since"]) == START - timedelta(seconds=60)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "9999999999d"),
        ("--since", "0001-01-01"),
        ("--until", "9999-12-31T23:59+00:00"),
    ],
)
def test_time_out_of_range_is_refused_in_one_line(arguments: tuple[str, ...]) -> None:
    result = explain("offered", *arguments)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit), result.output
    assert f"Invalid value for '{arguments[0]}'" in result.stderr


def test_period_may_begin_before_all_contacts() -> None:
    assert first_line("offered", "--since", "1970-01-01", "--until", MORNING, "--channel", "call").endswith(": 9")


def test_days_and_times_are_exclusive_and_ratios_need_one_channel() -> None:
    mixed = error("explain", "offered", "--day", MORNING, "--since", "90m")
    assert "use either --day, or --since and --until" in mixed
    for channels in (("call", "visit"), ("mail",)):
        options = (word for channel in channels for word in ("--channel", channel))
        assert "needs exactly one --channel, call or visit" in error("explain", "service_level", *options)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("waiting", "--channel", "mail", "--site", "siège"),
            "unknown --site siège; known: siege; did you mean siege?",
        ),
        (("waiting", "--service", "nosuch"), "unknown --service nosuch; known: "),
        (
            ("service_level", "--queue", "acueil"),
            "unknown --queue acueil; known: accueil, mdph; did you mean accueil?",
        ),
        (("offered", "--day", "2126-12-25"), "this time is in the future"),
        (("offered", "--since", "2126-12-25"), "this time is in the future"),
        (("foo",), "unknown figure foo; accueil explain lists all"),
        (("offerd",), "unknown figure offerd; did you mean offered?"),
        (("received", "--channel", "call"), "call has no figure received; channels with it: mail, email, form"),
        (("line_arrived", "--channel", "mail"), "mail has no figure line_arrived; channels with it: call"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(arguments: tuple[str, ...], reason: str) -> None:
    assert reason in error("explain", *arguments)


def test_figure_of_other_channels_is_refused_with_the_own_ones() -> None:
    refused = error("explain", "cancelled", "--channel", "appointment").splitlines()
    assert refused[-3:] == [
        "Error: appointment has no figure cancelled; channels with it: mail, email, call, form, visit, sla",
        "figures of appointment: cancelled_by_citizen, cancelled_by_service",
        "accueil explain --channel appointment lists all",
    ]
    refused = error("explain", "abandoned", "--channel", "mail").splitlines()
    assert refused[-2].startswith("figures of mail: closed, received, scanned, registered, ")


def test_figures_of_a_channel_are_listed_with_what_they_count(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = lines("--channel", "appointment")
    assert shown[0] == "appointment"
    assert [line.split()[0] for line in shown[1 : shown.index("")]] == [
        *("booked", "booked_by_citizen", "booked_by_service", "moved", "checked_in"),
        *("cancelled_by_citizen", "cancelled_by_service", "attended", "missed"),
        *("waiting", "in_progress", "pending_citizen"),
    ]
    assert shown[-2:] == ["reasons for contact", "reason_contacts       contacts with a reason"]
    assert "missed                the citizen did not come" in shown
    assert "SLA targets" in lines("--channel", "mail", "--channel", "email")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert lines("--channel", "appointment")[:2] == ["Rendez-vous", "booked                pris"]


def test_events_have_the_register_number_of_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "mail:ged/siege:1"
    events = [
        make("letter.arrived", 0, subject=name, site="siege"),
        make("letter.registered", 60, subject=name, site="siege", chrono="2026/001"),
    ]
    monkeypatch.setattr(explain_cli, "read_events", lambda *_: {name: events})
    shown = lines("received", "--day", MORNING, "--channel", "mail", "--events")
    arrived, registered = (line for line in shown if "letter." in line)
    assert "register number" not in arrived
    assert f"  letter.registered  register number 2026/001  {events[1].id}" in registered
    (fact,) = map(json.loads, lines("received", "--day", MORNING, "--channel", "mail", "--events", "--json"))
    assert [event["reference"] for event in fact["events"]] == ["", "2026/001"]


def test_names_from_the_settings_are_known_without_contacts() -> None:
    Path("accueil.toml").write_text(
        '[web.queues.nuit]\nsite = "annexe"\nservice = "garde"\nlabel_fr = "Nuit"\nlabel_en = "Night"\n'
        '[web.services]\ncolleges = { label_fr = "Collèges", label_en = "Schools" }\n'
    )
    for place in (("--queue", "nuit"), ("--site", "annexe"), ("--service", "garde"), ("--service", "colleges")):
        assert first_line("offered", "--day", MORNING, *place).endswith(": 0")


def test_sla_target_without_stored_contacts_is_accepted() -> None:
    target = ("--channel", "sla", "--queue", "courrier:answer:mail")
    assert first_line("breached", "--day", MORNING, *target).endswith(": 0")


def test_derived_figures_belong_to_the_channel_of_their_contacts(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        make("call.arrived", 0, line="accueil", site="siege"),
        make("call.menu_chosen", 5, option="aide", site="siege"),
        make("contact.reason_set", 5, channel="call", contact_reason="aide", site="siege"),
        make("call.voicemail_left", 9, queue="mdph", site="siege"),
        make("call.called_back", 600, site="siege"),
    ]
    row = None
    for event in events:
        row = fold(row, event)
    assert row
    call = row
    monkeypatch.setattr(explain_cli, "scan_contacts", lambda _brokers, _client, note: note(events[0].subject, call))
    for figure in ("line_arrived", "menu_chosen", "message_left", "called_back", "reason_contacts"):
        assert first_line(figure, "--day", MORNING, "--channel", "call").endswith(": 1"), figure
    assert first_line("line_arrived", "--day", MORNING, "--channel", "call", "--queue", "accueil").endswith(": 1")
    assert first_line("line_queued", "--day", MORNING, "--channel", "call", "--queue", "accueil").endswith(": 0")
    assert first_line("reason_contacts", "--day", MORNING, "--queue", "call:aide").endswith(": 1")
    assert first_line("reason_contacts", "--day", MORNING, "--channel", "mail").endswith(": 0")


def test_day_beyond_the_retention_gives_a_warning() -> None:
    none = explain("offered", "--day", "2020-01-01", "--channel", "call")
    assert (none.exit_code, none.stdout.splitlines()[0]) == (0, "offered, call, 2020-01-01: 0")
    assert none.stderr == "no facts for 2020-01-01: closed contacts are kept for 35 days (worker.keep_closed_days)\n"
    assert explain("waiting", "--day", "2020-01-01", "--channel", "mail").stderr == ""


def test_figures_have_french_labels_and_their_names_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [figure_label(name) for name in figure_names()] == [*figure_names()]
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    labels = {name: figure_label(name) for name in figure_names()}
    assert not [label for label in labels.values() if "_" in label]
    assert labels["given_csat_1_5_4"] == "avis, satisfaction : 4 / 5"
    assert labels["given_nps_0_10"] == "avis, recommandation"
    assert labels["closed_rejected"] == "traités : refusé"
    assert labels["left_timeout"] == "sortis : attente trop longue"
    assert labels["csat_wait_le_60_satisfied"] == "satisfaits, attente de 60 s ou moins"


def test_french_output_has_labels_of_figures_and_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(brokers: str, client: Any, contacts: Any) -> dict[str, Any]:
        return {name: answered_call(name) for name in contacts}

    monkeypatch.setattr(explain_cli, "read_events", read)
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    head, formula, *_, row = lines("service_level", "--day", MORNING)
    assert head.startswith(f"service_level (niveau de service), Téléphone, {MORNING} : 1 / 1")
    assert formula == "  (répondus ≤ 20 s) / (répondus + abandonnés > 10 s)"
    assert "  répondus  " in row
    _head, titles, row, event, *_ = lines("answered", "--day", MORNING, "--events")
    assert " ".join(titles.split()) == "CONTACT RÉSULTAT TRANCHE DE 5 MIN DURÉE COMPTÉ DANS CANAL/SITE/SERVICE/FILE"
    assert row.index("répondus") == titles.index("RÉSULTAT")
    assert event.startswith("    2")
    output = "\n".join(lines("answered", "--day", MORNING, "--events"))
    assert "  Appel décroché  " in output
    assert "call.answered" not in output
    assert ["handed_on", "transmis"] in [line.split() for line in lines()]
