"""Records as they come, read as what a mapping needs of them; what cannot be read is `Unusable`, in words that hold none of it.

What is needed is said by a type, as msgspec has it: a `msgspec.Struct` whose fields are bounded where the vocabulary is.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from models.codec import UnusableRecord
from models.reasons import Reason

T = TypeVar("T")
MOST_NESTED: Final = 100
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape in JSON: a pair of surrogates, one that is alone, or any other."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)
"""A string, whole or cut, or a bracket. Each byte is looked at once."""
_MISSING: Final = re.compile(r"missing required field `(\w+)`")
_PLACE: Final = re.compile(r"- at `\$\.([\w.]+)")
"""Names that msgspec tells are those of the type."""


def decode_json(content: bytes | str, kind: type[T]) -> T:
    """Return what `content` says as JSON; what else it holds is passed over. Raises `Unusable`."""
    with _explained():
        return msgspec.json.decode(content, type=kind)


def decode_response(content: bytes, kind: type[T]) -> T:
    """Return what a server answered, as JSON. Raises `msgspec.DecodeError` and `UnicodeDecodeError`.

    One record must not hide the others of its page: lone surrogates are replaced, and values nested deeper than `MOST_NESTED`
    become null.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.decode(_prune(_ESCAPE.sub(_mend, content)), type=kind)


def _mend(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["lone"] else escape[0]


def _prune(content: bytes) -> bytes:
    """Return JSON in which null stands for what is nested too deep."""
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
    """Return what a form says that was posted (`application/x-www-form-urlencoded`), whose numbers are texts of digits.

    Of names that repeat, the last counts; what else it holds is passed over. Raises `Unusable`.
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
        place = _PLACE.search(str(error))
        raise UnusableRecord(Reason.INVALID_FIELD, place[1] if place else "") from None
    except UnicodeDecodeError:
        raise UnusableRecord(Reason.INVALID_UTF8) from None
    except (msgspec.DecodeError, RecursionError):
        raise UnusableRecord(Reason.INVALID_JSON) from None
    except ValueError:  # a form of too many fields, or none
        raise UnusableRecord(Reason.UNREADABLE_LINE) from None
