"""The commands `accueil timeline show` and `accueil links`: output, errors and audit records."""

import os
import pwd
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.keys import load_key
from streams.access.audit import read as read_audit
from streams.runtime import instance_lock
from streams.runtime.instance_lock import write_running_file
from streams.runtime.prechecks import claim_data_directory
from streams.timeline.database import Unavailable
from streams.timeline.store import Timeline
from tests.support.events import START, START_MS, make
from tests.support.timeline_commands import CASE, NUMBER, recorded, records, run, write
from tests.support.timelines import breach_entry, call, entries_of, sla_status_entry


def test_typed_number_finds_the_citizen_and_is_recorded_as_pseudonym(data: Path, phone: str) -> None:
    done = run("timeline", "show", "--purpose", "contact", typed="01 99 00 00 01\n")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("Call abandoned by the citizen") == 2
    assert f"{CASE}: linked to {phone}" in done.stderr
    assert recorded(data) == [("look_up", phone, "contact")]
    assert NUMBER[1:] not in (data / "audit" / "000001.jsonl").read_text()


def test_contact_is_shown_by_id_after_asking_the_purpose(data: Path, phone: str) -> None:
    done = run("timeline", "show", "call:a:1", typed="complaint\n")
    assert done.stdout.count("call:a:1") == 3
    assert recorded(data) == [("read_timeline", "call:a:1", "complaint")]


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "text"),
    [
        (["timeline", "show", "a name"], "", 2, "neither a contact id nor a pseudonym"),
        (["timeline", "show", "token:guichet-1"], "", 2, "neither a contact id nor a pseudonym"),
        (["timeline", "show"], "no number\n", 2, "not valid: Telephone"),
        (["timeline", "show", "call:a:9"], "", 1, "no data about this citizen"),
        (["timeline", "show", "--sector", "genral"], "01 99 00 00 01\n", 2, "no sector genral here: general"),
    ],
)
def test_unknown_subject_is_reported(
    data: Path, phone: str, arguments: list[str], typed: str, code: int, text: str
) -> None:
    done = run(*arguments, "--purpose", "contact", typed=typed)
    assert (done.exit_code, text in done.stderr) == (code, True), done.output
    assert [path.stem for path in (data / "connectors" / "keys").iterdir()] == ["general"], "no key is created"


