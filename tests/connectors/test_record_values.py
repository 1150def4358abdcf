"""Records with values of any type: none stops the source, and rejected ones can be mapped again."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk import rejects
from connectors.sdk.record_source import PlacedRecord
from connectors.sdk.testing import ConnectorHarness
from models.reasons import Reason
from tests.support.record_sources import CONNECTOR, OPTIONS, ListSource, arrivals, events_of, record, stored

HOSTILE: dict[str, Callable[[], Any]] = {
    "lone surrogate": lambda: "a\ud800",
    "NUL": lambda: "a\0b",
    "large number": lambda: 10**400,
    "number of 64 bits": lambda: 2**64,
    "number of 5,000 digits": lambda: 10**5000,
    "infinity": lambda: float("inf"),
    "no number": lambda: float("nan"),
    "signalling NaN": lambda: Decimal("sNaN"),
    "large decimal": lambda: Decimal("1e9999"),
    "list": lambda: [1, [2]],
    "object": lambda: {"a": {"b": object()}},
    "deep list": lambda: _nested(100_000),
    "bytes": lambda: b"\xff\xfe",
    "memory": lambda: memoryview(b"abc"),
    "boolean": lambda: True,
    "last time": lambda: datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    "first time": lambda: datetime(1, 1, 1),  # noqa: DTZ001 - as from a database
    "time": lambda: time(12, 0),
    "negative duration": lambda: timedelta(days=-3),
    "object of a driver": object,
    "long": lambda: "x" * 1_000_000,
}


def _nested(depth: int) -> list[Any]:
    node: list[Any] = []
    for _ in range(depth):
        node = [node]
    return node


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    records: list[Any] = []
    monkeypatch.setattr(ListSource, "given", records)
    return records


@pytest.mark.parametrize("options", ["plain", "expressions", "no id"])
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_value_stops_nothing(tmp_path: Path, given: list[Any], value: str, options: str) -> None:
    own: dict[str, Any] = dict(OPTIONS)
    if options == "expressions":
        own |= {"id": "id || other", "phone": "citizen.phone || phone"}
        own["events"] = [{**OPTIONS["events"][0], "when": "pages > `0`"}]
    elif options == "no id":
        del own["id"]
    harness = ConnectorHarness(CONNECTOR, own, tmp_path / "data", tmp_path / "keys")
    hostile = HOSTILE[value]()
    given += [record(1)]
    given += [record(2) | {name: hostile} for name in (*record(2), "unused")]
    given += [record(3)]
    times = arrivals(harness.read_all(confirm=True))
    assert datetime.fromisoformat(record(1)["at"]) in times
    assert datetime.fromisoformat(record(3)["at"]) in times
    assert set(times) <= {datetime.fromisoformat(record(number)["at"]) for number in (1, 2, 3)}
    assert Reason.INTERNAL_ERROR not in harness.rejected()
    for _, detail in stored(harness):
        assert detail.partition(":")[0] in {
            *record(1),
            "id || other",
            "pages > `0`",
            "citizen.phone || phone",
            "nested",
        }, detail


def test_rejected_record_can_be_mapped_again_with_its_types(tmp_path: Path, given: list[Any]) -> None:
    options = {
        "id": "id",
        "events": [
            {"event": "call.voicemail_left", "time": {"field": "day", "plus": "since"}, "duration_seconds": "length"}
        ],
        "timezone": "Europe/Paris",
    }
    harness = ConnectorHarness(CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
    day = datetime(2026, 3, 2)  # noqa: DTZ001 - as from a spreadsheet
    typed = {"id": 7.0, "day": day, "since": timedelta(days=1, hours=9), "length": timedelta(minutes=2, seconds=30)}
    given += [
        PlacedRecord(typed, "row 2", "doubtful"),
        PlacedRecord(typed | {"length": time(0, 2, 30)}, "row 3", "same"),
    ]
    assert harness.read_all(confirm=True) == []
    source = CONNECTOR.open(harness.config, harness._context())
    with closing(source):
        again = [source.map_rejected(item.reject, datetime.now(UTC)) for item in rejects.read(harness.directory)]
    assert [
        (event.time, event.model_dump()["data"]["duration_seconds"])
        for outcome in again
        for event in events_of(outcome)
    ] == 2 * [(datetime(2026, 3, 3, 8, tzinfo=UTC), 150.0)]
