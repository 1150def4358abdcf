"""Deterministic ids of events, contacts and agents."""

import hashlib
import re
import uuid
from typing import Final

from models.topics import Channel

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:accueil:event")
_SEED: Final = NAMESPACE.bytes
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""Hexadecimal digit → the digit with its two highest bits set to 10, the variant of RFC 9562."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9._@/+-]{1,128}")


def event_id(source: str, native_id: str, revision: str = "") -> str:
    """Return the id of an event: a UUIDv5 of `source`, of the event's `native_id` there, and of `revision`.

    `revision` distinguishes several events with one native id; empty for a single event. The same arguments always give the same
    id, so anyone can test a guess. Replace text that a citizen or a sender may have written by a keyed hash first.
    """
    # Runs once per event, and `uuid.uuid5` with `str` takes three times as long.
    name = f"{source}\x1f{native_id}\x1f{revision}".encode()
    digits = hashlib.sha1(_SEED + name, usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def contact_id(channel: Channel, source: str, native_id: str) -> str:
    """Return the id of a contact: `<channel>:<source>:<native id>`.

    An unkeyed hash replaces a native id that is empty, longer than 128 characters, or has characters outside `_PLAIN`.
    """
    return f"{channel}:{source}:{_plain(native_id)}"


def source_of(contact: str) -> str:
    """Return the source named in the id of a contact or an agent; empty for a text with fewer than two colons."""
    return contact.split(":", 2)[1] if contact.count(":") > 1 else ""


def agent_id(source: str, pseudonym: str) -> str:
    """Return the id of an agent: `agent:<source>:<pseudonym>`. `pseudonym` comes from `models.identities`."""
    return f"agent:{source}:{pseudonym}"


def _plain(native_id: str) -> str:
    if _PLAIN.fullmatch(native_id):
        return native_id
    return "h-" + hashlib.sha256(native_id.encode()).hexdigest()[:32]
