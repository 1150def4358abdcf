"""Signed cursors of timeline pages, each bound to the subject of its timeline."""

import base64
import binascii
import hashlib
import hmac
import struct
from typing import Final

from streams.timeline.reader import EntryPosition

MAC_BYTES: Final = 16
_TIME: Final = struct.Struct(">q")


def write(position: EntryPosition, subject: str, secret: bytes) -> str:
    """Return the cursor of the page with the entries before `position` in the timeline of `subject`."""
    body = _TIME.pack(position.happened_at) + position.id.encode()
    return base64.urlsafe_b64encode(_mac(body, subject, secret) + body).decode().rstrip("=")


def read(cursor: str, subject: str, secret: bytes) -> EntryPosition | None:
    """Return the position that a cursor contains; None if `write` did not make it for this subject with this secret."""
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    mac, body = content[:MAC_BYTES], content[MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(body, subject, secret)):
        return None
    (happened_at,) = _TIME.unpack(body[: _TIME.size])
    return EntryPosition(happened_at, body[_TIME.size :].decode())


def _mac(body: bytes, subject: str, secret: bytes) -> bytes:
    return hmac.digest(secret, hashlib.sha256(subject.encode()).digest() + body, "sha256")[:MAC_BYTES]
