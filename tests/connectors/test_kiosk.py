"""Kiosk with its webhook connector: each action is published once, across failures."""

import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from connectors.kiosk.config import KioskConfig
from connectors.sdk.config import parse
from connectors.sdk.ports import free_port
from tests.support.kiosk_harness import (
    CHILDREN,
    GENERAL,
    README,
    ServedKiosk,
    kiosk_options,
    options_of,
    running_webhook_connector,
    serving_kiosk,
)
from tests.support.processes import wait_until
from tests.support.webhooks import OTHER_SECRET, SECRET

UNREACHABLE = "http://127.0.0.1:9/"


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.kiosk.service.PAUSES_SECONDS", (0.01,))


def visit(kiosk: ServedKiosk, queue: str) -> str:
    """Take a ticket, call the visitor and end the visit."""
    ticket: str = kiosk.act("take", queue=queue)[1]["ticket"]["id"]
    assert kiosk.act("call", counter="1")[0] == 200
    assert kiosk.act("serve", ticket=ticket)[0] == 200
    return ticket


def new_request(step: str, **fields: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "step": step, **fields}


def test_visit_is_published_step_by_step(tmp_path: Path) -> None:
    with running_webhook_connector(tmp_path) as (url, events), serving_kiosk(kiosk_options(tmp_path, url)) as kiosk:
        ticket = visit(kiosk, GENERAL)
        left = kiosk.act("take", queue=CHILDREN)[1]["ticket"]
        assert left["number"] == "P001"
        kiosk.act("leave", ticket=left["id"])
        kiosk.wait_until_sent()
    steps = ["visit.arrived", "visit.called", "visit.served", "visit.arrived", "visit.left"]
    assert [(event.type, event.site) for event in events] == [(step, "cdas-sud") for step in steps]
    assert [event.subject.rpartition(":")[2] for event in events] == 3 * [ticket] + 2 * [left["id"]]
    assert [event.model_dump()["data"].get("queue") for event in events] == ["accueil", None, None, "pmi", None]
    assert not [event for event in events if abs(event.time - datetime.now(UTC)) > timedelta(minutes=1)]
    assert {event.identities for event in events} == {""}


@pytest.mark.parametrize("readme", ["README.md", "README.fr.md"])
def test_settings_of_the_readme_work_together(readme: str) -> None:
    options, connector = options_of(README.with_name(readme))
    config = parse(KioskConfig, "cdas-sud", options | {"secret": SECRET})
    assert isinstance(config, KioskConfig)
    assert config.site in connector["values"]["site"]
    assert config.queues.keys() <= connector["values"]["queue"].keys()


def test_repeated_request_is_performed_once(tmp_path: Path) -> None:
    with running_webhook_connector(tmp_path) as (url, events), serving_kiosk(kiosk_options(tmp_path, url)) as kiosk:
        take, call = new_request("take", queue=GENERAL), new_request("call", counter="1")
        assert kiosk.post(take) == kiosk.post(take)
        kiosk.act("take", queue=GENERAL)
        assert kiosk.post(call) == kiosk.post(call)
        assert kiosk.waiting_numbers() == ["A002"]
        kiosk.wait_until_sent()
    assert Counter(event.type for event in events) == {"visit.arrived": 2, "visit.called": 1}


