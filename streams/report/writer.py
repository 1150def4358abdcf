"""Writers of a report: HTML for reading and print, XLSX and CSV for further computation."""
# ruff: noqa: RUF001 - dashes between names

import csv
import io
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from streams.report.document import Chapter, Document, Line, format_value
from streams.report.period import Period
from streams.report.rows import Value
from streams.report.texts import TEXTS, format_number


class Format(StrEnum):
    """File format of a report."""

    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), undefined=StrictUndefined, autoescape=True
)
_FORMATS: Final = {
    "count": "#,##0",
    "share": "0.0%",
    "seconds": "0",
    "days": "0.0",
    "euros": '#,##0.00 "€"',
    "points": "0",
}
_MAX_SHEET_NAME: Final = 31
"""Limit of Excel for the name of a sheet, in characters."""
_HEADINGS: Final = 2
"""Heading lines of the summary sheet: the organisation, and the title with the period."""


def write(document: Document, period: Period, kind: Format) -> bytes:
    """Return the contents of the report's file in the format `kind`."""
    match kind:
        case Format.HTML:
            return _write_html(document)
        case Format.XLSX:
            return _write_workbook(document)
        case Format.CSV:
            return _write_csv(document, period)


def _write_html(document: Document) -> bytes:
    template = _ENVIRONMENT.get_template("report.html")
    return template.render(
        document=document,
        t=TEXTS[document.language],
        show=partial(format_value, language=document.language),
        number=partial(format_number, language=document.language),
    ).encode()


# ------------------------------------------------------------------------------------------------------------------- CSV
def _write_csv(document: Document, period: Period) -> bytes:
    """Return a header and one line per cell, for programs and pivot tables; in French with `;` and decimal commas, for Excel."""
    t = TEXTS[document.language]
    french = document.language == "fr"
    out = io.StringIO(newline="")
    rows = csv.writer(out, delimiter=";" if french else ",")
    titles = ("from", "to", "table", "line", "site", "service", "queue", "measure", "value")
    rows.writerow([t[name] for name in (*titles, "unit", "numerator", "denominator", "low", "high")])

    def plain(number: float | None) -> str:
        if number is None:
            return ""
        text = f"{number:.6f}".rstrip("0").rstrip(".")
        return text.replace(".", ",") if french else text

    for chapter, line, column, value in _cells(document):
        dimensions = line.dimensions or ("", "", "", "")
        rows.writerow(
            [
                *(period.first.isoformat(), period.last.isoformat(), chapter.title, _plain_text(line.name)),
                *map(_plain_text, dimensions[1:]),
                *(column, plain(value.value), t[f"unit_{value.unit}"]),
                *map(plain, (value.numerator, value.denominator, value.low, value.high)),
            ]
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode()  # with a byte order mark, Excel reads UTF-8


def _cells(document: Document) -> Iterator[tuple[Chapter, Line, str, Value]]:
    for chapter in document.chapters:
        for line in chapter.lines:
            for column, value in zip(chapter.columns, line.values, strict=True):
                yield chapter, line, column, value


def _plain_text(text: str) -> str:
    """Return the text, with an apostrophe before it if a spreadsheet would read it as a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


# ------------------------------------------------------------------------------------------------------------------ XLSX
def _write_workbook(document: Document) -> bytes:
    import xlsxwriter  # noqa: PLC0415 - slow to import, needed for workbooks only

    t = TEXTS[document.language]
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"title": f"{document.title} – {document.period}", "author": document.organisation})
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        formats = {unit: book.add_format({"num_format": form}) for unit, form in _FORMATS.items()}

        summary = book.add_worksheet(t["summary"][:_MAX_SHEET_NAME])
        summary.set_column(0, 0, 40)
        summary.set_column(1, 2, 30)
        lines: list[tuple[Any, ...]] = [(document.organisation,), (f"{document.title} – {document.period}",)]
        lines += [(note,) for note in document.notes]
        lines += [(), (t["channel"], t["received"]), *document.totals]
        lines += [(), (t["channel"], t["known"], t["days_with_contacts"]), *document.known]
        _fill(summary, lines, bold)

        for chapter in document.chapters:
            sheet = book.add_worksheet(chapter.title[:_MAX_SHEET_NAME])
            sheet.set_column(0, 0, 44)
            sheet.set_column(1, 3 * len(chapter.columns), 13)
            sheet.freeze_panes(1, 1)
            _fill_chapter(sheet, chapter, document.language, head, formats)

        for name, rows in (("days", _days(document)), ("hours", _hours(document))):
            sheet = book.add_worksheet(t[name])
            sheet.set_column(0, 0, 14)
            sheet.freeze_panes(1, 1)
            date = book.add_format({"num_format": "yyyy-mm-dd"})
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if hasattr(cell, "isoformat"):
                        sheet.write_datetime(number, column, cell, date)
                    else:
                        sheet.write(number, column, cell, head if number == 0 else None)

        definitions = book.add_worksheet(t["definitions"])
        definitions.set_column(0, 0, 32)
        definitions.set_column(1, 1, 110)
        for number, (name, text) in enumerate(document.definitions):
            definitions.write_string(number, 0, name, bold)
            definitions.write_string(number, 1, text, wrapped)
    return out.getvalue()


def _fill(sheet: Any, lines: list[tuple[Any, ...]], bold: Any) -> None:
    for number, line in enumerate(lines):
        for column, cell in enumerate(line):
            sheet.write(number, column, cell, bold if number < _HEADINGS else None)


def _fill_chapter(sheet: Any, chapter: Chapter, language: str, head: Any, formats: dict[str, Any]) -> None:
    """Write a table; the bounds of confidence intervals get columns of their own."""
    t = TEXTS[language]
    with_bounds = [
        any(line.values[index].low is not None for line in chapter.lines) for index in range(len(chapter.columns))
    ]
    titles = [t["what"]]
    for name, bounds in zip(chapter.columns, with_bounds, strict=True):
        titles += [name, *([t["low"], t["high"]] if bounds else [])]
    for column, title in enumerate(titles):
        sheet.write_string(0, column, title, head)
    for row, line in enumerate(chapter.lines, start=1):
        sheet.write_string(row, 0, line.name)
        column = 1
        for value, bounds in zip(line.values, with_bounds, strict=True):
            for number in (value.value, *((value.low, value.high) if bounds else ())):
                if number is not None:
                    sheet.write_number(row, column, number, formats[value.unit])
                column += 1


def _days(document: Document) -> list[list[Any]]:
    days = [[day.day for day in profile.by_day] for profile in document.arrival_profiles[:1]]
    numbers = [[day.number for day in profile.by_day] for profile in document.arrival_profiles]
    return [_head(document, "date"), *map(list, zip(*days, *numbers, strict=True))]


def _hours(document: Document) -> list[list[Any]]:
    numbers = [profile.by_hour for profile in document.arrival_profiles]
    return [_head(document, "hour"), *map(list, zip(range(24), *numbers, strict=True))]


def _head(document: Document, first: str) -> list[Any]:
    t = TEXTS[document.language]
    return [t[first], *(t[profile.channel] for profile in document.arrival_profiles)]
