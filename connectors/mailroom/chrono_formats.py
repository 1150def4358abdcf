"""Numbers of letters: the forms that a configuration has for them, `{year}` and `{number}` within."""

import re
from string import Formatter
from typing import Final

from connectors.sdk.identifiers import MAX_PLAIN_NUMBER

_PARTS: Final = {"year": r"(?P<year>(?:19|20)\d\d)", "number": r"(?P<number>\d{1,9})"}
MAX_LENGTH: Final = 100
LARGEST: Final = MAX_PLAIN_NUMBER
"""Highest number of a letter: a form that is a bare `{number}` must not take a telephone number for one."""


def is_register_format(form: str) -> bool:
    """Return whether each year's numbers are written differently in `form`, and differently from other years'."""
    try:
        written = [form.format(year=year, number=number) for year in (2026, 2027) for number in (1, 2, LARGEST)]
    except (ValueError, LookupError, AttributeError, TypeError):
        return False
    return len(set(written)) == len(written) and max(map(len, written)) <= MAX_LENGTH


def is_departure_format(form: str) -> bool:
    """Return whether numbers that are written in `form` are known by it."""
    try:
        written = {form.format(year=2026, number=number) for number in (1, 2, LARGEST)}
        return len(written) == 3 and all(len(one) <= MAX_LENGTH and matches_format(form, one) for one in written)
    except (ValueError, LookupError, AttributeError, TypeError, re.error):
        return False


def matches_format(form: str, chrono: str) -> bool:
    """Return whether `chrono` is a number in `form`: a year and a number, and nothing else that `form` does not say."""
    parts = Formatter().parse(form)
    pattern = "".join(re.escape(literal) + (_PARTS[name] if name is not None else "") for literal, name, *_ in parts)
    found = re.fullmatch(pattern, chrono, re.ASCII)
    if found is None:
        return False
    values = {name: int(part) for name, part in found.groupdict().items()}
    return values.get("number", 0) <= LARGEST and form.format(**values) == chrono
