"""Sample scans and sidecars of a mailroom, and hostile files."""

import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

from PIL import Image
from pypdf import PdfWriter

from connectors.mailroom.simulate import Code, make_sheet

WRITTEN_AT = 1_774_000_000
"""Time of writing of the first file: 2026-03-20 09:46:40 UTC, in seconds since 1970."""


def pdf(number: int, pages: int = 1, password: str = "") -> bytes:
    """Return a PDF of blank pages, different for each number."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.add_metadata({"/Title": f"scan {number}"})
    if password:
        writer.encrypt(password)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def tiff(pages: int) -> bytes:
    return _save("TIFF", [Image.new("1", (20, 20), page % 2) for page in range(pages)])


def stack(kind: str, *pages: str) -> bytes:
    """Return a scan of kind PDF or TIFF at 150 dpi.

    An empty text gives a blank page, another text a sheet with a Code 128 barcode; the prefix `QR:` selects a QR code.
    """
    codes: list[Code] = ["qr" if text.startswith("QR:") else "code128" for text in pages]
    return _save(kind, [make_sheet(text.removeprefix("QR:"), code) for text, code in zip(pages, codes, strict=True)])


def _save(kind: str, pages: list[Image.Image]) -> bytes:
    written = io.BytesIO()
    pages[0].save(written, kind, save_all=True, append_images=pages[1:])
    return written.getvalue()


def page_bomb() -> bytes:
    """Return a small PDF with ten thousand million pages: each node references the next one ten times."""
    levels = 10
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    for level in range(levels):
        kids = b" ".join([b"%d 0 R" % (level + 3)] * 10)
        objects.append(b"<< /Type /Pages /Count 10 /Kids [%s] >>" % kids)
    objects.append(b"<< /Type /Page /MediaBox [0 0 9 9] >>")
    return _assemble(objects)


def stream_bomb(megabytes: int) -> bytes:
    """Return a PDF whose object stream expands to many megabytes."""
    packed = zlib.compress(b"2 0 << >> " + b" " * (megabytes << 20), 9)
    pages = b"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >> stream\n%s\nendstream"
    body = b"%PDF-1.5\n"
    places = [len(body)]
    body += b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    places.append(len(body))
    body += b"3 0 obj\n" + pages % (len(packed), packed) + b"\nendobj\n"
    start = len(body)
    rows = [(0, 0, 255), (1, places[0], 0), (2, 3, 0), (1, places[1], 0), (1, start, 0)]
    index = b"".join(kind.to_bytes(1) + place.to_bytes(4) + last.to_bytes(1) for kind, place, last in rows)
    head = b"<< /Type /XRef /Size 5 /W [1 4 1] /Root 1 0 R /Length %d >>" % len(index)
    return body + b"4 0 obj\n%s stream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (head, index, start)


def _assemble(objects: list[bytes]) -> bytes:
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + head + table + tail


def drop(path: Path, content: bytes, order: int = 0) -> Path:
    """Write a file under a hidden name and rename it into the hot folder."""
    draft = path.with_name(f".{order}.draft")
    draft.write_bytes(content)
    os.utime(draft, (WRITTEN_AT + order, WRITTEN_AT + order))
    return draft.rename(path)


def drop_letter(inbox: Path, number: int, **fields: Any) -> None:
    """Drop a scan and its JSON sidecar."""
    drop(inbox / f"scan{number:05}.pdf", pdf(number), number)
    drop(inbox / f"scan{number:05}.json", json.dumps({"reference": f"R{number}", **fields}).encode(), number)