@pytest.mark.usefixtures("_short_pauses")
def test_actions_during_an_outage_of_the_connector_are_sent_in_order_after_a_restart(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with serving_kiosk(kiosk_options(tmp_path, url)) as kiosk:
        tickets = [visit(kiosk, GENERAL)]
        wait_until(lambda: kiosk.state()["trouble"], "the error text")
        assert kiosk.reports == [f"127.0.0.1:{port} does not answer"]
    with serving_kiosk(kiosk_options(tmp_path, url)) as kiosk:
        tickets.append(visit(kiosk, CHILDREN))
        assert kiosk.state()["unsent"] == 6
        with running_webhook_connector(tmp_path, port) as (_, events):
            kiosk.wait_until_sent()
        assert kiosk.reports[-1] == ""
        assert kiosk.state()["trouble"] == ""
    assert [(event.type.rpartition(".")[2], event.subject[-36:]) for event in events] == [
        (step, ticket) for ticket in tickets for step in ("arrived", "called", "served")
    ]


@pytest.mark.usefixtures("_short_pauses")
def test_wrong_secret_is_reported_and_no_action_is_lost(tmp_path: Path) -> None:
    with running_webhook_connector(tmp_path) as (url, events):
        with serving_kiosk(kiosk_options(tmp_path, url, secret=OTHER_SECRET)) as kiosk:
            visit(kiosk, GENERAL)
            wait_until(lambda: "signature" in kiosk.state()["trouble"], "the error text")
            assert events == []
        with serving_kiosk(kiosk_options(tmp_path, url)) as kiosk:
            kiosk.wait_until_sent()
            assert len(events) == 3


def test_at_midnight_waiting_visitors_have_left_and_called_ones_are_hidden(tmp_path: Path) -> None:
    """The end of a called visit is published only if an agent reported it on the same day."""
    now = datetime(2026, 3, 16, 16, tzinfo=UTC)
    with (
        running_webhook_connector(tmp_path) as (url, events),
        serving_kiosk(kiosk_options(tmp_path, url, timezone="Europe/Paris"), lambda: now) as kiosk,
    ):
        kiosk.act("take", queue=GENERAL)
        kiosk.act("take", queue=GENERAL)
        ticket = kiosk.act("call", counter="1")[1]["ticket"]["id"]
        now += timedelta(hours=16)
        assert (kiosk.state()["waiting"], kiosk.state()["called"]) == ([], [])
        assert kiosk.act("take", queue=GENERAL)[1]["ticket"]["number"] == "A001"
        assert kiosk.act("serve", ticket=ticket, waited_ms=int(15.5 * 3_600_000))[0] == 200
        kiosk.wait_until_sent()
    steps = ["visit.arrived", "visit.arrived", "visit.called", "visit.left", "visit.arrived", "visit.served"]
    assert [event.type for event in events] == steps
    assert events[3].time == datetime(2026, 3, 16, 22, 59, 59, tzinfo=UTC)
    assert events[5].time == datetime(2026, 3, 16, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize("days", [1, 3, 29])
def test_call_with_a_lost_response_calls_nobody_on_another_day(tmp_path: Path, days: int) -> None:
    """The browser repeats the request when it is opened again; the kiosk may have been restarted."""
    now = datetime(2026, 3, 13, 17, tzinfo=UTC)
    call = new_request("call", counter="1")
    with running_webhook_connector(tmp_path) as (url, events):
        with serving_kiosk(kiosk_options(tmp_path, url), lambda: now) as kiosk:
            kiosk.act("take", queue=GENERAL)
            called = kiosk.post(call)
            kiosk.act("serve", ticket=called[1]["ticket"]["id"])
            kiosk.wait_until_sent()
            now += timedelta(days=days)
            kiosk.act("take", queue=GENERAL)
            assert kiosk.post(call | {"waited_ms": days * 86_400_000}) == called
        with serving_kiosk(kiosk_options(tmp_path, url), lambda: now) as kiosk:
            assert kiosk.post(call | {"waited_ms": days * 86_400_000}) == called
            unknown = new_request("call", counter="1", waited_ms=days * 86_400_000)
            assert kiosk.post(unknown) == (409, {"refused": "over"})
            assert kiosk.waiting_numbers() == ["A001"]
            kiosk.wait_until_sent()
    assert Counter(event.type for event in events) == {"visit.arrived": 2, "visit.called": 1, "visit.served": 1}


def test_visitor_of_yesterday_from_an_offline_page_does_not_wait_today(tmp_path: Path) -> None:
    now = datetime(2026, 3, 17, 8, tzinfo=UTC)
    with (
        running_webhook_connector(tmp_path) as (url, events),
        serving_kiosk(kiosk_options(tmp_path, url, timezone="Europe/Paris"), lambda: now) as kiosk,
    ):
        assert kiosk.act("take", queue=GENERAL, waited_ms=16 * 3_600_000)[1]["ticket"]["number"] == "A001"
        assert kiosk.state()["waiting"] == []
        assert kiosk.act("take", queue=GENERAL, waited_ms=1 << 53)[0] == 200
        assert kiosk.act("take", queue=GENERAL)[1]["ticket"]["number"] == "A001"
        kiosk.wait_until_sent()
    assert [event.time for event in events][:2] == [
        datetime(2026, 3, 16, 16, tzinfo=UTC), datetime(2026, 3, 16, 22, 59, 59, tzinfo=UTC),
    ]  # fmt: skip
    assert [event.type.rpartition(".")[2] for event in events] == ["arrived", "left", "arrived", "left", "arrived"]


def test_invalid_request_is_refused(tmp_path: Path) -> None:
    with serving_kiosk(kiosk_options(tmp_path, UNREACHABLE)) as kiosk:
        take = new_request("take", queue=GENERAL)
        wrong: list[Any] = [b"{", [], {}, take | {"id": "1"}, take | {"step": "eat"}, take | {"waited_ms": -1}, b"\xff"]
        assert [kiosk.post(body)[0] for body in wrong] == 7 * [400]
        assert kiosk.post(take | {"queue": "x" * 5000})[0] == 413
        assert kiosk.post(take | {"queue": "Cantine"}) == (409, {"refused": "unknown"})
        assert kiosk.act("call") == (409, {"refused": "nobody"})
        assert kiosk.ask("GET", "/api/actions")[0] == 405
        assert kiosk.state()["unsent"] == 0


@pytest.mark.parametrize(
    "headers",
    [{"content_type": "text/plain"}, {"content_type": "application/x-www-form-urlencoded"}, {"host": "evil.example"}],
)
def test_requests_of_other_sites_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    """Requests that a browser sends without a preflight, or for a foreign host name (DNS rebinding)."""
    with serving_kiosk(kiosk_options(tmp_path, UNREACHABLE)) as kiosk:
        assert kiosk.post(new_request("take", queue=GENERAL), **headers)[0] in {400, 415}
        assert kiosk.state()["waiting"] == []


def test_full_disk_asks_the_page_to_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with serving_kiosk(kiosk_options(tmp_path, UNREACHABLE)) as kiosk:
        take = new_request("take", queue=GENERAL)
        with monkeypatch.context() as patched:
            patched.setattr("connectors.kiosk.journal.os.fsync", fail)
            assert kiosk.post(take) == (503, {"refused": "later"})
            assert kiosk.state()["waiting"] == []
        assert kiosk.post(take)[1]["ticket"]["number"] == "A001"


def test_kills_during_visits_publish_each_step_once(tmp_path: Path) -> None:
    with running_webhook_connector(tmp_path) as (url, events):
        options = kiosk_options(tmp_path, url)
        del options["secret"]
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "guichet.toml").write_text(tomli_w.dumps(options | {"secret_file": str(tmp_path / "secret")}))
        run = [sys.executable, "-c", "from connectors.kiosk.command import command; command()"]
        requests = [new_request("take", queue=GENERAL) for _ in range(40)]
        responses: dict[str, Any] = {}
        for run_number in range(5):
            with subprocess.Popen(
                [*run, str(tmp_path / "guichet.toml")],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "LANG": "C"},
            ) as process:
                assert process.stdout
                address = process.stdout.readline().split()[1].rstrip("/")
                kiosk = ServedKiosk(address, [])
                for request in requests[max(0, 8 * run_number - 3) : 8 * run_number + 8]:
                    status, response = kiosk.post(request)
                    assert status == 200
                    assert responses.setdefault(request["id"], response) == response
                process.send_signal(signal.SIGKILL if run_number < 4 else signal.SIGTERM)
                if run_number == 4:
                    assert process.wait(60) == 0
        with serving_kiosk(options | {"secret": SECRET}) as kiosk:
            kiosk.wait_until_sent()
            assert len(kiosk.waiting_numbers()) == len(requests)
    assert Counter(event.type for event in events) == {"visit.arrived": len(requests)}
    assert len({response["ticket"]["number"] for response in responses.values()}) == len(requests)
