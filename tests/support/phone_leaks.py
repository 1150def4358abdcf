"""Notations of French telephone numbers, and a search for them in any text."""

import re

import phonenumbers

SEPARATORS = (" ", ".", "-")


def notations(number: str) -> list[str]:
    """Return the usual notations of a French `number` in national format, as `0639980000`."""
    return [number, f"+33{number[1:]}", f"0033{number[1:]}", f"33{number[1:]}", *_pairs(number)]


def found(number: str, texts: bytes) -> list[str]:
    """Return the notations of a French `number` that occur in `texts`, with or without an international prefix."""
    digits = str(phonenumbers.parse(number, "FR").national_number)
    return [notation for notation in (f"0{digits}", f"33{digits}", *_pairs(digits)) if notation.encode() in texts]


def keep_numbers(texts: bytes) -> bytes:
    """Return the parts of `texts` that may contain a number, so that `found` is fast for a thousand numbers."""
    return b"\n".join({*re.findall(rb"[0-9 .-]{5,}", texts)})


def _pairs(digits: str) -> list[str]:
    """Return `digits` in pairs from the end, with each separator."""
    first = len(digits) % 2
    pairs = [digits[at : at + 2] for at in range(first, len(digits), 2)]
    return [separator.join([digits[:first], *pairs] if first else pairs) for separator in SEPARATORS]
