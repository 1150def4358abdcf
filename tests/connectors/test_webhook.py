"""Webhook connector over HTTP."""

import hmac
import re
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

import connectors.webhook as webhook
from connectors.sdk import http_server, log_throttle
from connectors.sdk.config import parse
from connectors.sdk.contract import Context
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.keys import Keys
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.webhook import server
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.source import PushSource
from connectors.sdk.webhook.testing import PushConformance
from connectors.webhook.source import WebhookSource
from models.codec import UnusableRecord
from models.reasons import Reason
from tests.support.processes import wait_until
from tests.support.webhooks import MIN_DELAY_SECONDS, OPTIONS, OTHER_SECRET, message, post, running_connector, sign

PERSONAL = ("0639985511", "06 39 98 55 12", "Mireille Exemple", "mireille@example.org", "jean.modele", "D-7788-99")


def messages() -> list[bytes]:
    """Return messages about visits in order, among them invalid ones with personal data."""
    number, spaced, name, address, nick, file = PERSONAL
    bodies = []
    for n in range(12):
        visitor = {"name": name, "phone": number if n % 2 else spaced, "email": address, "file": file}
        place = {"office": "CDAS Sud", "service": "PMI", "room": "Accueil général"}
        bodies += [
            message("ticket.taken", n, n, visitor=visitor, **place),
            message("ticket.called", n, n + 5, office="CDAS Sud", agent=nick),
            message("ticket.served", n, n + 9, file=file) if n % 3 else message("ticket.lost", n, n + 7, why=name),
        ]
    bodies[20:20] = [
        b"not json " + number.encode(),
        b'{"type": "ticket.taken", "name": "\xff ' + name.encode() + b'"}',
        message(name, 900),
        message("desk.opened", 901, who=nick),
        message("ticket.taken", number, 3, visitor={"name": name}),
        message("ticket.taken", address, 3, visitor={"name": name}),
        message("ticket.taken", 902, 3, office=name),
        message("ticket.taken", 903, 3, room=number),
        message("ticket.served", 904, 3, file=number),
        b"["
        + message("ticket.taken", number, 4)
        + b","
        + message(name, 906)
        + b","
        + message("ticket.called", 907)
        + b"]",
        b"[]",
        message("ticket.called", 905).replace(b"2026-03-16T", name.encode()),
        message("ticket.called", [number]),  # type: ignore[arg-type]
        b"[" * 60_000,
    ]
    return bodies


