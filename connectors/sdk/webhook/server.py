"""HTTP server of one instance, in its own thread."""

import asyncio
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sdk import http_server
from connectors.sdk.errors import SourceMisconfiguredError, SourceUnavailableError, describe_os_error, safe_error_text
from connectors.sdk.log_throttle import LogThrottle
from connectors.sdk.rate_limiter import RateLimiter
from connectors.sdk.sockets import listen
from connectors.sdk.webhook.config import PushConfig
from connectors.sdk.webhook.intake import Intake, NameTakenError
from connectors.sdk.webhook.signatures import SignatureError
from models.locale import _

START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 2
BODY_SECONDS: Final = 8.0
"""Longest time to receive a body (408). It is shorter than `http_server.WAIT_SECONDS`, so that the sender gets the response."""
DRAIN_SECONDS: Final = 0.5
"""Time of reading beyond the limit of a body. Closing a connection with unread data resets it: the sender loses the response."""
BURST_SECONDS: Final = 1.0
"""Length of a burst: a client may send the requests of this time at once."""
SPARE_CONNECTIONS: Final = 16
"""Smallest number of connections beyond those of waiting messages. They bound the memory of incomplete bodies, and let senders
get 503."""
STATUSES: Final = (204, 400, 401, 403, 408, 409, 413, 415, 429, 500, 503)
REFUSALS: Final = (400, 401, 403, 408, 409, 413, 415, 429)
"""Statuses whose cause is the sender's. Other failures are logged elsewhere."""
RETRY: Final = {"retry-after": "5", "connection": "close"}
CLOSE: Final = {"connection": "close"}
"""Sent when the body was not read to its end: the rest would be taken for the next request."""
COMPRESSIONS: Final = frozenset({"gzip", "x-gzip", "compress", "deflate", "br", "zstd"})
"""Values of `Content-Encoding` of compressed bodies. Some senders wrongly write the character set there, such as `UTF-8`."""
_CODING: Final = re.compile(r"[\w-]+")
UNCOMPRESSED: Final = {"accept-encoding": "identity"}
"""Sent when the body is compressed (RFC 9110, 15.5.16)."""

Verify = Callable[[Mapping[str, str], bytes, float], str]
"""Function from headers, body and current time (seconds since 1970) to the message's id, which may be empty.

It raises `SignatureError` for a request to refuse (401); any other error gives 500. See `PushSource.verify`.
"""
Admit = Callable[[str], bool]
"""Function that returns whether requests from an address are read. See `PushSource.admits`."""

log = structlog.get_logger(__name__)


class ResponseCounter:
    """Counts responses in the server's thread, and logs refusals in the instance's thread.

    Without the log messages, a sender that is always refused (a changed secret, a wrong clock, repeated ids) would look idle.
    """

    def __init__(self) -> None:
        self.counts = dict.fromkeys(STATUSES, 0)
        """Number of responses by HTTP status; no status is added later."""
        self._noted = Counter[int]()
        self._log_throttle = LogThrottle()

    def count(self, status: int) -> None:
        """Count one response. Raises `KeyError` if `status` is not in `STATUSES`."""
        self.counts[status] += 1

    def log_refusals(self) -> None:
        """Log a warning with the number and the statuses of refused requests since the last message, if one is due."""
        for status in REFUSALS:
            if new := self.counts[status] - self._noted[status]:
                self._log_throttle.count(str(status), new)
                self._noted[status] += new
        self._log_throttle.log_due("requests_refused")


