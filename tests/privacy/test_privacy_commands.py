"""`accueil timeline export` and `erase`: confirmation, files and audit records."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest

from streams.access.audit import AuditError
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.privacy import pdf
from streams.runtime import privacy_backend
from streams.runtime.timeline_database import open_timeline
from streams.settings.loader import load
from tests.support.events import make
from tests.support.timeline_commands import CASE, records, run
from tests.support.timelines import call, entries_of

pytestmark = pytest.mark.broker

DOSSIER = "dossier:0a1b-0000000000000000000002"


@pytest.fixture
def data(tmp_path: Path, own_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    monkeypatch.setenv("ACCUEIL_BROKERS", own_kafka.bootstrap)
    monkeypatch.chdir(tmp_path)
    with closing(open_timeline(load())) as timeline:
        timeline.write(entries_of(call("call:a:1", 0, CASE)))
    return tmp_path


def recorded(data: Path) -> list[tuple[str, str]]:
    return [(one["operation"], one["result"]) for one in records(data)]


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
    output = run("timeline", "erase", DOSSIER, typed="n\n").stderr.splitlines()
    assert output[0] == "sector social: 2 contacts, from 2025-03-03 09:00:00+01:00 to 2025-03-04 09:01:00+01:00"
    assert output[1] == "still open: mail:ged:1 siege/mdph: Waiting for the service"
    assert "erase these 2 contacts for ever?" in output[2]


def test_export_overwrites_only_on_request_and_is_private(data: Path) -> None:
    export, file = ("timeline", "export", "call:a:1", "--format", "json", "-o", "export.json"), data / "export.json"
    file.write_text("another citizen's")
    file.chmod(0o644)
    refused = run(*export)
    assert (refused.exit_code, file.read_text()) == (2, "another citizen's")
    assert "export.json already exists: choose another name, or use --force to replace it" in refused.stderr
    assert not (data / "audit").exists(), "no data was read"
    done = run(*export, "--force")
    assert done.exit_code == 0, done.output
    assert [one["contact"] for one in json.loads(file.read_text())["contacts"]] == ["call:a:1"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    assert run(*export[:-1], "-").stdout_bytes.startswith(content[:20])
    unwritable = run(*export[:-1], "missing/export.json")
    assert (unwritable.exit_code, "missing/export.json cannot be written" in unwritable.stderr) == (2, True), (
        unwritable.output
    )
    assert [result for _, result in recorded(data)] == ["shown"] * 3


def test_failed_export_is_recorded_and_keeps_the_old_file(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Iterator[bytes]:
        raise ValueError("missing glyph")
        yield b""

    export, file = (
        ("timeline", "export", "call:a:1", "--format", "pdf", "-o", "export.pdf", "--force"),
        data / "export.pdf",
    )
    assert run(*export).exit_code == 0
    content = file.read_bytes()
    monkeypatch.setattr(pdf, "write_pdf", fail)
    assert run(*export).exit_code != 0
    assert file.read_bytes() == content
    assert recorded(data) == [("export", "shown"), ("export", "failed")]


def test_export_with_an_unreadable_audit_ends_with_one_line(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy_backend, "read_audit", Mock(side_effect=AuditError("audit: permission denied")))
    done = run("timeline", "export", "call:a:1", "-o", "export.html")
    assert (done.exit_code, done.stderr) == (2, "accueil: audit: permission denied\n")
    assert not (data / "export.html").exists()
    assert recorded(data) == [("export", "failed")]


def test_confirmed_erasure_is_recorded_before_it_is_published(data: Path) -> None:
    assert run("topics", "apply").exit_code == 0
    done = run("timeline", "erase", "call:a:1", "--wait", "0", typed="y\n")
    assert "begun" in done.stdout or "published" in done.stdout, done.output
    assert recorded(data) == [("read_timeline", "shown"), ("erase", "begun")]
    (*_, begun) = records(data)
    request = f"request {begun['erasure']}\n"
    assert request in done.stdout
    assert done.output.count(begun["erasure"]) == 1, "printed once"
    found = run("audit", "show", "--subject", "call:a:1")
    assert f"rights; {begun['erasure']}" in found.stdout


def test_failed_erasure_is_recorded(data: Path) -> None:
    with closing(sqlite3.connect(data / "timeline.db")) as connection, connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON erasure_requests BEGIN SELECT RAISE(ABORT, 'no'); END")
    done = run("timeline", "erase", "call:a:1", "--yes")
    assert done.exit_code != 0
    assert "request" not in done.output
    assert recorded(data) == [("read_timeline", "shown"), ("erase", "begun"), ("erase", "failed")]
