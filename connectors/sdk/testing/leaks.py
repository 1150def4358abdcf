"""The forms in which something personal, or a secret, could get out."""

import base64
import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from connectors.sdk.config import Options
from models.identities import normalise_email, normalise_phone
from models.ids import event_id

PHONE: Final = re.compile(r"\+?[0-9 .()/-]{6,}")
"""What is written as a phone number is."""


def contents(directory: Path, but: Path | None = None) -> str:
    """Return what the files in `directory` are called and hold, at any depth, except those in `but`."""
    files = [path for path in directory.rglob("*") if path.is_file() and not (but and path.is_relative_to(but))]
    return "\n".join(f"{path.relative_to(directory)}\n{path.read_text('utf-8', 'replace')}" for path in files)


def disguises(value: str, source: str) -> dict[str, str]:
    """Return the forms in which a personal value could get out: as it is, normalised, and by a hash that anyone can compute.

    Those of a hash are its first 16 characters: enough, should it be cut.
    """
    plain = {
        "as it is": value,
        "phone": normalise_phone(value) or value,
        "e-mail": normalise_email(value) or value,
    }
    if PHONE.fullmatch(value):
        plain |= {"digits": re.sub(r"\D", "", value), "phone, in digits": plain["phone"].removeprefix("+")}
    forms = dict(plain)
    for how, text in plain.items():
        for name in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(name, text.encode(), usedforsecurity=False)
            forms[f"{name} of {how}"] = digest.hexdigest()[:16]
            forms[f"{name} of {how}, in Base64"] = base64.urlsafe_b64encode(digest.digest()).decode()[:16]
        for namespace in (uuid.NAMESPACE_DNS, uuid.NAMESPACE_URL, uuid.NAMESPACE_OID, uuid.NAMESPACE_X500):
            for make in (uuid.uuid3, uuid.uuid5):
                forms[f"{make.__name__} of {how}, in {namespace}"] = str(make(namespace, text))
        forms[f"event of {how}"] = event_id(source, text)
    return forms


def secrets_of(value: Any) -> Iterator[str]:
    """Yield every secret in a configuration."""
    match value:
        case SecretStr():
            yield from filter(None, [value.get_secret_value()])
        case Options():
            yield from secrets_of([getattr(value, name) for name in type(value).model_fields])
        case Mapping():
            yield from secrets_of([*value.values()])
        case list() | tuple():
            yield from chain.from_iterable(map(secrets_of, value))