class Gate:
    """Decides for each request whether it is accepted, and which response it gets."""

    def __init__(
        self,
        config: PushConfig,
        intake: Intake,
        response_counts: ResponseCounter,
        admits: Admit,
        verify: Verify,
        answer_seconds: float,
    ) -> None:
        self._config = config
        self._intake = intake
        self._response_counts = response_counts
        self._admits = admits
        self._verify = verify
        self._answer_seconds = answer_seconds
        self._rates = RateLimiter()

    async def receive(self, request: Request) -> Response:
        """Respond with 204 once the message is safe; raises `HTTPException` for all other responses. Count each response."""
        try:
            await self._accept(request)
        except HTTPException as error:
            self._response_counts.count(error.status_code)
            raise
        self._response_counts.count(204)
        return Response(status_code=204)

    async def _accept(self, request: Request) -> None:
        if not self._admits(request.scope[http_server.PEER]):
            raise HTTPException(403, headers=CLOSE)
        client = request.client.host if request.client else ""
        if self._rates.take(client, time.monotonic(), self._config.requests_per_second, BURST_SECONDS):
            raise HTTPException(429, headers=RETRY)
        if not self._intake.has_room:
            raise HTTPException(503, headers=RETRY)
        try:
            safe = self._intake.offer(*await self._message(request))  # no reference to the body remains during the wait
        except NameTakenError:
            raise HTTPException(409) from None
        await asyncio.wait({safe}, timeout=self._answer_seconds)
        if not (safe.done() and safe.result()):
            raise HTTPException(503, headers=RETRY)

    async def _message(self, request: Request) -> tuple[str, bytes]:
        body = await self._read(request)
        if not COMPRESSIONS.isdisjoint(_CODING.findall(request.headers.get("content-encoding", "").lower())):
            raise HTTPException(415, headers=UNCOMPRESSED)
        return self._verify_name(request.headers, body), body

    async def _read(self, request: Request) -> bytes:
        limit = self._config.max_body_bytes
        if int(request.headers.get("content-length", "0")) > limit:
            raise HTTPException(413, headers=CLOSE)
        body = bytearray()
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS) as wait:
                async for part in request.stream():
                    size += len(part)
                    if size <= limit:
                        body += part
                    elif size - len(part) <= limit:
                        wait.reschedule(asyncio.get_running_loop().time() + DRAIN_SECONDS)
        except TimeoutError:
            raise HTTPException(408 if size <= limit else 413, headers=CLOSE) from None
        except ClientDisconnect:
            raise HTTPException(400, headers=CLOSE) from None
        if size > limit:
            raise HTTPException(413, headers=CLOSE)
        return bytes(body)

    def _verify_name(self, headers: Mapping[str, str], body: bytes) -> str:
        try:
            return self._verify(headers, body, time.time())
        except SignatureError as error:
            raise HTTPException(
                401, headers={"www-authenticate": error.challenge} if error.challenge else None
            ) from None
        except Exception as error:  # noqa: BLE001 - uvicorn would log its text, which may contain the message
            log.error("verification_failed", error=safe_error_text(error))  # noqa: TRY400 - the same
            raise HTTPException(500) from None


class Server:
    """Listens from its creation to `close`. Raises `SourceUnavailableError` if it cannot."""

    def __init__(self, config: PushConfig, gate: Gate, intake: Intake) -> None:
        self._socket = _listen(config.host, config.port)
        self.port: int = self._socket.getsockname()[1]
        started = threading.Event()

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            intake.open(asyncio.get_running_loop())
            started.set()
            yield

        app = Starlette(routes=[Route(config.path, gate.receive, methods=["POST"])], lifespan=lifespan)
        self._server = http_server.Server(
            app,
            connections=intake.most_waiting + max(SPARE_CONNECTIONS, intake.most_waiting // 4),
            stop_seconds=STOP_SECONDS,
            lifespan="on",
            log_level="warning",
        )
        # With the caller's context, so that log messages of this thread contain the instance's name.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._server.run, [self._socket]), name="webhook", daemon=True
        )
        self._thread.start()
        if not started.wait(START_SECONDS):
            self.close()
            raise SourceUnavailableError(_("the server did not start"))
        log.info("webhook_listens", host=config.host, port=self.port)

    @property
    def alive(self) -> bool:
        """True until the server's thread ends."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop listening, send responses that are ready, and close the other connections."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS + 3)
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        raise SourceMisconfiguredError(describe_os_error(error, f"{host}:{port}")) from None
