"""Tests of the webhook connector over HTTP."""

import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

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
from connectors.sdk.webhook.source import PushSource
from connectors.sdk.webhook.testing import PushConformance
from connectors.webhook.source import WebhookSource
from tests.support.processes import wait_until
from tests.support.webhooks import MIN_DELAY_SECONDS, OPTIONS, OTHER_SECRET, message, post, sign

PERSONAL = ("0639985511", "06 39 98 55 12", "Mireille Exemple", "mireille@example.org", "jean.modele", "D-7788-99")


def day() -> list[bytes]:
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
        return day()

    def headers(self, number: int, body: bytes) -> Mapping[str, str]:
        personal = {0: PERSONAL[0], 1: PERSONAL[3], 2: PERSONAL[4]}  # message ids may be personal too
        return sign(personal.get(number, f"msg_{number}_{hash_of(body)}"), body)


def hash_of(body: bytes) -> int:
    """Return a number that differs between the bodies."""
    return sum(place * byte for place, byte in enumerate(body))


class Desk:
    """A listening source with a reading thread, which can be paused."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.source = open_source(directory, **options)
        self.port = self.source.listen()
        self.taken: list[bytes] = []
        self.acknowledges = True
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._run)
        self._reader.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.taken += [raw.body for raw in self.source.read(0.01)]
            if self.acknowledges:
                self.source.acknowledge(self.source.position())

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._reader.join()

    def close(self) -> None:
        self.stop()
        self.source.close()

    def status(self, name: str, body: bytes, **signing: Any) -> int:
        return post(self.port, body, sign(name, body, **signing))[0]


def open_source(directory: Path, *, kind: type[WebhookSource] = WebhookSource, **options: Any) -> WebhookSource:
    context = Context("webhook/essai", directory, Cursor(directory), Keys(directory / "keys", directory).pseudonym_key)
    source = kind(parse(webhook.WebhookConfig, "essai", OPTIONS | options), context)  # type: ignore[arg-type]
    source.intake.stall_seconds = MIN_DELAY_SECONDS
    return source


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(Desk(tmp_path)) as desk:
        yield desk


BODY = message("ticket.taken", 1)


def test_response_follows_the_acknowledgement(desk: Desk) -> None:
    desk.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(desk.status, "msg_1", BODY)
        wait_until(lambda: desk.taken, "a message")
        assert desk.source.intake.waiting == 1
        assert not answer.done()
        desk.acknowledges = True
        assert answer.result(30) == 204
    assert desk.source.intake.waiting == 0


def test_repeated_message_is_accepted_once_and_answered_twice(desk: Desk) -> None:
    assert [desk.status("msg_1", BODY), desk.status("msg_1", BODY)] == [204, 204]
    desk.acknowledges = False
    other = message("ticket.taken", 2)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(desk.status, "msg_2", other) for _ in range(2)]
        wait_until(lambda: len(desk.taken) == 2, "the message")
        desk.acknowledges = True
        assert [answer.result(30) for answer in answers] == [204, 204]
    assert desk.taken == [BODY, other]


def test_reused_message_id_is_refused(desk: Desk) -> None:
    other = message("ticket.taken", 2)
    assert [desk.status("msg_1", BODY), desk.status("msg_1", other), desk.status("msg_1", BODY)] == [204, 409, 204]
    assert desk.status("msg_2", other) == 204
    assert desk.taken == [BODY, other]
    desk.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(desk.status, "msg_3", BODY)
        wait_until(lambda: len(desk.taken) == 3, "the message")
        assert desk.status("msg_3", other) == 409
        desk.acknowledges = True
        assert answer.result(30) == 204
    assert (desk.source.response_counts[409], desk.source.response_counts[204]) == (2, 4)


def test_messages_without_an_id_are_identified_by_their_body(tmp_path: Path) -> None:
    class Nameless(WebhookSource):
        def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
            return ""

    with closing(Desk(tmp_path, kind=Nameless)) as desk:
        other = message("ticket.taken", 2)
        assert [desk.status("", body) for body in (BODY, other, BODY)] == [204, 204, 204]
        assert desk.taken == [BODY, other]


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
    with closing(Desk(tmp_path, previous_secret=OTHER_SECRET)) as desk:
        assert desk.status("msg_1", BODY, **signing) == status
        assert len(desk.taken) == (status == 204)


def test_unknown_paths_and_methods_are_refused(desk: Desk) -> None:
    assert post(desk.port, BODY, sign("msg_1", BODY), path="/other")[0] == 404
    assert post(desk.port, BODY, sign("msg_1", BODY), method="PUT")[0] == 405
    assert post(desk.port, BODY, {})[0] == 401
    assert desk.taken == []


CHUNKS = b"\r\ntransfer-encoding: chunked\r\n\r\n" + 5 * (b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\r\ncontent-length: 10000000\r\n\r\n", 413), (CHUNKS, 413), (b"\r\ncontent-length: 100\r\n\r\nx", 408)],
    ids=["announced", "chunked", "slow"],
)
def test_long_or_slow_body_is_cut(desk: Desk, monkeypatch: pytest.MonkeyPatch, body: bytes, status: int) -> None:
    """An announced one is refused before it is sent."""
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2 if status == 408 else 30)
    with socket.create_connection(("127.0.0.1", desk.port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x" + body)
        assert answer(connection).startswith(b"HTTP/1.1 %d " % status)
        assert desk.taken == []


def answer(connection: socket.socket) -> bytes:
    """Return all bytes until the server closes the connection."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def test_too_many_requests_are_refused_with_retry_after(tmp_path: Path) -> None:
    with closing(Desk(tmp_path, requests_per_second=0.5)) as desk:
        assert [desk.status("msg_1", BODY), desk.status("msg_1", BODY)][1] == 429
        assert len(desk.taken) == 1