class TestConformance(PushConformance):
    connector = webhook.CONNECTOR
    readme = Path(webhook.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return OPTIONS

    def bodies(self) -> Sequence[bytes]:
        return messages()

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        personal = {0: PERSONAL[0], 1: PERSONAL[3], 2: PERSONAL[4]}  # message ids may be personal too
        return sign(personal.get(number, f"msg_{number}_{crc32(body)}"), body)


KEY = "clef-de-signature-partagee"


class TestListConformance(PushConformance):
    """Lists of records inside messages, and a signature without a message id."""

    connector = webhook.CONNECTOR
    readme = Path(webhook.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return OPTIONS | {"records": "items", "secret": None, "signature": {"hmac": {"secret": KEY, "header": "X-Sig"}}}

    def bodies(self) -> Sequence[bytes]:
        records = [body for body in messages() if body.startswith(b"{") and b"\xff" not in body]
        lists = [b'{"items": [' + b", ".join(records[index : index + 3]) + b"]}" for index in range(0, len(records), 3)]
        return [*lists, b'{"items": []}', b'{"items": "' + PERSONAL[0].encode() + b'"}', b"{}", b"not json"]

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        return {"x-sig": hmac.digest(KEY.encode(), body, "sha256").hex()}


class RunningSource:
    """A listening source with a thread that reads it, and acknowledges the messages unless `acknowledges` is false."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.source = open_source(directory, **options)
        self.port = self.source.listen()
        self.bodies_read: list[bytes] = []
        self.acknowledges = True
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._run)
        self._reader.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.bodies_read += [raw.body for raw in self.source.read(0.01)]
            if self.acknowledges:
                self.source.acknowledge(self.source.position())

    def stop_reading(self) -> None:
        self._stop.set()
        self._reader.join()

    def close(self) -> None:
        self.stop_reading()
        self.source.close()

    def post(self, name: str, body: bytes, **signing: Any) -> int:
        """Post a signed message, and return the status of the response."""
        return post(self.port, body, sign(name, body, **signing))[0]

    def post_in_thread(self, pool: ThreadPoolExecutor, name: str, body: bytes) -> Future[int]:
        """Post a message in a thread, and wait until it is read."""
        before = len(self.bodies_read)
        status = pool.submit(self.post, name, body)
        wait_until(lambda: len(self.bodies_read) > before, "the message")
        return status


def open_source(directory: Path, *, kind: type[WebhookSource] = WebhookSource, **options: Any) -> WebhookSource:
    context = Context("webhook/essai", directory, Cursor(directory), Keys(directory / "keys", directory).pseudonym_key)
    source = kind(parse(webhook.WebhookConfig, "essai", OPTIONS | options), context)  # type: ignore[arg-type]
    source.intake.stall_seconds = MIN_DELAY_SECONDS
    return source


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningSource]:
    with closing(RunningSource(tmp_path)) as running:
        yield running


BODY = message("ticket.taken", 1)


def test_response_follows_the_acknowledgement(running: RunningSource) -> None:
    running.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        status = running.post_in_thread(pool, "msg_1", BODY)
        assert running.source.intake.waiting == 1
        assert not status.done()
        running.acknowledges = True
        assert status.result(30) == 204
    assert running.source.intake.waiting == 0


def test_repeated_message_is_accepted_once_and_answered_twice(running: RunningSource) -> None:
    assert [running.post("msg_1", BODY), running.post("msg_1", BODY)] == [204, 204]
    running.acknowledges = False
    other = message("ticket.taken", 2)
    with ThreadPoolExecutor(2) as pool:
        statuses = [pool.submit(running.post, "msg_2", other) for _ in range(2)]
        wait_until(lambda: len(running.bodies_read) == 2, "the message")
        running.acknowledges = True
        assert [status.result(30) for status in statuses] == [204, 204]
    assert running.bodies_read == [BODY, other]


@pytest.fixture
def running_with_ids(tmp_path: Path) -> Iterator[RunningSource]:
    """A source whose `verify` returns the ids of messages."""

    class Named(WebhookSource):
        def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
            super().verify(headers, body, now)
            return headers["webhook-id"]

    with closing(RunningSource(tmp_path, kind=Named)) as running:
        yield running


def test_reused_message_id_is_refused(running_with_ids: RunningSource) -> None:
    running, other = running_with_ids, message("ticket.taken", 2)
    assert [running.post("msg_1", BODY), running.post("msg_1", other), running.post("msg_1", BODY)] == [204, 409, 204]
    assert running.post("msg_2", other) == 204
    assert running.bodies_read == [BODY, other]
    running.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        status = running.post_in_thread(pool, "msg_3", BODY)
        assert running.post("msg_3", other) == 409
        running.acknowledges = True
        assert status.result(30) == 204
    assert (running.source.response_counts[409], running.source.response_counts[204]) == (2, 4)


def test_messages_are_identified_by_their_body_and_not_by_their_id(running: RunningSource) -> None:
    other = message("ticket.taken", 2)
    assert [running.post(name, body) for name, body in (("1", BODY), ("1", other), ("2", BODY))] == [204, 204, 204]
    assert running.bodies_read == [BODY, other]


@pytest.mark.parametrize(
    ("signing", "status"),
    [
        ({"at": time.time() - 3_600}, 401),
        ({"at": time.time() + 3_600}, 401),
        ({"secret": "whsec_" + "dHJvaXNpZW1lLXNlY3JldC1wb3VyLWVzc2Fp"}, 401),
        ({"secret": OTHER_SECRET}, 204),
        ({}, 204),
    ],
)
def test_wrong_signature_or_time_is_refused(tmp_path: Path, signing: dict[str, Any], status: int) -> None:
    with closing(RunningSource(tmp_path, previous_secret=OTHER_SECRET)) as running:
        assert running.post("msg_1", BODY, **signing) == status
        assert len(running.bodies_read) == (status == 204)


def test_unknown_paths_and_methods_are_refused(running: RunningSource) -> None:
    assert post(running.port, BODY, sign("msg_1", BODY), path="/other")[0] == 404
    assert post(running.port, BODY, sign("msg_1", BODY), method="PUT")[0] == 405
    assert post(running.port, BODY, {})[0] == 401
    assert running.bodies_read == []


CHUNKS = b"\r\ntransfer-encoding: chunked\r\n\r\n" + 5 * (b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\r\ncontent-length: 10000000\r\n\r\n", 413), (CHUNKS, 413), (b"\r\ncontent-length: 100\r\n\r\nx", 408)],
    ids=["announced", "chunked", "slow"],
)
def test_long_or_slow_body_is_cut(
    running: RunningSource, monkeypatch: pytest.MonkeyPatch, body: bytes, status: int
) -> None:
    """An announced one is refused before it is sent."""
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2 if status == 408 else 30)
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x" + body)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 %d " % status)
        assert running.bodies_read == []


def test_too_many_requests_are_refused_with_retry_after(tmp_path: Path) -> None:
    with closing(RunningSource(tmp_path, requests_per_second=0.5)) as running:
        assert [running.post("msg_1", BODY), running.post("msg_1", BODY)][1] == 429
        assert len(running.bodies_read) == 1


def test_idle_connections_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, incomplete headers, or incomplete headers after a response; other senders are then served."""
    monkeypatch.setattr(http_server, "WAIT_SECONDS", 1.0)
    with closing(RunningSource(tmp_path)) as running, ExitStack() as stack:
        incomplete = b"POST / HTTP/1.1\r\nhost: example.org\r\n"
        for sent in (b"", incomplete, incomplete + b"content-length: 0\r\n\r\n" + incomplete):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=30))
            client.sendall(sent)
            received = client.makefile("rb").read() if sent else client.recv(1)
            assert received.count(b"HTTP/1.1 401") == sent.count(b"content-length")
        assert running.post("msg_1", BODY) == 204


