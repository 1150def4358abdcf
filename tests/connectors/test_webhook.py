"""The webhook connector as a whole, over HTTP."""

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
from connectors.sdk.webhook.intake import Message
from connectors.sdk.webhook.response_counter import ResponseCounter
from connectors.sdk.webhook.source import PushSource
from connectors.sdk.webhook.testing import PushConformance
from connectors.webhook.source import WebhookSource
from tests.support.processes import wait_until
from tests.support.webhooks import BEGIN, MIN_DELAY_SECONDS, OPTIONS, OTHER_SECRET, message, post, sign

PERSONAL = ("0639985511", "06 39 98 55 12", "Mireille Exemple", "mireille@example.org", "jean.modele", "D-7788-99")


def day() -> list[bytes]:
    """Visits, in order, with bad and personal ones in between."""
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
        personal = {0: PERSONAL[0], 1: PERSONAL[3], 2: PERSONAL[4]}  # ids of messages are the sender's text, too
        return sign(personal.get(number, f"msg_{number}_{hash_of(body)}"), body)


def hash_of(body: bytes) -> int:
    """A number that differs between the bodies of a day."""
    return sum(place * byte for place, byte in enumerate(body))


class Desk:
    """A source that listens, and a lane that can be told to wait."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.source = open_source(directory, **options)
        self.port = self.source.listen()
        self.taken: list[bytes] = []
        self.acknowledges = True
        self._stop = threading.Event()
        self._lane = threading.Thread(target=self._run)
        self._lane.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.taken += [raw.body for raw in self.source.read(0.01)]
            if self.acknowledges:
                self.source.acknowledge(self.source.position())

    def stop(self) -> None:
        """Let the lane do no more."""
        self._stop.set()
        self._lane.join()

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


def test_a_message_is_answered_once_it_is_acknowledged(desk: Desk) -> None:
    desk.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(desk.status, "msg_1", BODY)
        wait_until(lambda: desk.taken, "a message")
        assert desk.source.waiting == 1
        assert not answer.done()
        desk.acknowledges = True
        assert answer.result(30) == 204
    assert desk.source.waiting == 0


def test_the_same_message_twice_is_taken_once_and_answered_twice(desk: Desk) -> None:
    assert [desk.status("msg_1", BODY), desk.status("msg_1", BODY)] == [204, 204]
    desk.acknowledges = False
    other = message("ticket.taken", 2)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(desk.status, "msg_2", other) for _ in range(2)]
        wait_until(lambda: len(desk.taken) == 2, "the message")
        desk.acknowledges = True
        assert [answer.result(30) for answer in answers] == [204, 204]
    assert desk.taken == [BODY, other]


def test_an_id_that_is_given_to_another_message_is_refused(desk: Desk) -> None:
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


def test_messages_without_an_id_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
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
        ({"secret": OTHER_SECRET}, 401),
        ({}, 204),
    ],
)
def test_who_signs_wrongly_or_at_another_time_is_refused(desk: Desk, signing: dict[str, Any], status: int) -> None:
    assert desk.status("msg_1", BODY, **signing) == status
    assert len(desk.taken) == (status == 204)


def test_two_keys_count_while_one_is_replaced(tmp_path: Path) -> None:
    with closing(Desk(tmp_path, previous_secret=OTHER_SECRET)) as desk:
        assert desk.status("msg_1", BODY) == 204
        assert desk.status("msg_2", BODY, secret=OTHER_SECRET) == 204


def test_other_paths_and_methods_are_told_apart(desk: Desk) -> None:
    assert post(desk.port, BODY, sign("msg_1", BODY), path="/other")[0] == 404
    assert post(desk.port, BODY, sign("msg_1", BODY), method="PUT")[0] == 405
    assert post(desk.port, BODY, {})[0] == 401
    assert desk.taken == []


def test_a_long_body_is_refused_before_it_is_sent(desk: Desk) -> None:
    with socket.create_connection(("127.0.0.1", desk.port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 413 ")


def test_a_long_body_that_does_not_say_so_is_cut(desk: Desk) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", desk.port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + 5 * chunk)
        assert answer(connection).startswith(b"HTTP/1.1 413 ")
    assert desk.taken == []


def test_a_slow_body_is_cut(tmp_path: Path) -> None:
    with (
        closing(Desk(tmp_path, body_seconds=0.2)) as desk,
        socket.create_connection(("127.0.0.1", desk.port), timeout=30) as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nx")
        assert answer(connection).startswith(b"HTTP/1.1 408 ")


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def test_who_comes_too_often_is_told_to_come_later(tmp_path: Path) -> None:
    with closing(Desk(tmp_path, requests_per_second=0.5)) as desk:
        assert [desk.status("msg_1", BODY), desk.status("msg_1", BODY)][1] == 429
        assert len(desk.taken) == 1


def test_a_type_that_is_a_number_is_ignored_by_name(tmp_path: Path) -> None:
    with closing(open_source(tmp_path, ignored=["7"])) as source:
        assert source.map(Message("msg_1", b'{"type": 7}', BEGIN)) == ()


def test_connections_that_ask_nothing_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether nothing comes, or headers come without end, or that after an answer; and others are served again."""
    monkeypatch.setattr(http_server, "WAIT_SECONDS", 1.0)
    with closing(Desk(tmp_path)) as desk, ExitStack() as stack:
        begun = b"POST / HTTP/1.1\r\nhost: example.org\r\n"
        for said in (b"", begun, begun + b"content-length: 0\r\n\r\n" + begun):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", desk.port), timeout=30))
            client.sendall(said)
            answers = client.makefile("rb").read() if said else client.recv(1)
            assert answers.count(b"HTTP/1.1 401") == said.count(b"content-length")
        assert desk.status("msg_1", message("ticket.taken", 1)) == 204


