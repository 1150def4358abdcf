"""HTTP client for polled sources, with common rules for requests, errors and pauses.

Nothing here sleeps, and a request takes at most `TOTAL_SECONDS`. `Source.read` is called repeatedly, and the server is not asked
before the interval has passed. A long pause therefore delays no stop, and does not make an instance look stuck.

    def read(self, wait_seconds):
        if not self._interval.due:
            time.sleep(wait_seconds)
            return ()
        page = self._client.get("/things", {"since": …})  # raises SourceUnavailableError, immediately during a pause
        self._interval.restart()
        …
"""

import asyncio
import random
import ssl
import time
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Final, NamedTuple

import httpx
from pydantic import AfterValidator, SecretStr

from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.retry_after import read_retry_after
from models.locale import _

TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
LIMITS: Final = httpx.Limits(keepalive_expiry=1.0)
"""An idle connection is reused for one second. Servers close theirs after two seconds or more, possibly as a request arrives."""
TOTAL_SECONDS: Final = 30.0
"""Longest duration of one request, from name resolution to the last byte. It is less than `instance.STUCK_SECONDS`."""
LIMIT_BYTES: Final = 16 << 20
"""Limit of a response's size."""
FIRST_PAUSE_SECONDS: Final = 1.0
"""Pause after the first failure; it doubles with each further one."""
LONGEST_PAUSE_SECONDS: Final = 300.0
"""Longest pause, unless the server asks for a longer one."""
JITTER: Final = 0.1
"""Largest random change, as a fraction: intervals become shorter or longer, pauses only shorter."""
FORBIDDEN: Final = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
TOO_LARGE: Final = 0
"""Stands for a response above `LIMIT_BYTES` in `refusals`; it is no status of HTTP."""


def _check_endpoint(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError(_("is not a valid URL")) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo or parsed.fragment:
        raise ValueError(_("must be https://…, without a name or password"))
    if parsed.scheme == "http" and not _is_here(parsed.host):
        raise ValueError(_("must begin with https://: the data is personal"))
    return url


def _check_url(url: str) -> str:
    return _check_endpoint(url).rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_token(token: SecretStr) -> SecretStr:
    secret = token.get_secret_value()
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError(_("is empty, or no token"))
    return token


ServerUrl = Annotated[str, AfterValidator(_check_url)]
"""Option type: a URL with `https://`, or `http://` on this machine."""
EndpointUrl = Annotated[str, AfterValidator(_check_endpoint)]
"""Option type: as `ServerUrl`, but with the slash at its end, if it has one."""
Token = Annotated[SecretStr, AfterValidator(_check_token)]
"""Option type: a bearer token, also given as a file (`…_file`) or an environment variable (`…_env`)."""


class Interval:
    """Timer for polls: due immediately, then about every `seconds`, with jitter so that instances do not poll together."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    @property
    def due(self) -> bool:
        """True if the next poll is due."""
        return not self.left_seconds

    @property
    def left_seconds(self) -> float:
        """Time until the next poll is due; 0 if it is due."""
        return max(0.0, self._next - time.monotonic())

    def restart(self) -> None:
        """Start the next interval, from now."""
        self._next = time.monotonic() + self._seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


class Backoff:
    """Pauses after failures of a server: each twice as long as the one before, up to a limit, or longer if the server asks."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = self._asked_until = 0.0
        self._trouble = ""

    @property
    def retry_after_seconds(self) -> float:
        """Remaining pause that the server asked for; 0 if it asked for none."""
        return max(0.0, self._asked_until - time.monotonic())

    @property
    def trouble(self) -> str:
        """Description of the last failure; empty after a success, and at first."""
        return self._trouble

    @property
    def is_paused(self) -> bool:
        """True during a pause."""
        return time.monotonic() < self._until

    def record_failure(self, trouble: str, retry_after_seconds: float = 0.0) -> None:
        """Start a pause after a failure, at least as long as the server asked for. `trouble` describes it for the operator."""
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 20), LONGEST_PAUSE_SECONDS)
        pause *= random.uniform(1 - JITTER, 1)  # noqa: S311 - no secret
        self._failures += 1
        self._trouble = trouble
        now = time.monotonic()
        self._asked_until = now + retry_after_seconds
        self._until = max(now + pause, self._asked_until)

    def record_success(self) -> None:
        """End the pause, and begin with the shortest one after the next failure."""
        self._failures, self._until, self._asked_until, self._trouble = 0, 0.0, 0.0, ""


class Answer(NamedTuple):
    """Response of a server."""

    content: bytes
    headers: Mapping[str, str]
    """Headers; their names are case-insensitive."""
    status: int = httpx.codes.OK


class AnswerTooLargeError(SourceUnavailableError):
    """The response has more than `LIMIT_BYTES` bytes: request less."""


