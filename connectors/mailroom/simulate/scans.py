"""Scans of letters that nobody wrote: PDFs, the same bytes for the same letter."""

import io
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, BinaryIO, Final, Literal

import zxingcpp
from PIL import Image
from pypdf import PdfWriter

Code = Literal["code128", "qr"]
A4: Final = (595, 842)
"""In points."""
SHEET: Final = (1240, 1754)
"""A page at 150 dpi."""
SHEET_DPI: Final = 150.0
_FORMATS: Final = {"code128": zxingcpp.BarcodeFormat.Code128, "qr": zxingcpp.BarcodeFormat.QRCode}


def letter(title: str, pages: int) -> bytes:
    """Return a letter of blank pages."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(*A4)
    writer.add_metadata({"/Title": title})
    return _written(writer.write)


def stack(letters: Iterable[tuple[str, int]], scanned_at: datetime, code: Code) -> bytes:
    """Return letters as one scan, each after a separator sheet: what that says, and how many pages follow."""
    pages = [page for text, count in letters for page in (_sheet(text, code), *[_sheet("", code)] * count)]
    stamp = scanned_at.utctimetuple()
    options: dict[str, Any] = {"save_all": True, "resolution": SHEET_DPI, "creationDate": stamp, "modDate": stamp}
    return _written(lambda file: pages[0].save(file, "PDF", append_images=pages[1:], **options))


def _sheet(text: str, code: Code) -> Image.Image:
    page = Image.new("L", SHEET, 255)
    if text:
        drawn = zxingcpp.create_barcode(text, _FORMATS[code]).to_image(scale=4)
        height, width = drawn.shape
        grey = memoryview(drawn).tobytes()  # type: ignore[arg-type] # its stub does not say that it is a buffer
        page.paste(Image.frombytes("L", (width, height), grey), (150, 300))
    return page.convert("1")


def _written(write: Callable[[BinaryIO], object]) -> bytes:
    written = io.BytesIO()
    write(written)
    return written.getvalue()
