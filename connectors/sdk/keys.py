"""Key files: one per sector, made on first use, for this user alone.

Who has the key can test guesses of phone numbers against pseudonyms: keep the files apart from Kafka's data, and back them up.
A new key makes the same citizen a stranger.
"""

import os
import secrets
import stat
from pathlib import Path

from connectors.sdk.errors import KeyFileError
from connectors.sdk.files import PRIVATE_DIRECTORY, PRIVATE_FILE, make_private_directory, sync_directory, write_new
from models.identities import KEY_BYTES, PseudonymKey


def load_key(directory: Path, sector: str) -> PseudonymKey:
    """Return the key of `sector` from `<directory>/<sector>.key`, making it if it is not there.

    Raises `KeyFileError` if others can read it, or if it is not a key.
    """
    path = directory / f"{sector}.key"
    make_private_directory(directory)
    _check_mode(directory, PRIVATE_DIRECTORY)
    if not path.exists():
        _make(path)
    _check_mode(path, PRIVATE_FILE)
    secret = path.read_bytes()
    if len(secret) != KEY_BYTES:
        raise KeyFileError(f"{path} has {len(secret)} bytes, not {KEY_BYTES}: restore it from its backup")
    return PseudonymKey(sector, secret)


def _make(path: Path) -> None:
    # Linked into place: of two processes that start together one wins, and no one ever sees half a key.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    write_new(draft, secrets.token_bytes(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_directory(path.parent)


def _check_mode(path: Path, mode: int) -> None:
    found = stat.S_IMODE(path.stat().st_mode)
    if found & ~mode:
        raise KeyFileError(f"{path} has mode {found:04o}: others could read keys; chmod {mode:04o} {path}")
