"""Tables of calls in files, for tests of the connector `table`."""

import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from connectors import table
from connectors.sdk import rejects
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from models.reasons import Reason

COLUMNS: Final = ("N° appel", "Appelant", "Nb. file", "Début d'appel", "Attente (s)", "Résultat", "Commentaire")
"""Columns of the calls. Some of the names look like expressions."""
OPTIONS: Final[Mapping[str, Any]] = {
    "timezone": "Europe/Paris",
    "time_format": "%d/%m/%Y %H:%M:%S",
    "id": "N° appel",
    "phone": "Appelant",
    "queue": "Nb. file",
    "values": {"queue": {"MDPH": "mdph", "Été": "ete"}},
    "ignored": {"Résultat": ["Essai"]},
    "settle_seconds": 0.0,
    "events": [
        {"event": "call.queued", "time": "Début d'appel"},
        {
            "event": "call.answered",
            "time": {"field": "Début d'appel", "plus": "Attente (s)"},
            "when": {"Résultat": "Traité"},
            "wait_seconds": "Attente (s)",
        },
        {
            "event": "call.abandoned",
            "time": {"field": "Début d'appel", "plus": "Attente (s)"},
            "when": {"Résultat": "Abandonné"},
            "wait_seconds": "Attente (s)",
        },
    ],
}
"""Options for files with these calls, without `files`. Each call gives two events."""
FIRST: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def row(number: int, **changes: str) -> tuple[str, ...]:
    """Return the row of call `number`, whose time is `number` minutes after `FIRST`."""
    at = FIRST + timedelta(hours=1, minutes=number)
    names = ("call", "phone", "queue", "at", "wait", "result", "comment")
    fields = {
        "call": f"A{number}",
        "phone": f"0639 98 {number % 100:02} 11",
        "queue": ("MDPH", "Été")[number % 2],
        "at": f"{at:%d/%m/%Y %H:%M:%S}",
        "wait": str(number % 60),
        "result": ("Traité", "Abandonné")[number % 3 == 0],
        "comment": "",
    }
    return tuple((fields | changes)[name] for name in names)


def rows(numbers: Iterable[int]) -> list[tuple[str, ...]]:
    """Return the rows of the calls with these numbers."""
    return [row(number) for number in numbers]


def lines(table_rows: Iterable[Sequence[str]], delimiter: str = ";", end: str = "\r\n") -> str:
    """Return rows as lines of text, without quotation."""
    return "".join(delimiter.join(cells) + end for cells in table_rows)


def csv_text(numbers: Iterable[int], delimiter: str = ";", end: str = "\r\n") -> str:
    """Return a table with a header and the calls with these numbers."""
    return lines([COLUMNS, *rows(numbers)], delimiter, end)


def write_xlsx(path: Path, table_rows: Iterable[Sequence[Any]], sheet: str = "Appels", before: str = "") -> None:
    """Write rows to a sheet, after an empty one named `before`; cells may be texts, numbers, dates, times and durations."""
    with xlsxwriter.Workbook(path, {"default_date_format": "dd/mm/yyyy hh:mm:ss"}) as book:
        if before:
            book.add_worksheet(before)
        page = book.add_worksheet(sheet)
        for number, cells in enumerate(table_rows):
            for column, cell in enumerate(cells):
                page.write(number, column, cell)


_MANIFEST: Final = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">
<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"""
_CONTENT: Final = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
office:version="1.2"><office:body><office:spreadsheet><table:table table:name="Appels">{rows}</table:table>
</office:spreadsheet></office:body></office:document-content>"""


def write_ods(path: Path, table_rows: Iterable[Sequence[Any]]) -> None:
    """Write rows of texts, numbers and dates to an OpenDocument spreadsheet."""
    body = "".join(f"<table:table-row>{''.join(map(_ods_cell, cells))}</table:table-row>" for cells in table_rows)
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("META-INF/manifest.xml", _MANIFEST)
        book.writestr("content.xml", _CONTENT.format(rows=body))


def _ods_cell(cell: Any) -> str:
    if cell == "":
        return "<table:table-cell/>"
    if isinstance(cell, datetime):
        value = f'office:value-type="date" office:date-value="{cell.isoformat()}"'
    elif isinstance(cell, int | float):
        value = f'office:value-type="float" office:value="{cell}"'
    else:
        value = 'office:value-type="string"'
    return f"<table:table-cell {value}><text:p>{escape(str(cell))}</text:p></table:table-cell>"


def table_harness(directory: Path, files: str = "*.csv", **options: Any) -> ConnectorHarness:
    """Return a harness for the files in `directory`/in; its state is in `directory`."""
    folder = directory / "in"
    folder.mkdir(parents=True, exist_ok=True)
    given = {**OPTIONS, "files": str(folder / files), **options}
    return ConnectorHarness(table.CONNECTOR, given, directory / "data", directory / "keys")


def calls_of(events: Sequence[Event]) -> Counter[datetime]:
    """Return the number of events `call.queued` by the time of the call."""
    return Counter(event.time for event in events if event.type == "call.queued")


def expected(numbers: range | Sequence[int]) -> Counter[datetime]:
    """Return the result of `calls_of` if each of these calls was read once."""
    return Counter(FIRST + timedelta(minutes=number) for number in numbers)


def stored(harness: ConnectorHarness) -> list[tuple[Reason, str, str]]:
    """Return reason, detail and line of the stored rejects."""
    return [
        (item.reject.reason, item.reject.detail, item.reject.context.decode().rpartition(", ")[2])
        for item in rejects.read(harness.directory)
    ]


def read(harness: ConnectorHarness) -> Counter[datetime]:
    """Return the calls that a run of the connector publishes; all are confirmed."""
    return calls_of(harness.read_all(confirm=True))
