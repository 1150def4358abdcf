"""Tables of what is said elsewhere, and how people say it."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from streams.words import say

Phrases = Mapping[str, tuple[str, str]]
"""Patterns that fit a whole text, and what to say instead in English and in French; in braces, named values."""


def put(phrases: Phrases, text: str, values: Mapping[str, Any] | None = None) -> str | None:
    """Return what the first of `phrases` that fits says of `text`; None if none does.

    What stands in braces comes from `values`, or from a group of that name in the pattern.
    """
    for pattern, sayings in phrases.items():
        if match := re.fullmatch(pattern, text):
            with suppress(KeyError):  # a value is missing: another version, or somebody else, said the same
                return say(*sayings).format_map({**(values or {}), **match.groupdict()})
    return None
