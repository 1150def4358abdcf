"""Webhook connector over HTTP: limits of messages, requests and connections, and refusals."""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

import connectors.webhook as webhook
from connectors.sdk import http_server, log_throttle
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.webhook import server
from connectors.sdk.webhook.source import PushSource
from connectors.webhook.source import WebhookSource
from tests.support.processes import wait_until
from tests.support.webhook_source import BODY, PERSONAL, RunningSource, open_source
from tests.support.webhooks import MIN_DELAY_SECONDS, OPTIONS, OTHER_SECRET, message, post, sign


def test_too_many_requests_are_refused_with_retry_after(tmp_path: Path) -> None:
    with closing(RunningSource(tmp_path, requests_per_second=0.001)) as running:
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


def test_message_that_waits_too_long_is_refused_and_can_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PushSource, "answer_seconds", 0.2)
    with closing(RunningSource(tmp_path)) as running:
        running.acknowledges = False
        assert running.post("msg_1", BODY) == 503
        running.acknowledges = True
        wait_until(lambda: running.post("msg_1", BODY) == 204, "the acknowledgement")
        assert running.bodies_read == [BODY]
