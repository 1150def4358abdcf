"""Records in a response of a JSON API. Pure."""

from typing import Any, Final, NamedTuple

import jmespath

from connectors.sdk.decoding import decode_values
from models.locale import _


class ResponseError(Exception):
    """A response cannot be used. The text is for the operator, names the option, and contains no value of the response."""


class ListBody(NamedTuple):
    """JSON of a response, and the list of records in it."""

    body: Any
    records: list[Any]


EMPTY: Final = ListBody(None, [])
"""Contents of a response without a body (204)."""


def read_body(content: bytes, path: str | None) -> ListBody:
    """Return a response's JSON and the list of records at the JMESPath `path`. Raises `ResponseError`."""
    try:
        body = decode_values(content)
    except (ValueError, RecursionError):
        raise ResponseError(_("url: the response is not JSON; is the address right?")) from None
    if path is None:
        if isinstance(body, list):
            return ListBody(body, body)
        raise ResponseError(
            _("records is missing: the response is not a list; set the path of the list in it, unless it is an error")
        )
    try:
        records = search(path, body)
    except ValueError:
        raise ResponseError(_("records cannot be evaluated in the response")) from None
    if not isinstance(records, list):
        raise ResponseError(_("records: the response has no list at this path, or is an error"))
    return ListBody(body, records)


def search(path: str, body: Any) -> Any:
    """Return the value at the JMESPath `path`, which is valid. Raises `ValueError` if it cannot be evaluated in `body`."""
    try:
        return jmespath.search(path, body)
    except (TypeError, ArithmeticError, RecursionError) as error:  # JMESPath's own errors are `ValueError`s
        raise ValueError(type(error).__name__) from None
