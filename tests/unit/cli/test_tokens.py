"""`accueil tokens`: add, list, rotate and revoke, with their audit records."""

import errno
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from connectors.sdk.keys import load_key
from models.roles import Role
from streams.access import tokens
from streams.access.audit import read, verify
from streams.access.tokens import Tokens
from tests.support.commands import error, run

DATA = Path("accueil-data")


def command(*arguments: str) -> Result:
    return run("tokens", *arguments)


def audit_records() -> list[dict[str, Any]]:
    return [line.record for line in read(DATA / "audit") if line.record and "who" in line.record]


def test_add_prints_a_valid_secret_once_and_stores_only_its_hash() -> None:
    result = command("add", "guichet-1", "--role", "agent", "--sector", "social", "--service", "rsa", "--rate", "30")
    assert result.exit_code == 0
    secret = result.stdout.strip()
    token = Tokens(DATA / "access").authenticate(secret, datetime.now(UTC))
    assert token is not None
    assert (token.role, token.sectors, token.services, token.rate_per_minute) == (Role.AGENT, ("social",), ("rsa",), 30)
    assert "shown only once" in result.stderr
    assert secret not in result.stderr + command("list").output + command("list", "--json").output
    for path in DATA.rglob("*"):
        assert path.is_dir() or secret not in path.read_text()
    assert token.sha256 not in command("list", "--json").output


def test_unknown_sector_is_refused_once_any_sector_has_a_key() -> None:
    early = command("add", "early", "--role", "agent", "--sector", "nope")
    assert (early.exit_code, "no sector has a key here yet: check the name nope" in early.stderr) == (0, True)
    load_key(DATA / "connectors" / "keys", "social")
    nameless = error("tokens", "add", "nameless", "--role", "agent", "--sector", "")
    assert nameless == "accueil: --sector is empty: name a sector, or omit the option\n"
    late = error("tokens", "add", "late", "--role", "agent", "--sector", "social", "--sector", "nope")
    assert "no sector nope here: social; --sector names one" in late
    assert [token.name for token in Tokens(DATA / "access").list()] == ["early"]
    assert {record["whose"] for record in audit_records()} == {"token:early"}


@pytest.mark.parametrize("is_done", [False, True])
def test_failed_is_recorded_only_if_the_change_was_not_made(monkeypatch: pytest.MonkeyPatch, *, is_done: bool) -> None:
    replace = tokens.replace

    def fail(path: Path, content: bytes) -> None:
        if is_done:
            replace(path, content)
        raise OSError(errno.EIO, "its directory cannot be written through")

    monkeypatch.setattr(tokens, "replace", fail)
    assert command("add", "guichet-1", "--role", "agent").exit_code != 0
    assert [record["result"] for record in audit_records()] == (["begun"] if is_done else ["begun", "failed"])


def test_every_change_is_recorded_before_and_after() -> None:
    old = command("add", "guichet-1", "--role", "agent").stdout.strip()
    new = command("rotate", "guichet-1").stdout.strip()
    now = datetime.now(UTC)
    assert Tokens(DATA / "access").authenticate(old, now) is None
    assert Tokens(DATA / "access").authenticate(new, now) is not None
    assert command("revoke", "guichet-1").exit_code == 0
    assert Tokens(DATA / "access").authenticate(new, now) is None
    recorded = [(record["operation"], record["result"]) for record in audit_records()]
    operations = ("add_token", "rotate_token", "revoke_token")
    assert recorded == [(operation, result) for operation in operations for result in ("begun", "done")]
    assert verify(DATA / "audit").findings == []


def test_nothing_is_done_if_it_cannot_be_recorded() -> None:
    DATA.mkdir()
    (DATA / "audit").write_text("a file is in the way")
    refusal = error("tokens", "add", "guichet-1", "--role", "agent")
    assert "nothing was done, because the audit log cannot be written" in refusal
    assert command("list").stdout == "no tokens in accueil-data/access\n"


def test_names_are_never_reused_and_unknown_ones_are_refused() -> None:
    command("add", "guichet-1", "--role", "agent")
    command("revoke", "guichet-1")
    hint = "guichet-1 exists or existed: choose another name, or run `accueil tokens rotate"
    assert hint in error("tokens", "add", "guichet-1", "--role", "agent")
    assert command("revoke", "guichet-1").exit_code == command("rotate", "nobody").exit_code == 1
    assert command("add", "Jeanne Exemple", "--role", "agent").exit_code == 2
    assert command("rotate", "").stderr == "accueil: no active token is named ''\n"
