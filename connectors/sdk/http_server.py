"""The HTTP server of every process: uvicorn with limits on connections, times, sizes and unread responses.

uvicorn alone counts connections only after their first request, has no timeout for headers and bodies, and keeps a response until
the client reads it. This server adds these limits:

* `CONNECTIONS` connections. A further one closes the connection that has waited longest for its client, or itself if none waits.
  Half requests, slow bodies and idle connections therefore make room for clients that send whole requests.
* `WAIT_SECONDS` for the headers, for the body, and for the next request of a connection.
* `SEND_SECONDS` for a client to read its response, less if all unread responses exceed `UNSENT_BYTES`.
* Known methods, bounded paths and headers, and no body in requests that change nothing.
"""

import asyncio
import socket
import time
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.sdk.sockets import BACKLOG, allow_files

CONNECTIONS: Final = 500
"""Default limit of open connections of one server."""
WAIT_SECONDS: Final = 10.0
"""Longest wait for a request's headers, for its body, and for the next request."""
SEND_SECONDS: Final = 30.0
"""Longest time without progress while a client reads a response."""
TAKEN_BYTES: Final = 16_384
"""Bytes that a client must read within `SEND_SECONDS`; fewer count as no progress."""
UNSENT_BYTES: Final = 64 << 20
"""Limit of the unread responses of one server. The client without progress for the longest time is disconnected first."""
READ_BYTES: Final = 16_384
"""Limit of one read from a connection. Parsing many small chunks would otherwise delay other connections."""
ACCEPTED_SHARE: Final = 8
"""Divisor of a server's limit of connections: the number of connections accepted in one iteration of the event loop. A larger
burst could displace a request before the server reads it."""
TARGET_BYTES: Final = 8_192
"""Longest path and query of a request."""
HEADER_BYTES: Final = 16_384
"""Longest headers of a request, names and values together."""
OPEN_FILES: Final = 16_384
"""Limit of open files that a process with servers sets for itself, if the system allows it."""
SPARE_FILES: Final = 256
"""Open files reserved for other purposes than connections."""
CHECK_TICKS: Final = 5
"""Interval of the checks, in uvicorn ticks of 0.1 s."""
BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"}) | BODY_METHODS
"""Methods that reach an application; others get 501."""
PEER: Final = "accueil.peer"
"""Key in a request's scope: the address at the other end of the connection. `client` may be one that a proxy forwards."""
ANSWERABLE: Final = frozenset({h11.IDLE, h11.SEND_RESPONSE})
"""States of a connection before a response begins."""


