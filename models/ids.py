"""Deterministic names: event ids, contact ids, agent ids."""

import hashlib
import re
import uuid
from typing import Final

from models.topics import Channel

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:accueil:event")
_SEED: Final = NAMESPACE.bytes
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""Hexadecimal digits with RFC 9562's variant, 10, as their two highest bits."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9._@/+-]{1,128}")


def event_id(source: str, native_id: str, revision: str = "") -> str:
    """Return the id of the event that `source` knows as `native_id` (and `revision`, if the source revises facts).

    UUIDv5: the same arguments give the same id on every machine and in every year, so anyone can test a guess. Text that a
    person or sender may have written must be replaced by a keyed hash before.
    """
    # Written out, since `uuid.uuid5` and its text take three times as long, and this is done for every event.
    name = f"{source}\x1f{native_id}\x1f{revision}".encode()
    digits = hashlib.sha1(_SEED + name, usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def contact_id(channel: Channel, source: str, native_id: str) -> str:
    """Return the id of one contact for its whole life; a native id with unusual characters is replaced by its hash.

    The hash has no key, as that of `event_id`.
    """
    return f"{channel}:{source}:{_plain(native_id)}"


def source_of(contact: str) -> str:
    """Return the source that a contact id names; empty if it names none."""
    return contact.split(":", 2)[1] if contact.count(":") > 1 else ""


def agent_id(source: str, pseudonym: str) -> str:
    """Return the id of one agent of a source; `pseudonym` comes from `models.identities`."""
    return f"agent:{source}:{pseudonym}"


def _plain(native_id: str) -> str:
    if _PLAIN.fullmatch(native_id):
        return native_id
    return "h-" + hashlib.sha256(native_id.encode()).hexdigest()[:32]
