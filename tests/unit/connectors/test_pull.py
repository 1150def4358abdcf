"""Asking a server, on a real one that misbehaves."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from connectors.sdk import instance, pull
from connectors.sdk.config import ConnectorConfig
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.pull import HttpClient, Interval, ServerUrl, Token
from connectors.sdk.retry_after import LONGEST_ASKED_SECONDS

SECRET = "jeton-d-essai"
PERSONAL = "mireille.exemple@example.org"


class Config(ConnectorConfig):
    url: ServerUrl
    """Where."""
    token: Token
    """Who."""


class Misbehaving:
    """A server whose every answer is written by the test."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], object] = reply
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                outer.asked.append((self.command, self.path, self.headers["Authorization"], body))
                outer.answer(self)

            do_POST = do_GET  # noqa: N815 - the library's name

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def reply(handler: BaseHTTPRequestHandler, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def there() -> Iterator[Misbehaving]:
    server = Misbehaving()
    yield server
    server.close()


@pytest.fixture
def server(there: Misbehaving) -> Iterator[HttpClient]:
    server = HttpClient(there.url, SecretStr(SECRET), limit_bytes=1000)
    yield server
    server.close()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    monkeypatch.setattr(pull, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    return clock


def trouble(server: HttpClient, *, refused: bool = False) -> str:
    with pytest.raises(SourceUnavailableError) as error:
        server.get("/contacts", {"email": PERSONAL})
    assert isinstance(error.value, SourceRefusedError) == refused
    assert PERSONAL not in str(error.value)
    assert SECRET not in str(error.value)
    return str(error.value)


def test_it_asks_with_its_token(there: Misbehaving, server: HttpClient) -> None:
    assert server.get("/list", {"page": 2}) == b"{}"
    assert server.post({"a": 1}) == b"{}"
    assert there.asked == [
        ("GET", "/list?page=2", f"Bearer {SECRET}", b""),
        ("POST", "/", f"Bearer {SECRET}", b'{"a":1}'),
    ]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refuses the token (401)"),
        (403, "refuses the token (403)"),
        (404, "answers 404: is the address right?"),
        (302, "answers 302: is the address right?"),
        (429, "wants to be asked less often (429)"),
        (500, "is out of order (500)"),
        (503, "is out of order (503)"),
    ],
)
def test_a_refusal_is_told_in_words(there: Misbehaving, server: HttpClient, status: int, words: str) -> None:
    there.answer = lambda handler: reply(handler, status, PERSONAL.encode(), Location="https://example.org/")
    assert trouble(server, refused=status in {401, 403}).startswith(f"{there.url.removeprefix('http://')} {words}")


def test_who_refused_is_left_alone_longer_each_time(there: Misbehaving, server: HttpClient, now: list[float]) -> None:
    there.answer = lambda handler: reply(handler, 503)
    pauses = []
    for _ in range(12):
        trouble(server)
        asked, before = len(there.asked), now[0]
        while len(there.asked) == asked:
            now[0] += 0.5
            trouble(server)
        pauses.append(now[0] - before)
        now[0] += 1000
    assert pauses[:1] < [1.6]
    assert pauses[0] < pauses[2] < pauses[4]
    assert max(pauses) <= pull.LONGEST_PAUSE_SECONDS + 0.5
    there.answer = reply
    assert server.get() == b"{}"
    there.answer = lambda handler: reply(handler, 503)
    trouble(server)
    now[0] += 1.5
    there.answer = reply
    assert server.get() == b"{}"


@pytest.mark.parametrize(
    ("asked_for", "seconds"),
    [
        ("120", 120),
        ("a date", 990),
        ("999999999999", LONGEST_ASKED_SECONDS),
        ("bientôt", 0.5),
        ("-5", 0.5),
    ],
)
def test_a_pause_that_is_asked_for_is_kept(
    there: Misbehaving, server: HttpClient, now: list[float], asked_for: str, seconds: float
) -> None:
    if asked_for == "a date":
        asked_for = format_datetime(datetime.now(UTC) + timedelta(seconds=1000), usegmt=True)
    there.answer = lambda handler: reply(handler, 429, Retry_After=asked_for)
    trouble(server)
    now[0] += seconds - 0.1
    trouble(server)
    assert len(there.asked) == 1
    now[0] += 20
    trouble(server)
    assert len(there.asked) == 2


def test_an_answer_is_bounded(there: Misbehaving, server: HttpClient) -> None:
    there.answer = lambda handler: reply(handler, body=b"x" * 1000)
    assert len(server.get()) == 1000
    there.answer = lambda handler: reply(handler, body=b"x" * 1001)
    assert trouble(server).endswith("answers with more than 1000 bytes")


def test_what_would_have_to_be_unpacked_is_refused(there: Misbehaving, server: HttpClient) -> None:
    there.answer = lambda handler: reply(handler, Content_Encoding="gzip")
    assert trouble(server).endswith("answers in a form not asked for")


@pytest.mark.parametrize(
    "begun", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]
)
def test_an_answer_that_trickles_is_cut(
    there: Misbehaving, server: HttpClient, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """Wherever it does; each byte comes soon after the one before."""
    cut = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        with suppress(OSError):
            handler.wfile.write(begun)
            while not cut.wait(0.05):
                handler.wfile.write(b"x")

    there.answer = trickle
    monkeypatch.setattr(pull, "TOTAL_SECONDS", 0.5)
    assert trouble(server).endswith("answers too slowly")
    cut.set()


def test_the_longest_answer_leaves_the_instance_alive() -> None:
    assert pull.TIMEOUT.connect + pull.TIMEOUT.read + pull.TOTAL_SECONDS < instance.STUCK_SECONDS


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def break_off(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")


@pytest.mark.parametrize("ending", [hang_up, break_off])
def test_a_connection_that_breaks_is_told(
    there: Misbehaving, server: HttpClient, ending: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    assert server.get() == b"{}"
    there.answer = ending
    assert trouble(server).endswith("broke the connection off")
    assert len(there.asked) == 2


def test_a_server_that_is_not_there_is_told(there: Misbehaving) -> None:
    url, _ = there.url, there.close()
    server = HttpClient(url)
    assert trouble(server).endswith("cannot be reached: is the network there?")
    server.close()


def test_a_certificate_that_is_not_trusted_is_told_apart() -> None:
    error = pull.httpx.ConnectError("no")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    assert "certificate" in pull._explain(error)
    assert "in time" in pull._explain(pull.httpx.ReadTimeout("no"))


@pytest.mark.parametrize(
    "url", ["https://example.org/api/", "http://127.0.0.1:8000", "http://[::1]/", "http://localhost"]
)
def test_addresses_that_are_safe(url: str) -> None:
    assert Config(url=url, token=SecretStr(SECRET)).url == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org", "personal"),
        ("ftp://example.org", "https://"),
        ("https://anna:secret@example.org", "without a name"),
        ("https://", "https://"),
        ("https://example.org:port", "valid URL"),
    ],
)
def test_addresses_that_are_not(url: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Config(url=url, token=SecretStr(SECRET))


@pytest.mark.parametrize("token", ["", "two words", "clé", "a\nb"])
def test_what_is_no_token_is_refused_without_telling_it(token: str) -> None:
    with pytest.raises(ValidationError, match="no token") as error:
        Config(url="https://example.org", token=SecretStr(token))
    assert not token or token not in str(error.value)


def test_turns_come_at_about_their_interval(now: list[float]) -> None:
    interval = Interval(100)
    assert interval.due
    interval.restart()
    now[0] += 89
    assert not interval.due
    now[0] += 22
    assert interval.due
