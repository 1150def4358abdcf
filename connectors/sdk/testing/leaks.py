"""Forms of personal data and secrets that could leave a connector."""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from connectors.sdk.config import Options
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.testing.hostile import replaced
from models.codec import encode
from models.events import Event
from models.identities import normalise_email, normalise_phone
from models.ids import contact_id, event_id
from models.topics import Channel

PHONE: Final = re.compile(r"\+?[0-9 .()/-]{6,}")
"""Texts with the format of a phone number."""
DISGUISED: Final = (
    *("0639981234", "639981234", "33639981234", "+33639981234", "06 39 98 12 34", "06-39-98-12-34", "2125550123"),
    *("camille.exemple@example.org", "Camille EXEMPLE", "EXEMPLE-CAMILLE", "exemple"),
)
"""Personal values that may look like numbers, times, ids, references or labels."""


def contents(directory: Path, but: Path | None = None) -> str:
    """Return the paths and contents of the files in `directory`, at any depth, except those in `but`."""
    files = [path for path in directory.rglob("*") if path.is_file() and not (but and path.is_relative_to(but))]
    return "\n".join(f"{path.relative_to(directory)}\n{path.read_text('utf-8', 'replace')}" for path in files)


def leak_forms(value: str, source: str) -> dict[str, str]:
    """Return the forms of a personal value by their names: unchanged, normalised, as a time, and hashed without a key.

    MD5 and SHA hashes are cut to 16 characters, so that shortened ones are found too. `source` is that of event ids.
    """
    plain = {
        "as it is": value,
        "phone": normalise_phone(value) or value,
        "e-mail": normalise_email(value) or value,
    }
    if PHONE.fullmatch(value):
        plain |= {"digits": re.sub(r"\D", "", value), "phone, in digits": plain["phone"].removeprefix("+")}
        plain |= {"a number": plain["digits"].lstrip("0")}
    forms = dict(plain) | _as_times(plain.get("digits", ""))
    for name, text in plain.items():
        for algorithm in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(algorithm, text.encode(), usedforsecurity=False)
            forms[f"{algorithm} of {name}"] = digest.hexdigest()[:16]
            forms[f"{algorithm} of {name}, in Base64"] = base64.urlsafe_b64encode(digest.digest()).decode()[:16]
        for namespace in (uuid.NAMESPACE_DNS, uuid.NAMESPACE_URL, uuid.NAMESPACE_OID, uuid.NAMESPACE_X500):
            for make in (uuid.uuid3, uuid.uuid5):
                forms[f"{make.__name__} of {name}, in {namespace}"] = str(make(namespace, text))
        forms[f"event of {name}"] = event_id(source, text)
    return forms


def recomputed(value: str, event: Event) -> list[str]:
    """Return which of the fields `id` and `subject` of `event` can be computed from a guess of the personal `value`."""
    _, _, native = event.subject.split(":", 2)
    texts = {value, re.sub(r"\D", "", value), normalise_phone(value) or "", normalise_email(value) or ""} - {""}
    found = []
    for text in texts:
        ids = {
            event_id(event.source, given, revision)
            for given in (text, f"{event.type}|{text}", f"{event.type}|{native}", native)
            for revision in ("", text)
            if text in {given.rpartition("|")[2], revision}
        }
        found += ["id"] if event.id in ids else []
        found += ["subject"] if native == contact_id(Channel.CALL, "", text).split(":", 2)[2] else []
    return found


def _as_times(digits: str) -> dict[str, str]:
    """Return the times that a number gives when it is read as seconds or milliseconds since 1970."""
    times = {}
    with suppress(ValueError, OverflowError, OSError):
        for unit, per_second in (("seconds", 1), ("milliseconds", 1000)):
            at = datetime.fromtimestamp(int(digits) / per_second, UTC)
            if at.year > 1970:  # small numbers give times in 1970
                times[f"{unit} since 1970"] = at.isoformat()[:19]
    return times


def fill(record: bytes, value: str) -> Iterator[bytes]:
    """Yield copies of a JSON record with each value in turn replaced by `value`, as text and, if possible, as numbers.

    Records other than JSON objects and arrays give no copies.
    """
    with suppress(ValueError, RecursionError):
        node = json.loads(record)
        if isinstance(node, dict | list):
            planted: list[Any] = [value]
            if value.isdecimal() and not value.startswith("0"):
                planted += [int(value), float(value), float(f"0.{value}")]
            for replacement in planted:
                for filled in replaced(node, replacement):
                    yield json.dumps(filled, ensure_ascii=False).encode()


def shape_of(record: bytes) -> str:
    """Return the field names and types of a JSON record, with its `type`, `kind` and `how`; empty for other records."""
    with suppress(ValueError, RecursionError):
        node = json.loads(record)
        named = [node.get(name) for name in ("type", "kind", "how")] if isinstance(node, dict) else []
        return json.dumps([_shape(node), named], sort_keys=True)
    return ""


def _shape(node: Any) -> Any:
    match node:
        case dict():
            return {name: _shape(child) for name, child in node.items()}
        case list():
            return [_shape(child) for child in node]
        case None:
            return None
        case _:
            return type(node).__name__


def forms_outside(value: str, outcome: Outcome, source: str) -> list[str]:
    """Return the names of the forms of `value` in a record's events.

    For a rejection, return `detail` if its detail contains `value`.
    """
    if isinstance(outcome, Reject):
        return ["detail"] if value.lower() in outcome.detail.lower() else []
    outside = "\n".join(encode(event).decode() for event in outcome).lower()
    return [form for form, text in leak_forms(value, source).items() if text.lower() in outside] if outside else []


def secrets_of(value: Any) -> Iterator[str]:
    """Yield every non-empty secret in a configuration."""
    match value:
        case SecretStr():
            yield from filter(None, [value.get_secret_value()])
        case Options():
            yield from secrets_of([getattr(value, name) for name in type(value).model_fields])
        case Mapping():
            yield from secrets_of([*value.values()])
        case list() | tuple():
            yield from chain.from_iterable(map(secrets_of, value))