class Server(uvicorn.Server):
    """Serves `app` within the limits. `connections` is lowered if the process may not open enough files."""

    def __init__(
        self,
        app: Any,
        *,
        connections: int = CONNECTIONS,
        stop_seconds: int = 3,
        lifespan: Any = "auto",
        log_level: str | None = None,
    ) -> None:
        files = allow_files(OPEN_FILES)
        most = max(1, min(connections, files - connections // 2 - SPARE_FILES))
        self._pool = Pool(most)
        super().__init__(
            uvicorn.Config(
                Filter(app),
                http=partial(Connection, self._pool),  # type: ignore[arg-type]
                loop="asyncio",
                ws="none",
                lifespan=lifespan,
                log_config=None,
                log_level=log_level,
                access_log=False,
                server_header=False,
                backlog=max(1, most // ACCEPTED_SHARE),
                h11_max_incomplete_event_size=HEADER_BYTES + TARGET_BYTES,
                timeout_graceful_shutdown=stop_seconds,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)  # asyncio has set it to `backlog`

    async def on_tick(self, counter: int) -> bool:
        """Check the limits in every `CHECK_TICKS`-th call, and return whether to stop; called ten times a second."""
        if counter % CHECK_TICKS == 0:
            self._pool.check(time.monotonic())
        return await super().on_tick(counter)


class Pool:
    """The open connections of one server."""

    def __init__(self, most: int) -> None:
        self.waiting: dict[Connection, None] = {}
        """Connections that wait for data of their clients, ordered by the time of waiting, longest first."""
        self._most = most
        self._open: set[Connection] = set()

    def admit(self, newcomer: "Connection") -> None:
        """Add a connection; above the limit, close the one that has waited longest, or the new one if none waits."""
        self._open.add(newcomer)
        if len(self._open) > self._most:
            next(iter(self.waiting), newcomer).cut_off()

    def release(self, connection: "Connection") -> None:
        """Remove a connection."""
        self._open.discard(connection)
        self.waiting.pop(connection, None)

    def check(self, now: float) -> None:
        """Close connections that exceed a time limit.

        Then close those with unread responses, the longest without progress first, until the rest is within `UNSENT_BYTES`.
        """
        for connection in list(self._open):
            connection.check(now)
        stuck = sorted((connection for connection in self._open if connection.unsent), key=lambda each: each.taken_at)
        unsent = sum(connection.unsent for connection in stuck)
        while unsent > UNSENT_BYTES:
            unsent -= stuck[0].unsent
            stuck.pop(0).cut_off()


class Connection(H11Protocol):
    """One connection of a `Pool`."""

    def __init__(self, pool: Pool, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = PeerRecorder(self.app)  # outside of uvicorn's middleware for forwarded addresses
        self._pool = pool
        self._since = 0.0
        self._awaits_body = False
        self.unsent = 0
        """Unread bytes of a response at the last progress; 0 if there are none, or while the application still adds some."""
        self.taken_at = 0.0
        """Monotonic time of the last progress."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the connection to the pool. Unless the pool closes it, it then counts as waiting for a request."""
        super().connection_made(transport)
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # asyncio's, for one call of recv()
        self._pool.admit(self)
        if not transport.is_closing():
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and update whether the connection waits for its client."""
        super().data_received(data)
        self._update_waiting()

    def on_response_complete(self) -> None:
        """Count the connection as waiting for the next request, unless the client has sent it already."""
        super().on_response_complete()
        self._wait()
        self._update_waiting()

    def resume_writing(self) -> None:
        """Note progress: the client has read most of the unsent bytes. A stream adds more before the next check."""
        super().resume_writing()
        self.unsent = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection."""
        super().connection_lost(exc)
        self._pool.release(self)

    def send_400_response(self, msg: str) -> None:
        """Answer malformed HTTP with 400 unless a response has begun, and close."""
        if not self._is_answered:
            self.cycle.disconnected = True  # the application may still respond; uvicorn drops that
            self.cycle.message_event.set()
        if self.conn.our_state in ANSWERABLE:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: any client can ask for an upgrade."""

    def cut_off(self) -> None:
        """Close the connection and drop unsent bytes."""
        self._pool.release(self)
        self.transport.abort()

    def check(self, now: float) -> None:
        """Note the progress of the client, and close the connection if it exceeds a time limit."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or not (self._is_answered or self.flow.write_paused):
            self.unsent = 0
        elif not self.unsent or unsent <= self.unsent - TAKEN_BYTES:
            self.unsent, self.taken_at = unsent, now
        elif now - self.taken_at > SEND_SECONDS:
            self.cut_off()
            return
        if not unsent and self in self._pool.waiting and now - self._since > WAIT_SECONDS:
            self.cut_off()

    @property
    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._since = time.monotonic()
        self._pool.waiting.pop(self, None)
        self._pool.waiting[self] = None

    def _update_waiting(self) -> None:
        """Make the connection wait if a body begins, and end the wait when the request is complete."""
        awaited_body, self._awaits_body = self._awaits_body, False
        if self._is_answered or self.transport.is_closing():
            return
        if self.conn.their_state is h11.SEND_BODY:
            self._awaits_body = True
            if not awaited_body:
                self._wait()
        else:
            self._pool.waiting.pop(self, None)


class PeerRecorder:
    """ASGI middleware that sets `PEER` in the scope of requests."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Set `PEER`, which is empty for a connection without an address, and call the application."""
        scope[PEER] = (scope.get("client") or ("",))[0]
        await self._app(scope, receive, send)


class Filter:
    """ASGI middleware that refuses requests no application needs."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request with its `refusal`, or pass it to the application if there is none."""
        status = refusal(scope) if scope["type"] == "http" else None
        if status is None:
            await self._app(scope, receive, send)
            return
        text = f"{status.phrase}\n".encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": status.value, "headers": headers})
        await send({"type": "http.response.body", "body": text})


def refusal(scope: Any) -> HTTPStatus | None:
    """Return the error status of a request that no application needs: unknown method, too long, NUL, needless body; else None."""
    if scope["method"] not in METHODS:
        return HTTPStatus.NOT_IMPLEMENTED
    if len(scope["raw_path"]) + len(scope["query_string"]) > TARGET_BYTES:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    if "\0" in scope["path"]:
        return HTTPStatus.BAD_REQUEST
    if scope["method"] not in BODY_METHODS and _has_body(scope["headers"]):
        return HTTPStatus.BAD_REQUEST
    return None


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)
