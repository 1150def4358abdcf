"""Source of records: each record gives its outcome once, across kills, restarts and damaged files."""

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import lz4.frame
import pytest

from connectors.sdk.attempts import MOST_ATTEMPTS, REFUSED
from connectors.sdk.errors import ConnectorError, CursorDamagedError
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.probe import read_first, scratch
from connectors.sdk.record_source import PlacedRecord
from connectors.sdk.record_store import FILE, RecordStore
from connectors.sdk.testing import ConnectorHarness, FakeBroker, comparable_form, run_until_idle
from connectors.sdk.testing.kill_injector import Killed, KillInjector
from models.events import Event
from models.reasons import Reason
from tests.support.record_sources import CONNECTOR, OPTIONS, ListSource, arrivals, events_of, record, stored


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    records: list[Any] = []
    monkeypatch.setattr(ListSource, "given", records)
    return records


@pytest.fixture
def harness(tmp_path: Path, given: list[Any]) -> ConnectorHarness:
    return ConnectorHarness(CONNECTOR, OPTIONS, tmp_path / "data", tmp_path / "keys")


def mixed(numbers: Sequence[int]) -> list[Any]:
    """Return valid records, and an invalid one after every fifth."""
    return [item for n in numbers for item in ([record(n)] if n % 5 else [record(n), record(n, pages="beaucoup")])]


# ----------------------------------------------------------------------------------------------------------------- crashes
def test_kill_at_any_point_loses_and_repeats_nothing(tmp_path: Path, given: list[Any]) -> None:
    given += mixed(range(35))
    kills, before = KillInjector(tmp_path), -1
    for run in map("run-{}".format, count()):
        (tmp_path / run).mkdir()
        harness = ConnectorHarness(CONNECTOR, OPTIONS, tmp_path / run / "data", tmp_path / "keys")
        broker = FakeBroker()
        harness.run_with_kills(broker, kills)
        assert sorted(set(arrivals(broker.events))) == [datetime.fromisoformat(record(n)["at"]) for n in range(35)]
        assert len({event.id for event in broker.events}) == 35
        assert len(set(stored(harness))) == 1
        assert harness.read_all(confirm=True) == []
        if kills.count == before:
            break
        before = kills.count
    assert kills.count > 10


def test_unconfirmed_outcomes_are_published_again_with_the_same_ids(
    harness: ConnectorHarness, given: list[Any]
) -> None:
    given += mixed(range(35))
    first = harness.read_all(confirm=False)
    del given[:]
    second = harness.read_all(confirm=False)
    assert second == first
    assert comparable_form(harness.read_all(confirm=True)) == comparable_form(first)
    assert harness.read_all(confirm=True) == []


def test_outcomes_that_a_former_version_stored_without_compression_are_published(
    harness: ConnectorHarness, given: list[Any]
) -> None:
    given += mixed(range(15))
    first = harness.read_all(confirm=False)
    with closing(sqlite3.connect(harness.directory / FILE)) as database, database:
        for batch, outcomes in database.execute("SELECT batch, outcomes FROM outbox").fetchall():
            values = lz4.frame.decompress(outcomes), batch
            database.execute("UPDATE outbox SET outcomes = ? WHERE batch = ?", values)
    assert harness.read_all(confirm=True) == first


def test_stop_before_the_first_read_keeps_the_unconfirmed_outcomes(harness: ConnectorHarness, given: list[Any]) -> None:
    given += mixed(range(25))
    first = harness.read_all(confirm=False)
    with harness.opened() as (flow, publisher):
        flow.drain(0.0)
        publisher.confirm()
        flow.drain(0.0)
    assert harness.read_all(confirm=True) == first


def test_confirmation_of_some_batches_keeps_the_others(harness: ConnectorHarness, given: list[Any]) -> None:
    given += mixed(range(45))
    with harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        whole = publisher.events
        publisher.confirm(3)
        safe = publisher.safe
    rest = harness.read_all(confirm=True)
    assert safe
    assert rest
    assert safe + rest == whole


