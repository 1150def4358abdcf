"""Data of a former release: events, rows, database and cursors are readable, figures are equal, and no record is read twice.

`former_data.tar.xz` is a copy of the data that the demo of commit 5672b83 (2026-11-29) wrote in two minutes: partition 0 of the
event and state topics (of state topics, the last row of each key), the timelines of 40 citizens, the state of all connectors, and
the log of the simulated switchboard. All persons are invented.
"""

import base64
import json
import shutil
import sqlite3
import tarfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import time_machine

from connectors.asterisk import CONNECTOR as ASTERISK
from connectors.sdk.testing.harness import ConnectorHarness
from models.policies import Policies, SlaFile
from models.topics import FIGURES, SOURCES
from streams.agents.citizens import CitizenCounter
from streams.agents.contacts import ContactJob
from streams.core.citizens.citizen import RecontactTerms
from streams.core.figures.figure import PROGRESS_KEY
from streams.core.figures.recompute_diff import Sums, compare, sum_by_day
from streams.engine.job import Table
from streams.engine.partition_start import OFFSETS_KEY
from streams.recovery.recompute import PartitionRecount
from streams.runtime.worker import times
from streams.settings.schema import Settings
from streams.timeline.store import Timeline

ARCHIVE = Path(__file__).parent / "former_data" / "former_data.tar.xz"
PARTITION, PARTITIONS = 0, 4
SETTINGS = Settings.model_validate(
    {"worker": {"forget_waiting_after_seconds": 600, "forget_visits_after_seconds": 7200}}  # those of the demo
)
POSITION_IN_LOG = 240_879
"""Bytes of the switchboard's log that the former release had read."""


class StoredRecord(NamedTuple):
    topic: str
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[()] = ()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("former")
    with tarfile.open(ARCHIVE) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
        archive.extractall(directory)
    (directory / "connectors" / "keys").chmod(0o700)
    return directory


@pytest.fixture(scope="module")
def records(data: Path) -> list[StoredRecord]:
    return [*_read_records(data / "records.jsonl")]


def _read_records(path: Path) -> Iterator[StoredRecord]:
    with path.open(encoding="utf-8") as lines:
        for topic, offset, timestamp, key, value in map(json.loads, lines):
            yield StoredRecord(topic, offset, timestamp, _decode(key), _decode(value))


def _decode(text: str | dict[str, str]) -> bytes:
    return text.encode() if isinstance(text, str) else base64.b64decode(text["b64"])


def _load(tables: tuple[Table[Any, Any], ...], records: list[StoredRecord]) -> None:
    """Load all rows of the topics of `tables`; each row must belong to exactly one table."""
    topics = {table.topic for table in tables}
    rows = [record for record in records if record.topic in topics and record.key != OFFSETS_KEY]
    assert len(rows) > 100
    for row in rows:
        assert sum(table.load(row.key, row.value) for table in tables if table.topic == row.topic) == 1, row.key


def test_contacts_and_citizens_are_written_back_unchanged(records: list[StoredRecord]) -> None:
    contacts = ContactJob(PARTITION, times(SETTINGS))
    citizens = CitizenCounter(RecontactTerms(7, SETTINGS.web.zone.key))
    _load(contacts.tables, records)
    _load(citizens.tables, records)
    stored = {(record.topic, record.key): record.value for record in records}
    for table in (contacts.contacts, contacts.agents, citizens.citizens):
        assert len(table.rows) > 0
        for key, row in table.rows.items():
            assert table.codec.dump(row) == stored[table.topic, table.codec.dump_key(key)]


def test_recomputed_figures_equal_the_stored_ones(data: Path, records: list[StoredRecord]) -> None:
    policies = Policies(SlaFile.model_validate(tomllib.loads((data / "sla.toml").read_text(encoding="utf-8"))))
    job = ContactJob(PARTITION, times(SETTINGS))
    _load(job.tables, records)
    known: Sums = {}
    sum_by_day(job.figures.rows.items(), job.days.rows.items(), SETTINGS.web.zone, known)
    progress = job.progress.rows[PROGRESS_KEY]
    recount = PartitionRecount(PARTITION, PARTITIONS, progress.step_at, times(SETTINGS), lambda: policies)
    sources = {topic.name for topic in SOURCES.values()}
    events = [record for record in records if record.topic in sources]
    assert len(events) == progress.events + progress.duplicates
    for event in events:
        recount.fold(event.topic, [event])
    found = recount.count()
    assert len(known) > 100
    stored = {dimensions.channel for _, dimensions in known}
    differences = compare(known, found.again, found.earlier)
    assert [
        one for one in differences if one.dimensions.channel in stored
    ] == []  # lines are counted since a later release
    assert FIGURES.name in {record.topic for record in records}


def test_timelines_are_read(data: Path) -> None:
    path = data / "timeline.db"
    with closing(sqlite3.connect(path)) as former:
        counts = dict(former.execute("SELECT owner, count(*) FROM entries GROUP BY owner").fetchall())
    assert len(counts) == 40
    with closing(Timeline(f"sqlite:///{path}")) as timeline:
        for owner, count in counts.items():
            assert len(timeline.read([owner], 1000)) == count


@time_machine.travel("2026-11-30T12:00Z")  # in ten years, its lines are too old
def test_switchboard_log_is_read_from_the_saved_position(data: Path, tmp_path: Path) -> None:
    log = data / "queue_log"
    options = json.loads((data / "asterisk.json").read_text(encoding="utf-8")) | {"path": str(log)}
    harness = ConnectorHarness(ASTERISK, options, tmp_path, data / "connectors" / "keys")
    shutil.copytree(data / "connectors" / "asterisk" / "standard", harness.directory, dirs_exist_ok=True)
    unread = log.read_bytes()[POSITION_IN_LOG:].count(b"\n")
    assert 0 < unread < 100
    harness.read_all(confirm=True)
    assert harness.records_read() == unread
    assert harness.rejected() == {}
