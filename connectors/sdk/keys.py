"""Pseudonym key files: one per sector, created on first use, readable by this user only.

A person with access to a key can test guesses of phone numbers against pseudonyms. Keep the key files apart from Kafka's data,
and back them up. With a new key, citizens and agents get new pseudonyms and are no longer recognised.
"""

import dataclasses
import os
import secrets
import stat
from pathlib import Path

import msgspec
import structlog

from connectors.sdk.errors import KeyFileError
from connectors.sdk.files import (
    PRIVATE_DIRECTORY,
    PRIVATE_FILE,
    make_private_directory,
    replace,
    sync_directory,
    write_new,
)
from models.identities import KEY_BYTES, IsBlocked, PseudonymKey
from models.locale import _

log = structlog.get_logger(__name__)


class Keys:
    """The keys in `directory`, for the instance with the directory `instance`.

    The ids of the keys that the instance used are stored next to its cursor, in `keys.json`; the secrets are not. Without
    `lasting` nothing is written, and a missing key is replaced by a temporary one. Blocked values get no pseudonym.
    """

    def __init__(
        self, directory: Path, instance: Path, *, lasting: bool = True, is_blocked: IsBlocked | None = None
    ) -> None:
        self._directory = directory
        self._lasting = lasting
        self._is_blocked = is_blocked
        self._ids_file = instance / "keys.json"

    def pseudonym_key(self, sector: str) -> PseudonymKey:
        """Return the key of `sector`; create its file if it is missing and the instance never used it.

        Raises `KeyFileError` for the reasons of `load_key`, if the key that the instance used is missing or was replaced, and if
        `keys.json` is damaged.
        """
        ids = self._read_ids()
        path = _path(self._directory, sector)
        if sector in ids and not path.exists():
            raise KeyFileError(_("{path} is not there, but was used", path=path) + self._advice)
        if not self._lasting and not path.exists():
            return PseudonymKey(sector, secrets.token_bytes(KEY_BYTES), self._is_blocked)
        key = dataclasses.replace(load_key(self._directory, sector), is_blocked=self._is_blocked)
        if ids.get(sector, key.key_id) != key.key_id:
            raise KeyFileError(_("{path} is not the key that was used", path=path) + self._advice)
        if sector not in ids and self._lasting:
            replace(self._ids_file, msgspec.json.encode({**ids, sector: key.key_id}))
        return key

    @property
    def _advice(self) -> str:
        return _(
            ": restore it from the backup, or remove {ids_file} to give all callers and agents new pseudonyms",
            ids_file=self._ids_file,
        )

    def _read_ids(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._ids_file.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError:
            raise KeyFileError(
                _(
                    "{ids_file} is damaged: remove it if the keys in {directory} are the right ones",
                    ids_file=self._ids_file,
                    directory=self._directory,
                )
            ) from None


def load_key(directory: Path, sector: str) -> PseudonymKey:
    """Return the key of `sector` from `<directory>/<sector>.key`, and create it if it is missing.

    Raises `KeyFileError` if other users can access it or the directory, or if it is not a key.
    """
    path = _path(directory, sector)
    make_private_directory(directory)
    _check_mode(directory, PRIVATE_DIRECTORY)
    if not path.exists():
        _make(path)
    _check_mode(path, PRIVATE_FILE)
    secret = path.read_bytes()
    if len(secret) != KEY_BYTES:
        raise KeyFileError(
            _(
                "{path} has {count} bytes, not {key_bytes}: restore it from the backup",
                path=path,
                count=len(secret),
                key_bytes=KEY_BYTES,
            )
        )
    return PseudonymKey(sector, secret)


def _path(directory: Path, sector: str) -> Path:
    return directory / f"{sector}.key"


def _make(path: Path) -> None:
    # Linked into place: of two processes that start together one succeeds, and neither reads an incomplete key.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    write_new(draft, secrets.token_bytes(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    else:
        log.warning("key_made", path=str(path))  # the operator must back it up
    finally:
        draft.unlink()
    sync_directory(path.parent)


def _check_mode(path: Path, mode: int) -> None:
    found = stat.S_IMODE(path.stat().st_mode)
    if found & ~mode:
        raise KeyFileError(
            _(
                "{path} has mode {found:04o}: others could read keys; chmod {mode:04o} {path}",
                path=path,
                found=found,
                mode=mode,
            )
        )
