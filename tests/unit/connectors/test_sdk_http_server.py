"""The limits of the HTTP server that all processes share."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest

from connectors.sdk import http_server
from connectors.sdk.http_server import Server
from connectors.sdk.sockets import listen
from tests.support.processes import wait_until
from tests.support.threads import serving_on

LARGE = 4 << 20
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def large(scope: Any, _: Any, send: Any) -> None:
    """Answer with more than sockets take."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % LARGE)]})
    await send({"type": "http.response.body", "body": bytes(LARGE)})


async def stream(_: Any, __: Any, send: Any) -> None:
    """Stream large messages, each as soon as the connection takes it."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(50):
        await send({"type": "http.response.body", "body": bytes(1 << 18), "more_body": True})


async def patient(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body, then answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def served(app: Any) -> Iterator[tuple[Server, int]]:
    with listen("127.0.0.1", 0) as listener:
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536
        )  # unread data stays in the server, not in the kernel
        server = Server(app, lifespan="off", stop_seconds=1)
        with serving_on(listener, server):
            yield server, listener.getsockname()[1]


def connect(port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    client.settimeout(30)
    client.connect(("127.0.0.1", port))
    return client


def read_all(client: socket.socket, pause: float = 0) -> int:
    """Read until the connection ends or the response is complete; return its size."""
    size = 0
    with suppress(ConnectionError):
        while size < LARGE and (part := client.recv(1 << 17)):
            size += len(part)
            time.sleep(pause)
    return size


def test_client_that_reads_nothing_is_disconnected_but_a_slow_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "SEND_SECONDS", 1.0)
    with served(large) as (server, port), closing(connect(port)) as idle, closing(connect(port)) as slow:
        idle.sendall(GET)
        slow.sendall(GET)
        assert read_all(slow, pause=0.006) >= LARGE
        wait_until(lambda: len(server.server_state.connections) <= 1, "the idle client to be cut off", 30)
        assert read_all(idle) < LARGE


def test_slow_client_of_an_endless_stream_is_not_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "SEND_SECONDS", 2.0)
    with served(stream) as (_, port), closing(connect(port)) as slow:
        slow.sendall(GET)
        until = time.monotonic() + 8
        while time.monotonic() < until:
            assert slow.recv(1 << 14)
            time.sleep(0.02)


def test_total_of_unread_responses_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server disconnects the client with the oldest progress first."""
    monkeypatch.setattr(http_server, "UNSENT_BYTES", int(1.5 * LARGE))
    with served(large) as (server, port), closing(connect(port)) as first, closing(connect(port)) as second:
        first.sendall(GET)
        wait_until(lambda: any(one.unsent for one in server._pool._open), "an unread answer", 30)
        second.sendall(GET)
        wait_until(lambda: len(server._pool._open) == 1, "one to be cut off", 30)
        assert read_all(first) < LARGE <= read_all(second)


def test_slow_body_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "WAIT_SECONDS", 0.5)
    with served(patient) as (_, port), closing(connect(port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
        assert read_all(client) == 0
        with closing(connect(port)) as other:
            other.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
            assert other.recv(12) == b"HTTP/1.1 204"


def test_limit_of_open_files_limits_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "allow_files", lambda _: 1_024)
    assert Server(patient, connections=1_000)._pool._most == 1_024 - 500 - http_server.SPARE_FILES
    assert Server(patient, connections=500)._pool._most == 500
