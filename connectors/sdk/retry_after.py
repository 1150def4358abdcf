"""The Retry-After header of HTTP responses (RFC 9110, section 10.2.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_ASKED_SECONDS: Final = 3600.0
"""Longest pause that a server can ask for."""


def read_retry_after(headers: Mapping[str, str]) -> float:
    """Return the pause in seconds that a server asks for, as a duration or a date; 0 if the header is missing or invalid.

    At most `LONGEST_ASKED_SECONDS`. `headers` must be case-insensitive.
    """
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked[:9]), LONGEST_ASKED_SECONDS)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_ASKED_SECONDS)
