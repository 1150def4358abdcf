"""The forms in which something personal, or a secret, could get out."""

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
from models.codec import encode
from models.events import Event
from models.identities import normalise_email, normalise_phone
from models.ids import contact_id, event_id
from models.topics import Channel

PHONE: Final = re.compile(r"\+?[0-9 .()/-]{6,}")
"""What is written as a phone number is."""
DISGUISED: Final = (
    *("0639981234", "639981234", "33639981234", "+33639981234", "06 39 98 12 34", "06-39-98-12-34", "2125550123"),
    *("camille.exemple@example.org", "Camille EXEMPLE", "EXEMPLE-CAMILLE", "exemple"),
)
"""Personal values that pass as numbers, times, ids, references or labels."""


def contents(directory: Path, but: Path | None = None) -> str:
    """Return what the files in `directory` are called and hold, at any depth, except those in `but`."""
    files = [path for path in directory.rglob("*") if path.is_file() and not (but and path.is_relative_to(but))]
    return "\n".join(f"{path.relative_to(directory)}\n{path.read_text('utf-8', 'replace')}" for path in files)


def leak_forms(value: str, source: str) -> dict[str, str]:
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
        plain |= {"a number": plain["digits"].lstrip("0")}
    forms = dict(plain) | _as_times(plain.get("digits", ""))
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


def recomputed(value: str, event: Event) -> list[str]:
    """Return the fields of `event` with an id that a guess of the personal `value` reproduces."""
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
    """Return what events would tell of a number that was read as seconds or milliseconds since 1970."""
    times = {}
    with suppress(ValueError, OverflowError, OSError):
        for unit, per_second in (("seconds", 1), ("milliseconds", 1000)):
            at = datetime.fromtimestamp(int(digits) / per_second, UTC)
            if at.year > 1970:  # a time of that year is also what a small number gives
                times[f"{unit} since 1970"] = at.isoformat()[:19]
    return times


def fill(record: bytes, value: str) -> Iterator[bytes]:
    """Yield a JSON record with `value` in the place of each single value in turn: as text, and as a number if it can be one.

    Of a record that is no JSON object or array, nothing is yielded.
    """
    with suppress(ValueError, RecursionError):
        node = json.loads(record)
        if isinstance(node, dict | list):
            planted: list[Any] = [value]
            if value.isdecimal() and not value.startswith("0"):
                planted += [int(value), float(value), float(f"0.{value}")]
            for one in planted:
                for filled in _fill(node, one):
                    yield json.dumps(filled, ensure_ascii=False).encode()


def _fill(node: Any, value: Any) -> Iterator[Any]:
    match node:
        case dict():
            for name, one in node.items():
                yield from ({**node, name: filled} for filled in _fill(one, value))
        case list():
            for place, one in enumerate(node):
                yield from ([*node[:place], filled, *node[place + 1 :]] for filled in _fill(one, value))
        case _:
            yield value


def shape_of(record: bytes) -> str:
    """Return the names and types of a JSON record's fields, and its kind, if it names one; empty for another record."""
    with suppress(ValueError, RecursionError):
        node = json.loads(record)
        named = [node.get(name) for name in ("type", "kind", "how")] if isinstance(node, dict) else []
        return json.dumps([_shape(node), named], sort_keys=True)
    return ""


def _shape(node: Any) -> Any:
    match node:
        case dict():
            return {name: _shape(one) for name, one in node.items()}
        case list():
            return [_shape(one) for one in node]
        case None:
            return None
        case _:
            return type(node).__name__


def forms_outside(value: str, outcome: Outcome, source: str) -> list[str]:
    """Return the forms in which `value` gets out by the events of a record, or by the detail of its rejection."""
    if isinstance(outcome, Reject):
        return ["detail"] if value.lower() in outcome.detail.lower() else []
    outside = "\n".join(encode(event).decode() for event in outcome).lower()
    return [how for how, text in leak_forms(value, source).items() if text.lower() in outside] if outside else []


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
