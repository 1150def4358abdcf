"""Server of a list in JSON that refuses what real ones refuse.

It serves the forms of an invented procedures platform at `/api/forms/`, and issues OAuth 2.0 tokens at `/oauth/token/`. It
checks a signed query as `wcs/api_utils.py` of Publik does, in the same order.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote_plus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from connectors.sdk.simulation.http_app import serving

PATH: Final = "/api/forms/"
TOKEN_PATH: Final = "/oauth/token/"
USER: Final = "accueil"
SECRET: Final = "s3cret+/&é="
TOKEN: Final = "jeton-d-essai"
SCOPES: Final = ("forms.read", "calls.read")
SIGNATURE_SECONDS: Final = 30
BEGIN: Final = datetime(2026, 3, 16, 8, tzinfo=UTC)

Record = dict[str, Any]
Auth = Literal["", "basic", "bearer", "header", "parameter", "oauth2", "signed"]
Paging = Literal["", "link", "next", "page", "offset", "cursor"]


def form(number: int, minute: float | None = None, status: str = "received", **fields: Any) -> Record:
    """Return a form that changed `minute` minutes after `BEGIN`; by default, as many as its number."""
    at = to_text(BEGIN + timedelta(minutes=number if minute is None else minute))
    return {
        "id": f"D-{number}",
        "procedure": {"code": "voirie", "name": "Arrêté de voirie"},
        "submitted_at": to_text(BEGIN + timedelta(minutes=number)),
        "updated_at": at,
        "status": status,
    } | fields


def to_text(at: datetime) -> str:
    """Return a time in the format of the server."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class JsonApi:
    """Server with `records`, sorted by the time of their last change. Fields may be changed while it serves."""

    auth: Auth = ""
    paging: Paging = ""
    records: list[Record] = field(default_factory=list)
    page_size: int = 10
    """Most records of a page, also if more are requested."""
    after_end: Literal["empty", "404", "last"] = "empty"
    """Response to a page after the last one: an empty page, status 404, or the last page."""
    newest_first: bool = False
    requests_per_second: float = 100_000
    token_seconds: float = 3600
    size_parameter: str = "size"
    since_parameter: str = "since"
    time_field: str = "updated_at"
    is_since: Callable[[Any, str], bool] = lambda at, since: str(at) >= since
    """Whether a record with this time is listed for this value of `since_parameter`."""
    wrap: Callable[[list[Record]], Any] = lambda records: {"data": {"items": records}}
    """Envelope of the records."""
    before_answer: Callable[[Request], Response | None] = lambda _request: None
    """Called for each request for the list before any check; returns the response to send instead, or None."""
    requests: list[dict[str, str]] = field(default_factory=list)
    """Parameters of all requests for the list that were not refused, in order."""
    refused: list[int] = field(default_factory=list)
    """Statuses of all refusals, in order."""
    tokens_issued: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._tokens: dict[str, float] = {}
        self._nonces: set[str] = set()
        self._cursors: dict[str, int] = {}
        self._request_times: deque[float] = deque()

    @property
    def app(self) -> Starlette:
        """Application with both routes."""
        return Starlette(
            routes=[
                Route(PATH, self._list, methods=["GET"]),
                Route(TOKEN_PATH, self._issue_token, methods=["POST"]),
            ]
        )

    def revoke_tokens(self) -> None:
        """End the validity of all tokens."""
        self._tokens.clear()

    def expire_cursors(self) -> None:
        """End the validity of all cursors."""
        self._cursors.clear()

    async def _issue_token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            client, _, secret = base64.b64decode(pair).decode().partition(":")
            client, secret = unquote_plus(client), unquote_plus(secret)
        else:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if (client, secret) != (USER, SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "client_credentials" or form.get("scope") not in SCOPES:
            return JSONResponse({"error": "invalid_scope"}, 400)
        token = secrets.token_urlsafe()
        self.tokens_issued += 1
        self._tokens[token] = time.monotonic() + self.token_seconds
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds})

    async def _list(self, request: Request) -> Response:
        if instead := self.before_answer(request):
            return instead
        response = self._check_rate() or self._check_credentials(request)
        if response is None:
            self.requests.append(dict(request.query_params))
            response = self._page(request)
        if response.status_code != 200:
            self.refused.append(response.status_code)
        return response

    def _check_rate(self) -> Response | None:
        now = time.monotonic()
        while self._request_times and self._request_times[0] <= now - 1:
            self._request_times.popleft()
        if len(self._request_times) >= max(1, self.requests_per_second):
            return PlainTextResponse("slow down", 429, {"Retry-After": "1"})
        self._request_times.append(now)
        return None

    def _check_credentials(self, request: Request) -> Response | None:
        given = request.headers.get("authorization", "")
        match self.auth:
            case "basic":
                pair = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
                is_valid = given == f"Basic {pair}"
            case "bearer":
                is_valid = given == f"Bearer {TOKEN}"
            case "header":
                is_valid = request.headers.get("x-api-key") == TOKEN
            case "parameter":
                is_valid = request.query_params.get("api_key") == TOKEN
            case "oauth2":
                is_valid = self._tokens.get(given.removeprefix("Bearer "), 0.0) > time.monotonic()
            case "signed":
                problem = self._signature_problem(request)
                return JSONResponse({"err": 1, "err_desc": problem}, 403) if problem else None
            case _:
                is_valid = True
        return None if is_valid else JSONResponse({"error": "unauthorized"}, 401)

    def _signature_problem(self, request: Request) -> str:
        query, parameters = request.url.query, request.query_params
        if "signature" not in parameters:
            return "no signature"
        if parameters.get("orig") != USER:
            return "Invalid orig."
        if parameters.get("algo") not in hashlib.algorithms_guaranteed:
            return "Invalid algo."
        signed = query[: query.find("&signature=")].encode()
        expected = base64.standard_b64encode(hmac.new(SECRET.encode(), signed, parameters["algo"]).digest())
        if parameters["signature"].encode() != expected:
            return "Invalid signature."
        try:
            at = datetime.strptime(parameters.get("timestamp", ""), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return "Invalid timestamp field"
        if abs(datetime.now(UTC) - at) > timedelta(seconds=SIGNATURE_SECONDS):
            return "timestamp is too far"
        if parameters["nonce"] in self._nonces:
            return "Nonce already used."
        self._nonces.add(parameters["nonce"])
        return ""

    def _page(self, request: Request) -> Response:
        parameters = request.query_params
        try:
            size = min(int(parameters.get(self.size_parameter, self.page_size)), self.page_size)
            rows = self._rows(parameters.get(self.since_parameter))
            begin = self._begin(parameters, size, rows)
        except (ValueError, KeyError):
            return JSONResponse({"error": "invalid parameter"}, 400)
        if not self.paging:
            return JSONResponse(self.wrap(rows))
        if begin >= len(rows) > 0 and begin > 0:
            if self.after_end == "404":
                return JSONResponse({"detail": "Invalid page."}, 404)
            if self.after_end == "last":
                begin = (len(rows) - 1) // size * size
        page = rows[begin : begin + size]
        return self._with_next(request, page, begin + size if begin + size < len(rows) else None)

    def _rows(self, since: str | None) -> list[Record]:
        with self._lock:
            rows = [row for row in self.records if since is None or self.is_since(row.get(self.time_field, ""), since)]
        return sorted(rows, key=lambda row: str(row.get(self.time_field, "")), reverse=self.newest_first)

    def _begin(self, parameters: Any, size: int, rows: Sequence[Record]) -> int:
        match self.paging:
            case "page" | "link" | "next":
                number = int(parameters.get("page", "1"))
                if number < 1:
                    raise ValueError
                return (number - 1) * size
            case "offset":
                return int(parameters.get("offset", "0"))
            case "cursor":
                return self._cursors[parameters["cursor"]] if "cursor" in parameters else 0
        return 0

    def _with_next(self, request: Request, page: list[Record], following: int | None) -> Response:
        body, headers = self.wrap(page), {}
        if self.paging == "cursor" and isinstance(body, dict):
            cursor = None
            if following is not None:
                cursor = secrets.token_urlsafe()
                self._cursors[cursor] = following
            body |= {"meta": {"next": cursor}}
        elif self.paging in {"link", "next"} and following is not None:
            # As frameworks do, the link repeats all parameters, with the scheme of the server behind its proxy.
            link = str(request.url.include_query_params(page=following // self.page_size + 1))
            if self.paging == "link":
                headers["Link"] = f'<{request.url}>; rel="self", <{link}>; rel="next"; title="suite, fin"'
            else:
                body |= {"next": link}
        return JSONResponse(body, headers=headers)


class ApiSwitch:
    """One server for many tests, each with an API of its own: starting a server takes longer than most tests."""

    def __init__(self) -> None:
        self.url = ""
        self._app = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def switch_to(self, api: JsonApi) -> None:
        """Serve `api` from now on."""
        self._app = api.app
        api.url = self.url


@contextmanager
def serving_switch() -> Iterator[ApiSwitch]:
    """Run a server until the end of the block."""
    switch = ApiSwitch()
    with serving(switch) as address:
        switch.url = f"{address}{PATH}"
        yield switch


@contextmanager
def serving_api(auth: Auth = "", paging: Paging = "", **options: Any) -> Iterator[JsonApi]:
    """Run a server until the end of the block."""
    api = JsonApi(auth, paging, **options)
    with serving(api.app) as address:
        api.url = f"{address}{PATH}"
        yield api
