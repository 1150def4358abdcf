"""Numbers and references of a source that events may contain without revealing a telephone number, an address or a name.

A field for a register number or a duration may contain a telephone number: a mapping points to the wrong field, or an officer
types into the wrong field. A value enters an event only if its format excludes that. A keyed digest replaces other values.
"""

import re
from base64 import urlsafe_b64encode
from typing import Final

from models.identities import PseudonymKey

MAX_SECONDS: Final = 604_800
"""Longest wait or conversation, in seconds: seven days. It has six digits; French telephone numbers have at least nine."""
MAX_PLAIN_NUMBER: Final = 99_999_999
"""Highest record number that an id contains unchanged: eight digits. A French telephone number has nine without its 0."""
REFERENCE: Final = re.compile(r"(?=.*\d)[A-Z0-9./_-]{1,100}", re.ASCII)
"""Up to 100 capitals, digits and `._/-`, at least one digit: e-mail addresses and names do not have this format."""
PLAIN_ID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Z]{0,3}-?[0-9]{1,6}", re.ASCII
)
"""Contact ids without personal data: UUIDs and ticket numbers. All others are replaced by a keyed hash."""
_MONTH, _DAY, _YEAR = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])", r"(?:19|20)\d\d"
_DATE: Final = re.compile(
    rf"(?<!\d)(?:{_YEAR}(?:([./_-]?){_MONTH}\1{_DAY})?|{_DAY}([./_-]?){_MONTH}\2{_YEAR})(?!\d)", re.ASCII
)
"""A separate year or date. Maarch writes dates into register numbers as `15012026`."""
_NINE_DIGITS: Final = re.compile(r"\d(?:[\s./()_+-]{0,3}\d){8}", re.ASCII)
_DIGEST: Final = re.compile(r"REF-[A-Za-z0-9_-]{20}", re.ASCII)


def may_be_phone_number(text: str) -> bool:
    """Return whether `text` contains nine digits in a row, with up to three separators between two. Dates do not count."""
    return _NINE_DIGITS.search(_DATE.sub("date", text)) is not None


def reference_for(text: str, key: PseudonymKey) -> str:
    """Return a register number in the form that events may contain: unchanged or, if it may be personal, a keyed digest.

    `2026-000123` and `MAARCH/2026A/17` stay unchanged, an empty text and a digest from this function too. A text without the
    format `REFERENCE`, or with nine digits in a row, gives a digest.
    """
    is_plain = REFERENCE.fullmatch(text) or _DIGEST.fullmatch(text)
    return text if not text or (is_plain and not may_be_phone_number(text)) else keyed_digest("REF", text, key)


def safe_contact_id(native: str, key: PseudonymKey) -> str:
    """Return a sender's contact id in the form that events may contain: unchanged if it has no personal data, else hashed."""
    return native if PLAIN_ID.fullmatch(native) else keyed_digest("contact", native, key)


def number_for(number: int, key: PseudonymKey) -> str:
    """Return a record number in the form that an id may contain: unchanged, or a keyed digest above eight digits."""
    return str(number) if number <= MAX_PLAIN_NUMBER else keyed_digest("ID", str(number), key)


def keyed_digest(kind: str, text: str, key: PseudonymKey, size: int = 15) -> str:
    """Return `<kind>-<digest>` as an identifier that does not reveal `text`: a keyed digest of `size` bytes, in Base64."""
    # With the sector's key, as for pseudonyms: telephone numbers can be guessed from a plain hash.
    digest = key.digest(f"{kind}\0{text}")[:size]
    return f"{kind}-{urlsafe_b64encode(digest).decode()}"
