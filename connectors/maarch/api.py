"""Client of the Maarch Courrier REST API, limited to the routes that the connector needs.

The routes follow Maarch's published `rest/index.php`, the responses `ResController`, `ContactController` and
`AcknowledgementReceiptController`. The client requests no subject, text or file. Of senders, it decodes only type, e-mail
address and phone number.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final

import httpx
import msgspec

from connectors.maarch.config import MaarchConfig
from connectors.maarch.letter_facts import Sender
from connectors.sdk.decoding import decode_response
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
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
"""`LIST`, `CONTACTS` and `RECEIPTS` are routes, as written in the settings of a Maarch user."""
MAX_FAILURES: Final = 3
"""Number of responses with status 500, or undecodable, after which the senders or the acknowledgement of a letter are skipped."""
GONE: Final = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND})
"""Statuses of the routes of a letter that does not exist any more."""


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
    """Maarch server, with the rights of the configured user. Methods that ask it raise `SourceUnavailableError`."""

    def __init__(self, config: MaarchConfig) -> None:
        auth = httpx.BasicAuth(config.login, config.password.get_secret_value())
        super().__init__(config.url.removesuffix("/rest") + "/rest", auth=auth)
        self._client.event_hooks = {"response": [self._record_status]}
        self._select = ", ".join((*COLUMNS, *_custom(config)))
        self._status = 0
        self._failures: Counter[str] = Counter()

    def list_letters(self, clause: str, order: Sequence[str], limit: int) -> list[msgspec.Raw]:
        """Return the undecoded rows that match the SQL condition `clause`: the first `limit` by the columns of `order`."""
        letters: _Letters = self._list(_Letters, self._select, clause, order, limit)
        return letters.resources

    def acknowledged(self, letters: Collection[int]) -> set[int]:
        """Return those of the letter numbers `letters` that have a sent acknowledgement of receipt."""
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
        answer = self.ask("POST", "/res/list", refusals=_refusals(LIST), json=query)
        return self._decode(answer.content, kind, LIST)

    def _find(self, kind: Any, route: str, letter: int, params: dict[str, str] | None = None) -> Any:
        """Return the response of a letter's route, or None if the letter is gone.

        Raises `SourceUnavailableError`. The `MAX_FAILURES`-th response with status 500, or that cannot be decoded, returns None
        instead.
        """
        letter_route = route.replace("{resId}", str(letter))
        self._status = 0
        try:
            answer = self.ask("GET", letter_route.removeprefix("GET"), refusals=_refusals(route), params=params)
            found = self._decode(answer.content, kind, letter_route)
        except SourceUnavailableError as error:
            if self._status not in GONE and not self._fails_again(letter_route, error):
                raise
            self._backoff.record_success()
            found = None
        del self._failures[letter_route]
        return found

    def _fails_again(self, letter_route: str, error: SourceUnavailableError) -> bool:
        # A response that is cut, compressed, too long or too slow has status 200 too, but says nothing about the letter.
        is_undecodable = self._status == httpx.codes.OK and isinstance(error, SourceRefusedError)
        if not is_undecodable and self._status != httpx.codes.INTERNAL_SERVER_ERROR:
            return False
        self._failures[letter_route] += 1
        return self._failures[letter_route] >= MAX_FAILURES

    def _decode(self, content: bytes, kind: Any, route: str) -> Any:
        try:
            return decode_response(content, kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = _("{route}: the response does not match Maarch's published API", route=route)
            raise self.refusal(message) from None

    async def _record_status(self, response: httpx.Response) -> None:
        self._status = response.status_code


def _custom(config: MaarchConfig) -> list[str]:
    fields = [(config.case_field, "case")]
    if config.postage:
        fields += [(config.postage.class_field, "postage"), (config.postage.cost_field, "cost")]
    return [f"custom_fields->>'{number}' as \"{name}\"" for number, name in fields if number]


def _refusals(route: str) -> dict[int, str]:
    """Return HTTP status → message for the operator, for the statuses with a known cause on `route`."""
    return {
        400: _(
            "{route}: the server refuses the query (400): check that the user is in a group with a perimeter",
            route=route,
        ),
        401: _("the server refuses the user (401): check login and password"),
        403: _(
            "{route}: the route is forbidden to the user (403): authorise the route, or renew the password",
            route=route,
        ),
    }
