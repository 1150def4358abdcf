"""Store of known records: files of a former version, order of the records, confirmed batches, and times in the future."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk import record_source, rejects, replay
from connectors.sdk.instance import Instance
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.record_store import FILE
from connectors.sdk.testing import ConnectorHarness
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.record_sources import CONNECTOR, ListSource

OPTIONS: dict[str, Any] = {"id": "id", "service": {"value": "x"}, "events": [{"event": "letter.arrived", "time": "at"}]}
COLUMNS = "digest, facts, state, version, day"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    records: list[Any] = []
    monkeypatch.setattr(ListSource, "given", records)
    monkeypatch.setattr("connectors.sdk.probe.WAIT_SECONDS", 0.0)
    return records


@pytest.fixture
def harness(tmp_path: Path, given: list[Any]) -> ConnectorHarness:
    return ConnectorHarness(CONNECTOR, OPTIONS, tmp_path / "data", tmp_path / "keys")


def record(number: int, day: int = 2) -> dict[str, Any]:
    return {"id": f"L{number}", "at": f"2026-03-{day:02}T09:00:00Z"}


def subjects(harness: ConnectorHarness) -> list[str]:
    """Return type and id in the source of the events of all new records."""
    return [f"{event.type} {event.subject.rpartition(':')[2]}" for event in harness.read_all(confirm=True)]


def make_former(path: Path) -> None:
    """Give a file the table of the former version, whose records have no prefix."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(
            "CREATE TABLE known (key TEXT PRIMARY KEY, digest BLOB, facts BLOB, state TEXT, version INTEGER, day INTEGER)"
            " WITHOUT ROWID"
        )
        database.execute(f"INSERT INTO known SELECT name, {COLUMNS} FROM records")
        database.execute("DROP TABLE records")
        database.execute("PRAGMA user_version = 1")


# ---------------------------------------------------------------------------------------------------------- former version
def test_records_of_a_former_version_are_known(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(1), record(2), record(3), record(3, day=3)]
    harness.read_all(confirm=True)
    make_former(harness.directory / FILE)
    given += [record(1), record(2, day=3), record(3, day=4)]
    assert subjects(harness) == [
        "contact.retracted L2",
        "letter.arrived L2-v2",
        "contact.retracted L3-v2",
        "letter.arrived L3-v3",
    ]
    given += [record(2, day=3), record(2, day=4), record(3, day=4)]
    assert subjects(harness) == ["contact.retracted L2-v2", "letter.arrived L2-v3"]


def test_probe_knows_the_records_of_a_former_version(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(1), record(2)]
    harness.read_all(confirm=True)
    make_former(harness.directory / FILE)
    given += [record(1), record(2, day=3), record(3)]
    assert harness.probe().events == {"contact.retracted": 1, "letter.arrived": 2}


def test_reread_after_a_former_version_does_not_use_an_id_again(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(1), record(1, day=3), record(2)]
    harness.read_all(confirm=True)
    make_former(harness.directory / FILE)
    assert harness.start_reread()
    assert subjects(harness) == [
        "letter.arrived L1-v2",
        "contact.retracted L1-v2",
        "letter.arrived L1-v3",
        "letter.arrived L2",
    ]


# ------------------------------------------------------------------------------------------------------------------- order
def test_records_with_numbers_in_sequence_share_prefixes() -> None:
    key = PseudonymKey("general", bytes(32))
    mapping = RecordMapping("list/a", MappedConfig.model_validate(OPTIONS), key)
    keys = [mapping.prepare({"id": str(10_000_000 + number)}).key for number in range(20_000)]
    assert len(set(keys)) == 20_000
    assert len({key.prefix for key in keys}) == 2
    assert all("1000" not in key.prefix for key in keys)


# ----------------------------------------------------------------------------------------------------------- confirmations
def count_batches(harness: ConnectorHarness) -> int:
    with closing(sqlite3.connect(harness.directory / FILE)) as database:
        ((count,),) = database.execute("SELECT count(*) FROM outbox")
    return int(count)


def test_confirmed_batches_are_removed_by_the_next_transaction(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(number) for number in range(25)]
    with closing(CONNECTOR.open(harness.config, harness._context())) as source:
        source.read(0.0)
        source.acknowledge(source.position())
        assert count_batches(harness) == 1
        source.read(0.0)
        assert count_batches(harness) == 1
        source.read(0.0)
        assert count_batches(harness) == 2
        source.acknowledge(source.position())
        assert source.read(0.0) == ()
        assert count_batches(harness) == 0


# -------------------------------------------------------------------------------------------------------- times in the future
class Clock(datetime):
    """A clock that shows a fixed time."""

    at = datetime(2026, 3, 2, 8, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return cls.at.astimezone(tz)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(Clock, "at", Clock.at)
    for module in (record_source, rejects, replay):
        monkeypatch.setattr(module, "datetime", Clock)
    return Clock


def test_record_with_a_time_in_the_future_is_rejected_once_and_counts_when_it_is_due(
    harness: ConnectorHarness, given: list[Any], clock: type[Clock]
) -> None:
    given += [record(1), record(1), record(2, day=1)]
    assert subjects(harness) == ["letter.arrived L2"]
    given += [record(1)]
    assert subjects(harness) == []
    assert [item.reject.reason for item in rejects.read(harness.directory)] == [Reason.TIME_IN_FUTURE]
    clock.at += timedelta(hours=1)
    given += [record(1), record(1)]
    assert subjects(harness) == ["contact.retracted L1", "letter.arrived L1-v2"]


def test_replay_uses_a_record_that_had_a_time_in_the_future(
    tmp_path: Path, given: list[Any], clock: type[Clock]
) -> None:
    harness = ConnectorHarness(CONNECTOR, OPTIONS, tmp_path / "data", tmp_path / "data" / "keys")
    instance = Instance(harness.directory.name, CONNECTOR, harness.config)
    given += [record(1)]
    assert subjects(harness) == []
    assert replay.replay(instance, tmp_path / "data", lambda _: True).unusable == {Reason.TIME_IN_FUTURE: 1}
    clock.at += timedelta(hours=1)
    assert replay.replay(instance, tmp_path / "data", lambda _: True).events == 1
    assert not list(rejects.read(harness.directory))


# ------------------------------------------------------------------------------------------------------------------- probe
def test_probe_counts_an_event_once_as_operation_does(tmp_path: Path, given: list[Any]) -> None:
    options = {
        "id": "id",
        "email": "mail",
        "procedure": {"value": "x"},
        "state": "state",
        "other_states": ["new"],
        "changed_at": "at",
        "events": [
            {"event": "form.submitted", "time": "sent"},
            {"event": "form.decided", "state": "done", "decision": {"value": "accepted"}},
        ],
    }
    harness = ConnectorHarness(CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
    first = {"id": "1", "mail": "a@example.org", "state": "new", "at": "2026-03-02T09:00Z", "sent": "2026-03-01T09:00Z"}
    given += [first, first | {"mail": "b@example.org"}, first | {"state": "done", "at": "2026-03-03T09:00Z"}]
    assert harness.probe().events == {"form.submitted": 1, "form.decided": 1}
    assert len({event.id for event in harness.read_all(confirm=True)}) == 2
