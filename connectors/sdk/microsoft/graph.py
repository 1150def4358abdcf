"""Client of Microsoft Graph v1.0 with the rights of an application."""

import base64
import re
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.microsoft.config import MicrosoftApp
from connectors.sdk.microsoft.tokens import TokenProvider
from connectors.sdk.pull import Answer, HttpClient
from models.locale import _

_T = TypeVar("_T")
VERSION: Final = "/v1.0"
_SURROGATES: Final = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
_ACCEPTED: Final = frozenset({200, 202, 400, 401, 403, 404, 410})
"""Statuses whose error code is read; other ones, as 429 with Retry-After, are handled by `HttpClient`."""


class GraphError(SourceRefusedError):
    """Graph refuses a request. The text contains the status and Graph's error code, and no other part of the response."""

    def __init__(self, words: str, status: int, code: str) -> None:
        super().__init__(words)
        self.status = status
        self.code = code
        """Error code of Graph, such as `ErrorAccessDenied`; empty if there is none. Case varies between services."""


class GraphClient:
    """Client of Graph for the application `app`, for one thread. All methods but `close` raise `SourceUnavailableError`."""

    def __init__(self, app: MicrosoftApp) -> None:
        self._base = app.graph_url + VERSION
        self._http = HttpClient(self._base)
        self._tokens = TokenProvider(app, f"{app.graph_url}/.default")
        self._is_refused = False
        """Whether the last response refused the token."""
        self._name = httpx.URL(app.graph_url).netloc.decode()

    def get(self, path: str, params: dict[str, str] | None = None, *, prefer: str = "") -> bytes:
        """Return the body of a GET request. `path` is below the version, or a link from an earlier response.

        Raises `GraphError` if Graph refuses the request. The first refusal of a token raises `SourceUnavailableError`, since the
        next request uses a new token.
        """
        headers = {"Prefer": prefer} if prefer else {}
        return self._ask("GET", self._relative(path), params=params, headers=headers).content

    def send_mail(self, sender: str, message: bytes) -> None:
        """Send the MIME `message` from the mailbox `sender`, which stores it in its folder of sent mail.

        Raises `GraphError` if Graph refuses the request.
        """
        path = f"/users/{quote(sender, safe='@')}/sendMail"
        self._ask("POST", path, content=base64.b64encode(message), headers={"Content-Type": "text/plain"})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._tokens.close()

    def _ask(self, method: str, path: str, *, headers: dict[str, str], **request: Any) -> Answer:
        headers = headers | {"Authorization": f"Bearer {self._tokens.fetch()}"}
        answer = self._http.ask(method, path, accepted=_ACCEPTED, headers=headers, **request)
        was_refused, self._is_refused = self._is_refused, answer.status == httpx.codes.UNAUTHORIZED
        if answer.status < httpx.codes.BAD_REQUEST:
            return answer
        error = self._error(answer)
        if self._is_refused:
            self._tokens.forget()
            if not was_refused:  # the token may have been revoked before its time
                raise SourceUnavailableError(str(error))
        raise error

    def _relative(self, link: str) -> str:
        """Return a link relative to the base, since the token goes to the configured server only."""
        if link.startswith("/"):
            return link
        if not link.startswith(f"{self._base}/"):
            raise SourceUnavailableError(_("{name} answers with a link to another server", name=self._name))
        return link.removeprefix(self._base)

    def _error(self, answer: Answer) -> GraphError:
        code = _read_code(answer.content)
        status = f"{answer.status} {code}".strip()
        match answer.status:
            case 401:
                text = _(
                    "{name} refuses the token ({status}): check graph_url and the application's permissions",
                    name=self._name,
                    status=status,
                )
            case 403:
                text = _(
                    "{name} refuses access ({status}): grant the application the permission with admin consent, and allow "
                    "this mailbox in its access policy",
                    name=self._name,
                    status=status,
                )
            case 404:
                text = _("{name} does not know the mailbox or folder ({status})", name=self._name, status=status)
            case _:
                text = _("{name} refuses the request ({status})", name=self._name, status=status)
        return GraphError(text, answer.status, code)


def decode(content: bytes, kind: type[_T]) -> _T:
    """Return the body of a response. Raises `SourceUnavailableError` if it does not have the form of `kind`.

    Unpaired surrogates, which a sender may have put into a text, are replaced.
    """
    try:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError:
            return msgspec.json.decode(_SURROGATES.sub(_keep_pair, content), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SourceUnavailableError(_("Graph answers in an unexpected form")) from None


def _keep_pair(found: re.Match[bytes]) -> bytes:
    pair: bytes | None = found[1]
    return pair or rb"\ufffd"


class _Error(msgspec.Struct):
    code: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


def _read_code(content: bytes) -> str:
    try:
        code = msgspec.json.decode(content, type=_ErrorBody).error.code
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return code[:60] if code.isascii() and code.replace("_", "").replace("-", "").replace(".", "").isalnum() else ""
