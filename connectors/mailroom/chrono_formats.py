"""Formats of chrono numbers, with the fields `{year}` and `{number}`."""

import re
from string import Formatter
from typing import Final

from connectors.sdk.identifiers import MAX_PLAIN_NUMBER

_PARTS: Final = {"year": r"(?P<year>(?:19|20)\d\d)", "number": r"(?P<number>\d{1,9})"}
MAX_LENGTH: Final = 100
"""Longest chrono number, in characters."""
LARGEST: Final = MAX_PLAIN_NUMBER
"""Highest number of a letter; a bare `{number}` format must not match telephone numbers."""


def is_register_format(form: str) -> bool:
    """Return whether `form` gives a distinct text for each number of each year."""
    try:
        texts = [form.format(year=year, number=number) for year in (2026, 2027) for number in (1, 2, LARGEST)]
    except (ValueError, LookupError, AttributeError, TypeError):
        return False
    return len(set(texts)) == len(texts) and max(map(len, texts)) <= MAX_LENGTH


def is_departure_format(form: str) -> bool:
    """Return whether `form` gives distinct numbers, and `matches_format` recognises them."""
    try:
        texts = {form.format(year=2026, number=number) for number in (1, 2, LARGEST)}
        return len(texts) == 3 and all(len(text) <= MAX_LENGTH and matches_format(form, text) for text in texts)
    except (ValueError, LookupError, AttributeError, TypeError, re.error):
        return False


def matches_format(form: str, chrono: str) -> bool:
    """Return whether `chrono` is a number written in `form`."""
    parts = Formatter().parse(form)
    pattern = "".join(re.escape(literal) + (_PARTS[name] if name is not None else "") for literal, name, *_ in parts)
    found = re.fullmatch(pattern, chrono, re.ASCII)
    if found is None:
        return False
    values = {name: int(part) for name, part in found.groupdict().items()}
    return values.get("number", 0) <= LARGEST and form.format(**values) == chrono
