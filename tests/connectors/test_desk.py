"""The kiosk as a whole: actions on its pages are published once by the connector, across failures."""

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

from connectors.kiosk import service as desks
from connectors.kiosk.config import KioskConfig
from connectors.sdk.config import parse
from models.events import Event
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

NOWHERE = "http://127.0.0.1:9/"


def steps_of(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.type, event.site) for event in events]


def visit(served: ServedKiosk, queue: str, counter: str = "1") -> str:
    """Take a ticket, call the visitor and end the visit."""
    ticket: str = served.act("take", queue=queue)[1]["ticket"]["id"]
    assert served.act("call", counter=counter)[0] == 200
    assert served.act("serve", ticket=ticket)[0] == 200
    return ticket


def test_visit_is_published_step_by_step(tmp_path: Path) -> None:
    with running_webhook_connector(tmp_path) as (url, events), serving_kiosk(kiosk_options(tmp_path, url)) as served:
        ticket = visit(served, GENERAL)
        gone = served.act("take", queue=CHILDREN)[1]["ticket"]
        assert gone["number"] == "P001"
        served.act("leave", ticket=gone["id"])
        served.all_is_sent()
    steps = ["visit.arrived", "visit.called", "visit.served", "visit.arrived", "visit.left"]
    assert steps_of(events) == [(step, "cdas-sud") for step in steps]
    assert [event.subject.rpartition(":")[2] for event in events] == 3 * [ticket] + 2 * [gone["id"]]
    assert [event.model_dump()["data"].get("queue") for event in events] == ["accueil", None, None, "pmi", None]
    assert not [event for event in events if abs(event.time - datetime.now(UTC)) > timedelta(minutes=1)]
    assert {event.identities for event in events} == {""}


@pytest.mark.parametrize("readme", ["README.md", "README.fr.md"])
def test_settings_of_the_readme_work(tmp_path: Path, readme: str) -> None:
    desk, connector = options_of(README.with_name(readme))
    config = parse(KioskConfig, "cdas-sud", desk | {"secret": SECRET})
    assert isinstance(config, KioskConfig)
    assert {config.site, *config.queues} <= connector["labels"].keys()
    with running_webhook_connector(tmp_path) as (url, events):
        options = desk | {"secret": SECRET, "url": url, "data": str(tmp_path / "desk")}
        with serving_kiosk(options) as served:
            for queue in config.queues:
                visit(served, queue)
            served.all_is_sent()
    assert len(events) == 3 * len(config.queues)


def test_repeated_request_is_performed_once(tmp_path: Path) -> None:
    with running_webhook_connector(tmp_path) as (url, events), serving_kiosk(kiosk_options(tmp_path, url)) as served:
        take = {"id": str(uuid.uuid4()), "step": "take", "queue": GENERAL}
        assert served.post(take) == served.post(take)
        served.act("take", queue=GENERAL)
        call = {"id": str(uuid.uuid4()), "step": "call", "counter": "1"}
        assert served.post(call) == served.post(call)
        assert [one["number"] for one in served.state()["waiting"]] == ["A002"]
        served.all_is_sent()
    assert Counter(event.type for event in events) == {"visit.arrived": 2, "visit.called": 1}


