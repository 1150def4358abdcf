"""Webhook connector over HTTP."""

import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
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
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.webhook import server
from connectors.sdk.webhook.response_counter import ResponseCounter
from connectors.sdk.webhook.source import PushSource
from connectors.sdk.webhook.testing import PushConformance
from connectors.webhook.mapping import WebhookSource
from tests.support.processes import wait_until
from tests.support.webhooks import MIN_DELAY_SECONDS, OPTIONS, OTHER_SECRET, message, post, sign

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
            message("ticket.served", n, n + 9, round=1) if n % 3 else message("ticket.lost", n, n + 7, why=name),
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
        message("ticket.served", 904, 3, round=number),
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


def test_reused_message_id_is_refused(running: RunningSource) -> None:
    other = message("ticket.taken", 2)
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


def test_messages_without_an_id_are_identified_by_their_body(tmp_path: Path) -> None:
    class Nameless(WebhookSource):
        def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
            return ""

    with closing(RunningSource(tmp_path, kind=Nameless)) as running:
        other = message("ticket.taken", 2)
        assert [running.post("", body) for body in (BODY, other, BODY)] == [204, 204, 204]
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
def test_long_or_slow_body_is_cut(tmp_path: Path, body: bytes, status: int) -> None:
    """An announced one is refused before it is sent."""
    with (
        closing(RunningSource(tmp_path, body_seconds=0.2 if status == 408 else 30)) as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection,
    ):
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
        statuses = [pool.submit(running.post, f"msg_{n}", BODY) for n in range(2)]
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
        assert running.post("msg_2", BODY) == 204, "the source was read since then"
        assert len(logged()) == 1
        assert {status: count for status, count in running.source.response_counts.items() if count} == {
            204: 2,
            401: 2,
            413: 1,
        }
    with capture_logs() as logs:
        responses = ResponseCounter()
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
