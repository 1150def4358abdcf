"""Decoding of records and of servers' responses into types.

Types are `msgspec.Struct`s with the fields that a mapping needs. A field has bounds if it has them in the event models.

`decode_json` and `decode_form` raise `UnusableRecord`, whose text contains no value of the record. `decode_response` raises
msgspec's errors and `UnicodeDecodeError` instead, `decode_values` `ValueError`.
"""

import codecs
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from models.codec import UnusableRecord
from models.reasons import Reason

T = TypeVar("T")
MOST_NESTED: Final = 100
"""Nesting depth above which `decode_response` replaces values by null if the response cannot be decoded unchanged."""
MOST_DIGITS: Final = 40
"""Digits above which `decode_values` returns a whole number as a float."""
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape sequence in JSON: a surrogate pair, a lone surrogate, or any other."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)
"""A complete or truncated string, or a bracket. The pattern visits each byte once."""
_MISSING: Final = re.compile(r"missing required field `(\w+)`")
_FIELD: Final = re.compile(r"- at `\$\.([\w.]+)")
"""Field path in msgspec's error messages; it contains only names of the type's fields."""


def decode_json(content: bytes | str, kind: type[T]) -> T:
    """Decode JSON; unknown fields are ignored. Raises `UnusableRecord` if it is not valid JSON or does not fit `kind`.

    A byte order mark, which some programs of Windows write, is skipped.
    """
    if isinstance(content, bytes):
        content = content.removeprefix(codecs.BOM_UTF8)
    with _explained():
        return msgspec.json.decode(content, type=kind)


def decode_response(content: bytes, kind: type[T]) -> T:
    """Decode a server's JSON response. Raises `msgspec.ValidationError` if it does not fit `kind`.

    One bad record must not hide the others of its page. If the JSON cannot be decoded, lone surrogates are replaced, values
    nested deeper than `MOST_NESTED` become null, and it is decoded again. Raises `msgspec.DecodeError` if this fails too, and
    `UnicodeDecodeError`.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.decode(_prune(_ESCAPE.sub(_replace_lone_surrogate, content)), type=kind)


def decode_values(content: bytes) -> Any:
    """Decode a server's JSON response into dicts, lists, texts and numbers. Raises `ValueError` if it is not JSON.

    One bad record must not hide the others of its page. Invalid UTF-8 is replaced by U+FFFD, and numbers that are too large
    become infinite, in addition to what `decode_response` replaces.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        valid = content.decode("utf-8", "replace").encode()
        return json.loads(_prune(_ESCAPE.sub(_replace_lone_surrogate, valid)), parse_int=_read_whole_number)


def _read_whole_number(digits: str) -> float:
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def _replace_lone_surrogate(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["lone"] else escape[0]


def _prune(content: bytes) -> bytes:
    """Return JSON with lists and objects nested deeper than `MOST_NESTED` replaced by null."""
    kept, depth, begin = bytearray(), 0, 0
    for token in _TOKEN.finditer(content):
        sign = token[0][:1]
        if sign in b"[{":
            depth += 1
            if depth == MOST_NESTED + 1:
                kept += content[begin : token.start()] + b"null"
        elif sign in b"]}":
            depth -= 1
            if depth == MOST_NESTED:
                begin = token.end()
    return bytes(kept if depth > MOST_NESTED else kept + content[begin:])


def decode_form(content: bytes, kind: type[T]) -> T:
    """Decode a form (`application/x-www-form-urlencoded`), whose numbers are texts of digits.

    The last of repeated names counts; unknown fields are ignored. Raises `UnusableRecord` if the form does not fit `kind`, is not
    UTF-8, or has too many fields.
    """
    with _explained():
        form = dict(parse_qsl(content.decode(), keep_blank_values=True))
        return msgspec.convert(form, type=kind, strict=False)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except msgspec.ValidationError as error:
        if missing := _MISSING.search(str(error)):
            raise UnusableRecord(Reason.MISSING_FIELD, missing[1]) from None
        field = _FIELD.search(str(error))
        raise UnusableRecord(Reason.INVALID_FIELD, field[1] if field else "") from None
    except UnicodeDecodeError:
        raise UnusableRecord(Reason.INVALID_UTF8) from None
    except (msgspec.DecodeError, RecursionError):
        raise UnusableRecord(Reason.INVALID_JSON) from None
    except ValueError:  # too many fields, or not a form
        raise UnusableRecord(Reason.UNREADABLE_LINE) from None
