"""Tests of the event stream and the pages over HTTP, with a real server."""

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.sdk.ports import free_port
from streams.core.figures.figure import Dimensions
from streams.web import broadcast
from streams.web.app import HEADERS, serve
from streams.web.broadcast import RETRY_MS
from streams.web.options import QueueOptions, WebOptions
from streams.web.topic_view import ReaderState
from tests.support.processes import Child, wait_until
from tests.web.listener import listening
from tests.web.live import AFTERNOON
from tests.web.rows import ROADS, SOCIAL
from tests.web.served import Served, serving

OPTIONS = WebOptions(
    brokers="", title="Maison <test>", queues=(QueueOptions(SOCIAL, "Aide sociale", "Social support"),)
)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(OPTIONS, AFTERNOON) as served:
        served.follow()
        yield served


def received(board: Any) -> int:
    return int(board["all"]["today"]["received"])


def test_listener_gets_the_board_immediately_and_then_changes(served: Served) -> None:
    with listening(served) as listener:
        assert listener.response.headers["content-type"].startswith("text/event-stream")
        assert listener.response.headers["x-accel-buffering"] == "no"
        first = listener.event()
        assert first["retry"] == str(RETRY_MS)
        message = json.loads(first["data"])
        assert message["clock"]["state"] == "live"
        assert message["board"]["queues"][0]["label_fr"] == "Aide sociale"
        assert received(message["board"]) == 0
        for number in (1, 2, 3):
            served.worker.offered(SOCIAL, served.now())
            event = listener.event()
            while "board" not in json.loads(event["data"]) or received(json.loads(event["data"])["board"]) < number:
                event = listener.event()
            assert int(event["id"]) > int(first["id"])


def test_many_changes_make_few_messages_and_the_last_has_all_of_them(served: Served) -> None:
    with listening(served) as listener:
        listener.board()
        for _ in range(3000):
            served.worker.offered(SOCIAL, served.now())
        boards = 1
        while received(listener.board()) < 3000:
            boards += 1
        assert boards < 300


def test_clock_is_sent_without_the_board_when_nothing_changes() -> None:
    with serving(WebOptions(brokers="", stale_after_seconds=0.3), AFTERNOON) as served:
        served.follow()
        with listening(served) as listener:
            message = listener.message()
            assert "board" in message
            while "board" in message:  # a few: on a busy machine, figures may be stale before the first message
                message = listener.message()
            messages = [message, *(listener.message() for _ in range(2))]
        assert all("board" not in message for message in messages)
        assert messages[0]["clock"]["now"] < messages[1]["clock"]["now"] < messages[2]["clock"]["now"]
        assert messages[-1]["clock"]["state"] == "silent"


def test_board_is_not_made_without_listeners(served: Served) -> None:
    with listening(served) as listener:
        listener.board()
        assert served.broadcaster._listeners == 1
    wait_until(lambda: served.broadcaster._listeners == 0, "the listener to be forgotten")
    served.broadcaster._make = lambda: 1 // 0  # type: ignore[assignment,return-value]
    for _ in range(50):
        served.worker.offered(SOCIAL, served.now())
    httpx.get(f"{served.url}/healthz")
    assert not served.broadcaster.failed


