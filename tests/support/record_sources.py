"""Source of records in a list, for tests of `RecordSource`."""

from typing import Any, ClassVar

from connectors.sdk.contract import Connector
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.record_source import POSITION_FILES, Page, PlacedRecord, RecordSource


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
