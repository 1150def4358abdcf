"""Hostile requests against every HTTP server: memory stays flat, and other clients get their responses in time."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Event
from typing import Final

import psutil
import pytest

from connectors.rdv.simulate.server import SECRET as RDV_SECRET
from connectors.rdv.source import sign as sign_rdv
from connectors.sdk import http_server
from connectors.sdk.sockets import allow_files
from tests.support.hostile_servers import TOKEN
from tests.support.processes import Child, wait_until
from tests.support.threads import in_background
from tests.support.webhooks import sign

HALF_REQUESTS: Final = 1_400
ANSWER_SECONDS: Final = 1.0
GROWTH: Final = 48 << 20
"""Limit in bytes of the process's growth during one test; Python returns freed memory late."""
REFUSED: Final = frozenset({200, 204, 307, 400, 401, 404, 405, 408, 409, 413, 414, 415, 421, 422, 431, 501})
"""Statuses that an odd request may get: never 500."""


@dataclass(frozen=True)
class Target:
    """One server, and a request that it answers."""

    name: str
    port: int
    path: str
    method: str = "GET"
    sign: Callable[[bytes], Mapping[str, str]] = lambda _: {}
    pid: int = 0
    """Process of the server."""

    def head(self, *more: bytes, method: bytes = b"", path: bytes = b"") -> bytes:
        """The head of a request with `more` lines."""
        lines = [b"%s %s HTTP/1.1" % (method or self.method.encode(), path or self.path.encode()), b"Host: 127.0.0.1"]
        return b"\r\n".join([*lines, *more]) + b"\r\n\r\n"

    def post(self, body: bytes) -> bytes:
        """A whole request with `body` and a valid signature."""
        signature = [f"{name}: {value}".encode() for name, value in self.sign(body).items()]
        return self.head(b"Connection: close", b"Content-Length: %d" % len(body), *signature) + body

    def probe(self) -> tuple[bool, float, float]:
        """Send an ordinary request; return whether its status is 2xx, the seconds until then, and those of the server's work."""
        server = psutil.Process(self.pid)
        began_at, worked_before = time.monotonic(), sum(server.cpu_times()[:2])
        body = json.dumps({"probe": began_at}).encode()
        whole = (
            self.post(body)
            if self.name in SIGNED
            else self.head(b"Connection: close", method=b"GET", path=OTHERS[self.name])
        )
        is_answered = status_of(exchange(self.port, whole, 30)) // 100 == 2
        return is_answered, time.monotonic() - began_at, sum(server.cpu_times()[:2]) - worked_before


SIGNED: Final = ("rdv", "survey", "webhook")
OTHERS: Final = {"board": b"/healthz", "api": b"/healthz", "health": b"/healthz", "kiosk": b"/api/state"}
NAMES: Final = (*SIGNED, *OTHERS)


def targets_of(ports: Mapping[str, int]) -> dict[str, Target]:
    def signed(body: bytes) -> Mapping[str, str]:
        return sign(f"msg_{hash(body)}", body)

    def bearer(_: bytes) -> Mapping[str, str]:
        return {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}

    return {
        "rdv": Target(
            "rdv", ports["rdv"], "/", "POST", lambda body: {"x-lapin-signature": sign_rdv(RDV_SECRET.encode(), body)}
        ),
        "survey": Target("survey", ports["survey"], "/", "POST", signed),
        "webhook": Target("webhook", ports["webhook"], "/", "POST", signed),
        "kiosk": Target(
            "kiosk", ports["kiosk"], "/api/actions", "POST", lambda _: {"content-type": "application/json"}
        ),
        "api": Target("api", ports["api"], "/v1/look-up", "POST", bearer),
        "board": Target("board", ports["board"], "/api/board"),
        "health": Target("health", ports["health"], "/metrics"),
    }