def test_above_the_limit_the_connection_that_waited_longest_is_closed(tmp_path: Path) -> None:
    """Incomplete requests do not displace a complete request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PushSource, "most_waiting", 2)
        patch.setattr(server, "SPARE_CONNECTIONS", 1)
        running = RunningSource(tmp_path)
    with closing(running), ExitStack() as stack:
        half = [
            stack.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=30)) for _ in range(4)
        ]
        with suppress(ConnectionError):
            assert half[0].recv(1) == b""
        assert running.post("msg_1", BODY) == 204
        with suppress(ConnectionError):
            assert half[1].recv(1) == b""
        half[3].setblocking(False)
        with pytest.raises(BlockingIOError):
            half[3].recv(1)


def test_messages_are_refused_while_the_intake_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PushSource, "most_waiting", 2)
    with closing(RunningSource(tmp_path)) as running, ThreadPoolExecutor(2) as pool:
        running.acknowledges = False
        statuses = [pool.submit(running.post, f"msg_{n}", message("ticket.taken", n + 2)) for n in range(2)]
        wait_until(lambda: running.source.intake.waiting == 2, "two waiting messages")
        status, headers = post(running.port, BODY, sign("msg_3", BODY))
        assert (status, int(headers["retry-after"]) > 0) == (503, True)
        running.acknowledges = True
        assert [status.result(30) for status in statuses] == [204, 204]
        assert running.post("msg_3", BODY) == 204


def test_refusals_are_logged_at_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def logged() -> list[tuple[int, str, str]]:
        refused = [entry for entry in logs if entry["event"] == "requests_refused"]
        return [(entry["count"], entry["reason"], entry["log_level"]) for entry in refused]

    monkeypatch.setattr(log_throttle, "GATHER_SECONDS", 0.0)
    with capture_logs() as logs, closing(RunningSource(tmp_path, max_body_bytes=1_024)) as running:
        assert running.post("msg_1", BODY) == 204
        assert running.post("msg_1", BODY, secret=OTHER_SECRET) == 401
        wait_until(lambda: logged() == [(1, "401", "warning")], "the refusal to be logged")
        assert [running.post("msg_1", BODY, at=0), running.post("msg_1", b" " * 1_025)] == [401, 413]
        assert running.post("msg_2", message("ticket.taken", 2)) == 204, "the source was read since then"
        assert len(logged()) == 1
        assert {status: count for status, count in running.source.response_counts.items() if count} == {
            204: 2,
            401: 2,
            413: 1,
        }
    with capture_logs() as logs:
        responses = server.ResponseCounter()
        for status in (413, 401, 204, 503, 401):
            responses.count(status)
        responses.log_refusals()
        responses.log_refusals()
    assert logged() == [(3, "401, 413", "warning")]


def test_defect_in_verify_is_logged_with_the_instance(tmp_path: Path) -> None:
    class Broken(WebhookSource):
        def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
            raise LookupError(PERSONAL[0])

    with (
        bound_contextvars(connector="webhook/essai"),
        capture_logs([merge_contextvars]) as logs,
        closing(open_source(tmp_path, kind=Broken)) as source,
    ):
        assert post(source.listen(), BODY, sign("msg_1", BODY))[0] == 500
    (failed,) = [entry for entry in logs if entry["event"] == "verification_failed"]
    assert (failed["connector"], failed["log_level"]) == ("webhook/essai", "error")
    assert PERSONAL[0] not in str(failed)


def test_responses_are_counted_across_restarts_of_the_source(tmp_path: Path) -> None:
    harness = ConnectorHarness(webhook.CONNECTOR, OPTIONS, tmp_path / "data", tmp_path / "keys")

    def counted(status: int) -> float | None:
        labels = {"connector": harness.source, "status": str(status)}
        return harness.registry.get_sample_value("connector_requests_total", labels)

    for run_number in range(1, 3):
        with harness.opened() as (flow, _):
            source: Any = flow._source
            source.intake.stall_seconds = MIN_DELAY_SECONDS
            headers = sign("msg_1", BODY, secret=OTHER_SECRET)
            assert post(source.listen(), BODY, headers)[0] == 401
            flow.step()
            assert (counted(401), counted(413), counted(204)) == (run_number, 0, 0)


def test_messages_are_refused_immediately_while_the_source_is_not_read(running: RunningSource) -> None:
    running.stop_reading()
    running.source.intake.stall_seconds = 0.0
    assert running.post("msg_1", BODY) == 503


def test_message_that_waits_too_long_is_refused_and_can_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PushSource, "answer_seconds", 0.2)
    with closing(RunningSource(tmp_path)) as running:
        running.acknowledges = False
        assert running.post("msg_1", BODY) == 503
        running.acknowledges = True
        wait_until(lambda: running.source.intake.waiting == 0, "the acknowledgement")
        assert running.post("msg_1", BODY) == 204
        assert running.bodies_read == [BODY]


def test_waiting_message_is_refused_when_the_source_closes(running: RunningSource) -> None:
    running.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        status = running.post_in_thread(pool, "msg_1", BODY)
        running.close()
        assert status.result(30) == 503


def test_port_in_use_is_named(running: RunningSource, tmp_path: Path) -> None:
    with (
        closing(open_source(tmp_path, port=running.port)) as second,
        pytest.raises(SourceUnavailableError, match=re.escape(f"127.0.0.1:{running.port}")),
    ):
        second.read(0)


LIST = (
    b'{"items": [' + message("ticket.taken", 1) + b', {"type": "ticket.taken"}, ' + message("ticket.taken", 2) + b"]}"
)


def test_record_of_a_list_is_rejected_alone_and_can_be_mapped_again(tmp_path: Path) -> None:
    harness = ConnectorHarness(webhook.CONNECTOR, OPTIONS | {"records": "items"}, tmp_path / "data", tmp_path / "keys")
    with running_connector(harness) as (url, events):
        assert post(int(url.rstrip("/").rpartition(":")[2]), LIST, sign("msg_1", LIST))[0] == 204
        assert [event.subject.rpartition(":")[2] for event in events] == ["1", "2"]
    (stored,) = read_rejects(harness.directory)
    assert (stored.reject.record, stored.reject.context) == (b'{"type":"ticket.taken"}', b"record 2")
    corrected = replace(stored.reject, record=message("ticket.taken", 3))
    with closing(open_source(tmp_path, records="items")) as source:
        assert [event.subject[-2:] for event in source.map_rejected(corrected, stored.read_at)] == [":3"]


def test_message_rejected_as_a_whole_is_divided_when_it_is_mapped_again(tmp_path: Path) -> None:
    at = datetime.now(UTC)
    whole = message("ticket.taken", 1)
    with closing(open_source(tmp_path)) as source:
        reject = source.reject(Message("", b"[" + whole + b"," + whole + b"]", at), Reason.INVALID_FIELD)
        assert len(source.map_rejected(reject, at)) == 2
        with pytest.raises(UnusableRecord):
            source.map_rejected(replace(reject, record=b"[{}," + whole + b"]"), at)


def test_long_lists_are_read_in_parts_and_answered_when_all_records_are_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.webhook.source.MOST_RECORDS", 3)
    lists = [b"[" + b",".join(message("ticket.taken", 10 * n + i) for i in range(2)) + b"]" for n in range(5)]
    with closing(open_source(tmp_path)) as source, ThreadPoolExecutor(5) as pool:
        port = source.listen()
        statuses = [pool.submit(post, port, body, sign("msg", body)) for body in lists]
        wait_until(lambda: source.intake.offered == 5, "all messages")
        sizes = []
        while source.position() < 5:
            sizes.append(len(source.read(0.0)))
            source.acknowledge(source.position())
        assert sizes == [4, 4, 2]
        assert [status.result(30)[0] for status in statuses] == 5 * [204]


HMAC = {"secret": KEY, "previous_secret": KEY[::-1], "header": "X-Signature"}
TOKEN = {"token": KEY, "previous_token": KEY[::-1]}
USER = {"user": "helpdesk", "password": KEY, "previous_password": KEY[::-1]}


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def hmac_of(key: str) -> dict[str, str]:
    return {"x-signature": hmac.digest(key.encode(), BODY, "sha256").hex()}


@pytest.mark.parametrize(
    ("signature", "right", "wrong"),
    [
        ({"hmac": HMAC}, [hmac_of(KEY), hmac_of(KEY[::-1])], [hmac_of("x" * 26), {"x-signature": ""}, {}]),
        (
            {"basic": USER},
            [basic("helpdesk", KEY), basic("helpdesk", KEY[::-1])],
            [basic("helpdesk", "x" * 26), basic("Helpdesk", KEY), {"authorization": "Basic"}, {}],
        ),
        (
            {"bearer": TOKEN},
            [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY[::-1]}"}],
            [{"authorization": f"Basic {KEY}"}, {"authorization": "Bearer é"}, {"authorization": KEY}, {}],
        ),
    ],
)
def test_only_proven_messages_are_accepted(
    tmp_path: Path, signature: dict[str, Any], right: list[dict[str, str]], wrong: list[dict[str, str]]
) -> None:
    with closing(RunningSource(tmp_path, secret=None, signature=signature)) as running:
        for headers in (*wrong, sign("msg_1", BODY)):
            encoded = {name: value.encode("latin-1") for name, value in headers.items()}
            status, answer = post(running.port, BODY, encoded)  # type: ignore[arg-type]
            assert status == 401
            challenge = {"hmac": None, "basic": 'Basic realm="accueil"', "bearer": "Bearer"}[next(iter(signature))]
            assert answer["www-authenticate"] == challenge
        assert running.bodies_read == []
        assert [post(running.port, BODY, headers)[0] for headers in right] == [204, 204]
        assert running.bodies_read == [BODY], "the same body is a repeated message"


@pytest.mark.parametrize(
    ("host", "trusted", "status"),
    [
        ("127.0.0.1", ["127.0.0.1"], 204),
        ("127.0.0.1", ["192.0.2.10", "::ffff:127.0.0.1"], 204),
        ("127.0.0.1", ["192.0.2.10"], 403),
        ("::", ["127.0.0.1"], 204),
        ("::", ["192.0.2.10"], 403),
    ],
)
@pytest.mark.parametrize("forwarded", ["", "192.0.2.10", "127.0.0.1"])
def test_only_connections_of_trusted_proxies_are_accepted(
    tmp_path: Path, host: str, trusted: list[str], status: int, forwarded: str
) -> None:
    """The connection counts, not the address that it forwards."""
    signature = {"none": {"trusted_proxies": trusted}}
    with closing(RunningSource(tmp_path, host=host, secret=None, signature=signature)) as running:
        headers = {"x-forwarded-for": forwarded} if forwarded else {}
        assert post(running.port, BODY, headers)[0] == status
        assert running.bodies_read == [BODY] * (status == 204)
        assert running.source.response_counts[status] == 1


def test_body_of_a_connection_that_is_not_admitted_is_not_read(tmp_path: Path) -> None:
    signature = {"none": {"trusted_proxies": ["192.0.2.10"]}}
    with (
        closing(RunningSource(tmp_path, secret=None, signature=signature)) as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 403 ")
