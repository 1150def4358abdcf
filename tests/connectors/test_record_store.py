"""Store of known records: files of a former version, order of the records, confirmed batches, and times in the future."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk import record_source, rejects, replay
from connectors.sdk.contract import Connector
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.instance import Instance
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.record_mapping import RecordKey, RecordMapping
from connectors.sdk.record_source import POSITION_FILES, Page, PlacedRecord
from connectors.sdk.record_store import FILE, KnownRecord, RecordStore
from connectors.sdk.testing import ConnectorHarness
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.record_sources import CONNECTOR, ListSource

OPTIONS: dict[str, Any] = {"id": "id", "service": {"value": "x"}, "events": [{"event": "letter.arrived", "time": "at"}]}
STATES: dict[str, Any] = {
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
FORM = {"id": "1", "mail": "a@example.org", "state": "new", "at": "2026-03-02T07:00Z", "sent": "2026-03-01T09:00Z"}
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


def with_long_id(item: dict[str, Any]) -> dict[str, Any]:
    """Return a record whose id is stored as a digest with a prefix."""
    return item | {"id": f"2026/03/{item['id']}"}


class WholeLists(ListSource):
    """Source whose pages are complete lists of its records."""

    def read_page(self) -> Page:
        page = super().read_page()
        return replace(page, listing="whole") if page.records else page


def add_list(given: list[Any], *records: dict[str, Any]) -> None:
    """Add a page, filled with the last record."""
    given += [*records, *records[-1:] * (ListSource.page_size - len(records))]


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
def test_plain_ids_of_a_former_version_are_known(harness: ConnectorHarness, given: list[Any]) -> None:
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


def test_long_ids_of_a_former_version_are_known_and_get_their_prefix(
    harness: ConnectorHarness, given: list[Any]
) -> None:
    given += [with_long_id(record(number)) for number in (1, 2)]
    first, second = (event.subject for event in harness.read_all(confirm=True))
    make_former(harness.directory / FILE)
    given += [with_long_id(record(1)), with_long_id(record(2, day=3))]
    assert [event.subject for event in harness.read_all(confirm=True)] == [second, f"{second}-v2"]
    with closing(RecordStore(harness.directory)) as store:
        stored = store.find_unlisted(10)
    assert sorted(key.name for key in stored) == sorted(subject.rpartition(":")[2] for subject in (first, second))
    assert all(len(key.prefix) == 6 for key in stored)


@pytest.mark.parametrize("change", [dict, with_long_id])
def test_probe_knows_the_records_of_a_former_version(
    harness: ConnectorHarness, given: list[Any], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    given += [change(record(number)) for number in (1, 2)]
    harness.read_all(confirm=True)
    make_former(harness.directory / FILE)
    given += [change(record(1)), change(record(2, day=3)), change(record(3))]
    assert harness.probe().events == {"contact.retracted": 1, "letter.arrived": 2}


def test_probe_of_a_long_list_with_many_changes_is_quick(tmp_path: Path) -> None:
    def known(count: int, digest: bytes) -> dict[RecordKey, KnownRecord]:
        return {RecordKey(f"{n // 100:06x}", f"L{n}"): KnownRecord(digest, b"fact") for n in range(count)}

    (tmp_path / "home").mkdir()
    (tmp_path / "probe").mkdir()
    with closing(RecordStore(tmp_path / "home")) as store:
        store.commit([], known(20_000, b"1"), {})
    with closing(RecordStore(tmp_path / "probe", tmp_path / "home")) as store:
        store.commit([], known(15_000, b"2"), {})
        steps = 0

        def count_steps() -> None:
            nonlocal steps
            steps += 1

        store._database._connection.set_progress_handler(count_steps, 1000)
        unlisted = store.find_unlisted(30_000)
    assert len(unlisted) == 20_000
    assert steps < 5000  # of 1000 instructions of SQLite; a comparison of each record with each would be 100 times that


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
    mapping = mapping_of("general")
    keys = [mapping.prepare({"id": str(10_000_000 + number)}).key for number in range(20_000)]
    assert len(set(keys)) == 20_000
    assert len({key.prefix for key in keys}) == 2
    assert all("1000" not in key.prefix for key in keys)


@pytest.mark.parametrize("name", ["L42", "0b2c6f5e-8b1f-4c49-9f0f-2f2f5a6e7d10"])
def test_plain_ids_have_the_same_key_in_each_sector(name: str) -> None:
    """A record that was read before the sector changed must be known afterwards."""
    keys = [mapping_of(sector).prepare({"id": name}).key for sector in ("general", "health")]
    assert keys == [RecordKey("", name)] * 2


def mapping_of(sector: str) -> RecordMapping:
    key = PseudonymKey(sector, sector.ljust(32).encode())
    return RecordMapping("list/a", MappedConfig.model_validate(OPTIONS), key)


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


def test_confirmed_batches_are_removed_while_the_source_is_away(
    harness: ConnectorHarness, given: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_source: ListSource) -> Page:
        raise SourceUnavailableError("away")

    given += [record(1)]
    with closing(CONNECTOR.open(harness.config, harness._context())) as source:
        source.read(0.0)
        source.acknowledge(source.position())
        monkeypatch.setattr(ListSource, "read_page", fail)
        with pytest.raises(SourceUnavailableError):
            source.read(0.0)
        assert count_batches(harness) == 0


# --------------------------------------------------------------------------------------------------------- complete lists
def test_contact_whose_last_record_was_rejected_is_retracted_once_its_record_is_gone(
    tmp_path: Path, given: list[Any]
) -> None:
    connector = Connector("list", MappedConfig, WholeLists, position_files=lambda _: POSITION_FILES)
    harness = ConnectorHarness(connector, OPTIONS, tmp_path / "data", tmp_path / "keys")
    add_list(given, record(1), record(2))
    add_list(given, record(1) | {"at": "?"}, record(2))
    add_list(given, record(2))
    assert subjects(harness) == ["letter.arrived L1", "letter.arrived L2", "contact.retracted L1"]


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


def test_record_with_a_time_in_the_future_is_not_news(
    harness: ConnectorHarness, given: list[Any], clock: type[Clock]
) -> None:
    given += [record(1, day=20)]
    harness.read_all(confirm=True)
    with closing(CONNECTOR.open(harness.config, harness._context())) as source:
        assert isinstance(source, ListSource)
        assert source.find_news([PlacedRecord(record(1, day=20), "")]) == [False]
        assert source.find_news([PlacedRecord(record(1, day=21), "")]) == [True]


def test_number_used_twice_with_a_time_in_the_future_is_rejected_once(
    harness: ConnectorHarness, given: list[Any], clock: type[Clock]
) -> None:
    for _ in range(3):
        add_list(given, record(1, day=1), record(1, day=20))
    assert subjects(harness) == ["letter.arrived L1"]
    assert len(list(rejects.read(harness.directory))) == 1


def test_number_used_twice_is_news_once(tmp_path: Path, given: list[Any]) -> None:
    harness = ConnectorHarness(CONNECTOR, OPTIONS, tmp_path / "data", tmp_path / "keys")
    page = [PlacedRecord(record(1, day=day), "") for day in (3, 4)]
    with closing(CONNECTOR.open(harness.config, harness._context())) as source:
        assert isinstance(source, ListSource)
        assert source.find_news(page) == [True, True]
        given += page
        while source.read(0.0):
            pass
        assert source.find_news(page) == [False, False]
        assert source.find_news(page[:1]) == [True]


def test_unusable_record_with_a_known_number_leaves_the_others_counted(
    harness: ConnectorHarness, given: list[Any]
) -> None:
    unusable = record(1) | {"at": "?"}
    add_list(given, unusable)
    for _ in range(3):
        add_list(given, record(1), unusable)
    assert subjects(harness) == ["contact.retracted L1", "letter.arrived L1-v2"]
    assert len(list(rejects.read(harness.directory))) == 2


def test_unusable_state_among_others_is_rejected_once(tmp_path: Path, given: list[Any]) -> None:
    harness = ConnectorHarness(CONNECTOR, STATES, tmp_path / "data", tmp_path / "keys")
    done = FORM | {"state": "done", "at": "2026-03-03T07:00Z"}
    for _ in range(3):
        add_list(given, FORM, FORM | {"state": "done", "at": ""}, done)
    read = subjects(harness)
    assert list(dict.fromkeys(read)) == ["form.submitted 1", "form.decided 1"]
    assert len(read) <= 3, "the events are not published at each reading"
    assert len(list(rejects.read(harness.directory))) == 1


def test_replay_leaves_out_times_in_the_future_that_the_source_corrected(
    tmp_path: Path, given: list[Any], clock: type[Clock]
) -> None:
    harness = ConnectorHarness(CONNECTOR, STATES, tmp_path / "data", tmp_path / "data" / "keys")
    instance = Instance(harness.directory.name, CONNECTOR, harness.config)
    given += [FORM | {"sent": "2026-03-20T09:00Z"}, FORM]
    assert subjects(harness) == ["form.submitted 1"]
    clock.at += timedelta(days=30)
    assert replay.replay(instance, tmp_path / "data", lambda _: True).events == 0


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
    harness = ConnectorHarness(CONNECTOR, STATES, tmp_path / "data", tmp_path / "keys")
    given += [FORM, FORM | {"mail": "b@example.org"}, FORM | {"state": "done", "at": "2026-03-02T07:30Z"}]
    assert harness.probe().events == {"form.submitted": 1, "form.decided": 1}
    assert len({event.id for event in harness.read_all(confirm=True)}) == 2
