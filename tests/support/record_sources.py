"""Source of records in a list, for tests of `RecordSource`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.sdk import rejects
from connectors.sdk.contract import Connector, Outcome, Reject
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.record_source import POSITION_FILES, Page, PlacedRecord, RecordSource
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from models.reasons import Reason


class ListSource(RecordSource):
    """Source of the records in the list `given`, `page_size` at a time. Its position is the number of records read."""

    given: ClassVar[list[Any]] = []
    page_size: ClassVar[int] = 10

    def read_page(self) -> Page:
        """Return the next records. Records without a place are `somewhere`."""
        try:
            begin = int(self.positions.get("list", b"0"))
        except ValueError:
            raise self.damaged() from None
        page = self.given[begin : begin + self.page_size]
        placed = [item if isinstance(item, PlacedRecord) else PlacedRecord(item, "somewhere") for item in page]
        return Page(placed, {"list": str(begin + len(page)).encode()}) if page else Page()


CONNECTOR: Connector[Any] = Connector("list", MappedConfig, ListSource, position_files=lambda _: POSITION_FILES)

OPTIONS: dict[str, Any] = {
    "id": "id",
    "phone": "phone",
    "service": "service",
    "values": {"service": {"MDPH": "mdph"}},
    "events": [{"event": "letter.arrived", "time": "at", "pages": "pages"}],
}
"""Options for the records of letters."""


def record(number: int, **changes: Any) -> dict[str, Any]:
    """Return the record of a letter."""
    at = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(minutes=number)
    return {"id": f"L{number}", "phone": "0639981234", "service": "MDPH", "at": at.isoformat(), "pages": 3} | changes


def stored(harness: ConnectorHarness) -> list[tuple[Reason, str]]:
    """Return reason and detail of the stored rejects."""
    return [(item.reject.reason, item.reject.detail) for item in rejects.read(harness.directory)]


def arrivals(events: Sequence[Event]) -> list[datetime]:
    """Return the times of the events `letter.arrived`."""
    return [event.time for event in events if event.type == "letter.arrived"]


def events_of(outcome: Outcome) -> Sequence[Event]:
    """Return the events of an outcome that is no reject."""
    assert not isinstance(outcome, Reject)
    return outcome
