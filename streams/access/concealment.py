"""Keyed hashes of the subjects in the audit log that a client typed and the timelines do not know.

A subject is the pseudonym or contact id that an access concerns. Typed text in this form may be personal. A search still finds
its records: `accueil audit show --subject` searches for the text and for its hash.
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
from streams.access.audit_records import CONCEALED, Result

SECRET_BYTES: Final = 32
RESULTS_OF_KNOWN_SUBJECTS: Final = frozenset({Result.SHOWN, Result.BEGUN, Result.DONE, Result.PROVED})
"""Results of an access that imply that the timelines know its subject."""
_MADE: Final = re.compile(
    rf"|(?:{'|'.join(IdentityKind)}):[0-9a-f]{{4}}-[A-Za-z0-9_-]{{22}}|token:.+|erasure:.+|{CONCEALED}:.+", re.DOTALL
)
"""Forms of subjects that Accueil itself makes: pseudonyms of full length, `token:…`, `erasure:…`, `concealed:…` and empty."""


def load_secret(path: Path) -> bytes:
    """Return the secret in a private file; create the file if it does not exist. Raises `OSError`.

    The secret signs cursors and conceals subjects. A new one invalidates cursors and hides concealed subjects from searches.
    """
    if not path.exists():
        make_private_directory(path.parent)
        replace(path, secrets.token_bytes(SECRET_BYTES))
    return path.read_bytes()


def secret_path(data: Path) -> Path:
    """Return the path of the secret in the data directory of an installation."""
    return data / "access" / "cursors.key"


def conceal(subject_id: str, secret: bytes) -> str:
    """Return `concealed:` and the keyed hash of a typed subject; unchanged if it has a form that Accueil itself makes."""
    if _MADE.fullmatch(subject_id):
        return subject_id
    digest = hmac.digest(secret, b"audit\0" + subject_id.encode(), "sha256")[:16]
    return f"{CONCEALED}:{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def recorded_forms_of(names: Iterable[str], secret: bytes) -> dict[str, str]:
    """Return form → name, for both forms that the subjects `names` may have in audit records: plain and concealed."""
    names = list(names)
    return {conceal(name, secret): name for name in names} | {name: name for name in names}
