"""What the audit records of names that were typed and are not known: a keyed hash, since they may be personal.

Who knows the name finds the records all the same: `accueil audit show --whose` looks for both.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from connectors.sdk.files import make_private_directory, replace
from models.identities import IdentityKind
from streams.access.audit import CONCEALED, Result

SECRET_BYTES: Final = 32
KNOWN: Final = frozenset({Result.SHOWN, Result.BEGUN, Result.DONE, Result.PROVED})
"""With these results, the timelines know of whom a record is."""
_MADE: Final = re.compile(
    rf"|(?:{'|'.join(IdentityKind)}):[0-9a-f]{{4}}-[A-Za-z0-9_-]{{22}}|token:.+|erasure:.+|{CONCEALED}:.+", re.DOTALL
)
"""What is no personal value by its form: pseudonyms as keys make them, and names that we made."""


def load_secret(path: Path) -> bytes:
    """Return the secret in a private file, which is made if it is not there. Raises OSError.

    It signs cursors and conceals names: with a new one, pages begin anew, and earlier concealed names are found no more.
    """
    if not path.exists():
        make_private_directory(path.parent)
        replace(path, secrets.token_bytes(SECRET_BYTES))
    return path.read_bytes()


def secret_path(data: Path) -> Path:
    """Return where the secret of an installation is, given its data directory."""
    return data / "access" / "cursors.key"


def conceal(whose: str, secret: bytes) -> str:
    """Return what a record may say of whom it is, if that was typed and is not known."""
    if _MADE.fullmatch(whose):
        return whose
    digest = hmac.digest(secret, b"audit\0" + whose.encode(), "sha256")[:16]
    return f"{CONCEALED}:{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def find_names(names: Iterable[str], secret: bytes) -> dict[str, str]:
    """Return what records may have in place of each of `names` → that name."""
    names = list(names)
    return {conceal(name, secret): name for name in names} | {name: name for name in names}
