"""Tokens: who may ask the API, kept by the SHA-256 of their secrets in a private file, `tokens.json`.

A file of its own, and no table of the timelines' database: who may write that one, or reads its backup, must not be able to give
himself a token. A secret has 256 random bits, so a plain hash of it can be neither guessed nor looked up in tables.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock, Timeout

from connectors.sdk.errors import describe_os_error
from connectors.sdk.files import PRIVATE_FILE, make_private_directory, replace
from connectors.sdk.i18n import say
from models.timestamps import milliseconds
from streams.access.permissions import Operation, Role, may

SECRET_PREFIX: Final = "accueil_"  # noqa: S105 - lets scanners of source code find a secret that was left there
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LOCK_SECONDS: Final = 10


class TokensError(Exception):
    """The tokens cannot be read or changed: the text says why, and names no secret."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Who may ask, and for what. Times are milliseconds since 1970 UTC."""

    name: str
    """Of the person or the program; stands in the audit, and is never given to another."""
    sha256: str
    """Of the secret, as hexadecimal digits."""
    role: Role
    sectors: tuple[str, ...]
    services: tuple[str, ...] = ()
    """None: all."""
    rate_per_minute: int
    created_at: int
    expires_at: int
    revoked_at: int | None = None
    used_on: str = ""
    """The last day it was used, UTC, as in `2026-11-25`."""

    def valid(self, now: int) -> bool:
        """Return whether it may be used at `now`."""
        return self.revoked_at is None and now < self.expires_at

    def may(self, operation: Operation, sector: str = "") -> bool:
        """Return whether it may do `operation`, as `permissions.may` says."""
        return may(self.role, self.sectors, operation, sector)

    def sees(self, sector: str, service: str) -> bool:
        """Return whether an entry of this sector and service may be shown to it."""
        return sector in self.sectors and (not self.services or service in self.services)


def make_secret() -> str:
    """Return a new secret: 256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def find(tokens: Iterable[Token], secret: str, now: int) -> Token | None:
    """Return the token that has `secret` and is valid at `now`.

    Each token is compared, in constant time: how long it takes tells neither how much of a secret fits, nor whether there is a
    token that expired or was revoked.
    """
    asked = digest(secret)
    found = None
    for token in tokens:
        fits = hmac.compare_digest(token.sha256, asked)
        if fits & token.valid(now):
            found = token
    return found


class Tokens:
    """The file `tokens.json` in `directory`; whoever changes it holds a lock, and it is replaced as a whole."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "tokens.json"
        self._lock = FileLock(directory / "lock", timeout=LOCK_SECONDS, mode=PRIVATE_FILE, thread_local=False)
        self._known: tuple[tuple[int, ...] | None, Sequence[Token]] = None, ()
        """What was read last, and of which state of the file: one value, since threads read at once, and one that was overtaken
        would put tokens that were revoked beside the newer state."""

    def list(self) -> Sequence[Token]:
        """Return all tokens, by name; the file is read again when it has changed. Raises `TokensError`."""
        try:
            state = self._path.stat()
            version = (state.st_ino, state.st_mtime_ns, state.st_size)
            if state.st_mode & 0o077:
                raise TokensError(
                    say(
                        f"{self._path} can be read or written by others: chmod 0600 {self._path}",
                        f"{self._path} peut être lu ou modifié par d'autres : chmod 0600 {self._path}",
                    )
                )
            known, tokens = self._known
            if version != known:
                tokens = msgspec.json.decode(self._path.read_bytes(), type=tuple[Token, ...])
                self._known = version, tokens
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TokensError(describe_os_error(error, self._path)) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise TokensError(
                say(
                    f"{self._path} is damaged: restore it from its backup",
                    f"{self._path} est abîmé : le restaurer de sa sauvegarde",
                )
            ) from None
        return tokens

    def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the valid token that has `secret`, and note the day that it is used. Raises `TokensError`."""
        token = find(self.list(), secret, milliseconds(now))
        today = now.astimezone(UTC).date().isoformat()
        if token is not None and token.used_on < today:
            self._change(token.name, used_on=today)
        return token

    def add(self, token: Token) -> bool:
        """Add a token; return False if there is, or was, one of its name. Raises `TokensError`."""
        with self.changing():
            tokens = self.list()
            if any(one.name == token.name for one in tokens):
                return False
            self._write([*tokens, token])
        return True

    def rotate(self, name: str, sha256: str, expires_at: int) -> bool:
        """Give a token that is not revoked a new secret; return False if there is none. Raises `TokensError`."""
        return self._change(name, sha256=sha256, expires_at=expires_at)

    def revoke(self, name: str, now: int) -> bool:
        """Revoke a token for ever; return False if there is none that is not revoked. Raises `TokensError`."""
        return self._change(name, revoked_at=now)

    def _change(self, name: str, **values: object) -> bool:
        with self.changing():
            tokens = self.list()
            changed = [
                msgspec.structs.replace(one, **values) if one.name == name and one.revoked_at is None else one
                for one in tokens
            ]
            if changed == [*tokens]:
                return False
            self._write(changed)
        return True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let no other process change tokens meanwhile. Raises `TokensError`."""
        try:
            make_private_directory(self._path.parent)
            with self._lock:
                yield
        except Timeout:
            raise TokensError(
                say(f"{self._path} is held by another process", f"{self._path} est tenu par un autre processus")
            ) from None
        except OSError as error:
            raise TokensError(describe_os_error(error, self._path)) from None

    def _write(self, tokens: Iterable[Token]) -> None:
        content = msgspec.json.encode(sorted(tokens, key=lambda token: token.name))
        replace(self._path, msgspec.json.format(content, indent=1) + b"\n")
