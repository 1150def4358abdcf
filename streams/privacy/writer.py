"""Write an export as JSON, HTML or PDF, in pieces. JSON has codes, and ids and sources of entries; HTML and PDF have labels."""

from collections.abc import Iterator
from datetime import tzinfo
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.locale import translate
from streams.privacy.document import Document, build_document
from streams.privacy.personal_data import PersonalData


class Format(StrEnum):
    """File format of an export."""

    JSON = "json"
    HTML = "html"
    PDF = "pdf"


MEDIA_TYPES: Final = {
    Format.JSON: "application/json",
    Format.HTML: "text/html; charset=utf-8",
    Format.PDF: "application/pdf",
}
_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), undefined=StrictUndefined, autoescape=True
)
_BUFFERED_PIECES: Final = 16
"""Number of template pieces that are joined before they are sent."""


def write(personal_data: PersonalData, kind: Format, language: str, zone: tzinfo) -> Iterator[bytes]:
    """Return the pieces of a file. The first, for PDF the whole, is made before this returns. Each may raise `Unavailable`."""
    pieces = _write(personal_data, kind, language, zone)
    return chain([next(pieces)], pieces)


def _write(personal_data: PersonalData, kind: Format, language: str, zone: tzinfo) -> Iterator[bytes]:
    match kind:
        case Format.JSON:
            yield from _write_json(personal_data)
        case Format.HTML:
            yield from _write_html(build_document(personal_data, language, zone), language)
        case Format.PDF:
            from streams.privacy.pdf import write_pdf  # noqa: PLC0415 - takes a while to import

            yield from write_pdf(build_document(personal_data, language, zone), language)


def _write_json(personal_data: PersonalData) -> Iterator[bytes]:
    fields = personal_data._asdict()
    del fields["contacts"], fields["services"], fields["queues"], fields["reasons"]
    yield msgspec.json.encode(fields)[:-1] + b',"contacts":['
    for number, contact in enumerate(personal_data.contacts):
        yield (b",\n" if number else b"\n") + msgspec.json.encode(contact)
    yield b"\n]}\n"


def _write_html(document: Document, language: str) -> Iterator[bytes]:
    template = _ENVIRONMENT.get_template("export.html")

    def translate_message(message: str) -> str:
        return translate(message, language)

    stream = template.stream(document=document, language=language, translate=translate_message)
    stream.enable_buffering(_BUFFERED_PIECES)
    for piece in stream:
        yield piece.encode()
