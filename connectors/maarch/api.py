"""The REST API of Maarch Courrier: what is asked, and nothing else.

Routes as in its published `rest/index.php`, answers as in `ResController`, `ContactController` and
`AcknowledgementReceiptController`. No subject, text or file is asked for; of senders nothing but how they are reached is decoded.
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
from connectors.sdk.i18n import say
from connectors.sdk.pull import HttpClient

CHANGED_AT: Final = "GREATEST(creation_date, modification_date, closing_date)"
"""A change of status by the web service leaves `modification_date` as it was, but sets `closing_date`."""
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
"""Routes, as the options of a user of Maarch's name them."""
TRIES: Final = 3
"""How often the server may fail on what belongs to one letter, or answer what cannot be read, before that is gone without."""


class RefusedError(Exception):
    """The server answers, but not the question; the text says why, for people."""


class _Letters(msgspec.Struct):
    resources: list[msgspec.Raw]


class _Numbered(msgspec.Struct):
    res_id: int


class _Numbers(msgspec.Struct):
    resources: list[_Numbered]


class _Contact(msgspec.Struct):
    type: str = "contact"
    """Or `user`, `entity`: who wrote is of the house."""
    email: str | None = None
    phone: str | None = None


class _Contacts(msgspec.Struct):
    contacts: list[_Contact]


class _Receipt(msgspec.Struct, rename="camel"):
    send_date: str | None = None


class MaarchApi(HttpClient):
    """The server as the configured user may see it. Its methods raise `SourceUnavailableError` and `RefusedError`."""

    def __init__(self, config: MaarchConfig) -> None:
        super().__init__(config.url.removesuffix("/rest") + "/rest", config.token)
        if config.password:
            self._client.auth = httpx.BasicAuth(config.login, config.password.get_secret_value())
        self._client.event_hooks = {"request": [self._note_request], "response": [self._note_response]}
        self._select = ", ".join((*COLUMNS, *_custom(config)))
        self._requests = 0
        self._status = 0
        self._failures: Counter[str] = Counter()

    def list_letters(self, clause: str, order: Sequence[str], limit: int) -> list[msgspec.Raw]:
        """Return the rows that `clause` is true of, as they came."""
        letters: _Letters = self._list(_Letters, self._select, clause, order, limit)
        return letters.resources

    def acknowledged(self, letters: Collection[int]) -> set[int]:
        """Return those of `letters` of which an acknowledgement of receipt was sent."""
        if not letters:
            return set()
        numbers = ", ".join(map(str, letters))
        sent = "res_id in (select res_id from acknowledgement_receipts where send_date is not null)"
        found: _Numbers = self._list(_Numbers, "res_id", f"res_id in ({numbers}) and {sent}", ("res_id",), len(letters))
        return {one.res_id for one in found.resources}

    def receipt_sent_at(self, letter: int) -> str:
        """Return when the first acknowledgement of receipt was sent, local; empty if none was."""
        receipts = self._find(list[_Receipt], RECEIPTS, letter) or []
        return min(filter(None, (receipt.send_date for receipt in receipts)), default="")

    def senders(self, letter: int) -> tuple[Sender, ...]:
        """Return how the citizens who sent a letter are reached, as far as that is known."""
        found = self._find(_Contacts, CONTACTS, letter, {"type": "senders"}) or _Contacts([])
        citizens = [contact for contact in found.contacts if contact.type == "contact"]
        return tuple(Sender(one.email, one.phone) for one in citizens if one.email or one.phone)

    def _list(self, kind: Any, select: str, clause: str, order: Sequence[str], limit: int) -> Any:
        question = {"select": select, "clause": clause, "orderBy": [*order], "limit": limit}
        content = self._ask_for(lambda: self.post(question, "/res/list"), LIST)
        return _decode(content, kind, LIST)

    def _find(self, kind: Any, route: str, letter: int, params: dict[str, str | int] | None = None) -> Any:
        """Return what belongs to a letter; None if there is nothing, or if the server fails on it time and again."""
        named = route.replace("{resId}", str(letter))
        requests = self._requests
        try:
            content = self._ask_for(lambda: self.get(named.removeprefix("GET"), params), route)
            found = _decode(content, kind, named)
        except (SourceUnavailableError, RefusedError) as error:
            if self._requests > requests and (self._is_gone() or self._fails_again(named, error)):
                self._backoff.record_success()
                found = None
            else:
                raise
        del self._failures[named]
        return found

    def _is_gone(self) -> bool:
        return self._status in {httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND}

    def _fails_again(self, named: str, error: Exception) -> bool:
        is_unreadable = self._status == httpx.codes.OK and isinstance(error, RefusedError)
        if not (is_unreadable or self._status == httpx.codes.INTERNAL_SERVER_ERROR):
            return False
        self._failures[named] += 1
        return self._failures[named] >= TRIES

    def _ask_for(self, ask: Callable[[], bytes], route: str) -> bytes:
        try:
            return ask()
        except SourceUnavailableError:
            if words := _explain(self._status, route):
                raise RefusedError(words) from None
            raise

    async def _note_request(self, _: httpx.Request) -> None:
        self._requests += 1
        self._status = 0

    async def _note_response(self, response: httpx.Response) -> None:
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
        raise RefusedError(
            say(
                f"{route}: the server answers otherwise than published",
                f"{route} : le serveur répond autrement que publié",
            )
        ) from None


def _explain(status: int, route: str) -> str:
    """Return what it means that the server refuses; empty where it is no matter of Maarch's."""
    match status:
        case 400:
            return say(
                f"{route}: the server refuses the question (400): is the user in a group with a perimeter?",
                f"{route} : le serveur refuse la question (400) : l'utilisateur est-il dans un groupe avec un périmètre ?",
            )
        case 401:
            return say(
                "the server refuses the user (401): are login and password, or the token, right?",
                "le serveur refuse l'utilisateur (401) : identifiant et mot de passe, ou jeton, sont-ils justes ?",
            )
        case 403:
            return say(
                f"{route}: the server does not let the user ask this (403): authorise the route, or renew the password",
                f"{route} : le serveur ne laisse pas l'utilisateur demander cela (403) : autoriser la route, ou renouveler le "
                "mot de passe",
            )
        case _:
            return ""
