"""Client of the Maarch Courrier REST API, limited to the routes that the connector needs.

The routes follow Maarch's published `rest/index.php`, the responses `ResController`, `ContactController` and
`AcknowledgementReceiptController`. The client requests no subject, text or file, and decodes only contact details of senders.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import httpx
import msgspec

from connectors.maarch.config import MaarchConfig
from connectors.maarch.letter_facts import Sender
from connectors.sdk.decoding import decode_response
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.pull import HttpClient
from models.locale import _

CHANGED_AT: Final = "GREATEST(creation_date, modification_date, closing_date)"
"""SQL expression for the time of the last change. A status change by web service sets `closing_date`, not
`modification_date`."""
COLUMNS: Final = (
    "res_id",
    "category_id",
    "creation_date",
    "modification_date",
    "closing_date",
    "admission_date",
    "departure_date",
    "status",
    "destination",
    "type_id",
    "alt_identifier",
)
LIST: Final = "POST/res/list"
CONTACTS: Final = "GET/resources/{resId}/contacts"
RECEIPTS: Final = "GET/resources/{resId}/acknowledgementReceipts"
"""Routes, as written in the settings of a Maarch user."""
MAX_FAILURES: Final = 3
"""Attempts to read the senders or the acknowledgement of one letter; then they are skipped."""


class RefusedError(Exception):
    """Maarch refuses the request or its response is unreadable; the text is a message for the operator."""


class _Letters(msgspec.Struct):
    resources: list[msgspec.Raw]


class _Numbered(msgspec.Struct):
    res_id: int


class _Numbers(msgspec.Struct):
    resources: list[_Numbered]


class _Contact(msgspec.Struct):
    type: str = "contact"
    """`contact` for an external sender, `user` or `entity` for an internal one."""
    email: str | None = None
    phone: str | None = None


class _Contacts(msgspec.Struct):
    contacts: list[_Contact]


class _Receipt(msgspec.Struct, rename="camel"):
    send_date: str | None = None


class MaarchApi(HttpClient):
    """Maarch server, with the rights of the configured user. Methods raise `SourceUnavailableError` and `RefusedError`."""

    def __init__(self, config: MaarchConfig) -> None:
        super().__init__(config.url.removesuffix("/rest") + "/rest", config.token)
        if config.password:
            self._client.auth = httpx.BasicAuth(config.login, config.password.get_secret_value())
        self._client.event_hooks = {"request": [self._count_request], "response": [self._record_status]}
        self._select = ", ".join((*COLUMNS, *_custom(config)))
        self._requests = 0
        self._status = 0
        self._failures: Counter[str] = Counter()

    def list_letters(self, clause: str, order: Sequence[str], limit: int) -> list[msgspec.Raw]:
        """Return the undecoded rows that match the SQL condition `clause`: the first `limit` rows in this order."""
        letters: _Letters = self._list(_Letters, self._select, clause, order, limit)
        return letters.resources

    def acknowledged(self, letters: Collection[int]) -> set[int]:
        """Return the subset of `letters` with a sent acknowledgement of receipt."""
        if not letters:
            return set()
        numbers = ", ".join(map(str, letters))
        sent = "res_id in (select res_id from acknowledgement_receipts where send_date is not null)"
        found: _Numbers = self._list(_Numbers, "res_id", f"res_id in ({numbers}) and {sent}", ("res_id",), len(letters))
        return {row.res_id for row in found.resources}

    def receipt_sent_at(self, letter: int) -> str:
        """Return the local time of the first sent acknowledgement of receipt; empty if none was sent or can be read."""
        receipts = self._find(list[_Receipt], RECEIPTS, letter) or []
        return min(filter(None, (receipt.send_date for receipt in receipts)), default="")

    def senders(self, letter: int) -> tuple[Sender, ...]:
        """Return the contact details of the citizens who sent a letter; senders without any are left out.

        Empty if the letter is gone, or if its senders cannot be read.
        """
        found = self._find(_Contacts, CONTACTS, letter, {"type": "senders"}) or _Contacts([])
        citizens = [contact for contact in found.contacts if contact.type == "contact"]
        return tuple(Sender(citizen.email, citizen.phone) for citizen in citizens if citizen.email or citizen.phone)

    def _list(self, kind: Any, select: str, clause: str, order: Sequence[str], limit: int) -> Any:
        query = {"select": select, "clause": clause, "orderBy": [*order], "limit": limit}
        content = self._request(lambda: self.post(query, "/res/list"), LIST)
        return _decode(content, kind, LIST)

    def _find(self, kind: Any, route: str, letter: int, params: dict[str, str | int] | None = None) -> Any:
        """Return the response of a letter's route, or None if the letter is gone or failed `MAX_FAILURES` times."""
        letter_route = route.replace("{resId}", str(letter))
        requests = self._requests
        try:
            content = self._request(lambda: self.get(letter_route.removeprefix("GET"), params), route)
            found = _decode(content, kind, letter_route)
        except (SourceUnavailableError, RefusedError) as error:
            if self._requests > requests and (self._is_gone() or self._fails_again(letter_route, error)):
                self._backoff.record_success()
                found = None
            else:
                raise
        del self._failures[letter_route]
        return found

    def _is_gone(self) -> bool:
        return self._status in {httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND}

    def _fails_again(self, letter_route: str, error: Exception) -> bool:
        is_unreadable = self._status == httpx.codes.OK and isinstance(error, RefusedError)
        if not (is_unreadable or self._status == httpx.codes.INTERNAL_SERVER_ERROR):
            return False
        self._failures[letter_route] += 1
        return self._failures[letter_route] >= MAX_FAILURES

    def _request(self, send: Callable[[], bytes], route: str) -> bytes:
        try:
            return send()
        except SourceUnavailableError:
            if message := _explain(self._status, route):
                raise RefusedError(message) from None
            raise

    async def _count_request(self, _: httpx.Request) -> None:
        self._requests += 1
        self._status = 0

    async def _record_status(self, response: httpx.Response) -> None:
        self._status = response.status_code


def _custom(config: MaarchConfig) -> list[str]:
    fields = [(config.case_field, "case")]
    if config.postage:
        fields += [(config.postage.class_field, "postage"), (config.postage.cost_field, "cost")]
    return [f"custom_fields->>'{number}' as \"{name}\"" for number, name in fields if number]


def _decode(content: bytes, kind: Any, route: str) -> Any:
    try:
        return decode_response(content, kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RefusedError(_("{route}: the response does not match Maarch's published API", route=route)) from None


def _explain(status: int, route: str) -> str:
    """Return a message for the operator; empty for a status that Maarch itself does not send."""
    match status:
        case 400:
            return _(
                "{route}: the server refuses the query (400): check that the user is in a group with a perimeter",
                route=route,
            )
        case 401:
            return _("the server refuses the user (401): check login and password, or the token")
        case 403:
            return _(
                "{route}: the route is forbidden to the user (403): authorise the route, or renew the password",
                route=route,
            )
        case _:
            return ""