def test_list_is_bounded_and_says_so(data: Path, phone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write(data, entries_of(call(f"call:b:{number}", number, f"{CASE} dossier:0a1b-{number:022}")))
    listed = run("links", "list", CASE, "--limit", "2")
    assert len(listed.stdout.splitlines()) == 3
    assert listed.stderr.startswith("2 more, with fewer contacts")
    assert "more" not in run("links", "list", CASE, "--limit", "4").stderr
    assert run("links", "list", CASE, "--limit", "10001").exit_code == 2
    monkeypatch.setattr("streams.cli.links.MAX_LINKS", 2)
    assert run("links", "list", CASE, "--limit", "2").stderr.startswith("at least 1 more, with fewer contacts")
    for number in range(3):
        assert run("links", "revoke", CASE, f"dossier:0a1b-{number:022}", "--reason", "mistaken").exit_code == 0
    monkeypatch.setattr("streams.cli.timeline.PAGE", 2)
    output = run("timeline", "show", CASE, "--purpose", "contact", "--limit", "1").stderr
    assert output.count("but revoked") == 2
    assert "and 1 more links: accueil links list" in output


def test_latest_entries_come_first_and_omissions_are_reported(data: Path, phone: str) -> None:
    for name in (phone, "call:a:1"):
        done = run("timeline", "show", name, "--purpose", "contact", "--limit", "2")
        assert done.stdout.index("Call abandoned") < done.stdout.index("Call queued")
        assert "Call arrived" not in done.stdout
        assert "earlier entries not shown" in done.stderr
    assert "more" not in run("timeline", "show", "call:a:1", "--purpose", "contact", "--limit", "3").stderr


def test_open_contacts_come_first_with_their_targets(data: Path, phone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where = {"subject": "mail:ged:7", "site": "siege", "service": "mdph"}
    stamped_at = START - timedelta(days=2)
    arrived = make("letter.arrived", 50, identities=phone, admitted_at=stamped_at, **where)
    due = sla_status_entry("mail:ged:7", 1, first_response=START_MS, acknowledge=2**42, announced=None)
    write(data, [*entries_of([arrived]), breach_entry("mail:ged:7", START_MS)], [due])
    done = run("timeline", "show", phone, "--purpose", "contact", "--limit", "1")
    head, case, blank, *_ = done.stdout.splitlines()
    assert head.split() == ["OPEN", "CASE", "SERVICE", "STATE", "SINCE", "DUE", "SLA", "RESULTS"]
    assert case.startswith("mail:ged:7  siege/mdph  Waiting for the service  ")
    assert case.endswith("  resolution (target missed, due 2025-03-03 09:00:00+01:00)")
    assert " (received 2025-03-01 09:00:00+01:00)  " in case
    overdue, running, paused = case.partition(")  ")[2].rpartition("  ")[0].split(", ")
    assert overdue == "first response 2025-03-03 09:00:00+01:00 (overdue)"
    assert running == "acknowledgement 2109-05-15 09:35:11+02:00"
    assert paused == "announced delay (paused: waiting for the citizen)"
    assert blank == ""
    (target,) = [
        line
        for line in run("timeline", "show", phone, "--purpose", "contact").stdout.splitlines()
        if "Target missed" in line
    ]
    what = ["Target missed: resolution, policy letters", "siege/mdph", "mail:ged:7"]
    assert re.split("  +", target)[1:] == what, "an SLA event has no state"
    assert "no open case" in run("timeline", "show", "call:a:1", "--purpose", "contact").stderr
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    output = run("timeline", "show", phone, "--purpose", "contact").stdout
    assert "  Lettre arrivée : tampon du 2025-03-01 09:00:00+01:00  " in output
    codes = {"waiting", "closed", "abandoned", "breached"}
    assert not codes & {*re.split(r"\s+", output)}


def test_deadline_at_the_end_of_a_day_is_shown_as_that_day(data: Path, phone: str) -> None:
    midnight_at = START_MS + 15 * 3_600_000  # the contact began at 9:00 in Paris
    arrived = make("letter.arrived", 50, identities=phone, subject="mail:ged:7", site="siege", service="mdph")
    due = sla_status_entry("mail:ged:7", 1, first_response=midnight_at, acknowledge=midnight_at + 1000)
    write(data, [*entries_of([arrived]), breach_entry("mail:ged:7", midnight_at)], [due])
    shown = ("timeline", "show", phone, "--purpose", "contact", "--limit", "1")
    case_line = run(*shown).stdout.splitlines()[1]
    assert "  first response 2025-03-03 (overdue), acknowledgement 2025-03-04 00:00:01+01:00 (overdue)  " in case_line
    assert case_line.endswith("  resolution (target missed, due 2025-03-03)")


def test_named_services_are_shown_with_their_codes(data: Path, phone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "accueil.toml").write_text(
        '[web.services]\nmdph = { label_fr = "Maison du handicap", label_en = "Disability office" }\npmi = {}\n'
    )
    for number, service in enumerate(("mdph", "pmi")):
        where = {"subject": f"mail:ged:{number}", "site": "siege", "service": service}
        write(data, entries_of([make("letter.arrived", number, identities=phone, **where)]))
    shown = ("timeline", "show", phone, "--purpose", "contact")
    assert run(*shown).stdout.count("  Disability office (siege/mdph)  ") == 2, "also in the open cases"
    assert run(*shown).stdout.count("  siege/pmi  ") == 2
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert run(*shown).stdout.count("  Maison du handicap (siege/mdph)  ") == 2


def test_unknown_subject_is_recorded_in_the_sector_of_its_key(data: Path, phone: str) -> None:
    made = f"{phone.partition('-')[0]}-{'x' * 22}"
    for name in (f"case:0a1b-{'x' * 22}", made, "call:a:9"):
        assert run("links", "list", name).exit_code == 1, name
        assert run("timeline", "show", name, "--purpose", "contact").exit_code == 1
    assert [one["sector"] for one in records(data)] == ["general"] * 6
    load_key(data / "connectors" / "keys", "social")
    for name in (made, f"phone:0a1b-{'x' * 22}"):
        assert run("links", "list", name).exit_code == 1
    assert [one["sector"] for one in records(data)[6:]] == ["general", ""], "the key is that of several sectors"


def test_only_sector_is_the_default_and_purpose_is_asked_last(data: Path, phone: str) -> None:
    keys = data / "connectors" / "keys"
    (keys / "general.key").rename(keys / "social.key")
    done = run("timeline", "show", typed="01 99 00 00 01\ncontact\n")
    assert (done.exit_code, done.stderr.index("phone") < done.stderr.index("purpose")) == (0, True), done.output
    (*_, (record, _)) = [(line.record or {}, line) for line in read_audit(data / "audit")]
    assert (record["whose"], record["sector"], record["why"]) == (phone, "social", "contact")
    load_key(keys, "routes")
    done = run("timeline", "show", "--sector", "general", typed="01 99 00 00 01\ncontact\n")
    assert (done.exit_code, "no sector general here: routes, social; --sector names one" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("timeline", "show", "--purpose", "contact"),
        ("timeline", "erase"),
        ("timeline", "export", "--output", "-"),
        ("tokens", "add", "guichet-1", "--role", "agent"),
    ],
)
def test_several_sectors_need_an_option(
    data: Path, phone: str, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ACCUEIL_BROKERS", "127.0.0.1:1")  # no connection before the sector is known
    load_key(data / "connectors" / "keys", "social")
    done = run(*command, typed="01 99 00 00 01\n")
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert "name one with --sector: general, social" in done.stderr
    assert recorded(data) == []
    assert not (data / "access" / "tokens.json").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("timeline", "show", "--purpose", "contact"),
        ("links", "list", CASE),
        ("tokens", "list"),
        ("audit", "show"),
        ("audit", "verify"),
    ],
)
def test_running_demo_is_used(data: Path, phone: str, command: tuple[str, ...]) -> None:
    demo = data / instance_lock.DEMO
    demo.mkdir()
    for name in ("connectors", "timeline.db"):
        (data / name).rename(demo / name)
    (data / "accueil.toml").write_text('[timeline]\nurl = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"\n')
    with claim_data_directory(demo):
        write_running_file(demo, "127.0.0.1:1", "")
        assert run("tokens", "add", "guichet-1", "--role", "agent").exit_code == 0
        done = run(*command, typed="01 99 00 00 01\n")
        assert done.exit_code == 0, done.output
        assert any(
            output in done.stdout for output in ("Call abandoned", "add_token", "guichet-1", phone, "lines are intact")
        )
    assert not (data / "audit").exists()
    assert not (data / "access").exists()


