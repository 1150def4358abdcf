"""An export as a file: JSON for programs, HTML and PDF for people. All three tell the same, in pieces, as it is read."""

from collections.abc import Iterator
from datetime import tzinfo
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from streams.rights.document import Document, lay_out
from streams.rights.holding import Holding
from streams.rights.labels import put


class Format(StrEnum):
    """How it is written."""

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
_PIECE: Final = 16
"""So many pieces of a template are joined to one."""


def write(holding: Holding, kind: Format, language: str, zone: tzinfo) -> Iterator[bytes]:
    """Return the pieces of a file, the first of which is made at once: of a PDF there is no other.

    What a contact tells is read as it is written; then it may raise `Unavailable`.
    """
    pieces = _write(holding, kind, language, zone)
    return chain([next(pieces)], pieces)


def _write(holding: Holding, kind: Format, language: str, zone: tzinfo) -> Iterator[bytes]:
    match kind:
        case Format.JSON:
            yield from _write_json(holding)
        case Format.HTML:
            yield from _write_html(holding, lay_out(holding, language, zone), language)
        case Format.PDF:
            from streams.rights.pdf import write_pdf  # noqa: PLC0415 - takes a while to import

            yield from write_pdf(lay_out(holding, language, zone), language, put("title", language))


def _write_json(holding: Holding) -> Iterator[bytes]:
    fields = holding._asdict()
    del fields["contacts"], fields["services"], fields["queues"]
    yield msgspec.json.encode(fields)[:-1] + b',"contacts":['
    for number, contact in enumerate(holding.contacts):
        yield (b",\n" if number else b"\n") + msgspec.json.encode(contact)
    yield b"\n]}\n"


def _write_html(holding: Holding, document: Document, language: str) -> Iterator[bytes]:
    template = _ENVIRONMENT.get_template("export.html")
    stream = template.stream(holding=holding, document=document, language=language, put=partial(put, language=language))
    stream.enable_buffering(_PIECE)
    for piece in stream:
        yield piece.encode()
