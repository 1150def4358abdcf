"""Simulated mailroom, for demonstrations: drops scans, as PDF files, and sidecars into the hot folder."""

import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import zxingcpp
from PIL import Image
from pypdf import PdfWriter

SidecarFields = Mapping[str, str | int]
"""Fields of a sidecar row, by the field names of the connector's README."""
Code = Literal["code128", "qr"]
A4: Final = (595, 842)
"""Page size in points."""
SHEET: Final = (1240, 1754)
"""Page size of a stack, sheets and letters, in pixels at 150 dpi."""
SHEET_DPI: Final = 150.0
_FORMATS: Final = {"code128": zxingcpp.BarcodeFormat.Code128, "qr": zxingcpp.BarcodeFormat.QRCode}


class Mailroom:
    """Scanner and back office with the hot folder `inbox`; the connector moves the files to `archive`.

    Files are written under a hidden name and then renamed, the sidecar before its scan.
    """

    def __init__(self, inbox: Path, archive: Path) -> None:
        self._inbox = inbox
        self._done = archive / "done"
        self._read: set[Path] = set()
        self._chronos: dict[str, list[str]] = {}

    def drop_letter(self, name: str, *, scanned_at: datetime, pages: int, fields: SidecarFields) -> None:
        """Drop the scan of one letter, and its sidecar with `scanned_at` and `fields`.

        Both get the unique file name `name`, given without suffix.
        """
        self._drop(
            {
                f"{name}.json": json.dumps({"scanned_at": scanned_at.isoformat(), **fields}).encode(),
                f"{name}.pdf": make_letter(name, pages),
            },
            scanned_at,
        )

    def drop_stack(
        self, name: str, *, scanned_at: datetime, letters: Sequence[tuple[str, int]], code: Code = "code128"
    ) -> None:
        """Drop a scan of several letters without a sidecar; `letters` gives the sheet text and the page count of each."""
        self._drop({f"{name}.pdf": make_stack(letters, scanned_at, code)}, scanned_at)

    def write_steps(self, name: str, *, written_at: datetime, steps: Sequence[SidecarFields]) -> None:
        """Drop a sidecar with steps of registered letters; each step has the `chrono` of its letter."""
        self._drop({f"{name}.json": json.dumps([*steps]).encode()}, written_at)

    def refresh(self) -> None:
        """Read the chrono numbers of scans that were archived since the last call, for `chronos`.

        The paths are `done/<date>/<chrono>_<time>/<name>.pdf`, with `<first>..<last>` as the chrono of a stack.
        """
        for directory in self._done.glob("*/*"):
            if directory not in self._read:
                self._read.add(directory)
                for scan in directory.glob("*.pdf"):
                    self._chronos[scan.stem] = _expand_range(directory.name.rpartition("_")[0])

    def chronos(self, name: str) -> list[str]:
        """Return the chrono numbers of the letters of the scan `name`, in order; none if no `refresh` has found it yet."""
        return self._chronos.get(name, [])

    def _drop(self, files: Mapping[str, bytes], written_at: datetime) -> None:
        drafts = []
        for name, content in files.items():
            draft = self._inbox / f".{name}"
            draft.write_bytes(content)
            os.utime(draft, (written_at.timestamp(), written_at.timestamp()))
            drafts.append((draft, self._inbox / name))
        for draft, target in drafts:
            draft.rename(target)


def _expand_range(label: str) -> list[str]:
    first, _, last = label.partition("..")
    if not last:
        return [first]
    head, _, number = first.rpartition("-")
    numbers = range(int(number), int(last.rpartition("-")[2]) + 1)
    return [f"{head}-{number:0{len(first) - len(head) - 1}}" for number in numbers]


def make_letter(title: str, pages: int) -> bytes:
    """Return a PDF of blank pages with this title."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(*A4)
    writer.add_metadata({"/Title": title})
    return _to_bytes(writer.write)


def make_stack(letters: Iterable[tuple[str, int]], scanned_at: datetime, code: Code) -> bytes:
    """Return a PDF scan of several letters, each after a separator sheet; `letters` gives the sheet text and the page count."""
    pages = [page for text, count in letters for page in (make_sheet(text, code), *[make_sheet("", code)] * count)]
    stamp = scanned_at.utctimetuple()
    options: dict[str, Any] = {"save_all": True, "resolution": SHEET_DPI, "creationDate": stamp, "modDate": stamp}
    return _to_bytes(lambda file: pages[0].save(file, "PDF", append_images=pages[1:], **options))


def make_sheet(text: str, code: Code) -> Image.Image:
    """Return a page with `text` as a barcode of the type `code`; a blank page without a text."""
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