def test_shared_address_lists_its_dossiers(data: Path) -> None:
    for number in (1, 2):
        write(data, entries_of(call(f"call:a:{number}", 0, f"dossier:0a1b-{number:022} email:0a1b-{1:022}")))
    done = run("timeline", "show", f"email:0a1b-{1:022}", "--purpose", "contact")
    assert done.exit_code == 1
    assert f"shared by 2 citizens: dossier:0a1b-{1:022}, dossier:0a1b-{2:022}" in done.stderr
    assert "no data about" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("timeline", "show", "call:a:1", "--purpose", "contact"), ("links", "list", CASE)]
)
def test_newer_database_is_reported(data: Path, phone: str, arguments: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(data / "timeline.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    done = run(*arguments)
    assert (done.exit_code, "of a newer release" in done.stderr) == (2, True), done.output


def test_links_are_listed_revoked_and_restored(data: Path, phone: str) -> None:
    assert CASE in run("links", "list", phone).stdout
    revoked = run("links", "revoke", phone, CASE, "--reason", "shared")
    assert (revoked.exit_code, revoked.stdout) == (0, "revoked\n")
    assert run("links", "revoke", phone, CASE, "--reason", "shared").exit_code == 1
    assert run("timeline", "show", phone, "--purpose", "contact").stdout.count("Call abandoned by the citizen") == 1
    output = run("timeline", "show", phone, "--purpose", "contact").stderr
    assert f"{CASE}, {phone}: linked by 1 contacts, but revoked" in output
    assert f"(Several people use it); to undo: accueil links restore {CASE} {phone}" in output
    assert "  Several people use it\n" in run("links", "list", CASE).stdout
    assert "rights; Several people use it" in run("audit", "show").stdout
    assert run("links", "restore", CASE, phone).stdout == "restored\n"
    assert "revoked" not in run("timeline", "show", phone, "--purpose", "contact").stderr
    assert run("timeline", "show", phone, "--purpose", "contact").stdout.count("Call abandoned by the citizen") == 2
    acts = [record for record in records(data) if record["operation"] == "revoke_link"]
    assert [(one["whose"], one["result"], one["ground"], one["sector"], one["why"]) for one in acts] == [
        (subject_id, result, "shared", "general", "rights")
        for ended in ("done", "not_found")
        for result in ("begun", ended)
        for subject_id in (phone, CASE)
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("timeline", "show", "call:a:1", "--purpose", "contact"),
        ("audit", "show", "--citizen", "--subject", "call:a:1"),
        ("links", "list", CASE),
        ("links", "restore", CASE, "call:a:1"),
    ],
)
def test_missing_database_is_reported_and_not_created(data: Path, command: tuple[str, ...]) -> None:
    done = run(*command)
    assert (done.exit_code, f"no timelines in {data} yet" in done.stderr) == (2, True), done.output
    assert not list(data.glob("timeline.db*"))
    assert recorded(data) == []


def test_failed_change_is_recorded(data: Path, phone: str) -> None:
    with closing(sqlite3.connect(data / "timeline.db")) as connection, connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON revocations BEGIN SELECT RAISE(ABORT, 'no'); END")
    assert run("links", "revoke", phone, CASE, "--reason", "mistaken").exit_code != 0
    assert [one["result"] for one in records(data)] == ["begun", "begun", "failed", "failed"]


def test_uncertain_change_is_not_recorded_as_failed(data: Path, phone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    revoke = Timeline.revoke

    def lose_the_answer(*arguments: Any) -> bool:
        revoke(*arguments)
        raise Unavailable("connection lost")

    monkeypatch.setattr(Timeline, "revoke", lose_the_answer)
    assert run("links", "revoke", phone, CASE, "--reason", "mistaken").exit_code != 0
    assert [one["result"] for one in records(data)] == ["begun", "begun"]


@pytest.mark.parametrize(("name", "actor"), [("marie", " (sudo: marie)"), ("marie d'argent\n", " (sudo: ?)"), ("", "")])
def test_record_names_the_user_of_sudo(
    data: Path, phone: str, monkeypatch: pytest.MonkeyPatch, name: str, actor: str
) -> None:
    monkeypatch.setenv("SUDO_USER", name)
    assert run("timeline", "show", phone, "--purpose", "contact").exit_code == 0
    assert run("timeline", "show", "call:a:9", "--purpose", "contact").exit_code == 1
    shown, unknown = records(data)
    assert shown["who"] == unknown["who"] == f"user:{pwd.getpwuid(os.geteuid()).pw_name}{actor}"
    assert (shown["result"], shown["sector"], unknown["result"]) == ("shown", "general", "not_found")
    by_account = run("audit", "show", "--client", f"user:{pwd.getpwuid(os.geteuid()).pw_name}", "--json").stdout
    assert len(by_account.splitlines()) == 2, "records with sudo belong to the account too"


def test_unrecorded_access_is_not_shown(data: Path, phone: str) -> None:
    (data / "audit").write_text("no directory")
    done = run("timeline", "show", phone, "--purpose", "contact")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "nothing was done, because the audit log cannot be written" in done.stderr