def test_reread_gives_the_same_ids(harness: ConnectorHarness, given: list[Any]) -> None:
    given += mixed(range(25))
    first = harness.read_all(confirm=True)
    assert harness.start_reread()
    assert comparable_form(harness.read_all(confirm=True)) == comparable_form(first)


def test_reread_after_a_crash_does_not_find_the_former_state(harness: ConnectorHarness, given: list[Any]) -> None:
    given += mixed(range(25))
    publisherless = CONNECTOR.open(harness.config, harness._context())
    while publisherless.read(0.0):
        pass
    assert (harness.directory / f"{FILE}-wal").stat().st_size > 0  # as after a kill
    assert harness.start_reread()
    assert len(harness.read_all(confirm=True)) == 25
    publisherless.close()


# -------------------------------------------------------------------------------------------------------------- duplicates
def test_known_records_are_skipped_wherever_they_come_from(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(1), record(2), record(1)]
    assert len(harness.read_all(confirm=True)) == 2
    given += [record(2), record(3), record(2, unused="x")]
    assert len(harness.read_all(confirm=True)) == 1


def facts_of(events: Sequence[Event]) -> list[tuple[str, str]]:
    return [(event.type, event.subject.rpartition(":")[2]) for event in events]


def test_contact_of_a_corrected_record_is_replaced(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(1), record(1, pages=4), record(1)]
    events = harness.read_all(confirm=True)
    assert facts_of(events) == [
        ("letter.arrived", "L1"),
        ("contact.retracted", "L1"),
        ("letter.arrived", "L1-v2"),
        ("contact.retracted", "L1-v2"),
        ("letter.arrived", "L1-v3"),
    ]
    assert len({event.id for event in events}) == 5


def test_id_that_two_records_of_a_list_have_is_replaced_once(harness: ConnectorHarness, given: list[Any]) -> None:
    """A spreadsheet is read again as a whole each time that it is saved, with both rows of a number that was used twice."""
    given += [record(1), record(1, pages=4)]
    assert len(arrivals(harness.read_all(confirm=True))) == 2
    given += [record(1), record(1, pages=4), record(2)]
    assert facts_of(harness.read_all(confirm=True)) == [("letter.arrived", "L2")]
    given += [record(1), record(2)]  # the second row of the number is gone: the first counts
    assert facts_of(harness.read_all(confirm=True)) == [("contact.retracted", "L1-v2"), ("letter.arrived", "L1-v3")]


