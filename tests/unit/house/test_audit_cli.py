"""`accueil audit`, as a data protection officer uses it."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.access.audit import Access, Audit, Purpose
from streams.access.audit import Result as Outcome
from streams.access.hash_chain import Damage
from streams.access.permissions import Operation
from streams.cli.audit import FOUND
from streams.cli.main import main

DAYS = (24, 24, 24, 25)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four accesses, by two tokens, in two days."""
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


def test_show_finds_by_who_whose_and_since() -> None:
    everything = shown()
    assert [actor for actor, _ in everything] == ["guichet", "guichet", "dpo", "guichet"]
    assert shown("--who", "dpo") == [("dpo", "phone:a1b2-0")]
    assert shown("--whose", "phone:a1b2-1") == [("guichet", "phone:a1b2-1")] * 2
    assert shown("--limit", "1") == everything[-1:]
    assert shown("--since", "2026-11-25") == everything[-1:]
    assert command("show", "--who", "nobody").stdout == "none\n"


def test_what_is_left_out_by_the_limit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("show", "--limit", "4").stderr == ""
    assert command("show", "--limit", "3").stderr == "1 more before these: --limit\n"
    none = command("show", "--limit", "0", "--json")
    assert (none.stdout, none.stderr) == ("", "4 more before these: --limit\n")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert command("show", "--limit", "1").stderr == "3 de plus avant : --limit\n"


def test_a_sector_chooses_records_and_what_would_choose_none_is_refused(place: Path) -> None:
    with closing(Audit(place)) as audit:
        audit.record(
            Access(actor="dpo", operation=Operation.ERASE, sector="routes", why=Purpose.RIGHTS, result=Outcome.BEGUN)
        )
    assert shown("--sector", "routes") == [("dpo", "")]
    assert len(shown("--sector", "general")) == len(DAYS)
    mistyped = command("show", "--sector", "rutes")
    assert (mistyped.exit_code, "no sector has a key" in mistyped.stderr) == (2, True)
    for more in ((), ("--citizen", "--whose", "phone:a1b2-0")):
        refused = command("show", "--kind", "email", *more)
        assert (refused.exit_code, "--kind: only of what --citizen asks for" in refused.stderr) == (2, True)


def test_show_is_a_table_in_two_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    def table() -> list[list[str]]:
        return [re.split("  +", line) for line in command("show").stdout.splitlines()]

    subject_id = ["general", "phone:a1b2-0"]
    titles, first, *_ = table()
    assert titles == ["WHEN", "WHO", "OPERATION", "SECTOR", "WHOSE", "WHY", "RESULT"]
    told = ["looked up by number, address or reference", *subject_id, "The citizen is here", "done"]
    assert first[1:] == ["guichet", *told], "in words; codes are for programs, which ask for JSON"
    assert json.loads(command("show", "--json").stdout.splitlines()[0])["operation"] == "look_up"
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    titles, first, *_ = table()
    assert titles[:5] == ["QUAND", "QUI", "OPÉRATION", "SECTEUR", "DE QUI"]
    told = ["recherche par numéro, adresse ou référence", *subject_id]
    assert (first[1:5], first[6:]) == (["guichet", *told], ["fait"])


def test_what_was_written_into_a_record_stands_for_itself(place: Path) -> None:
    path = place / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"look_up", b"look_xx"))
    assert "look_xx" in command("show").stdout


def test_show_tells_the_reason_of_a_look_into_another_sector(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        "The citizen is here; across sectors: convention du 3 mars 2026" in command("show", "--who", "camille").stdout
    )
    assert "across" not in command("show", "--who", "dpo").stdout


def test_verify_names_the_place_and_ends_with_1(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = command("verify")
    assert sound.exit_code == 0
    noted = sound.stdout.split()[-1]
    assert command("verify", "--noted", noted).exit_code == 0
    path = place / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"dpo", b"dpp"))
    result = command("verify")
    assert result.exit_code == 1
    assert "000001.jsonl, line 4: was changed" in result.stdout
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert "000001.jsonl, ligne 4 : a été modifiée" in command("verify").stdout


def test_an_audit_that_was_changed_is_shown_with_a_warning_and_ends_with_1(place: Path) -> None:
    path = place / "000001.jsonl"
    assert (command("show").exit_code, command("show").stderr) == (0, "")
    path.write_bytes(path.read_bytes().replace(b"dpo", b"dpp"))
    result = command("show", "--json")
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 4)
    assert "000001.jsonl, line 4: was changed" in result.stderr
    assert "the audit was changed" in result.stderr


@pytest.mark.parametrize("typed", ["jeanne@example.org", "01 99 00 00 01", "Jeanne Exemple"])
def test_what_is_no_name_of_a_record_is_refused_and_never_means_that_nobody_read(typed: str) -> None:
    result = command("show", "--whose", typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "neither a contact id nor a pseudonym; --citizen asks" in result.stderr
    assert typed not in result.stderr


def test_verify_with_another_hash_than_was_noted() -> None:
    result = command("verify", "--noted", f"2:{'a' * 64}")
    assert result.exit_code == 1
    assert "line 2: is another than the one that was noted" in result.stdout
    assert command("verify", "--noted", "yesterday").exit_code == 2


def test_what_cannot_be_read_is_told_and_the_rest_shown(place: Path) -> None:
    path = place / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"who":"dpo"', b'"who":dpo  '))
    result = command("show", "--json")
    assert len(result.stdout.splitlines()) == 3
    assert "1 lines cannot be read" in result.stderr
    path.write_bytes(path.read_bytes() + b'{"hash":')
    assert "8 bytes at the end" in command("verify").stderr


def test_every_damage_has_words() -> None:
    assert FOUND.keys() == set(Damage)
