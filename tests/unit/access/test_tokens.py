"""Tokens: stored as hashes; wrong, expired and revoked ones are indistinguishable."""

import ast
import stat
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any

import msgspec
import pytest

from models.roles import Role
from models.timestamps import milliseconds
from streams.access import tokens as module
from streams.access.tokens import Token, Tokens, TokensError, digest, find, make_secret
from tests.support.kills import kill_at_every_disk_operation

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
LATER = milliseconds(NOW + timedelta(days=90))


def make(name: str, secret: str, services: tuple[str, ...] = ()) -> Token:
    return Token(
        name=name,
        sha256=digest(secret),
        role=Role.AGENT,
        sectors=("general",),
        services=services,
        rate_per_minute=60,
        created_at=milliseconds(NOW),
        expires_at=LATER,
    )


def test_only_the_valid_token_of_a_secret_is_found() -> None:
    secret = make_secret()
    known = [make("a", make_secret()), make("b", secret), make("c", make_secret())]
    at = milliseconds(NOW)
    assert find(known, secret, at) == known[1]
    assert find(known, secret[:-1], at) is None
    assert find(known, "", at) is find(known, "\udcff", at) is find([], secret, at) is None
    assert find(known, secret, LATER - 1) == known[1]
    assert find(known, secret, LATER) is None


def test_secret_is_compared_with_every_token_in_constant_time() -> None:
    function = next(
        node
        for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "find"
    )
    loop = next(node for node in ast.walk(function) if isinstance(node, ast.For))
    assert "hmac.compare_digest(token.sha256, searched)" in ast.unparse(loop)
    assert not [node for node in ast.walk(loop) if isinstance(node, ast.Return | ast.Break | ast.Continue | ast.BoolOp)]


def test_add_use_rotate_and_revoke(tmp_path: Path) -> None:
    tokens, other = Tokens(tmp_path / "access"), Tokens(tmp_path / "access")
    secret, fresh = make_secret(), make_secret()
    assert tokens.list() == ()
    assert tokens.authenticate(secret, NOW) is None
    assert tokens.add(make("guichet", secret))
    assert not other.add(make("guichet", fresh))
    used = other.authenticate(secret, NOW)
    assert used is not None
    assert used.name == "guichet"
    assert [token.used_on for token in tokens.list()] == ["2026-11-25"]
    assert tokens.rotate("guichet", digest(fresh), LATER)
    assert other.authenticate(secret, NOW) is None
    assert other.authenticate(fresh, NOW) is not None
    assert not tokens.rotate("unknown", digest(fresh), LATER)
    assert tokens.revoke("guichet", milliseconds(NOW))
    assert not tokens.revoke("guichet", milliseconds(NOW))
    assert not tokens.rotate("guichet", digest(fresh), LATER)
    assert other.authenticate(fresh, NOW) is None
    assert not tokens.add(make("guichet", make_secret())), "a name is never reused"


def test_file_is_private_and_contains_no_secret(tmp_path: Path) -> None:
    secret = make_secret()
    Tokens(tmp_path / "access").add(make("guichet", secret))
    path = tmp_path / "access" / "tokens.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in path.read_text()
    path.chmod(0o640)
    with pytest.raises(TokensError, match="chmod 0600"):
        Tokens(tmp_path / "access").list()


def test_use_is_recorded_once_a_day(tmp_path: Path) -> None:
    secret = make_secret()
    tokens = Tokens(tmp_path / "access")
    tokens.add(make("guichet", secret))
    path = tmp_path / "access" / "tokens.json"
    times = []
    for hours in (0, 1, 15, 16, 17):
        tokens.authenticate(secret, NOW + timedelta(hours=hours))
        times.append(path.stat().st_mtime_ns)
    assert [times.count(one) for one in dict.fromkeys(times)] == [3, 2]


def test_damaged_file_refuses_all_tokens(tmp_path: Path) -> None:
    secret = make_secret()
    tokens = Tokens(tmp_path / "access")
    tokens.add(make("guichet", secret))
    path = tmp_path / "access" / "tokens.json"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(TokensError, match="damaged"):
        tokens.authenticate(secret, NOW)


def change_tokens(directory: Path, secret: str) -> None:
    tokens = Tokens(directory)
    tokens.add(make("a", secret))
    tokens.add(make("b", make_secret()))
    tokens.revoke("b", milliseconds(NOW))


def test_kill_at_each_disk_operation_keeps_the_tokens_intact(tmp_path: Path) -> None:
    secret = make_secret()
    for place in kill_at_every_disk_operation(partial(change_tokens, secret=secret), tmp_path):
        tokens = Tokens(place)
        assert [(token.name, token.revoked_at is None) for token in tokens.list()] == [("a", True), ("b", False)]
        assert tokens.authenticate(secret, NOW) is not None


def test_slow_reader_does_not_restore_a_revoked_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread read the file before a revocation and stores it while another stores the newer state."""
    decoded, resume, decode = Event(), Event(), msgspec.json.decode
    Tokens(tmp_path).add(make("camille", make_secret()))

    class Overtaken(Tokens):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if decoded.is_set() and current_thread() is not reader:
                resume.set()
                reader.join()

    def wait(content: bytes, **others: Any) -> Any:
        found = decode(content, **others)
        if current_thread() is reader:
            decoded.set()
            assert resume.wait(60)
        return found

    tokens = Overtaken(tmp_path)
    reader = Thread(target=tokens.list)
    monkeypatch.setattr(msgspec.json, "decode", wait)
    reader.start()
    assert decoded.wait(60)
    Tokens(tmp_path).revoke("camille", 1)
    assert not tokens.list()[0].valid(2)
    assert not tokens.list()[0].valid(2), "also after the slow reader has stored its state"
