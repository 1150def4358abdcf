"""Data flow of instances from a source to a publisher."""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, Self

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from connectors.sdk import instance as instance_module
from connectors.sdk import log_throttle, rejects
from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contract import Connector, Context, Outcome, Reject, Source
from connectors.sdk.errors import SourceUnavailableError, StuckError
from connectors.sdk.instance import Instance, InstanceRunner
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.runner import ConnectorRunner
from connectors.sdk.testing import ManualPublisher
from models.codec import UnusableRecord
from models.events import CallAbandoned, CallAbandonedData, Event
from models.reasons import Reason
from tests.support.processes import wait_until

NOW = datetime.now(UTC)


class Numbers(Source[int, int]):
    """A source of numbers from a list, which logs its calls in `calls`."""

    def __init__(self, stock: list[int], calls: list[str], context: Context) -> None:
        self.context = context
        self.stock = stock
        self.calls = calls
        self.next = int(context.cursor.load() or 0)
        self.calls.append(f"open at {self.next}")

    def read(self, wait_seconds: float) -> Sequence[int]:
        new = self.stock[self.next : self.next + 2]
        if new and new[0] == -1:
            self.away()
        if new and new[0] == -2:
            raise RuntimeError("a secret value")
        if not new:
            threading.Event().wait(min(wait_seconds, 0.005))
        self.next += len(new)
        return new

    def away(self) -> NoReturn:
        raise SourceUnavailableError("no server is there")

    def map(self, raw: int) -> Outcome:
        match raw:
            case 0:
                return ()
            case 13:
                raise ValueError("a secret value")
            case 99:
                return Reject(Reason.UNKNOWN_RECORD, b"ninety-nine")
            case 98:
                raise UnusableRecord(Reason.MISSING_FIELD, "tens")
            case _:
                return (number(raw),)

    def position(self) -> int:
        return self.next

    def acknowledge(self, position: int) -> None:
        self.calls.append(f"acknowledge {position}")
        self.context.cursor.save(str(position).encode())

    def close(self) -> None:
        self.calls.append("close")


def number(n: int) -> Event:
    return CallAbandoned(
        id=f"id-{n}",
        source="numbers/essai",
        subject=f"call:numbers/essai:{n}",
        time=NOW + timedelta(days=1 if n == 1_000 else 0),
        data=CallAbandonedData(queue="accueil"),
    )


