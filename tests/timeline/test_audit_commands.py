"""The command `accueil audit show`: records of a citizen, by each identity."""

import json
import re
from contextlib import closing
from pathlib import Path

import pytest

from streams.access.audit import Audit, AuditError
from streams.access.audit_records import Access, Purpose
from streams.access.audit_records import Result as Outcome
from streams.access.permissions import Operation
from tests.support.timeline_commands import CASE, NUMBER, records, run, write
from tests.support.timelines import call, entries_of


def test_audit_of_a_citizen_covers_all_identities_and_is_recorded(data: Path, phone: str) -> None:
    for name in (phone, CASE, "call:a:1", "case:0a1b-0000000000000000000009", "call:a:9"):
        run("timeline", "show", name, "--purpose", "contact")
    done = run("audit", "show", "--citizen", "--json", typed="01 99 00 00 01\n")
    found = [
        (one["operation"], one["whose"]) for one in map(json.loads, re.findall(r"^{.*", done.stdout, re.MULTILINE))
    ]
    assert found == [
        ("read_timeline", phone),
        ("read_timeline", CASE),
        ("read_timeline", "call:a:1"),
    ]
    assert NUMBER[1:] not in done.output
    by_case = run("audit", "show", "--citizen", "--subject", CASE, "--json").stdout.splitlines()
    assert len(by_case) == len(found) + 1
    assert len(run("audit", "show", "--subject", CASE, "--json").stdout.splitlines()) == 2, (
        "without --citizen, only this identity"
    )
    other = f"dossier:0a1b-{2:022}"
    write(data, entries_of(call("call:a:3", 200, f"{other} {phone}", "general")))
    done = run("audit", "show", "--citizen", "--subject", phone, "--json")
    assert {json.loads(line)["whose"] for line in done.stdout.splitlines()} == {phone}, "several people share it now"
    assert CASE in done.stderr
    assert other in done.stderr


def test_audit_of_a_citizen_is_found_by_a_contact(data: Path, phone: str) -> None:
    for name in (phone, CASE, "call:a:2", "call:a:9"):
        run("timeline", "show", name, "--purpose", "contact")
    done = run("audit", "show", "--citizen", "--subject", "call:a:1", "--json")
    assert [json.loads(line)["whose"] for line in done.stdout.splitlines()] == [phone, CASE, "call:a:2"]
    assert done.stderr == ""
    mistyped = run("audit", "show", "--citizen", "--subject", "call:a:1", "--sector", "genral")
    assert (mistyped.exit_code, "no sector genral here: general" in mistyped.stderr) == (2, True)
    of_several = f"{CASE[:-1]}2"
    write(data, entries_of(call("call:a:3", 200, f"{of_several} {phone}", "general")))
    done = run("audit", "show", "--citizen", "--subject", "call:a:1", "--json")
    assert {json.loads(line)["whose"] for line in done.stdout.splitlines()} == {phone, "call:a:1"}
    assert f"{phone} is shared by several people; search for each of them: {CASE}, {of_several}" in done.stderr


def test_audit_of_a_citizen_says_if_identities_are_missing(
    data: Path, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{CASE} dossier:0a1b-{number:022}" for number in range(80)]
    write(data, [entry for n, one in enumerate(names) for entry in entries_of(call(f"call:b:{n}", n, one))])
    last = f"dossier:0a1b-{79:022}"
    run("timeline", "show", last, "--purpose", "contact")
    done = run("audit", "show", "--citizen", "--subject", CASE, "--json")
    assert last in {json.loads(line)["whose"] for line in done.stdout.splitlines()}
    assert "than the limit" not in done.stderr
    monkeypatch.setattr("streams.privacy.citizen_finder.MAX_IDENTITIES", 70)
    done = run("audit", "show", "--citizen", "--subject", CASE)
    assert f"{CASE} has more linked identities than the limit; search again with --subject dossier:" in done.stderr


def test_audit_of_a_citizen_contains_the_erasure(data: Path, phone: str) -> None:
    name, other, sha256 = "a" * 32, "b" * 32, "0" * 64
    with closing(Audit(data / "audit")) as audit:
        for subject_id, erasure, result in (
            (phone, name, Outcome.BEGUN),
            ("phone:0a1b-0000000000000000000009", other, Outcome.BEGUN),
            (f"erasure:{other}:{sha256}", other, Outcome.PROVED),
            (f"erasure:{name}:{sha256}", name, Outcome.PROVED),
        ):
            audit.record(
                Access(
                    actor="user:accueil" if result is Outcome.PROVED else "dpo",
                    operation=Operation.ERASE,
                    subject_id=subject_id,
                    why=Purpose.RIGHTS,
                    result=result,
                    erasure=erasure,
                )
            )
    for options in (
        ("--citizen", "--subject", "call:a:1"),
        ("--subject", phone),
        ("--subject", phone, "--client", "user:accueil"),
    ):
        shown = run("audit", "show", *options, "--json").stdout.splitlines()
        found = [(one["whose"], one["result"]) for one in map(json.loads, shown) if one["operation"] == "erase"]
        proved = (f"erasure:{name}:{sha256}", "proved")
        assert found == ([proved] if "--client" in options else [(phone, "begun"), proved])


def test_audit_of_an_erased_citizen_is_recorded_as_shown(data: Path, phone: str) -> None:
    erased, unknown = f"{CASE[:-1]}8", f"{CASE[:-1]}9"
    run("timeline", "show", erased, "--purpose", "contact")
    assert erased in run("audit", "show", "--citizen", "--subject", erased, "--json").stdout
    assert "earlier records not shown" in run("audit", "show", "--citizen", "--subject", erased, "--limit", "0").stderr
    run("audit", "show", "--citizen", "--subject", unknown)
    accesses = [(one["whose"], one["result"]) for one in records(data) if one["operation"] == "read_audit"]
    assert accesses == [(erased, "shown"), (erased, "shown"), (unknown, "not_found")]


def test_concealed_value_is_found_in_the_audit(data: Path, phone: str) -> None:
    typed = "email:boite:jean.modele@example.org"
    run("timeline", "show", typed, "--purpose", "contact")
    run("links", "list", typed)
    run("links", "revoke", typed, CASE, "--reason", "shared")
    assert run("audit", "show", "--subject", typed, "--json").stdout.count("concealed:") == 4
    run("audit", "show", "--citizen", "--subject", typed)
    assert "jean.modele" not in "".join(path.read_text() for path in (data / "audit").glob("*.jsonl"))


def test_citizens_of_a_shared_number_are_shown_after_the_record(
    data: Path, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"{CASE[:-1]}2"
    write(data, entries_of(call("call:a:3", 200, f"{other} {phone}", "general")))
    run("timeline", "show", phone, "--purpose", "contact")

    def fail(*_: object) -> None:
        raise AuditError("no space left on device")

    monkeypatch.setattr(Audit, "record", fail)
    done = run("audit", "show", "--citizen", "--subject", phone)
    assert (done.exit_code, done.stdout) == (2, "")
    assert other not in done.stderr
