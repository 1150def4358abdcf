"""`accueil audit`: filters, table, JSON, and verification of the hash chain."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from streams.access.audit import Audit
from streams.access.audit_records import Access, Purpose
from streams.access.audit_records import Result as Outcome
from streams.access.permissions import Operation
from tests.support.commands import error, run

DAYS = (24, 24, 24, 25)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Path:
    """Directory of an audit log with four accesses by two tokens on two days."""
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
    return run("audit", *arguments)


def accesses(*options: str) -> list[tuple[str, str]]:
    records = map(json.loads, command("show", "--json", *options).stdout.splitlines())
    return [(record["who"], record["whose"]) for record in records]


def add(directory: Path, access: Access) -> None:
    """Record an access after the others, at a time at which they are kept."""
    with closing(Audit(directory, clock=lambda: datetime(2026, 11, 26, 9, tzinfo=UTC))) as audit:
        audit.record(access)


def test_show_filters_by_client_subject_and_time() -> None:
    everything = accesses()
    assert [actor for actor, _ in everything] == ["guichet", "guichet", "dpo", "guichet"]
    assert accesses("--client", "dpo") == [("dpo", "phone:a1b2-0")]
    assert accesses("--subject", "phone:a1b2-1") == [("guichet", "phone:a1b2-1")] * 2
    assert accesses("--limit", "1") == everything[-1:]
    assert accesses("--since", "2026-11-25") == everything[-1:]
    assert command("show", "--client", "nobody").stdout == "none\n"


def test_show_reports_the_number_of_records_beyond_the_limit() -> None:
    assert command("show", "--limit", "4").stderr == ""
    assert command("show", "--limit", "3").stderr == "1 earlier records not shown (--limit)\n"
    none = command("show", "--limit", "0", "--json")
    assert (none.stdout, none.stderr) == ("", "4 earlier records not shown (--limit)\n")


def test_show_filters_by_sector_and_refuses_options_without_effect(directory: Path) -> None:
    add(
        directory,
        Access(actor="dpo", operation=Operation.ERASE, sector="routes", why=Purpose.RIGHTS, result=Outcome.BEGUN),
    )
    assert accesses("--sector", "routes") == [("dpo", "")]
    assert len(accesses("--sector", "general")) == len(DAYS)
    assert "no sector has a key" in error("audit", "show", "--sector", "rutes")
    for more in ((), ("--citizen", "--subject", "phone:a1b2-0")):
        assert "--kind: only with --citizen" in error("audit", "show", "--kind", "email", *more)


def test_show_prints_a_table() -> None:
    subject_id = ["general", "phone:a1b2-0"]
    titles, first, *_ = [re.split("  +", line) for line in command("show").stdout.splitlines()]
    assert titles == ["WHEN", "CLIENT", "OPERATION", "SECTOR", "SUBJECT", "PURPOSE", "RESULT"]
    labels = ["looked up by number, address or reference", *subject_id, "The citizen is here", "shown"]
    assert first[1:] == ["guichet", *labels], "labels in the table, codes only in JSON"
    assert json.loads(command("show", "--json").stdout.splitlines()[0])["operation"] == "look_up"


def test_show_prints_the_reason_of_a_lookup_in_another_sector(directory: Path) -> None:
    reason = "convention du 3 mars 2026"
    lookup = Operation.LOOK_UP
    add(directory, Access(actor="camille", operation=lookup, why=Purpose.CONTACT, result=Outcome.SHOWN, across=reason))
    assert f"The citizen is here; across sectors: {reason}" in command("show", "--client", "camille").stdout
    assert "across" not in command("show", "--client", "dpo").stdout


def damage(directory: Path, old: bytes, new: bytes) -> None:
    path = directory / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(old, new))


def test_damage_is_reported_with_file_and_line_and_exit_code_1(directory: Path) -> None:
    assert (command("show").exit_code, command("show").stderr) == (0, "")
    intact = command("verify")
    assert intact.exit_code == 0
    assert command("verify", "--checkpoint", intact.stdout.split()[-1]).exit_code == 0
    damage(directory, b"dpo", b"dpp")
    result = command("verify")
    assert (result.exit_code, "000001.jsonl, line 4: was changed" in result.stdout) == (1, True)
    result = command("show", "--json")
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 4)
    assert "000001.jsonl, line 4: was changed" in result.stderr
    assert "the audit log is damaged" in result.stderr


@pytest.mark.parametrize("typed", ["jeanne@example.org", "01 99 00 00 01", "Jeanne Exemple"])
def test_show_refuses_a_subject_that_is_no_pseudonym_or_contact(typed: str) -> None:
    refusal = error("audit", "show", "--subject", typed)
    assert "neither a contact id nor a pseudonym; use --citizen" in refusal
    assert typed not in refusal


def test_verify_detects_a_hash_that_differs_from_the_checkpoint() -> None:
    result = command("verify", "--checkpoint", f"2:{'a' * 64}")
    assert result.exit_code == 1
    assert "line 2: differs from the checkpoint" in result.stdout
    assert command("verify", "--checkpoint", "yesterday").exit_code == 2


def test_show_skips_and_counts_unreadable_lines(directory: Path) -> None:
    damage(directory, b'"who":"dpo"', b'"who":dpo  ')
    result = command("show", "--json")
    assert len(result.stdout.splitlines()) == 3
    assert "1 lines cannot be read" in result.stderr
    with (directory / "000001.jsonl").open("ab") as file:
        file.write(b'{"hash":')
    assert "8 bytes at the end" in command("verify").stderr