def test_beyond_a_number_of_connections_the_one_that_waited_longest_is_closed(tmp_path: Path) -> None:
    """Half requests do not displace a whole request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(http_server.Server.__init__.__kwdefaults__, "connections", 3)
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


def test_when_full_others_are_refused_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PushSource, "most_waiting", 2)
    with closing(Desk(tmp_path)) as desk, ThreadPoolExecutor(2) as pool:
        desk.acknowledges = False
        answers = [pool.submit(desk.status, f"msg_{n}", BODY) for n in range(2)]
        wait_until(lambda: desk.source.waiting == 2, "two who wait")
        status, headers = post(desk.port, BODY, sign("msg_3", BODY))
        assert (status, int(headers["retry-after"]) > 0) == (503, True)
        desk.acknowledges = True
        assert [answer.result(30) for answer in answers] == [204, 204]
        assert desk.status("msg_3", BODY) == 204


def test_who_sends_slowly_has_a_place_and_gives_it_up_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of incomplete bodies is bounded before any signature check, and a new message displaces the oldest."""
    monkeypatch.setattr(PushSource, "most_waiting", 2)
    with closing(Desk(tmp_path, body_seconds=60)) as desk, ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", desk.port), timeout=30)) for _ in range(2)]
        for number, client in enumerate(slow, 1):
            client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
            wait_until(lambda number=number: len(desk.source.intake._coming) == number, "a place")  # type: ignore[misc]
        assert desk.status("msg_1", BODY) == 204
        assert answer(slow[0]).startswith(b"HTTP/1.1 408 ")
        slow[1].sendall(b"}")
        assert slow[1].recv(12) == b"HTTP/1.1 401"
        gone = stack.enter_context(socket.create_connection(("127.0.0.1", desk.port), timeout=30))
        gone.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
        wait_until(lambda: desk.source.intake._coming, "its place")
        gone.close()
        wait_until(lambda: desk.source.response_counts[400] == 1, "who went away to be noticed")
    assert desk.taken == [BODY]