def test_actions_are_kept_while_the_connector_is_unreachable_and_sent_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the kiosk is restarted."""
    monkeypatch.setattr(desks, "PAUSES_SECONDS", (0.01,))
    with running_webhook_connector(tmp_path) as (url, _):
        port = int(url.rstrip("/").rpartition(":")[2])
    with serving_kiosk(kiosk_options(tmp_path, url)) as served:
        tickets = [visit(served, GENERAL)]
        wait_until(lambda: served.state()["trouble"], "the trouble to be shown")
        assert served.reports == [f"127.0.0.1:{port} does not answer"]
    with serving_kiosk(kiosk_options(tmp_path, url)) as served:
        tickets.append(visit(served, CHILDREN))
        assert served.state()["unsent"] == 6
        with running_webhook_connector(tmp_path, port) as (_, events):
            served.all_is_sent()
        assert served.reports[-1] == ""
        assert served.state()["trouble"] == ""
    assert [(event.type.rpartition(".")[2], event.subject[-36:]) for event in events] == [
        (step, ticket) for ticket in tickets for step in ("arrived", "called", "served")
    ]


def test_wrong_secret_is_reported_and_no_action_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "PAUSES_SECONDS", (0.01,))
    with running_webhook_connector(tmp_path) as (url, events):
        with serving_kiosk(kiosk_options(tmp_path, url, secret=OTHER_SECRET)) as served:
            visit(served, GENERAL)
            wait_until(lambda: "signature" in served.state()["trouble"], "the trouble to be shown")
            assert events == []
        with serving_kiosk(kiosk_options(tmp_path, url)) as served:
            served.all_is_sent()
            assert len(events) == 3


def test_at_midnight_waiting_visitors_have_left_and_called_ones_are_hidden(tmp_path: Path) -> None:
    """Their end is published only if an agent reported it that day."""
    now = datetime(2026, 3, 16, 16, tzinfo=UTC)
    with (
        running_webhook_connector(tmp_path) as (url, events),
        serving_kiosk(kiosk_options(tmp_path, url), lambda: now) as served,
    ):
        served.act("take", queue=GENERAL)
        served.act("take", queue=GENERAL)
        ticket = served.act("call", counter="1")[1]["ticket"]["id"]
        now += timedelta(hours=16)
        assert (served.state()["waiting"], served.state()["called"]) == ([], [])
        assert served.act("take", queue=GENERAL)[1]["ticket"]["number"] == "A001"
        assert served.act("serve", ticket=ticket, waited_ms=int(15.5 * 3_600_000))[0] == 200
        served.all_is_sent()
    steps = ["visit.arrived", "visit.arrived", "visit.called", "visit.left", "visit.arrived", "visit.served"]
    assert [event.type for event in events] == steps
    assert events[3].time == datetime(2026, 3, 16, 22, 59, 59, tzinfo=UTC)
    assert events[5].time == datetime(2026, 3, 16, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize("days", [1, 3, 29])
def test_call_with_a_lost_response_calls_nobody_on_another_day(tmp_path: Path, days: int) -> None:
    """The closed browser sends it again when it is opened; the kiosk may have been restarted."""
    now = datetime(2026, 3, 13, 17, tzinfo=UTC)
    call = {"id": str(uuid.uuid4()), "step": "call", "counter": "1"}
    with running_webhook_connector(tmp_path) as (url, events):
        with serving_kiosk(kiosk_options(tmp_path, url), lambda: now) as served:
            served.act("take", queue=GENERAL)
            called = served.post(call)
            served.act("serve", ticket=called[1]["ticket"]["id"])
            served.all_is_sent()
            now += timedelta(days=days)
            served.act("take", queue=GENERAL)
            assert served.post(call | {"waited_ms": days * 86_400_000}) == called
        with serving_kiosk(kiosk_options(tmp_path, url), lambda: now) as served:
            assert served.post(call | {"waited_ms": days * 86_400_000}) == called
            never = call | {"id": str(uuid.uuid4())}
            assert served.post(never | {"waited_ms": days * 86_400_000}) == (409, {"refused": "over"})
            assert [one["number"] for one in served.state()["waiting"]] == ["A001"]
            served.all_is_sent()
    assert Counter(event.type for event in events) == {"visit.arrived": 2, "visit.called": 1, "visit.served": 1}


def test_visitor_of_yesterday_from_an_offline_page_does_not_wait_today(tmp_path: Path) -> None:
    now = datetime(2026, 3, 17, 8, tzinfo=UTC)
    with (
        running_webhook_connector(tmp_path) as (url, events),
        serving_kiosk(kiosk_options(tmp_path, url), lambda: now) as served,
    ):
        assert served.act("take", queue=GENERAL, waited_ms=16 * 3_600_000)[1]["ticket"]["number"] == "A001"
        assert served.state()["waiting"] == []
        assert served.act("take", queue=GENERAL, waited_ms=1 << 53)[0] == 200
        assert served.act("take", queue=GENERAL)[1]["ticket"]["number"] == "A001"
        served.all_is_sent()
    assert [event.time for event in events][:2] == [
        datetime(2026, 3, 16, 16, tzinfo=UTC), datetime(2026, 3, 16, 22, 59, 59, tzinfo=UTC),
    ]  # fmt: skip
    assert [event.type.rpartition(".")[2] for event in events] == ["arrived", "left", "arrived", "left", "arrived"]


def test_invalid_request_is_refused(tmp_path: Path) -> None:
    with serving_kiosk(kiosk_options(tmp_path, NOWHERE)) as served:
        take = {"id": str(uuid.uuid4()), "step": "take", "queue": GENERAL}
        wrong: list[Any] = [b"{", [], {}, take | {"id": "1"}, take | {"step": "eat"}, take | {"waited_ms": -1}, b"\xff"]
        assert [served.post(one)[0] for one in wrong] == 7 * [400]
        assert served.post(take | {"queue": "x" * 5000})[0] == 413
        assert served.post(take | {"queue": "Cantine"}) == (409, {"refused": "unknown"})
        assert served.act("call") == (409, {"refused": "nobody"})
        assert served.ask("GET", "/api/actions")[0] == 405
        assert served.state()["unsent"] == 0


@pytest.mark.parametrize(
    "headers",
    [{"content_type": "text/plain"}, {"content_type": "application/x-www-form-urlencoded"}, {"host": "evil.example"}],
)
def test_requests_of_other_sites_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    """Requests that a browser sends without a preflight, or for a foreign host name (DNS rebinding)."""
    with serving_kiosk(kiosk_options(tmp_path, NOWHERE)) as served:
        take = {"id": str(uuid.uuid4()), "step": "take", "queue": GENERAL}
        assert served.post(take, **headers)[0] in {400, 415}
        assert served.state()["waiting"] == []


def test_full_disk_asks_the_page_to_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_kiosk(kiosk_options(tmp_path, NOWHERE)) as served:
        take = {"id": str(uuid.uuid4()), "step": "take", "queue": GENERAL}
        with monkeypatch.context() as patched:
            patched.setattr("connectors.kiosk.journal.os.fsync", full)
            assert served.post(take) == (503, {"refused": "later"})
            assert served.state()["waiting"] == []
        assert served.post(take)[1]["ticket"]["number"] == "A001"


def full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_kill_at_any_moment_publishes_each_step_once(tmp_path: Path) -> None:
    """Kill the real command repeatedly during visits."""
    with running_webhook_connector(tmp_path) as (url, events):
        options = kiosk_options(tmp_path, url)
        del options["secret"]
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "guichet.toml").write_text(tomli_w.dumps(options | {"secret_file": str(tmp_path / "secret")}))
        run = [sys.executable, "-c", "from connectors.kiosk.command import command; command()"]
        wishes = [{"id": str(uuid.uuid4()), "step": "take", "queue": GENERAL} for _ in range(40)]
        answers: dict[str, Any] = {}
        for life in range(5):
            with subprocess.Popen(
                [*run, str(tmp_path / "guichet.toml")],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "LANG": "C"},
            ) as process:
                assert process.stdout
                address = process.stdout.readline().split()[1].rstrip("/")
                served = ServedKiosk(None, address, [])  # type: ignore[arg-type]
                for wish in wishes[max(0, 8 * life - 3) : 8 * life + 8]:
                    status, answer = served.post(wish)
                    assert status == 200
                    assert answers.setdefault(wish["id"], answer) == answer
                process.send_signal(signal.SIGKILL if life < 4 else signal.SIGTERM)
                if life == 4:
                    assert process.wait(60) == 0
        with serving_kiosk(options | {"secret": SECRET}) as last:
            last.all_is_sent()
            assert len(last.state()["waiting"]) == len(wishes)
    assert Counter(event.type for event in events) == {"visit.arrived": len(wishes)}
    assert len({answer["ticket"]["number"] for answer in answers.values()}) == len(wishes)
