"""HTTP client of polled sources, with a real server that misbehaves."""

import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
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
from connectors.sdk.pull import EndpointUrl, HttpClient, Interval, ServerUrl, Token
from connectors.sdk.retry_after import LONGEST_ASKED_SECONDS

SECRET = "jeton-d-essai"
PERSONAL = "mireille.exemple@example.org"


class Config(ConnectorConfig):
    url: ServerUrl
    """Address of the server."""
    token: Token
    """Token of the client."""


class ScriptedServer:
    """An HTTP server that answers every request with `answer`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str | None, bytes]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], object] = reply
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.requests.append((self.command, self.path, self.headers["Authorization"], body))
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
def server() -> Iterator[ScriptedServer]:
    with closing(ScriptedServer()) as server:
        yield server


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[HttpClient]:
    with closing(HttpClient(server.url, SecretStr(SECRET))) as client:
        yield client


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Monotonic time of the client, for the test to set."""
    clock = [1000.0]
    monkeypatch.setattr(pull, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    return clock


def failure(client: HttpClient, *, refused: bool = False) -> str:
    """Return the error text of a request, which must contain neither personal data nor the token."""
    with pytest.raises(SourceUnavailableError) as error:
        client.get("/contacts", {"email": PERSONAL})
    assert isinstance(error.value, SourceRefusedError) == refused
    assert PERSONAL not in str(error.value)
    assert SECRET not in str(error.value)
    return str(error.value)


def test_requests_carry_the_token(server: ScriptedServer, client: HttpClient) -> None:
    assert client.get("/list", {"page": 2}) == b"{}"
    assert client.post({"a": 1}) == b"{}"
    assert server.requests == [
        ("GET", "/list?page=2", f"Bearer {SECRET}", b""),
        ("POST", "/", f"Bearer {SECRET}", b'{"a":1}'),
    ]


def test_credentials_are_added_to_each_request(server: ScriptedServer) -> None:
    with closing(HttpClient(server.url, auth=pull.httpx.BasicAuth("camille", SECRET))) as client:
        client.get("/list")
    ((_, _, authorization, _),) = server.requests
    assert authorization == "Basic " + b64encode(f"camille:{SECRET}".encode()).decode()


def test_response_with_an_accepted_status_is_returned_and_begins_no_pause(
    server: ScriptedServer, client: HttpClient
) -> None:
    server.answer = lambda handler: reply(handler, 404, PERSONAL.encode())
    assert client.ask("GET", "/list", accepted={404})[::2] == (PERSONAL.encode(), 404)
    assert client.ask("GET", "/list", accepted={404}).status == 404
    assert failure(client).endswith("answers 404: is the address right?")


def test_unusable_response_begins_a_pause(server: ScriptedServer, client: HttpClient) -> None:
    assert isinstance(client.refusal("unusable"), SourceRefusedError)
    assert failure(client) == "unusable"
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "message"),
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
def test_error_names_the_server_and_its_status(
    server: ScriptedServer, client: HttpClient, status: int, message: str
) -> None:
    server.answer = lambda handler: reply(handler, status, PERSONAL.encode(), Location="https://example.org/")
    assert failure(client, refused=status in {401, 403}).startswith(f"{server.url.removeprefix('http://')} {message}")


def test_pause_grows_with_each_failure_and_resets_after_a_success(
    server: ScriptedServer, client: HttpClient, now: list[float]
) -> None:
    server.answer = lambda handler: reply(handler, 503)
    pauses = []
    for _ in range(12):
        failure(client)
        sent, before = len(server.requests), now[0]
        while len(server.requests) == sent:
            now[0] += 0.5
            failure(client)
        pauses.append(now[0] - before)
        now[0] += 1000
    assert pauses[:1] < [1.6]
    assert pauses[0] < pauses[2] < pauses[4]
    assert max(pauses) <= pull.LONGEST_PAUSE_SECONDS + 0.5
    server.answer = reply
    assert client.get() == b"{}"
    server.answer = lambda handler: reply(handler, 503)
    failure(client)
    now[0] += 1.5
    server.answer = reply
    assert client.get() == b"{}"


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("120", 120), ("a date", 990), ("999999999999", LONGEST_ASKED_SECONDS), ("bientôt", 0.5), ("-5", 0.5)],
)
def test_client_waits_as_long_as_retry_after_asks(
    server: ScriptedServer, client: HttpClient, now: list[float], retry_after: str, seconds: float
) -> None:
    if retry_after == "a date":
        retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=1000), usegmt=True)
    server.answer = lambda handler: reply(handler, 429, Retry_After=retry_after)
    failure(client)
    now[0] += seconds - 0.1
    failure(client)
    assert len(server.requests) == 1
    now[0] += 20
    failure(client)
    assert len(server.requests) == 2


