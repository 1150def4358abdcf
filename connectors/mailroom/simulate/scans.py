"""Simulated scans as PDF files; the same letter gives the same bytes."""

import io
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, BinaryIO, Final, Literal

import zxingcpp
from PIL import Image
from pypdf import PdfWriter

Code = Literal["code128", "qr"]
A4: Final = (595, 842)
"""Page size in points."""
SHEET: Final = (1240, 1754)
"""Page size of a separator sheet in pixels, at 150 dpi."""
SHEET_DPI: Final = 150.0
_FORMATS: Final = {"code128": zxingcpp.BarcodeFormat.Code128, "qr": zxingcpp.BarcodeFormat.QRCode}


def letter(title: str, pages: int) -> bytes:
    """Return a PDF of blank pages."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(*A4)
    writer.add_metadata({"/Title": title})
    return _to_bytes(writer.write)


def stack(letters: Iterable[tuple[str, int]], scanned_at: datetime, code: Code) -> bytes:
    """Return a scan of several letters, each after a separator sheet; `letters` gives the sheet text and the page count."""
    pages = [page for text, count in letters for page in (_sheet(text, code), *[_sheet("", code)] * count)]
    stamp = scanned_at.utctimetuple()
    options: dict[str, Any] = {"save_all": True, "resolution": SHEET_DPI, "creationDate": stamp, "modDate": stamp}
    return _to_bytes(lambda file: pages[0].save(file, "PDF", append_images=pages[1:], **options))


def _sheet(text: str, code: Code) -> Image.Image:
    page = Image.new("L", SHEET, 255)
    if text:
        image = zxingcpp.create_barcode(text, _FORMATS[code]).to_image(scale=4)
        height, width = image.shape
        grey = memoryview(image).tobytes()  # type: ignore[arg-type] # its stub lacks the buffer protocol
        page.paste(Image.frombytes("L", (width, height), grey), (150, 300))
    return page.convert("1")


def _to_bytes(write: Callable[[BinaryIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()