def test_who_is_refused_is_told_of_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> list[tuple[int, str, str]]:
        refused = [entry for entry in logs if entry["event"] == "requests_refused"]
        return [(entry["count"], entry["reason"], entry["log_level"]) for entry in refused]

    monkeypatch.setattr(log_throttle, "GATHER_SECONDS", 0.0)
    with capture_logs() as logs, closing(Desk(tmp_path, max_body_bytes=1_024)) as desk:
        assert desk.status("msg_1", BODY) == 204
        assert desk.status("msg_1", BODY, secret=OTHER_SECRET) == 401
        wait_until(lambda: told() == [(1, "401", "warning")], "the refusal to be told")
        assert [desk.status("msg_1", BODY, at=0), desk.status("msg_1", b" " * 1_025)] == [401, 413]
        assert desk.status("msg_2", BODY) == 204, "and the lane has turned since"
        assert len(told()) == 1
        assert {status: count for status, count in desk.source.response_counts.items() if count} == {
            204: 2,
            401: 2,
            413: 1,
        }
    with capture_logs() as logs:
        answers = ResponseCounter()
        for status in (413, 401, 204, 503, 401):
            answers.count(status)
        answers.log_refusals()
        answers.log_refusals()
    assert told() == [(3, "401, 413", "warning")]


def test_a_defect_in_looking_at_a_signature_is_told_with_the_instance_that_has_it(tmp_path: Path) -> None:
    class Broken(WebhookSource):
        def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
            raise LookupError(PERSONAL[0])

    with (
        bound_contextvars(connector="webhook/essai"),
        capture_logs([merge_contextvars]) as logs,
        closing(open_source(tmp_path, kind=Broken)) as source,
    ):
        assert post(source.listen(), BODY, sign("msg_1", BODY))[0] == 500
    (told,) = [entry for entry in logs if entry["event"] == "verification_failed"]
    assert (told["connector"], told["log_level"]) == ("webhook/essai", "error")
    assert PERSONAL[0] not in str(told)


def test_answers_are_counted_whatever_became_of_the_source_before(tmp_path: Path) -> None:
    harness = ConnectorHarness(webhook.CONNECTOR, OPTIONS, tmp_path / "data", tmp_path / "keys")

    def counted(status: int) -> float | None:
        labels = {"connector": harness.source, "status": str(status)}
        return harness.registry.get_sample_value("connector_requests_total", labels)

    for life in range(1, 3):
        with harness.opened() as (flow, _):
            source: Any = flow._source
            source.intake.stall_seconds = MIN_DELAY_SECONDS
            headers = sign("msg_1", BODY, secret=OTHER_SECRET)
            assert post(source.listen(), BODY, headers)[0] == 401
            flow.step()
            assert (counted(401), counted(413), counted(204)) == (life, 0, 0)


def test_when_nobody_reads_it_refuses_at_once(desk: Desk) -> None:
    desk.stop()
    desk.source.intake.stall_seconds = 0.0
    assert desk.status("msg_1", BODY) == 503


def test_who_waits_too_long_is_refused_and_may_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PushSource, "answer_seconds", 0.2)
    with closing(Desk(tmp_path)) as desk:
        desk.acknowledges = False
        assert desk.status("msg_1", BODY) == 503
        desk.acknowledges = True
        wait_until(lambda: desk.source.waiting == 0, "the acknowledgement")
        assert desk.status("msg_1", BODY) == 204
        assert desk.taken == [BODY]


def test_who_waits_when_it_ends_is_refused(desk: Desk) -> None:
    desk.acknowledges = False
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(desk.status, "msg_1", BODY)
        wait_until(lambda: desk.taken, "a message")
        desk.close()
        assert answer.result(30) == 503


def test_who_has_the_port_is_named(desk: Desk, tmp_path: Path) -> None:
    with (
        closing(open_source(tmp_path, port=desk.port)) as second,
        pytest.raises(SourceUnavailableError, match=re.escape(f"127.0.0.1:{desk.port}")),
    ):
        second.read(0)
