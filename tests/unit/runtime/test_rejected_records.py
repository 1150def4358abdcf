"""Rejected records on the board: today's numbers, from the files of the connectors."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.runtime import rejected_records
from streams.runtime.rejected_records import RejectedRecords

MIDNIGHT = datetime(2026, 3, 9, 23, tzinfo=UTC)
SINCE = int(MIDNIGHT.timestamp())


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_records, "CHECK_SECONDS", 0)


def write_rejects(directory: Path, instance: str, *hours: float, name: str = "rejects.jsonl") -> None:
    """Store one different rejected record for each time, in hours after `MIDNIGHT`."""
    file = directory / instance / name
    file.parent.mkdir(parents=True, exist_ok=True)
    entries = (
        {
            "at": (MIDNIGHT + timedelta(hours=hour)).isoformat(timespec="seconds"),
            "reason": "unreadable_line",
            "detail": "",
            "record": str(hour),
            "context": "",
        }
        for hour in hours
    )
    with file.open("a") as rejects:
        rejects.writelines(json.dumps(entry) + "\n" for entry in entries)


def test_records_of_today_are_counted_once_by_instance(tmp_path: Path) -> None:
    write_rejects(tmp_path, "asterisk/siege", -1, 0, name="rejects.old.jsonl")
    write_rejects(tmp_path, "asterisk/siege", 0, 3)
    write_rejects(tmp_path, "maarch/ged", -5)
    counted = RejectedRecords(tmp_path)
    assert counted.count(SINCE) == {"siege": 2}
    write_rejects(tmp_path, "maarch/ged", 4)
    assert counted.count(SINCE) == {"ged": 1, "siege": 2}
    assert counted.count(SINCE + 86_400) == {}


def test_files_are_looked_at_only_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_records, "CHECK_SECONDS", 3600)
    counted = RejectedRecords(tmp_path)
    assert counted.count(SINCE) == {}
    write_rejects(tmp_path, "asterisk/siege", 1)
    assert counted.count(SINCE) == {}


def test_connectors_on_another_machine_have_no_number(tmp_path: Path) -> None:
    assert RejectedRecords(tmp_path / "missing").count(SINCE) == {}
