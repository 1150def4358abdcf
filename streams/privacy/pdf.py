"""Write an export as PDF, for printing. HTML is the accessible format: a screen reader finds only text and outline in the PDF.

fpdf2 tags images, but no headings or tables. Its structure tree is flat, and accessibility is not part of its guarantees.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fpdf import FPDF, XPos, YPos

from models.locale import translate
from streams.privacy.document import Document, Section

_WIDTH_MM: Final = 269
_LINE_MM: Final = 4
_ENCODING: Final = "windows-1252"
"""Encoding of the fonts that every PDF reader has. It covers French, labels and pseudonyms; other characters become `?`."""


def write_pdf(document: Document, language: str) -> Iterator[bytes]:
    """Yield the whole PDF of `document` as one piece, after all contacts were read."""
    pdf = _Pages(orientation="landscape", format="A4")
    pdf.core_fonts_encoding = _ENCODING
    pdf.set_lang(language)
    pdf.set_title(document.title)
    pdf.set_margin(14)
    pdf.set_auto_page_break(auto=True, margin=14)
    pdf.add_page()
    pdf.head(document.title, 0)
    for line in document.about:
        pdf.write_text(line)
    if document.notice:
        pdf.head(document.notice_title, 1)
    for paragraph in document.notice:
        pdf.write_text(paragraph)
    for section in document.before:
        pdf.head(translate(section.caption, language), 1)
        pdf.write_table(section, language)
    pdf.head(document.contacts_title, 1)
    for contact in document.contacts:
        pdf.head(contact.title, 2)
        pdf.write_text(contact.line)
        for part in contact.parts:
            pdf.write_table(part, language, translate(part.caption, language))
    for section in document.after:
        pdf.head(translate(section.caption, language), 1)
        pdf.write_text(section.note)
        pdf.write_table(section, language)
    yield bytes(pdf.output())


class _Pages(FPDF):
    def footer(self) -> None:
        self.set_y(-10)
        self.set_font("helvetica", size=8)
        self.cell(0, _LINE_MM, f"{self.page_no()}", align="R")

    def head(self, text: str, level: int) -> None:
        """Write a heading, and add it to the outline. `level` is 0 for the title, 1 for a section, or 2 for a contact."""
        self.start_section(_encodable(text), level)
        self.set_font("helvetica", "B", (15, 12, 10)[level])
        self.ln((0, 5, 3)[level])
        self.multi_cell(0, 6, _encodable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def write_text(self, text: str) -> None:
        if text:
            self.set_font("helvetica", size=8)
            self.multi_cell(0, _LINE_MM, _encodable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def write_table(self, section: Section, language: str, caption: str = "") -> None:
        """Write a table with columns fitted to their contents. Its header is repeated on each page. Write “none” without rows."""
        titles = [translate(column, language) for column in section.columns]
        rows = [[_encodable(cell) for cell in row] for row in section.rows]
        if not rows:
            self.write_text(translate("none", language))
            return
        self.set_font("helvetica", size=8)
        inside = [max(map(self.get_string_width, column)) for column in zip(*rows, strict=True)]
        self.set_font("helvetica", "B", 8)
        least = [
            max(map(self.get_string_width, title.split())) + 3 for title in titles
        ]  # no word of a header is broken
        wished = [max(width + 3, self.get_string_width(title) + 3) for width, title in zip(inside, titles, strict=True)]
        scale = min(1.0, (_WIDTH_MM - sum(least)) / max(1, sum(wished) - sum(least)))
        widths = [low + (high - low) * scale for low, high in zip(least, wished, strict=True)]
        if caption:
            self.cell(0, _LINE_MM + 1, caption, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._row(titles, widths, "B")
        for row in rows:
            if self.will_page_break(2 * _LINE_MM):
                self.add_page()
                self._row(titles, widths, "B")
            self._row(row, widths, "")

    def _row(self, cells: Sequence[str], widths: Sequence[float], style: str) -> None:
        self.set_font("helvetica", style, 8)
        wrapped = [self._wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
        for number in range(max(map(len, wrapped))):
            for lines, width in zip(wrapped, widths, strict=True):
                self.cell(width, _LINE_MM, lines[number] if number < len(lines) else "")
            self.ln(_LINE_MM)

    def _wrap(self, cell: str, width: float) -> list[str]:
        if self.get_string_width(cell) <= width - 2:
            return [cell]
        lines: Any = self.multi_cell(width, _LINE_MM, cell, dry_run=True, output="LINES", align="L")
        # fpdf2 returns the bytes of the font's encoding as Latin-1 text.
        return [line.encode("latin-1").decode(_ENCODING) for line in lines]


def _encodable(text: str) -> str:
    return text.encode(_ENCODING, "replace").decode(_ENCODING)
