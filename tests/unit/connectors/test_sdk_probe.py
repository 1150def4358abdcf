"""Probes of a source."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contract import Connector, Context, Outcome, Reject, Source
from connectors.sdk.errors import InstanceInUseError, SourceUnavailableError
from connectors.sdk.instance import Instance
from connectors.sdk.probe import ProbeResult, probe
from connectors.sdk.testing.leaks import contents
from models.events import VisitArrived
from models.reasons import Reason

NOW = datetime.now(UTC)


class Visits(Source[timedelta | None, int]):
    """A source of visits, given by their age."""

    def __init__(self, stock: Sequence[timedelta | None], acts: list[str], config: Any, context: Context) -> None:
        self.stock, self.acts = stock, acts

    def read(self, wait_seconds: float) -> Sequence[timedelta | None]:
        self.acts.append("read")
        found, self.stock = self.stock[:2], self.stock[2:]
        return found

    def map(self, raw: timedelta | None) -> Outcome:
        if raw is None:
            return ()
        if not raw:
            raise ValueError("a secret value")
        return [VisitArrived(id=str(raw), source="desk/a", subject=f"visit:desk/a:{raw.seconds}", time=NOW - raw)]

    def position(self) -> int:
        raise AssertionError("nothing was published")

    def acknowledge(self, position: int) -> None:
        raise AssertionError("nothing was confirmed")

    def close(self) -> None:
        self.acts.append("close")


def instance(stock: Sequence[timedelta | None], acts: list[str], **more: Any) -> Instance:
    return Instance("a", Connector("desk", ConnectorConfig, partial(Visits, stock, acts), **more), ConnectorConfig())


def test_probe_reports_types_and_counts(tmp_path: Path) -> None:
    acts: list[str] = []
    minutes = [timedelta(minutes=1), timedelta(minutes=2), None, timedelta(0), timedelta(days=-2)]
    assert probe(instance(minutes, acts), tmp_path) == ProbeResult(
        records=5,
        ignored=1,
        events=Counter({"visit.arrived": 2}),
        rejected=Counter({Reason.INTERNAL_ERROR: 1, Reason.TIME_IN_FUTURE: 1}),
        details={Reason.TIME_IN_FUTURE: [("more than 0:05:00 ahead of the clock", 1)]},
        has_more=False,
    )
    assert acts == [*["read"] * 4, "close"]
    assert not [*tmp_path.iterdir()]


def test_probe_stops_at_its_limits_and_reports_more_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minutes = [timedelta(minutes=nth) for nth in range(1, 7)]
    monkeypatch.setattr("connectors.sdk.probe.MOST_RECORDS", 3)
    found = probe(instance(minutes, []), tmp_path)
    assert (found.records, found.has_more) == (4, True)
    found = probe(instance(minutes[:4], []), tmp_path)
    assert (found.records, found.has_more) == (4, False)
    monkeypatch.setattr("connectors.sdk.probe.READING_SECONDS", -1.0)
    found = probe(instance(minutes, []), tmp_path)
    assert (found.records, found.has_more) == (2, True)


def test_files_that_a_source_writes_on_opening_go_to_a_copy(tmp_path: Path) -> None:
    def open_(config: Any, context: Context) -> Visits:
        begun = context.cursor.load()
        context.cursor.save(b"2")
        (context.directory / "memory").write_text("new")
        return Visits([], [str(begun)], config, context)

    one = Instance("a", Connector("desk", ConnectorConfig, open_), ConnectorConfig())
    with one.locked(tmp_path) as context:
        context.cursor.save(b"1")
        (context.directory / "memory").write_text("old")
        (context.directory / "spool").mkdir()
    before = contents(tmp_path)
    assert probe(one, tmp_path).records == 0
    assert contents(tmp_path) == before
    assert one.context(tmp_path).cursor.load() == b"1"


def test_connector_can_have_its_own_probe(tmp_path: Path) -> None:
    acts: list[str] = []

    def probe_source(config: ConnectorConfig, context: Context) -> Sequence[Outcome]:
        return [Reject(Reason.UNKNOWN_RECORD, context.source.encode())]

    assert probe(instance([None], acts, probe=probe_source), tmp_path).rejected == {Reason.UNKNOWN_RECORD: 1}
    assert acts == []


def test_defect_is_reported_without_its_text(tmp_path: Path) -> None:
    def probe_source(config: ConnectorConfig, context: Context) -> Sequence[Outcome]:
        raise ValueError("a secret value")

    with pytest.raises(SourceUnavailableError, match=r"^ValueError at test_sdk_probe\.py:\d+$"):
        probe(instance([], [], probe=probe_source), tmp_path)


def test_running_instance_is_not_probed(tmp_path: Path) -> None:
    one = instance([], [])
    with one.locked(tmp_path), pytest.raises(InstanceInUseError):
        probe(one, tmp_path)
