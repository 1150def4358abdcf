"""Sandboxed program that counts the pages of untrusted scans and finds their separator sheets.

Started as `barcode_worker.py SOCKET SECONDS MEGABYTES`, with `SeparatorSheets` as a JSON list on standard input. SOCKET is a file
descriptor. Requests arrive on it: one byte, `COUNT` or `FIND`, with an open file descriptor. The response is a JSON list,
`[page count, sheets]`, or one word for the reason of the failure. A sheet is `[page from 0, text]`; the text of an unknown sheet
is empty. Other barcodes are not reported.

The program can write no file. Its memory is limited, and its processor time per file. It ignores the signals that stop a whole
service; its parent process ends it.
"""

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

import zxingcpp
from PIL import Image, ImageSequence
from pypdf import PdfReader
from pypdf.errors import LimitReachedError

COUNT, FIND = b"c", b"f"
ENCRYPTED, UNREADABLE, UNSHOWABLE, TOO_COSTLY = "encrypted", "unreadable", "unshowable", "too_costly"
ANSWER_BYTES: Final = 64 << 10
"""Longest response, in bytes; `TOO_COSTLY` replaces a longer one."""
HEAD_BYTES: Final = 1024
"""Size in bytes of the first part of a file, which in a PDF must contain the marker `%PDF-`."""
TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
FORMATS: Final = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode])

Pages = Iterable[Iterable[Image.Image]]


class SeparatorSheets(NamedTuple):
    """Barcode texts of separator sheets."""

    texts: Collection[str]
    prefix: str = ""
    """Barcodes that begin with this prefix and are not in `texts` mark unknown sheets; empty: no unknown sheets."""

    def read(self, codes: Collection[str]) -> str | None:
        """Return the sheet text of a page with these barcodes: empty for an unknown sheet, None if the page is no sheet."""
        if text := next((code for code in codes if code in self.texts), None):
            return text
        return "" if self.prefix and any(code.startswith(self.prefix) for code in codes) else None


def examine(file: BinaryIO, sheets: SeparatorSheets | None) -> str:
    """Return the response for `file`, whose type is detected from its content: JSON, or a word for a failure. Raises nothing.

    Without `sheets`, only count the pages.
    """
    try:
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        if head.startswith(TIFF):
            with Image.open(file, formats=["TIFF"]) as image:
                pages = ([frame] for frame in ImageSequence.Iterator(image))
                return _answer(int(getattr(image, "n_frames", 1)), pages, sheets)
        if b"%PDF-" not in head:
            return UNREADABLE
        reader = PdfReader(file)
        if reader.is_encrypted:
            return ENCRYPTED
        count = reader.get_num_pages()
        return _answer(count, (_images(reader, page) for page in range(count)), sheets)
    except (MemoryError, LimitReachedError):
        return TOO_COSTLY
    except Exception:  # noqa: BLE001 - parsers raise many kinds of errors
        return UNREADABLE


def _answer(count: int, pages: Pages, sheets: SeparatorSheets | None) -> str:
    if not count:
        return UNREADABLE
    try:
        answer = json.dumps([count, list(_find(pages, sheets)) if sheets else []])
    except (MemoryError, LimitReachedError):
        raise
    except Exception:  # noqa: BLE001 - image decoders raise many kinds of errors
        return UNSHOWABLE
    return answer if len(answer) <= ANSWER_BYTES else TOO_COSTLY


def _find(pages: Pages, sheets: SeparatorSheets) -> Iterator[tuple[int, str]]:
    """Yield the page number, from 0, and the text of each separator sheet; the text of an unknown sheet is empty."""
    for number, images in enumerate(pages):
        read = (code for image in images for code in zxingcpp.read_barcodes(image.convert("L"), formats=FORMATS))
        if (text := sheets.read([code.text for code in read])) is not None:
            yield number, text


def _images(reader: PdfReader, page: int) -> Iterator[Image.Image]:
    for image in reader.pages[page].images:
        if image.image is None:
            raise ValueError
        yield image.image


def main() -> None:
    """Set the limits of this process, send a byte when ready, and answer requests until the socket is closed."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)
    descriptor, seconds, megabytes = map(int, sys.argv[1:])
    texts, prefix = json.load(sys.stdin)
    sheets = SeparatorSheets(frozenset(texts), prefix)
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CPU)
    with socket.socket(fileno=descriptor) as connection:
        connection.send(b"!")  # ready: the time limit of a file does not include the start
        while True:
            request, files, *_ = socket.recv_fds(connection, 1, 1)
            if not files:
                return
            resource.setrlimit(resource.RLIMIT_CPU, (int(sum(os.times()[:2])) + seconds + 1, hard_limit))
            with os.fdopen(files[0], "rb") as file:
                answer = examine(file, sheets if request == FIND else None)
            connection.send(answer.encode())


if __name__ == "__main__":
    main()