def exchange(port: int, data: bytes, seconds: float = 5) -> bytes:
    """Send `data` and return the first bytes of the response."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=seconds)) as client:
        with suppress(ConnectionError):
            client.sendall(data)
        answer = b""
        with suppress(ConnectionError, TimeoutError):
            while (part := client.recv(65_536)) and len(answer) < 12:
                answer += part
        return answer


def status_of(answer: bytes) -> int:
    """The status of a response; 0 without a response."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, dict[str, Target]]]:
    directory = tmp_path_factory.mktemp("hostile")
    allow_files(2 * HALF_REQUESTS)
    with Child(["-m", "tests.support.hostile_servers", str(directory)], directory / "log") as running:
        running.start()
        wait_until(lambda: "ready {" in running.text, "all servers", otherwise=lambda: running.text)
        found = running.text.partition("ready ")[2].partition("}")[0]
        targets = {name: replace(one, pid=running.pid) for name, one in targets_of(json.loads(found + "}")).items()}
        wait_until(
            lambda: all(target.probe()[0] for target in targets.values()),
            "all to answer",
            otherwise=lambda: running.text,
        )
        yield running, targets
        _, failure, details = running.text.partition("Traceback")
        assert not failure, details[:4_000]


@pytest.fixture(params=NAMES)
def target(request: pytest.FixtureRequest, child: tuple[Child, dict[str, Target]]) -> Target:
    return child[1][request.param]


@pytest.fixture(autouse=True)
def survives_with_flat_memory(child: tuple[Child, dict[str, Target]]) -> Iterator[None]:
    """The process survives, and its memory stays flat."""
    process, _ = child
    assert process.process is not None
    running = psutil.Process(process.process.pid)
    before = running.memory_info().rss
    yield
    assert process.alive
    assert running.memory_info().rss - before < GROWTH


