"""`accueil audit`: filters, table, JSON, and verification of the hash chain."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.access.audit import Audit
from streams.access.audit_records import Access, Purpose
from streams.access.audit_records import Result as Outcome
from streams.access.permissions import Operation
from streams.cli.main import main

DAYS = (24, 24, 24, 25)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directory of an audit log with four accesses by two tokens on two days."""
    monkeypatch.chdir(tmp_path)
    now = [datetime(2026, 11, 1, 9, tzinfo=UTC)]
    with closing(Audit(tmp_path / "accueil-data" / "audit", clock=lambda: now[0])) as audit:
        for number, actor in enumerate(("guichet", "guichet", "dpo", "guichet")):
            now[0] = now[0].replace(day=DAYS[number])
            audit.record(
                Access(
                    actor=actor,
                    role="agent",
                    operation=Operation.LOOK_UP,
                    sector="general",
                    subject_id=f"phone:a1b2-{number % 2}",
                    why=Purpose.CONTACT,
                    result=Outcome.SHOWN,
                )
            )
    return tmp_path / "accueil-data" / "audit"


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", *arguments])


def shown(*options: str) -> list[tuple[str, str]]:
    return [
        (one["who"], one["whose"]) for one in map(json.loads, command("show", "--json", *options).stdout.splitlines())
    ]


def test_show_filters_by_client_subject_and_time() -> None:
    everything = shown()
    assert [actor for actor, _ in everything] == ["guichet", "guichet", "dpo", "guichet"]
    assert shown("--client", "dpo") == [("dpo", "phone:a1b2-0")]
    assert shown("--subject", "phone:a1b2-1") == [("guichet", "phone:a1b2-1")] * 2
    assert shown("--limit", "1") == everything[-1:]
    assert shown("--since", "2026-11-25") == everything[-1:]
    assert command("show", "--client", "nobody").stdout == "none\n"


def test_show_reports_the_number_of_records_beyond_the_limit() -> None:
    assert command("show", "--limit", "4").stderr == ""
    assert command("show", "--limit", "3").stderr == "1 earlier records not shown (--limit)\n"
    none = command("show", "--limit", "0", "--json")
    assert (none.stdout, none.stderr) == ("", "4 earlier records not shown (--limit)\n")


def test_show_filters_by_sector_and_refuses_options_without_effect(place: Path) -> None:
    with closing(Audit(place)) as audit:
        audit.record(
            Access(actor="dpo", operation=Operation.ERASE, sector="routes", why=Purpose.RIGHTS, result=Outcome.BEGUN)
        )
    assert shown("--sector", "routes") == [("dpo", "")]
    assert len(shown("--sector", "general")) == len(DAYS)
    mistyped = command("show", "--sector", "rutes")
    assert (mistyped.exit_code, "no sector has a key" in mistyped.stderr) == (2, True)
    for more in ((), ("--citizen", "--subject", "phone:a1b2-0")):
        refused = command("show", "--kind", "email", *more)
        assert (refused.exit_code, "--kind: only with --citizen" in refused.stderr) == (2, True)


def test_show_prints_a_table() -> None:
    def table() -> list[list[str]]:
        return [re.split("  +", line) for line in command("show").stdout.splitlines()]

    subject_id = ["general", "phone:a1b2-0"]
    titles, first, *_ = table()
    assert titles == ["WHEN", "CLIENT", "OPERATION", "SECTOR", "SUBJECT", "PURPOSE", "RESULT"]
    labels = ["looked up by number, address or reference", *subject_id, "The citizen is here", "shown"]
    assert first[1:] == ["guichet", *labels], "labels in the table, codes only in JSON"
    assert json.loads(command("show", "--json").stdout.splitlines()[0])["operation"] == "look_up"


def test_show_prints_the_reason_of_a_lookup_in_another_sector(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Audit(place)) as audit:
        audit.record(
            Access(
                actor="camille",
                operation=Operation.LOOK_UP,
                why=Purpose.CONTACT,
                result=Outcome.SHOWN,
                across="convention du 3 mars 2026",
            )
        )
    monkeypatch.setenv("LANGUAGE", "en")
    assert (
        "The citizen is here; across sectors: convention du 3 mars 2026"
        in command("show", "--client", "camille").stdout
    )
    assert "across" not in command("show", "--client", "dpo").stdout


def test_verify_prints_file_and_line_of_a_damage_and_exits_with_1(place: Path) -> None:
    intact = command("verify")
    assert intact.exit_code == 0
    checkpoint = intact.stdout.split()[-1]
    assert command("verify", "--checkpoint", checkpoint).exit_code == 0
    path = place / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"dpo", b"dpp"))
    result = command("verify")
    assert result.exit_code == 1
    assert "000001.jsonl, line 4: was changed" in result.stdout


def test_show_warns_of_a_damaged_log_and_exits_with_1(place: Path) -> None:
    path = place / "000001.jsonl"
    assert (command("show").exit_code, command("show").stderr) == (0, "")
    path.write_bytes(path.read_bytes().replace(b"dpo", b"dpp"))
    result = command("show", "--json")
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 4)
    assert "000001.jsonl, line 4: was changed" in result.stderr
    assert "the audit log is damaged" in result.stderr


@pytest.mark.parametrize("typed", ["jeanne@example.org", "01 99 00 00 01", "Jeanne Exemple"])
def test_show_refuses_a_subject_that_is_no_pseudonym_or_contact(typed: str) -> None:
    result = command("show", "--subject", typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "neither a contact id nor a pseudonym; use --citizen" in result.stderr
    assert typed not in result.stderr


def test_verify_detects_a_hash_that_differs_from_the_checkpoint() -> None:
    result = command("verify", "--checkpoint", f"2:{'a' * 64}")
    assert result.exit_code == 1
    assert "line 2: differs from the checkpoint" in result.stdout
    assert command("verify", "--checkpoint", "yesterday").exit_code == 2


def test_show_skips_and_counts_unreadable_lines(place: Path) -> None:
    path = place / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"who":"dpo"', b'"who":dpo  '))
    result = command("show", "--json")
    assert len(result.stdout.splitlines()) == 3
    assert "1 lines cannot be read" in result.stderr
    path.write_bytes(path.read_bytes() + b'{"hash":')
    assert "8 bytes at the end" in command("verify").stderr
