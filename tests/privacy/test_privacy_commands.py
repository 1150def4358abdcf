"""`accueil timeline erase` asks for confirmation. A refused erasure is neither done nor recorded as begun."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.access.audit import read as read_audit
from streams.cli.main import main
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.privacy import pdf
from streams.runtime.timeline_database import open_timeline
from streams.settings.loader import load
from tests.support.events import make
from tests.support.timelines import call, entries_of

pytestmark = pytest.mark.broker

CASE = "case:0a1b-0000000000000000000001"
DOSSIER = "dossier:0a1b-0000000000000000000002"


@pytest.fixture
def data(tmp_path: Path, own_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    monkeypatch.setenv("ACCUEIL_BROKERS", own_kafka.bootstrap)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    with closing(open_timeline(load())) as timeline:
        timeline.write(entries_of(call("call:a:1", 0, CASE)))
    return tmp_path


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=typed)


def recorded(data: Path) -> list[tuple[str, str]]:
    records = [line.record or {} for line in read_audit(data / "audit")]
    return [(one["operation"], one["result"]) for one in records if "whose" in one]


def test_refused_confirmation_erases_nothing_and_is_recorded_as_read(data: Path) -> None:
    done = run("timeline", "erase", CASE, typed="n\n")
    assert done.exit_code == 1, done.output
    assert "erase this contact for ever?" in done.stderr
    assert "nothing was erased" in done.stderr
    assert recorded(data) == [("read_timeline", "shown")]
    assert run("timeline", "export", "call:a:9", "-o", "-").exit_code == 1
    assert recorded(data)[1:] == [("export", "not_found")]


def test_confirmation_lists_the_data(data: Path) -> None:
    where = {"sector": "social", "site": "siege", "service": "mdph"}
    letters = [make("letter.arrived", 0, subject="mail:ged:1", identities=DOSSIER, **where)]
    letters += [make("letter.arrived", 86_400, subject="mail:ged:2", identities=DOSSIER, **where)]
    letters += [make("letter.closed", 86_460, subject="mail:ged:2", **where)]
    with closing(open_timeline(load())) as timeline:
        timeline.write(entries_of(letters))
    shown_text = run("timeline", "erase", DOSSIER, typed="n\n").stderr.splitlines()
    assert shown_text[0] == "sector social: 2 contacts, from 2025-03-03 09:00:00+01:00 to 2025-03-04 09:01:00+01:00"
    assert shown_text[1] == "still open: mail:ged:1 siege/mdph: Waiting for the service"
    assert "erase these 2 contacts for ever?" in shown_text[2]


def test_export_overwrites_only_on_request_and_is_private(data: Path) -> None:
    export, file = ("timeline", "export", "call:a:1", "--format", "json", "-o", "held.json"), data / "held.json"
    file.write_text("another citizen's")
    file.chmod(0o644)
    refused = run(*export)
    assert (refused.exit_code, file.read_text()) == (2, "another citizen's")
    assert "held.json already exists: choose another name, or use --force to replace it" in refused.stderr
    assert not (data / "audit").exists(), "nothing was looked for"
    done = run(*export, "--force")
    assert done.exit_code == 0, done.output
    assert [one["contact"] for one in json.loads(file.read_text())["contacts"]] == ["call:a:1"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    whole = file.read_bytes()
    assert run(*export[:-1], "-").stdout_bytes.startswith(whole[:20])
    away = run(*export[:-1], "nowhere/held.json")
    assert (away.exit_code, "nowhere/held.json cannot be written" in away.stderr) == (2, True), away.output
    assert [result for _, result in recorded(data)] == ["shown"] * 3


def test_failed_export_is_recorded_and_keeps_the_old_file(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> Iterator[bytes]:
        raise ValueError("a letter that the font has not")
        yield b""

    export, file = ("timeline", "export", "call:a:1", "--format", "pdf", "-o", "held.pdf", "--force"), data / "held.pdf"
    assert run(*export).exit_code == 0
    whole = file.read_bytes()
    monkeypatch.setattr(pdf, "write_pdf", break_off)
    assert run(*export).exit_code != 0
    assert file.read_bytes() == whole
    assert recorded(data) == [("export", "shown"), ("export", "failed")]


def test_confirmed_erasure_is_recorded_before_it_is_published(data: Path) -> None:
    assert run("topics", "apply").exit_code == 0
    done = run("timeline", "erase", "call:a:1", "--wait", "0", typed="y\n")
    assert "begun" in done.stdout or "published" in done.stdout, done.output
    assert recorded(data) == [("read_timeline", "shown"), ("erase", "begun")]
    (*_, begun) = [line.record or {} for line in read_audit(data / "audit")]
    request = f"request {begun['erasure']}\n"
    assert request in done.stdout, "by its id the proof is found, and by that who asked"
    assert done.output.count(begun["erasure"]) == 1, "said once on a terminal"
    found = run("audit", "show", "--subject", "call:a:1")
    assert f"rights; {begun['erasure']}" in found.stdout


def test_failed_erasure_is_recorded(data: Path) -> None:
    with closing(sqlite3.connect(data / "timeline.db")) as connection, connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON erasure_requests BEGIN SELECT RAISE(ABORT, 'no'); END")
    done = run("timeline", "erase", "call:a:1", "--yes")
    assert done.exit_code != 0
    assert "request" not in done.output
    assert recorded(data) == [("read_timeline", "shown"), ("erase", "begun"), ("erase", "failed")]
