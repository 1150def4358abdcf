"""Telephone numbers as they may be written, and how to find them whatever way that was."""

import re

import phonenumbers

SEPARATORS = (" ", ".", "-")


def written(number: str) -> list[str]:
    """Return the usual ways to write `number`, which is French and national, as `0639980000`."""
    return [number, f"+33{number[1:]}", f"0033{number[1:]}", f"33{number[1:]}", *_spread(number)]


def found(number: str, texts: bytes) -> list[str]:
    """Return in which ways `number`, French and in any form, stands in `texts`: an international prefix may precede it."""
    digits = str(phonenumbers.parse(number, "FR").national_number)
    return [way for way in (f"0{digits}", f"33{digits}", *_spread(digits)) if way.encode() in texts]


def keep_numbers(texts: bytes) -> bytes:
    """Return what a number may be part of in `texts`, each once: `found` is the same there, and quick for a thousand numbers."""
    return b"\n".join({*re.findall(rb"[0-9 .-]{5,}", texts)})


def _spread(digits: str) -> list[str]:
    """Return `digits` in pairs from the end on, with something in between."""
    first = len(digits) % 2
    pairs = [digits[at : at + 2] for at in range(first, len(digits), 2)]
    return [separator.join([digits[:first], *pairs] if first else pairs) for separator in SEPARATORS]