def test_old_figures_are_dropped_without_listeners_too(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.worker.offered(SOCIAL, served.now())
    assert len(served.view._current._rows) == 2, "a total and five minutes"
    served.advance_clock(timedelta(days=1))
    monkeypatch.setattr(broadcast, "IDLE_REFRESH_SECONDS", 0)
    wait_until(lambda: len(served.view._current._rows) == 1, "the five minutes of yesterday to be dropped")
    assert served.broadcaster._listeners == 0


def test_blocked_listener_does_not_delay_others(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as lazy, listening(served) as listener:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        lazy.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: served.broadcaster._listeners == 2, "both to listen")
        for number in range(1, 31):
            served.worker.offered(SOCIAL, served.now())
            while received(listener.board()) < number:
                pass


def test_number_of_open_boards_is_limited(caplog: pytest.LogCaptureFixture) -> None:
    with serving(replace(OPTIONS, max_viewers=2)) as served, listening(served) as first:

        def refused() -> bool:
            with httpx.stream("GET", f"{served.url}/events") as answer:
                return answer.status_code == 503

        first.board()
        with listening(served) as second:
            second.board()
            assert [refused() for _ in range(3)] == [True] * 3
            assert httpx.get(f"{served.url}/api/board").status_code == 200
        wait_until(lambda: not refused(), "the place of a closed stream")
    assert [record.getMessage() for record in caplog.records if "open" in record.getMessage()] == [
        "2 boards are open (web.max_viewers): refusing more"
    ]


def test_server_stops_with_open_streams(served: Served) -> None:
    with listening(served) as listener:
        listener.board()
        served.stop()
        with pytest.raises(EOFError):
            listener.read_to_end()


def test_api_and_stream_send_the_same_board(served: Served) -> None:
    served.worker.answered(ROADS, served.now(), 12, handle_seconds=30)
    served.worker.stocks(ROADS, served.now() - timedelta(seconds=5), waiting=1)
    with listening(served) as listener:
        streamed = listener.board()
    polled = httpx.get(f"{served.url}/api/board").json()["board"]
    assert polled == streamed
    assert [queue["queue"] for queue in polled["queues"]] == [SOCIAL.queue, ROADS.queue]


def test_readyz_reports_whether_figures_are_current(served: Served) -> None:
    def readiness() -> tuple[int, str]:
        answer = httpx.get(f"{served.url}/readyz")
        return answer.status_code, answer.text.strip()

    assert readiness() == (200, "live")
    served.worker.progress(served.now() - timedelta(hours=1), written_at=served.now())
    assert readiness() == (200, "catching_up"), "the board shows the time of its figures"
    served.worker.progress(served.now() - timedelta(hours=1))
    assert readiness() == (503, "silent")
    served.view.set_state(ReaderState.LOADING)
    assert readiness() == (503, "loading")
    served.view.begin([0, 1])
    served.view.set_state(ReaderState.FOLLOWING)
    assert readiness() == (503, "no_figures")
    assert httpx.get(f"{served.url}/healthz").text == "live\n"


def test_server_stops_when_the_board_cannot_be_made(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.broadcaster._make = lambda: 1 // 0  # type: ignore[assignment,return-value]
    with listening(served):
        wait_until(lambda: not served.running, "the server to stop")
    assert served.broadcaster.failed, "for the exit code"
    assert "making the board failed" in caplog.text


def test_page_shows_the_english_name_of_the_organisation() -> None:
    with serving(replace(OPTIONS, title_en="House")) as served:
        titles = [httpx.get(f"{served.url}/", params={"lang": lang}).text.split("h1>")[1] for lang in ("fr", "en")]
    assert titles == ["Maison &lt;test&gt;</", "House</"]


def test_preference_is_stored_in_a_cookie_and_replaced_by_the_next() -> None:
    with serving(OPTIONS) as served, httpx.Client(base_url=served.url, headers={"accept-language": "fr"}) as browser:

        def first_tag(**choices: str) -> str:
            text = browser.get("/", params=choices).text
            return text[text.index("<html") : text.index("<head")].strip()

        assert first_tag() == '<html lang="fr" data-theme="dark">'
        assert first_tag(lang="en") == '<html lang="en" data-theme="dark">'
        assert first_tag() == '<html lang="en" data-theme="dark">'
        assert first_tag(theme="light") == '<html lang="en" data-theme="light">'
        assert first_tag(lang="xx", theme="xx") == '<html lang="en" data-theme="light">'
        assert first_tag(lang="fr") == '<html lang="fr" data-theme="light">'
        browser.get("/static/board.js", params={"lang": "en"})
        assert first_tag() == '<html lang="fr" data-theme="light">'


def test_page_contains_the_figures_before_the_stream_starts(served: Served) -> None:
    served.worker.offered(Dimensions("call", "siege", "", "</script><b>"), served.now())
    page = httpx.get(f"{served.url}/").text
    found = re.search(r'<script id="message" type="application/json">(.*?)</script>', page)
    assert found
    message = json.loads(found[1])
    assert message["board"] == httpx.get(f"{served.url}/api/board").json()["board"]
    assert message["board"]["queues"][1]["queue"] == "</script><b>"


@pytest.mark.parametrize("path", ["/", "/api/board", "/metrics", "/static/board.js", "/healthz", "/nowhere"])
def test_each_response_has_restrictive_headers(served: Served, path: str) -> None:
    answer = httpx.get(f"{served.url}{path}")
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


def test_loopback_accepts_only_its_own_host_names() -> None:
    def status(served: Served, host: str) -> int:
        return httpx.get(f"{served.url}/api/board", headers={"host": host}).status_code

    with serving(replace(OPTIONS, hosts=("board.example.org",))) as served:
        for host in (f"127.0.0.1:{served.port}", "localhost:8080", "LOCALHOST", "[::1]:8080", "board.example.org"):
            assert status(served, host) == 200, host
        for host in ("evil.example.org", "127.0.0.1.example.org", "localhost.", ""):
            assert status(served, host) == 400, host
    with serving(replace(OPTIONS, host="0.0.0.0")) as served:
        assert status(served, "any.example.org") == 200


def test_listening_on_all_ipv6_addresses_includes_ipv4(tmp_path: Path) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    port = free_port()
    script = (
        "import logging; logging.basicConfig(level='INFO')\n"
        "from streams.web.app import serve; from streams.web.options import WebOptions\n"
        f"serve(WebOptions(brokers='127.0.0.1:1', host='::', port={port}))"
    )
    with Child(["-c", script], tmp_path / "web.log").start() as web:
        web.wait_for(f"the board is at http://[::]:{port}/")
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}:{port}/healthz").text == "live\n"
        assert web.stop() == 0


@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text; version=1.0.0, text/plain; q=0.2"])
def test_metrics_use_the_text_format(served: Served, accept: str) -> None:
    answer = httpx.get(f"{served.url}/metrics", headers={"accept": accept})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert (
        'contact_received_total{channel="call",queue="aide-sociale",service="social",site="siege"} 0.0' in answer.text
    )


def test_port_in_use_is_reported_before_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(WebOptions(brokers="127.0.0.1:1", port=taken.getsockname()[1]))