@contextmanager
def other_clients_are_answered(target: Target, *, fewest: int = 6) -> Iterator[None]:
    """Send ordinary requests during the block; all must succeed, half of them after at most a second of the server's work.

    One may take longer than five seconds, because a loaded machine pauses.
    """
    took: list[tuple[bool, float, float]] = []

    def probe(done: Event) -> None:
        while not done.is_set() or len(took) < fewest:
            took.append(target.probe())
            done.wait(0.05)

    with in_background(probe):
        yield
    assert all(answered for answered, *_ in took), took
    assert sorted(worked for *_, worked in took)[len(took) // 2] < ANSWER_SECONDS, took
    assert sorted(seconds for _, seconds, _ in took)[-2] < 5 * ANSWER_SECONDS, took


def odd_requests(target: Target) -> dict[str, bytes]:
    """Requests with one defect each."""
    head, path = target.head, target.path.encode()
    chunked = head(b"Transfer-Encoding: chunked", method=b"POST")
    close = b"Connection: close"
    return {
        "unknown method": head(close, method=b"FROB"),
        "long method": head(close, method=b"X" * 60_000),
        "digits as method": head(close, method=b"0" * 15_000),
        "NUL in the path": head(close, method=b"GET", path=b"/static/a%00b"),
        "raw NUL in the path": head(close, path=b"/\0"),
        "surrogate in the path": head(close, method=b"GET", path=b"/static/%ED%A0%80"),
        "traversal": head(close, method=b"GET", path=b"/static/..%2f..%2f..%2fetc/passwd"),
        "long name of a file": head(close, method=b"GET", path=b"/static/" + b"a" * 5_000),
        "surrogate in the query": head(close, path=path + b"?lang=%ED%A0%80&theme=%00&n=%ED%B0%80&level=%00"),
        "thousands of parameters": head(close, path=path + b"?" + b"&".join([b"n=1"] * 2_000)),
        "60 KB of query": head(close, path=path + b"?n=" + b"1" * 60_000),
        "60 KB of headers": head(close, b"Cookie: " + b"a=1; " * 12_000),
        "thousands of headers": head(close, *[b"A: 1"] * 5_000),
        "NUL in a header": head(close, b"Accept-Language: \0"),
        "bytes in headers": head(close, b"Accept-Language: \xed\xa0\x80", b"Authorization: Bearer \xed\xa0\x80\xff"),
        "a token of points": head(close, b"Authorization: Bearer " + b"." * 9_000),
        "languages": head(close, b"Accept-Language: " + b"a;q=1," * 2_000),
        "ranges": head(close, b"Range: bytes=" + b"0-1," * 3_000, method=b"GET", path=b"/static/x.css"),
        "no host": b"GET / HTTP/1.1\r\n\r\n",
        "two hosts": head(b"Host: example.org"),
        "huge length": head(b"Content-Length: " + b"9" * 5_000, method=b"POST"),
        "negative length": head(b"Content-Length: -1", method=b"POST"),
        "two lengths": head(b"Content-Length: 1", b"Content-Length: 2", method=b"POST") + b"x",
        "a body of GET": head(close, b"Content-Length: 5", method=b"GET") + b"hello",
        "no number of a chunk": chunked + b"zz\r\n",
        "a negative chunk": chunked + b"-1\r\n",
        "an endless size of a chunk": chunked + b"0" * 70_000,
        "an endless extension": chunked + b"1;" + b"a" * 70_000,
        "a chunk too long": chunked + b"1\r\nab\r\n0\r\n\r\n",
        "endless trailers": chunked + b"0\r\n" + b"A: 1\r\n" * 12_000,
        "TLS": bytes.fromhex("16030100a5010000a10303") + bytes(range(256)),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n",
        "an upgrade": head(b"Connection: upgrade, close", b"Upgrade: websocket"),
        "another address": head(close, path=b"http://example.org/x"),
        "a star": head(close, method=b"OPTIONS", path=b"*"),
        "nothing": b"\r\n" * 30_000,
    }


def test_odd_requests_are_refused(target: Target) -> None:
    with other_clients_are_answered(target):
        found = {name: status_of(exchange(target.port, data)) for name, data in odd_requests(target).items()}
    assert {name: status for name, status in found.items() if status not in REFUSED} == {}


def hostile_bodies(target: Target) -> dict[str, bytes]:
    """JSON of attackers."""
    known = {
        "api": b'{"kind": "phone", "purpose": "contact", "value": %s}',
        "kiosk": b'{"step": "take", "id": "00000000-0000-4000-8000-000000000000", "queue": %s}',
    }.get(target.name, b'{"type": %s, "event": %s, "meta": {"model": "Rdv"}}')
    values = {
        "lone surrogate": b'"\\ud800"',
        "bytes of a surrogate": b'"\xed\xa0\x80"',
        "NUL": b'"06\\u0000"',
        "huge number": b"1" * 6_000,
        "infinite": b"1e999",
        "deep list": b"[" * 1_500 + b"]" * 1_500,
        "deep object": b'{"a":' * 1_500 + b"1" + b"}" * 1_500,
        "digits": b'"' + b"0" * 3_000 + b'"',
        "spaces": b'"' + b" " * 3_000 + b'"',
        "phone": b'"' + b"+33 (0) " * 350 + b'"',
    }
    whole = {
        "10 MB": b'"' + b"a" * (10 << 20) + b'"',
        "not closed": b"[" * 60_000,
        "keys": b"{" + b",".join(b'"k%d":1' % number for number in range(1_200)) + b"}",
        "nothing": b"",
        "other encoding": '{"type": "é"}'.encode("utf-16"),
    }
    return {name: known.replace(b"%s", value) for name, value in values.items()} | whole


@pytest.mark.parametrize("target", [*SIGNED, "api", "kiosk"], indirect=True)
def test_hostile_bodies_are_refused(target: Target) -> None:
    with other_clients_are_answered(target):
        found = {
            name: status_of(exchange(target.port, target.post(body))) for name, body in hostile_bodies(target).items()
        }
    # The server may reset the connection of a client that sends 10 MB before the client reads the response.
    assert {name: status for name, status in found.items() if status not in REFUSED and name != "10 MB"} == {}


def open_all(stack: ExitStack, port: int, number: int, data: bytes) -> list[socket.socket]:
    """Open connections and send `data` on each; the server may close some."""
    clients = []
    for _ in range(number):
        client = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=10)))
        with suppress(ConnectionError):
            client.sendall(data)
        clients.append(client)
    return clients