class HttpClient:
    """Client of the server at `url`, for one thread.

    Certificates are checked against the system's authorities (`SSL_CERT_FILE` names others). Proxies are taken from the
    environment. Redirects are not followed. A response must have status 200, in time and within `LIMIT_BYTES`. `auth` adds the
    credentials to each request; it must not send requests of its own.

    Otherwise `SourceUnavailableError` is raised, and a pause begins. For 401, 403 and the statuses in `refusals` it is
    `SourceRefusedError`. During the pause, requests are not sent: each call raises `SourceUnavailableError` immediately. The
    texts name the server and at most the status, and hold no other part of the request or response.
    """

    def __init__(self, url: str, token: SecretStr | None = None, auth: httpx.Auth | None = None) -> None:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "accueil"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        self._url = url
        self._name = httpx.URL(url).netloc.decode()
        self._backoff = Backoff()
        # Redirects are not followed: personal data and the token go to the configured server only.
        self._client = httpx.AsyncClient(
            headers=headers, auth=auth, timeout=TIMEOUT, limits=LIMITS, verify=ssl.create_default_context()
        )
        self._runner = asyncio.Runner()  # any wait in it can be interrupted

    def get(self, path: str = "", params: Mapping[str, str | int] | None = None) -> bytes:
        """Return the body of the response to a GET request for `path` below the server's URL. Raises `SourceUnavailableError`."""
        return self.ask("GET", path, params=params).content

    def post(self, body: Any, path: str = "") -> bytes:
        """Return the body of the response to a POST request with `body` as JSON. Raises `SourceUnavailableError`."""
        return self.ask("POST", path, json=body).content

    def ask(
        self,
        method: str,
        path: str = "",
        *,
        refusals: Mapping[int, str] = {},
        accepted: Collection[int] = (),
        **request: Any,
    ) -> Answer:
        """Return the response to a request; `params`, `json`, `content` and `headers` are those of httpx.

        `refusals` maps statuses that mean a wrong configuration, and `TOO_LARGE`, to descriptions for the operator. Responses
        with one of the statuses in `accepted` are returned too. Raises `AnswerTooLargeError` if `refusals` lacks `TOO_LARGE`.

        Raises `SourceUnavailableError`.
        """
        if self._backoff.is_paused:
            raise SourceUnavailableError(self._backoff.trouble, self._backoff.retry_after_seconds)
        try:
            built = self._client.build_request(method, self._url + path, **request)
            answer = self._runner.run(self._fetch_in_time(built, accepted))
        except _RefusedError as error:
            self._backoff.record_failure(f"{self._name} {refusals.get(error.status, error)}", error.retry_after_seconds)
            if error.status == TOO_LARGE and TOO_LARGE not in refusals:
                raise AnswerTooLargeError(self._backoff.trouble) from None
            if error.status in FORBIDDEN | refusals.keys():
                raise SourceRefusedError(self._backoff.trouble, self._backoff.retry_after_seconds) from None
        except httpx.HTTPError as error:
            self._backoff.record_failure(f"{self._name} {_explain(error)}")
        else:
            self._backoff.record_success()
            return answer
        raise SourceUnavailableError(self._backoff.trouble, self._backoff.retry_after_seconds) from None

    def refusal(self, message: str) -> SourceRefusedError:
        """Return the error to raise for an unusable response, and begin a pause."""
        self._backoff.record_failure(message)
        return SourceRefusedError(message)

    def close(self) -> None:
        """Close the connections."""
        with self._runner:
            self._runner.run(self._client.aclose())

    async def _fetch_in_time(self, request: httpx.Request, accepted: Collection[int]) -> Answer:
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._fetch(await self._client.send(request, stream=True), accepted)
        except TimeoutError:
            raise _RefusedError(_("answers too slowly")) from None

    async def _fetch(self, response: httpx.Response, accepted: Collection[int]) -> Answer:
        try:
            if (status := response.status_code) != httpx.codes.OK and status not in accepted:
                raise _RefusedError(_explain_status(status), read_retry_after(response.headers), status)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise _RefusedError(_("answers in a form not asked for"))
            content = bytearray()
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > LIMIT_BYTES:
                    message = _("answers with more than {limit_bytes} bytes", limit_bytes=LIMIT_BYTES)
                    raise _RefusedError(message, status=TOO_LARGE)
            return Answer(bytes(content), response.headers, status)
        finally:
            await response.aclose()


class _RefusedError(Exception):
    def __init__(self, words: str, retry_after_seconds: float = 0.0, status: int = httpx.codes.OK) -> None:
        super().__init__(words)
        self.retry_after_seconds, self.status = retry_after_seconds, status


def _explain_status(status: int) -> str:
    match status:
        case 401 | 403:
            return _(
                "refuses the token ({status}): is it right, still valid, and allowed from this machine?", status=status
            )
        case 429:
            return _("wants to be asked less often (429)")
        case _ if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return _("is out of order ({status})", status=status)
        case _:
            return _("answers {status}: is the address right?", status=status)


def _explain(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return _("does not answer in time")
    if _is_of_tls(error):
        return _("shows a certificate that is not trusted here")
    if isinstance(error, httpx.ProxyError):
        return _("cannot be reached through the proxy: check HTTPS_PROXY, and that the proxy allows this server")
    if isinstance(error, httpx.ConnectError):
        return _("cannot be reached: is the network there?")
    return _("broke the connection off")


def _is_of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
