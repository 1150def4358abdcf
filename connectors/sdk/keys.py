"""Key files: one per sector, made on first use, for this user alone.

Who has the key can test guesses of phone numbers against pseudonyms: keep the files apart from Kafka's data, and back them up.
A new key makes the same citizen a stranger.
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
from connectors.sdk.i18n import say
from models.identities import KEY_BYTES, IsBlocked, PseudonymKey

log = structlog.get_logger(__name__)


class Keys:
    """The keys in `directory`, for the instance whose own directory is `instance`.

    Which keys the instance used (their ids, not their secrets) is kept beside its cursor, in `keys.json`. If they are not
    `lasting`, nothing is written: a key that is not there is made for the moment. `is_blocked` tells what gets no pseudonym.
    """

    def __init__(
        self, directory: Path, instance: Path, *, lasting: bool = True, is_blocked: IsBlocked | None = None
    ) -> None:
        self._directory = directory
        self._lasting = lasting
        self._is_blocked = is_blocked
        self._note = instance / "keys.json"

    def pseudonym_key(self, sector: str) -> PseudonymKey:
        """Return the key of `sector`, which is made the first time that the instance asks for it.

        Raises `KeyFileError` as `load_key` does, and if the key that the instance used is gone or was replaced.
        """
        ids = self._read_note()
        path = _path(self._directory, sector)
        if sector in ids and not path.exists():
            raise KeyFileError(
                say(f"{path} is not there, but was used", f"{path} n'existe plus, mais a servi") + self._advice
            )
        if not self._lasting and not path.exists():
            return PseudonymKey(sector, secrets.token_bytes(KEY_BYTES), self._is_blocked)
        key = dataclasses.replace(load_key(self._directory, sector), is_blocked=self._is_blocked)
        if ids.get(sector, key.key_id) != key.key_id:
            raise KeyFileError(
                say(f"{path} is another key than the one that was used", f"{path} n'est plus la clé qui a servi")
                + self._advice
            )
        if sector not in ids and self._lasting:
            replace(self._note, msgspec.json.encode({**ids, sector: key.key_id}))
        return key

    @property
    def _advice(self) -> str:
        return say(
            f": restore it from its backup, or remove {self._note} to let all callers and agents become strangers",
            f" : la restaurer de sa sauvegarde, ou supprimer {self._note} : "
            "tous les appelants et agents deviendront alors des inconnus",
        )

    def _read_note(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._note.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError:
            raise KeyFileError(
                say(
                    f"{self._note} is damaged: remove it if the keys in {self._directory} are the right ones",
                    f"{self._note} est abîmé : le supprimer si les clés de {self._directory} sont les bonnes",
                )
            ) from None


def load_key(directory: Path, sector: str) -> PseudonymKey:
    """Return the key of `sector` from `<directory>/<sector>.key`, making it if it is not there.

    Raises `KeyFileError` if others can read it, or if it is not a key.
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
            say(
                f"{path} has {len(secret)} bytes, not {KEY_BYTES}: restore it from its backup",
                f"{path} a {len(secret)} octets au lieu de {KEY_BYTES} : la restaurer de sa sauvegarde",
            )
        )
    return PseudonymKey(sector, secret)


def _path(directory: Path, sector: str) -> Path:
    return directory / f"{sector}.key"


def _make(path: Path) -> None:
    # Linked into place: of two processes that start together one wins, and no one ever sees half a key.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    write_new(draft, secrets.token_bytes(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    else:
        log.warning("key_made", path=str(path))  # once in its life; to be backed up
    finally:
        draft.unlink()
    sync_directory(path.parent)


def _check_mode(path: Path, mode: int) -> None:
    found = stat.S_IMODE(path.stat().st_mode)
    if found & ~mode:
        raise KeyFileError(
            say(
                f"{path} has mode {found:04o}: others could read keys; chmod {mode:04o} {path}",
                f"{path} a le mode {found:04o} : d'autres pourraient lire les clés ; chmod {mode:04o} {path}",
            )
        )