def test_incomplete_requests_do_not_block_other_clients(target: Target) -> None:
    half = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " % (target.method.encode(), target.path.encode())
    with ExitStack() as stack, other_clients_are_answered(target):
        clients = open_all(stack, target.port, HALF_REQUESTS, half)
        for client in clients:
            with suppress(ConnectionError):
                client.sendall(b"b")
        most = http_server.CONNECTIONS + 500  # the board allows `max_viewers` more
        wait_until(lambda: sum(not is_closed(client) for client in clients) <= most, "the rest to be closed", 30)


@pytest.mark.parametrize("target", ["board"], indirect=True)
def test_open_boards_continue_during_incomplete_requests(target: Target) -> None:
    """A stream is a request in progress, so the server keeps it; a further viewer gets a stream too."""
    request = target.head(method=b"GET", path=b"/events")
    with ExitStack() as stack:
        boards = open_all(stack, target.port, 300, request)
        for board in boards:
            assert b"data:" in read_until(board, b"data:")
        open_all(stack, target.port, HALF_REQUESTS, b"GET / HTTP/1.1\r\nX-A: ")
        for board in [*boards, *open_all(stack, target.port, 1, request)]:
            assert b"data:" in read_until(board, b"data:")


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    """Read until `wanted` is received."""
    found = b""
    while wanted not in found and (part := client.recv(1 << 20)):
        found += part
    return found


def is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize("target", ["board"], indirect=True)
def test_many_requests_for_the_metrics_do_not_delay_health(target: Target) -> None:
    with ExitStack() as stack, other_clients_are_answered(target):
        open_all(stack, target.port, 150, target.head(method=b"GET", path=b"/metrics"))


@pytest.mark.parametrize("target", [*SIGNED, "api", "kiosk"], indirect=True)
def test_slow_bodies_do_not_block_other_clients(target: Target) -> None:
    signature = [f"{name}: {value}".encode() for name, value in target.sign(b"").items()]
    slow = target.head(b"Content-Length: 1000", *signature) + b"{"
    with ExitStack() as stack, other_clients_are_answered(target):
        open_all(stack, target.port, 2 * http_server.CONNECTIONS, slow)


@pytest.mark.parametrize("target", ["webhook", "api", "kiosk"], indirect=True)
def test_tiny_chunks_do_not_block_other_clients(target: Target) -> None:
    signature = [f"{name}: {value}".encode() for name, value in target.sign(b"").items()]
    tiny = target.head(b"Transfer-Encoding: chunked", *signature) + b"1\r\nx\r\n" * 40_000
    with ExitStack() as stack, other_clients_are_answered(target):
        open_all(stack, target.port, 4, tiny)


@pytest.mark.parametrize("target", ["board", "health", "kiosk", "api"], indirect=True)
def test_clients_that_do_not_read_use_little_memory(target: Target) -> None:
    """Each connection pipelines many requests and reads no response."""
    path = {"board": b"/wall", "kiosk": b"/agent", "api": b"/metrics", "health": b"/metrics"}[target.name]
    request = target.head(method=b"GET", path=path)
    with ExitStack() as stack, other_clients_are_answered(target):
        for _ in range(60):
            client = stack.enter_context(closing(socket.socket()))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            client.connect(("127.0.0.1", target.port))
            client.setblocking(False)
            with suppress(BlockingIOError, ConnectionError):
                client.send(request * 200)