def test_response_above_the_limit_is_refused(
    server: ScriptedServer, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "LIMIT_BYTES", 1000)
    server.answer = lambda handler: reply(handler, body=b"x" * 1000)
    assert len(client.get()) == 1000
    server.answer = lambda handler: reply(handler, body=b"x" * 1001)
    with pytest.raises(SourceRefusedError, match="ask for less"):
        client.ask("GET", refusals={pull.TOO_LARGE: "ask for less"})
    with closing(HttpClient(server.url)) as other:
        assert failure(other).endswith("answers with more than 1000 bytes")


def test_compressed_response_is_refused(server: ScriptedServer, client: HttpClient) -> None:
    server.answer = lambda handler: reply(handler, Content_Encoding="gzip")
    assert failure(client).endswith("answers in a form not asked for")


@pytest.mark.parametrize(
    "begin", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]
)
def test_trickling_response_is_cut_off(
    server: ScriptedServer, client: HttpClient, monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    is_cut = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        with suppress(OSError):
            handler.wfile.write(begin)
            while not is_cut.wait(0.05):
                handler.wfile.write(b"x")

    server.answer = trickle
    monkeypatch.setattr(pull, "TOTAL_SECONDS", 0.5)
    assert failure(client).endswith("answers too slowly")
    is_cut.set()


def test_longest_request_is_shorter_than_the_time_until_an_instance_is_stuck() -> None:
    assert pull.TIMEOUT.connect + pull.TIMEOUT.read + pull.TOTAL_SECONDS < instance.STUCK_SECONDS


def close_connection(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def send_part(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")


@pytest.mark.parametrize("answer", [close_connection, send_part])
def test_broken_connection_is_reported(
    server: ScriptedServer, client: HttpClient, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    assert client.get() == b"{}"
    server.answer = answer
    assert failure(client).endswith("broke the connection off")
    assert len(server.requests) == 2


def test_unreachable_server_is_reported(server: ScriptedServer) -> None:
    server.close()
    with closing(HttpClient(server.url)) as client:
        assert failure(client).endswith("cannot be reached: is the network there?")


def test_refusal_of_a_proxy_is_reported(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url)  # which refuses CONNECT
    refusal = pytest.raises(SourceUnavailableError, match="through the proxy: check HTTPS_PROXY")
    with closing(HttpClient("https://api.example.org")) as client, refusal:
        client.get()


def test_untrusted_certificate_is_reported() -> None:
    error = pull.httpx.ConnectError("no")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    assert "certificate" in pull._explain(error)


@pytest.mark.parametrize(
    "url", ["https://example.org/api/", "http://127.0.0.1:8000", "http://[::1]/", "http://localhost"]
)
def test_url_with_https_or_on_this_machine_is_accepted(url: str) -> None:
    assert Config(url=url, token=SecretStr(SECRET)).url == url.rstrip("/")


def test_address_of_a_single_route_keeps_its_last_slash() -> None:
    class Route(ConnectorConfig):
        url: EndpointUrl
        """Address of a route."""

    assert Route(url="https://example.org/api/").url == "https://example.org/api/"
    with pytest.raises(ValidationError, match="personal"):
        Route(url="http://example.org/api/")


@pytest.mark.parametrize(
    ("url", "token", "message"),
    [
        ("http://example.org", SECRET, "personal"),
        ("ftp://example.org", SECRET, "https://"),
        ("https://anna:secret@example.org", SECRET, "without a name"),
        ("https://", SECRET, "https://"),
        ("https://example.org:port", SECRET, "valid URL"),
        *(("https://example.org", token, "no token") for token in ("", "two words", "clé", "a\nb")),
    ],
)
def test_invalid_url_or_token_is_refused_without_the_token(url: str, token: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as error:
        Config(url=url, token=SecretStr(token))
    assert not token or token not in str(error.value)


def test_poll_is_due_after_the_interval_with_ten_percent_of_jitter(now: list[float]) -> None:
    interval = Interval(100)
    assert interval.due
    interval.restart()
    now[0] += 89
    assert not interval.due
    now[0] += 22
    assert interval.due
