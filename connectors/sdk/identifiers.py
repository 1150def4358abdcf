"""Numbers and references of a source, as events may carry them: nothing that may be a telephone number, an address or a name.

A field that should hold a register number or a duration may hold a telephone number: a mapping points at the wrong field, or an
officer types into the wrong one. A value enters an event only if its form rules that out; else a keyed digest replaces it.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from typing import Final

from models.identities import PseudonymKey

MAX_SECONDS: Final = 604_800
"""Longest wait or conversation, in seconds: seven days. It has six digits, a French telephone number has nine or more."""
MAX_PLAIN_NUMBER: Final = 99_999_999
"""Highest number of a record that an id carries unchanged: eight digits; a French telephone number has nine without its 0."""
REFERENCE: Final = re.compile(r"(?=.*\d)[A-Z0-9./_-]{1,100}", re.ASCII)
"""Capitals and digits, at least one digit: no e-mail address has this form, and no name."""
_MONTH, _DAY, _YEAR = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])", r"(?:19|20)\d\d"
_DATE: Final = re.compile(
    rf"(?<!\d)(?:{_YEAR}(?:([./_-]?){_MONTH}\1{_DAY})?|{_DAY}([./_-]?){_MONTH}\2{_YEAR})(?!\d)", re.ASCII
)
"""A year or a date that stands alone. Maarch writes dates into chronos as `15012026`."""
_NINE_DIGITS: Final = re.compile(r"\d(?:[\s./()_+-]{0,3}\d){8}", re.ASCII)
_DIGEST: Final = re.compile(r"REF-[A-Za-z0-9_-]{20}", re.ASCII)


def may_be_phone_number(text: str) -> bool:
    """Return whether `text` has nine digits in a row, whatever separates them. A date that stands alone is left out."""
    return _NINE_DIGITS.search(_DATE.sub("date", text)) is not None


def reference_for(text: str, key: PseudonymKey) -> str:
    """Return a register number as an event may carry it: itself, or a keyed digest if it may be personal.

    `2026-000123` and `MAARCH/2026A/17` stay unchanged, and so does a digest that this function returned.
    """
    is_plain = REFERENCE.fullmatch(text) or _DIGEST.fullmatch(text)
    return text if not text or (is_plain and not may_be_phone_number(text)) else _digest("REF", text, key)


def number_for(number: int, key: PseudonymKey) -> str:
    """Return the number of a record as an id may carry it: itself, or a keyed digest if it has more than eight digits."""
    return str(number) if number <= MAX_PLAIN_NUMBER else _digest("ID", str(number), key)


def _digest(kind: str, text: str, key: PseudonymKey) -> str:
    # With the sector's key: a telephone number can be guessed from a plain hash.
    digest = hmac.digest(key.secret, f"{kind}\0{text}".encode(), "sha256")[:15]
    return f"{kind}-{urlsafe_b64encode(digest).decode()}"