def test_a_mapping_with_a_further_field_corrects_records_that_are_read_again(tmp_path: Path, given: list[Any]) -> None:
    events = []
    for pages in ({}, {"pages": "pages"}):
        given += [record(1)]  # the second time, as in a copy of the file
        options = {**OPTIONS, "events": [{"event": "letter.arrived", "time": "at", **pages}]}
        harness = ConnectorHarness(CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
        events += harness.read_all(confirm=True)
    assert facts_of(events) == [("letter.arrived", "L1"), ("contact.retracted", "L1"), ("letter.arrived", "L1-v2")]


def test_each_move_of_an_appointment_is_published_through_restarts(tmp_path: Path, given: list[Any]) -> None:
    options = {
        "id": "id",
        "state": "state",
        "changed_at": "at",
        "events": [{"event": "appointment.moved", "state": "moved", "starts_at": "slot"}],
    }
    harness = ConnectorHarness(CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
    events: list[Event] = []
    for slot in (1, 2, 2, 3):
        given.append({**record(1), "state": "moved", "slot": f"2026-04-{slot:02}T09:00:00Z"})
        assert harness.read_all(confirm=False) is not None  # killed before its events are confirmed
        events += harness.read_all(confirm=True)
    assert [event.model_dump()["data"]["starts_at"].day for event in events] == [1, 2, 3]
    assert len({event.id for event in events}) == 3


def test_all_contacts_of_a_corrected_record_are_replaced(tmp_path: Path, given: list[Any]) -> None:
    answered = {"event": "letter.answered", "time": "at", "id": "answer", "service": {"value": "mdph"}}
    options = {**OPTIONS, "events": [*OPTIONS["events"], answered]}
    harness = ConnectorHarness(CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
    given += [record(1, answer="L9"), record(1, answer="L9", pages=4)]
    assert sorted(facts_of(harness.read_all(confirm=True))) == [
        ("contact.retracted", "L1"),
        ("contact.retracted", "L9"),
        ("letter.answered", "L9"),
        ("letter.answered", "L9-v2"),
        ("letter.arrived", "L1"),
        ("letter.arrived", "L1-v2"),
    ]


def test_record_that_was_rejected_is_published_once_it_is_right(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(1, pages="beaucoup"), record(1)]
    events = harness.read_all(confirm=True)
    assert facts_of(events) == [("contact.retracted", "L1"), ("letter.arrived", "L1-v2")]  # a replay may have made L1
    assert stored(harness) == [(Reason.INVALID_FIELD, "pages: not a number")]


def test_events_that_a_list_lacks_are_not_retracted(tmp_path: Path, given: list[Any]) -> None:
    harness = ConnectorHarness(CONNECTOR, {**OPTIONS, "rows": "events"}, tmp_path / "data", tmp_path / "keys")
    given += [record(1), record(2)]
    assert len(harness.read_all(confirm=True)) == 2
    with closing(RecordStore(harness.directory)) as store:
        store.note_listed([], is_first=True)
        assert store.find_unlisted(10) == {}


@pytest.mark.parametrize("method", ["prepare", "map"])
def test_record_that_ends_the_process_is_rejected(
    harness: ConnectorHarness, given: list[Any], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given += [record(1), record(2), record(3)]
    work = getattr(RecordMapping, method)

    def end_process(mapping: RecordMapping, item: Any, *how: Any, **named: Any) -> Any:
        fields = item.record if method == "map" else item
        if fields["id"] == "L2" and how[:1] != (REFUSED,):
            raise Killed
        return work(mapping, item, *how, **named)

    monkeypatch.setattr(RecordMapping, method, end_process)
    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises(Killed):
            harness.read_all(confirm=True)
    assert facts_of(harness.read_all(confirm=True)) == [("letter.arrived", "L1"), ("letter.arrived", "L3")]
    assert [detail for _, detail in stored(harness)] == [REFUSED]


def test_each_unreadable_record_is_rejected(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [
        PlacedRecord({"column 1": "a"}, "line 2", "1 columns instead of 5"),
        PlacedRecord({"column 1": "b"}, "line 3", "1 columns instead of 5"),
        PlacedRecord({"line": '"'}, "line 4", "a quotation mark is not closed"),
        PlacedRecord(record(7), "line 5", "a quoted value contains lines that look like rows"),
        record(7),
        record(7) | {"id": None},
        record(8) | {"id": ""},
    ]
    assert len(harness.read_all(confirm=True)) == 1
    assert len(stored(harness)) == 6
    given += given[:4]
    assert harness.read_all(confirm=True) == []
    assert len(stored(harness)) == 6


def test_unreadable_record_does_not_replace_a_known_one(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(7), PlacedRecord(record(7, pages=9), "line 5", "doubtful"), record(7)]
    assert len(harness.read_all(confirm=True)) == 1


@pytest.mark.parametrize("is_killed", [False, True])
def test_reread_does_not_use_the_id_of_a_retracted_contact_again(
    harness: ConnectorHarness, given: list[Any], is_killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given += [record(1), record(1, pages=4), record(2)]
    harness.read_all(confirm=True)
    assert harness.start_reread()
    if is_killed:
        with monkeypatch.context() as patch:
            patch.setattr(RecordStore, "_complete", _end_process)
            with pytest.raises(Killed):
                harness.read_all(confirm=True)
    assert facts_of(harness.read_all(confirm=True))[0] == ("letter.arrived", "L1-v2")


def _end_process(*_: Any) -> None:
    raise Killed


def test_reread_works_after_damage(harness: ConnectorHarness, given: list[Any]) -> None:
    given += [record(1), record(1, pages=4), record(2)]
    harness.read_all(confirm=True)
    (harness.directory / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(CursorDamagedError, match="run accueil connectors reread"):
        harness.read_all(confirm=True)
    assert harness.start_reread()
    assert ("letter.arrived", "L2") in facts_of(harness.read_all(confirm=True))


# ------------------------------------------------------------------------------------------------------------------- probe
@pytest.mark.parametrize("is_killed", [False, True])
def test_probe_knows_the_records_and_changes_nothing(
    harness: ConnectorHarness, given: list[Any], monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    monkeypatch.setattr("connectors.sdk.probe.WAIT_SECONDS", 0.0)
    given += mixed(range(25))
    harness.read_all(confirm=True)
    context = harness._context()
    if is_killed:  # the last change is then in a second file
        (harness.directory / f"{FILE}-wal").touch()
    with scratch(context) as own:
        assert (own.directory / FILE).exists() is is_killed
        assert own.base == (None if is_killed else harness.directory)
    given += [record(1), record(2, pages=4), record(2, pages=4), record(30)]
    before = (harness.directory / FILE).read_bytes()
    for _ in range(2):
        outcomes = read_first(CONNECTOR, harness.config, context)
        found = [fact for outcome in outcomes for fact in facts_of(events_of(outcome))]
        assert found == [("contact.retracted", "L2"), ("letter.arrived", "L2-v2"), ("letter.arrived", "L30")]
    assert (harness.directory / FILE).read_bytes() == before


def test_probe_reads_on_after_known_records(
    harness: ConnectorHarness, given: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.probe.WAIT_SECONDS", 0.0)
    given += [record(1)]
    harness.read_all(confirm=True)
    given += [record(1)] * 2 * ListSource.page_size + [record(2)]
    (outcome,) = read_first(CONNECTOR, harness.config, harness._context())
    assert facts_of(events_of(outcome)) == [("letter.arrived", "L2")]


def test_probe_reads_the_file_of_a_former_version_without_a_table(
    harness: ConnectorHarness, given: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.probe.WAIT_SECONDS", 0.0)
    given += [record(1)]
    harness.read_all(confirm=True)
    with closing(sqlite3.connect(harness.directory / FILE)) as database, database:
        database.execute("DROP TABLE listed")
    given += [record(2)]
    assert harness.probe().events == {"letter.arrived": 1}


# ------------------------------------------------------------------------------------------------------------------- damage
@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_file_that_is_no_database_gives_a_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(CursorDamagedError, match=r"records\.db is damaged: run accueil connectors reread"):
        RecordStore(tmp_path)


def test_damage_anywhere_gives_a_clear_error_or_none(tmp_path: Path, given: list[Any]) -> None:
    given += mixed(range(300))
    harness = ConnectorHarness(CONNECTOR, OPTIONS, tmp_path / "data", tmp_path / "keys")
    harness.read_all(confirm=False)
    path = harness.directory / FILE
    whole = path.read_bytes()
    random_source, damaged = random.Random(7), 0
    given += mixed(range(300, 330))
    for _ in range(60):
        content = bytearray(whole)
        begin = random_source.randrange(len(content) // 512) * 512
        content[begin : begin + 512] = random_source.randbytes(512)
        path.write_bytes(content)
        for name in ("-wal", "-shm"):
            path.with_name(FILE + name).unlink(missing_ok=True)
        error = _read_whole(harness)
        damaged += isinstance(error, CursorDamagedError)
        assert error is None or str(error).startswith(str(path))
        if isinstance(error, CursorDamagedError):
            assert str(error) == f"{path} is damaged: run accueil connectors reread"
    assert damaged


def _read_whole(harness: ConnectorHarness) -> ConnectorError | None:
    """Read and confirm all records, and return the error that this raised."""
    try:
        with closing(CONNECTOR.open(harness.config, harness._context())) as source:
            while source.read(0.0):
                pass
            source.acknowledge(source.position())
    except ConnectorError as error:
        return error
    return None
