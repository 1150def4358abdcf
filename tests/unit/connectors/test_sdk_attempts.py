"""Detection of records that end the process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from prometheus_client import CollectorRegistry

from connectors.sdk import attempts, instance, runner
from connectors.sdk.attempts import MOST_ATTEMPTS, Attempts, content_of
from connectors.sdk.contract import Connector
from connectors.sdk.errors import StuckError
from connectors.sdk.instance import MOST_STARTS, Instance
from connectors.sdk.runner import ConnectorRunner
from connectors.sdk.testing import ManualPublisher
from connectors.sdk.testing.kill_injector import Killed
from tests.connectors.faulty import Config, Lines
from tests.support.processes import wait_until


def kill() -> NoReturn:
    raise Killed


def end_at(directory: Path, record: bytes) -> None:
    """Simulate an end of the process during the mapping of `record`."""
    with closing(Attempts(directory)) as notes, suppress(Killed):
        notes.attempt(record, kill, lambda: None)


def is_rejected(directory: Path, record: bytes) -> bool:
    with closing(Attempts(directory)) as notes:
        return notes.attempt(record, lambda: False, lambda: True)


def test_record_is_rejected_after_several_ends(tmp_path: Path) -> None:
    for _ in range(MOST_ATTEMPTS):
        assert not is_rejected(tmp_path, b"one")
        end_at(tmp_path, b"one")
    assert is_rejected(tmp_path, b"one")
    assert not is_rejected(tmp_path, b"another")


def test_ends_at_different_records_reject_none(tmp_path: Path) -> None:
    records = [b"%d" % number for number in range(5 * MOST_ATTEMPTS)]
    for record in records:
        end_at(tmp_path, record)
    assert not any(is_rejected(tmp_path, record) for record in records)


def test_exception_does_not_count_as_an_end(tmp_path: Path) -> None:
    def fail() -> NoReturn:
        raise MemoryError

    for _ in range(MOST_ATTEMPTS + 1):
        with closing(Attempts(tmp_path)) as notes:
            with suppress(MemoryError), notes.batch():
                notes.attempt(b"one", fail, lambda: None)
            with suppress(MemoryError):
                notes.attempt(b"one", fail, lambda: None)
    assert not is_rejected(tmp_path, b"one")


def test_each_record_is_noted_after_an_end_within_a_batch(tmp_path: Path) -> None:
    with closing(Attempts(tmp_path)) as notes:
        assert not notes.is_careful
        with suppress(Killed), notes.batch():
            kill()
    with closing(Attempts(tmp_path)) as notes:
        assert notes.is_careful


def test_counts_are_deleted_after_steady_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(MOST_ATTEMPTS):
        end_at(tmp_path, b"one")
    monkeypatch.setattr(attempts, "STEADY_SECONDS", 0.0)
    with closing(Attempts(tmp_path)) as notes:
        with notes.batch():
            pass
        assert not notes.is_careful
    assert not is_rejected(tmp_path, b"one")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": "b"}', b'{"a": null}'])
def test_unreadable_counts_are_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "unfinished.json").write_bytes(content)
    assert not is_rejected(tmp_path, b"one")


def test_content_of_a_record_does_not_depend_on_the_time_of_reading() -> None:
    assert content_of(b"one") == content_of((b"one", datetime.now(UTC))) == content_of(("name", b"one"))
    assert content_of("\ud800") == content_of("\ud800")


def test_repeatedly_ending_instance_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ending(Lines):
        def read(self, wait_seconds: float) -> NoReturn:
            raise SystemExit

    def run(stop: threading.Event, *, alone: bool = False) -> None:
        instances = [
            Instance(name, Connector("lines", Config, kind), Config(path=tmp_path / name))  # type: ignore[arg-type]
            for name, kind in (("nord", Ending), ("sud", Quiet))[: 1 if alone else 2]
        ]
        options: dict[str, Any] = {"registry": CollectorRegistry(), "open_publisher": lambda *_: Safe()}
        ConnectorRunner(instances, brokers="", directory=tmp_path / "data", **options).run(stop)

    class Safe(ManualPublisher):
        def poll(self, wait_seconds: float) -> None:
            self.confirm()

    turns: list[float] = []

    class Quiet(Lines):
        def read(self, wait_seconds: float) -> list[bytes]:
            threading.Event().wait(wait_seconds)
            turns.append(wait_seconds)
            return []

    monkeypatch.setattr(instance, "STUCK_SECONDS", 2.0)
    monkeypatch.setattr(runner, "WATCH_SECONDS", 0.05)
    for _ in range(MOST_STARTS):
        with pytest.raises(StuckError, match="nord"):
            run(threading.Event())
    turns.clear()
    stop = threading.Event()
    with ThreadPoolExecutor() as pool:
        second = pool.submit(run, stop)
        wait_until(lambda: len(turns) > 5 or second.done(), "steps of the other instance")
        assert not second.done()
        with pytest.raises(StuckError, match="nord"):
            second.result(60)
    monkeypatch.setattr(instance, "STUCK_SECONDS", 3600.0)
    with ThreadPoolExecutor() as pool:
        last = pool.submit(run, stop := threading.Event(), alone=True)
        try:
            with pytest.raises(StuckError, match="nord"):  # no other instance works, so a longer wait has no benefit
                last.result(10)
        finally:
            stop.set()


def test_attempts_work_without_a_directory() -> None:
    notes = Attempts()
    with notes.batch():
        assert notes.attempt(b"one", lambda: 1, lambda: 2) == 1
    notes.close()
    assert not notes.is_careful