class LoggingPublisher(ManualPublisher):
    """A publisher that logs its calls in `calls`, and confirms one poll later."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    def publish(self, events: Sequence[Event], on_confirmed: Callable[[], None]) -> None:
        self.calls.append(f"publish {[event.id for event in events]}")
        super().publish(events, on_confirmed)

    def poll(self, wait_seconds: float) -> None:
        self.confirm()


class RunnerHarness:
    """An instance runner of numbers, in a thread."""

    def __init__(self, directory: Path, *stock: int) -> None:
        self.stock = list(stock)
        self.calls: list[str] = []
        self.registry = CollectorRegistry()
        self.publisher = LoggingPublisher(self.calls)
        self.directory = directory
        self.stop = threading.Event()
        connector = Connector("numbers", ConnectorConfig, lambda _, context: Numbers(self.stock, self.calls, context))
        self.runner = InstanceRunner(
            Instance("essai", connector, ConnectorConfig()),
            directory=directory,
            open_publisher=lambda source, spool, meter: self.publisher,
            meter=Meter(Metrics(self.registry), "numbers/essai"),
        )
        self.thread = threading.Thread(target=self.runner.run, args=(self.stop,))

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()

    def wait_for(self, call: str) -> None:
        wait_until(lambda: call in self.calls, f"{call!r} in {self.calls}")

    def count(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"connector": "numbers/essai", **labels})


class TestInstanceRunner:
    def test_rejected_record_is_stored_and_counted_before_acknowledgement(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, 0, 99, 13, 1_000, 5) as running:
            running.wait_for("acknowledge 5")
            stored = (tmp_path / "numbers" / "essai" / "rejects.jsonl").read_text().splitlines()
        assert [(entry["reason"], entry["record"][:11]) for entry in map(json.loads, stored)] == [
            ("unknown_record", "ninety-nine"),
            ("internal_error", "13"),
            ("time_in_future", "1000"),
        ]
        assert [event.id for event in running.publisher.events] == ["id-5"]
        for reason in ("unknown_record", "internal_error", "time_in_future"):
            assert running.count("connector_errors_total", reason=reason) == 1
        assert running.count("connector_records_ignored_total") == 1
        assert running.count("connector_records_read_total") == 5

    def test_dropped_rejects_are_counted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rejects, "LIMIT_BYTES", 400)
        with RunnerHarness(tmp_path, *[99] * 20, 5) as running:
            running.wait_for("acknowledge 21")
            stored = len(list(rejects.read(tmp_path / "numbers" / "essai")))
        assert 0 < stored < 20
        assert running.count("connector_rejects_dropped_total") == 20 - stored

    def test_rejections_are_logged_at_intervals_also_across_restarts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def logged() -> list[tuple[int, str]]:
            return [(entry["count"], entry["log_level"]) for entry in logs if entry["event"] == "records_rejected"]

        monkeypatch.setattr(instance_module, "RESTART_SECONDS", (0.001,))
        monkeypatch.setattr(log_throttle, "GATHER_SECONDS", 0.0)
        with structlog.testing.capture_logs() as logs, RunnerHarness(tmp_path, 99, 13) as running:
            wait_until(lambda: logged() == [(2, "warning")], "both rejections in one message")
            running.stock += [99, 99, -2]
            wait_until(lambda: running.runner.trouble.startswith("RuntimeError"), "a new start")
            running.stock[4] = 5
            running.wait_for("acknowledge 5")
            assert len(logged()) == 1
        monkeypatch.setattr(log_throttle, "INTERVAL_SECONDS", 0.0)
        with structlog.testing.capture_logs() as logs, RunnerHarness(tmp_path, *[0] * 5, 99) as running:
            wait_until(lambda: logged() == [(1, "warning")], "the message")
            running.stock.append(99)
            wait_until(lambda: len(logged()) == 2, "a second message")

    def test_unavailable_source_is_tried_again_and_its_initial_position_is_saved(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, -1) as running:
            running.wait_for("acknowledge 0")
            wait_until(lambda: running.runner.trouble == "no server is there", "the trouble")
            running.stock[0] = 7
            running.wait_for("publish ['id-7']")
            wait_until(lambda: running.runner.trouble == "", "no trouble")
        assert (running.calls.count("open at 0"), running.calls.count("acknowledge 0")) == (1, 1)

    def test_unavailable_source_is_logged_at_intervals(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def logged() -> list[Any]:
            return [entry["trouble"] for entry in logs if entry["event"] == "connector_in_trouble"]

        monkeypatch.setattr(instance_module, "UNAVAILABLE_SECONDS", 0.001)
        reads: list[int] = []
        monkeypatch.setattr(Numbers, "read", lambda self, wait_seconds: reads.append(1) or self.away())
        with structlog.testing.capture_logs() as logs, RunnerHarness(tmp_path, -1):
            wait_until(lambda: len(reads) > 20, "repeated reads")
            assert logged() == ["no server is there"]
            monkeypatch.setattr(instance_module, "REMIND_SECONDS", 0.0)
            wait_until(lambda: len(logged()) > 2, "another message")

    def test_any_failure_restarts_from_the_acknowledged_position(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with RunnerHarness(tmp_path, 1, 2, -2) as running:
            wait_until(lambda: running.runner.trouble.startswith("RuntimeError at test_sdk_runner.py:"), "the message")
            running.stock[2] = 3
            running.wait_for("acknowledge 3")
        assert running.calls.count("open at 2") >= 1
        assert running.count("connector_errors_total", reason="internal_error") >= 1
        assert "a secret value" not in capsys.readouterr().out
        assert "a secret value" not in running.runner.trouble

    def test_source_is_not_read_while_the_publisher_is_full(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(instance_module, "MIN_DELAY_SECONDS", 0.1)
        running = RunnerHarness(tmp_path, 1)
        running.publisher.ready = False
        with structlog.testing.capture_logs() as logs, running:
            running.wait_for("open at 0")
            wait_until(lambda: running.runner.trouble == instance_module.NO_ROOM, "the trouble")
            assert not any("publish" in call for call in running.calls)
            running.publisher.ready = True
            running.wait_for("acknowledge 1")
            wait_until(lambda: running.runner.trouble == "", "no trouble")
        assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == [
            "connector_in_trouble",
            "connector_takes_in_again",
        ]

    def test_instance_runs_in_one_process_only(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, 1) as first:
            first.wait_for("acknowledge 1")
            with RunnerHarness(tmp_path, 1) as second:
                wait_until(lambda: "is in use by another process" in second.runner.trouble, "the refusal")
            assert second.calls == []

    def test_all_metrics_exist_from_the_start(self, tmp_path: Path) -> None:
        text = generate_latest(RunnerHarness(tmp_path).registry).decode()
        for reason in Reason:
            assert f'connector_errors_total{{connector="numbers/essai",reason="{reason.value}"}} 0.0' in text
        assert 'connector_events_published_total{connector="numbers/essai"} 0.0' in text
        assert 'connector_spool_limit_bytes{connector="numbers/essai"} 2.68435456e+08' in text


class Ending(Numbers):
    """A source of numbers whose thread ends at -1."""

    ending: BaseException

    def away(self) -> NoReturn:
        raise self.ending


def runner_of(directory: Path, source: type[Numbers], **stocks: int) -> ConnectorRunner:
    """Return a runner of instances with a number each."""

    def instance(name: str, stock: int) -> Instance:
        connector = Connector("numbers", ConnectorConfig, lambda _, context: source([stock], [], context))
        return Instance(name, connector, ConnectorConfig())

    return ConnectorRunner(
        [instance(name, stock) for name, stock in stocks.items()],
        brokers="unused",
        directory=directory,
        registry=CollectorRegistry(),
        open_publisher=lambda *_: LoggingPublisher([]),
    )


def test_runner_names_instances_in_trouble(tmp_path: Path) -> None:
    runner, stop = runner_of(tmp_path, Numbers, nord=1, sud=-1), threading.Event()
    assert runner.ready() == (False, "numbers/nord: not started; numbers/sud: not started")
    with ThreadPoolExecutor() as pool:
        run = pool.submit(runner.run, stop)
        try:
            wait_until(lambda: runner.ready() == (False, "numbers/sud: no server is there"), "the instance in trouble")
            assert runner.healthy() == (True, "ok")
        finally:
            stop.set()
        run.result(60)


@pytest.mark.parametrize("ending", [SystemExit("0639980000"), KeyboardInterrupt()])
def test_runner_ends_if_a_thread_ends_unexpectedly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    monkeypatch.setattr(Ending, "ending", ending, raising=False)
    runner, stop = runner_of(tmp_path, Ending, nord=1, sud=-1), threading.Event()
    with structlog.testing.capture_logs() as logs, ThreadPoolExecutor() as pool:
        run = pool.submit(runner.run, stop)
        try:
            with pytest.raises(StuckError, match="numbers/sud"):
                run.result(20)
        finally:
            stop.set()
    (ended,) = (entry for entry in logs if entry["event"] == "connector_ended")
    assert (ended["connector"], ended["trouble"], ended["log_level"]) == ("numbers/sud", type(ending).__name__, "error")
    assert not any(thread.name.startswith("numbers/") for thread in threading.enumerate())
