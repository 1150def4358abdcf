"""Records as they come, read as what a mapping needs of them; what cannot be read is `Unusable`, in words that hold none of it.

What is needed is said by a type, as msgspec has it: a `msgspec.Struct` whose fields are bounded where the vocabulary is.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from models.codec import Unusable
from models.reasons import Reason

T = TypeVar("T")
_MISSING: Final = re.compile(r"missing required field `(\w+)`")
_PLACE: Final = re.compile(r"- at `\$\.([\w.]+)")
"""Names that msgspec tells are those of the type."""


def decode_json(content: bytes | str, kind: type[T]) -> T:
    """Return what `content` says as JSON; what else it holds is passed over. Raises `Unusable`."""
    with _explained():
        return msgspec.json.decode(content, type=kind)


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
            raise Unusable(Reason.MISSING_FIELD, missing[1]) from None
        place = _PLACE.search(str(error))
        raise Unusable(Reason.INVALID_FIELD, place[1] if place else "") from None
    except UnicodeDecodeError:
        raise Unusable(Reason.INVALID_UTF8) from None
    except (msgspec.DecodeError, RecursionError):
        raise Unusable(Reason.INVALID_JSON) from None
    except ValueError:  # a form of too many fields, or none
        raise Unusable(Reason.UNREADABLE_LINE) from None
