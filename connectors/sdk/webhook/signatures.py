"""Signatures of requests: Standard Webhooks 1.0 (https://www.standardwebhooks.com).

The official library signs text instead of bytes, and raises undocumented errors for malformed headers.
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import SecretStr

from models.locale import _

TOLERANCE_SECONDS: Final = 300
"""Longest difference between a message's time and the clock, in both directions."""
PREFIX: Final = "whsec_"
KEY_BYTES: Final = 24
"""Shortest key that Standard Webhooks allows."""
_NAME: Final = re.compile(r"[!-~]{1,200}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")


class SignatureError(Exception):
    """A request has no valid signature. The sender does not see the text; it is for tests."""

    def __init__(self, text: str, challenge: str = "") -> None:
        super().__init__(text)
        self.challenge = challenge
        """Value of the header `WWW-Authenticate` of the response; empty for a response without it."""


def check_secret(secret: SecretStr | None) -> SecretStr | None:
    """Return `secret`, which may be None. Raises `ValueError` if it is not Base64, or its key is shorter than `KEY_BYTES`."""
    if secret is None:
        return None
    try:
        long_enough = len(decode_secret(secret)) >= KEY_BYTES
    except ValueError:
        long_enough = False
    if not long_enough:
        raise ValueError(
            _("must be {prefix} and {key_bytes} random bytes or more in Base64", prefix=PREFIX, key_bytes=KEY_BYTES)
        )
    return secret


def decode_secret(secret: SecretStr) -> bytes:
    """Return the key in `secret`, with or without `PREFIX`. Raises `ValueError` if it is not Base64."""
    return base64.b64decode(secret.get_secret_value().removeprefix(PREFIX), validate=True)


def check_signature(given: Sequence[str], right: Sequence[str]) -> None:
    """Raise `SignatureError` unless one of the `given` signatures is in `right`; comparisons take constant time."""
    if not any(hmac.compare_digest(own.encode(), other.encode()) for own in given for other in right):
        raise SignatureError("wrong signature")


class StandardWebhooks:
    """Signs with the first key and accepts signatures of any, so that a key can be replaced without losing messages."""

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        self._keys = [decode_secret(secret) for secret in secrets]

    def sign(self, name: str, timestamp: int, body: bytes) -> dict[str, str]:
        """Return the headers of a message sent at `timestamp`, in seconds since 1970, signed with the first key."""
        signature = _signature(self._keys[0], name, str(timestamp), body)
        return {"webhook-id": name, "webhook-timestamp": str(timestamp), "webhook-signature": signature}

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return the message's id; names in `headers` are in lower case, and `now` is in seconds since 1970.

        Raises `SignatureError` if id, time or signature are missing or invalid, or the time is too far from `now`.
        """
        name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not _NAME.fullmatch(name) or not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureError("no id or no timestamp")
        if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
            raise SignatureError("too old or too new")
        expected = [_signature(key, name, timestamp, body) for key in self._keys]
        check_signature(headers.get("webhook-signature", "").split(" "), expected)
        return name


def _signature(key: bytes, name: str, timestamp: str, body: bytes) -> str:
    digest = hmac.digest(key, f"{name}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"
