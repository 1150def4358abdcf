"""API tokens, stored by the SHA-256 of their secrets in the private file `tokens.json`.

The tokens are not in the timelines' database: a person who can write it or read its backup must not be able to create a token.
A secret has 256 random bits, so its plain hash can neither be guessed nor be found in precomputed tables.
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
from models.locale import _
from models.roles import Role
from models.timestamps import milliseconds
from streams.access.permissions import CITIZEN_OPERATIONS, PERMISSIONS, Operation

SECRET_PREFIX: Final = "accueil_"  # noqa: S105 - lets secret scanners find a secret in source code
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LOCK_SECONDS: Final = 10


class TokensError(Exception):
    """The tokens, or the keys of the OpenID provider, cannot be used. The text contains no secret."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A client of the API and its permissions. Times are milliseconds since 1970 UTC."""

    name: str
    """Name of the client in the audit log, never reused in `tokens.json`; `oidc:<name>` for a user of the OpenID provider."""
    sha256: str
    """SHA-256 of the secret, in hexadecimal digits; empty for the holder of an OpenID provider's token."""
    role: Role
    sectors: tuple[str, ...]
    services: tuple[str, ...] = ()
    """Empty: all services."""
    rate_per_minute: int
    created_at: int
    expires_at: int
    revoked_at: int | None = None
    used_on: str = ""
    """Last day of use in UTC, such as `2026-11-25`; empty if never used, and for an OpenID provider's token."""

    def valid(self, now: int) -> bool:
        """Return whether the token is neither revoked nor expired at `now` (milliseconds since 1970)."""
        return self.revoked_at is None and now < self.expires_at

    def may(self, operation: Operation, sector: str = "") -> bool:
        """Return whether the token's role allows `operation` and, for `CITIZEN_OPERATIONS`, the token has `sector`.

        Expiry, revocation and services do not count.
        """
        is_in_sector = operation not in CITIZEN_OPERATIONS or sector in self.sectors
        return is_in_sector and operation in PERMISSIONS[self.role]


def make_secret() -> str:
    """Return a new secret: `accueil_` and 256 random bits in URL-safe Base64."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the stored form of a secret: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def find(tokens: Iterable[Token], secret: str, now: int) -> Token | None:
    """Return the token that has `secret` and is valid at `now` (milliseconds since 1970); None if there is none.

    Every token is compared, in constant time. The duration reveals neither how much of a secret matches nor whether an expired or
    revoked token has it.
    """
    searched = digest(secret)
    found = None
    for token in tokens:
        fits = hmac.compare_digest(token.sha256, searched)
        if fits & token.valid(now):
            found = token
    return found


class Tokens:
    """The file `tokens.json` in `directory`. It is replaced as a whole, by one process at a time."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "tokens.json"
        self._lock = FileLock(directory / "lock", timeout=LOCK_SECONDS, mode=PRIVATE_FILE, thread_local=False)
        self._known: tuple[tuple[int, ...] | None, Sequence[Token]] = None, ()
        """Inode, modification time in ns and size of the file at the last reading (None before), and its tokens. Both are one
        value because threads read concurrently: a slower one would otherwise combine revoked tokens with a newer state."""

    def list(self) -> Sequence[Token]:
        """Return all tokens, also expired and revoked ones, sorted by name; empty without the file. Raises `TokensError`."""
        try:
            state = self._path.stat()
            version = (state.st_ino, state.st_mtime_ns, state.st_size)
            if state.st_mode & 0o077:
                raise TokensError(_("{path} can be read or written by others: chmod 0600 {path}", path=self._path))
            known, tokens = self._known
            if version != known:
                tokens = msgspec.json.decode(self._path.read_bytes(), type=tuple[Token, ...])
                self._known = version, tokens
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TokensError(describe_os_error(error, self._path)) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise TokensError(_("{path} is damaged: restore it from its backup", path=self._path)) from None
        return tokens

    def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the valid token that has `secret`, or None. Store the day (UTC) of its use in `used_on`. Raises `TokensError`.

        The returned token still has the previous `used_on`.
        """
        token = find(self.list(), secret, milliseconds(now))
        today = now.astimezone(UTC).date().isoformat()
        if token is not None and token.used_on < today:
            self._change(token.name, used_on=today)
        return token

    def add(self, token: Token) -> bool:
        """Add a token; return False if its name is or was in use. Raises `TokensError`."""
        with self.changing():
            tokens = self.list()
            if any(known.name == token.name for known in tokens):
                return False
            self._write([*tokens, token])
        return True

    def rotate(self, name: str, sha256: str, expires_at: int) -> bool:
        """Replace the digest and the expiry (milliseconds since 1970) of a token; return False if no unrevoked one has this name.

        Raises `TokensError`.
        """
        return self._change(name, sha256=sha256, expires_at=expires_at)

    def revoke(self, name: str, now: int) -> bool:
        """Revoke a token permanently at `now` (milliseconds since 1970); return False if no unrevoked token has this name.

        Raises `TokensError`.
        """
        return self._change(name, revoked_at=now)

    def _change(self, name: str, **values: object) -> bool:
        with self.changing():
            tokens = self.list()
            changed = [
                msgspec.structs.replace(token, **values) if token.name == name and token.revoked_at is None else token
                for token in tokens
            ]
            if changed == [*tokens]:
                return False
            self._write(changed)
        return True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Lock the tokens for other processes during the block, which may call all methods.

        Raises `TokensError`, also for an `OSError` in the block.
        """
        try:
            make_private_directory(self._path.parent)
            with self._lock:
                yield
        except Timeout:
            raise TokensError(_("{path} is locked by another process", path=self._path)) from None
        except OSError as error:
            raise TokensError(describe_os_error(error, self._path)) from None

    def _write(self, tokens: Iterable[Token]) -> None:
        content = msgspec.json.encode(sorted(tokens, key=lambda token: token.name))
        replace(self._path, msgspec.json.format(content, indent=1) + b"\n")