def test_idle_connections_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, endless headers, or endless headers after a response; other senders are then served."""
    monkeypatch.setattr(http_server, "WAIT_SECONDS", 1.0)
    with closing(Desk(tmp_path)) as desk, ExitStack() as stack:
        begun = b"POST / HTTP/1.1\r\nhost: example.org\r\n"
        for said in (b"", begun, begun + b"content-length: 0\r\n\r\n" + begun):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", desk.port), timeout=30))
            client.sendall(said)
            answers = client.makefile("rb").read() if said else client.recv(1)
            assert answers.count(b"HTTP/1.1 401") == said.count(b"content-length")
        assert desk.status("msg_1", message("ticket.taken", 1)) == 204


def test_above_the_limit_the_connection_that_waited_longest_is_closed(tmp_path: Path) -> None:
    """Half requests do not displace a whole request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PushSource, "most_waiting", 2)
        patch.setattr(server, "SPARE_CONNECTIONS", 1)
        desk = Desk(tmp_path)
    with closing(desk), ExitStack() as stack:
        half = [stack.enter_context(socket.create_connection(("127.0.0.1", desk.port), timeout=30)) for _ in range(4)]
        with suppress(ConnectionError):
            assert half[0].recv(1) == b""
        assert desk.status("msg_1", message("ticket.taken", 1)) == 204
        with suppress(ConnectionError):
            assert half[1].recv(1) == b""
        half[3].setblocking(False)
        with pytest.raises(BlockingIOError):
            half[3].recv(1)


def test_messages_are_refused_while_the_intake_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PushSource, "most_waiting", 2)
    with closing(Desk(tmp_path)) as desk, ThreadPoolExecutor(2) as pool:
        desk.acknowledges = False
        answers = [pool.submit(desk.status, f"msg_{n}", BODY) for n in range(2)]
        wait_until(lambda: desk.source.intake.waiting == 2, "two waiting messages")
        status, headers = post(desk.port, BODY, sign("msg_3", BODY))
        assert (status, int(headers["retry-after"]) > 0) == (503, True)
        desk.acknowledges = True
        assert [answer.result(30) for answer in answers] == [204, 204]
        assert desk.status("msg_3", BODY) == 204


def test_refusals_are_logged_at_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def logged() -> list[tuple[int, str, str]]:
        refused = [entry for entry in logs if entry["event"] == "requests_refused"]
        return [(entry["count"], entry["reason"], entry["log_level"]) for entry in refused]

    monkeypatch.setattr(log_throttle, "GATHER_SECONDS", 0.0)
    with capture_logs() as logs, closing(Desk(tmp_path, max_body_bytes=1_024)) as desk:
        assert desk.status("msg_1", BODY) == 204
        assert desk.status("msg_1", BODY, secret=OTHER_SECRET) == 401
        wait_until(lambda: logged() == [(1, "401", "warning")], "the refusal to be logged")
        assert [desk.status("msg_1", BODY, at=0), desk.status("msg_1", b" " * 1_025)] == [401, 413]
        assert desk.status("msg_2", BODY) == 204, "and the source was read since"
        assert len(logged()) == 1
        assert {status: count for status, count in desk.source.response_counts.items() if count} == {
            204: 2,
            401: 2,
            413: 1,
        }
    with capture_logs() as logs:
        answers = server.ResponseCounter()
        for status in (413, 401, 204, 503, 401):
            answers.count(status)
        answers.log_refusals()
        answers.log_refusals()
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


def test_messages_are_refused_immediately_while_the_source_is_not_read(desk: Desk) -> None:
    desk.stop()
    desk.source.intake.stall_seconds = 0.0
    assert desk.status("msg_1", BODY) == 503


def test_message_that_waits_too_long_is_refused_and_can_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PushSource, "answer_seconds", 0.2)
    with closing(Desk(tmp_path)) as desk:
        desk.acknowledges = False
        assert desk.status("msg_1", BODY) == 503
        desk.acknowledges = True
        wait_until(lambda: desk.source.intake.waiting == 0, "the acknowledgement")
        assert desk.status("msg_1", BODY) == 204
        assert desk.taken == [BODY]


def test_waiting_message_is_refused_when_the_source_closes(desk: Desk) -> None:
    desk.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(desk.status, "msg_1", BODY)
        wait_until(lambda: desk.taken, "a message")
        desk.close()
        assert answer.result(30) == 503


def test_port_in_use_is_named(desk: Desk, tmp_path: Path) -> None:
    with (
        closing(open_source(tmp_path, port=desk.port)) as second,
        pytest.raises(SourceUnavailableError, match=re.escape(f"127.0.0.1:{desk.port}")),
    ):
        second.read(0)
