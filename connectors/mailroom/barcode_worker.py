"""Count the pages of files that cannot be trusted, and find their separator sheets: a program that may be killed at any time.

Started as `counting.py SOCKET SECONDS MEGABYTES`, with `Sheets` as a JSON list as its input, it takes open files by that socket,
one message each: `COUNT`, or `FIND` with the sheets too. It answers each with a JSON list, the number of pages and the sheets
as `[page, text]`, or with a word that says why not: all of them, or none. Of other barcodes it tells nothing. It can write no
file, and has so much memory, and for each file so much processor time. Who started it ends it: what stops a whole service does
not.
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
HEAD_BYTES: Final = 1024
"""Where the mark of a PDF must be."""
TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
FORMATS: Final = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode])

Pages = Iterable[Iterable[Image.Image]]


class SeparatorSheets(NamedTuple):
    """What separator sheets say."""

    texts: Collection[str]
    prefix: str = ""
    """What begins with it is a sheet too, but not one of these; empty: nothing else is."""

    def read(self, codes: Collection[str]) -> str | None:
        """Return what a page says that has these barcodes: a text, nothing if it is none of these, None if it is no sheet."""
        if text := next((code for code in codes if code in self.texts), None):
            return text
        return "" if self.prefix and any(code.startswith(self.prefix) for code in codes) else None


def examine(file: BinaryIO, sheets: SeparatorSheets | None) -> str:
    """Return what is to be answered for `file`, by what it is and not by its name; `sheets` are looked for, if there are any."""
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
    except Exception:  # noqa: BLE001 - whatever a parser says of it
        return UNREADABLE


def _answer(count: int, pages: Pages, sheets: SeparatorSheets | None) -> str:
    if not count:
        return UNREADABLE
    try:
        answer = json.dumps([count, list(_find(pages, sheets)) if sheets else []])
    except (MemoryError, LimitReachedError):
        raise
    except Exception:  # noqa: BLE001 - whatever a decoder of images says
        return UNSHOWABLE
    return answer if len(answer) <= ANSWER_BYTES else TOO_COSTLY


def _find(pages: Pages, sheets: SeparatorSheets) -> Iterator[tuple[int, str]]:
    """Yield the pages that are sheets, each once, and what they say."""
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
    """Answer until nobody asks."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)
    texts, prefix = json.load(sys.stdin)
    sheets = SeparatorSheets(frozenset(texts), prefix)
    descriptor, seconds, megabytes = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    with socket.socket(fileno=descriptor) as link:
        link.send(b"!")  # the time for a file does not begin before
        while True:
            wish, files, *_ = socket.recv_fds(link, 1, 1)
            if not files:
                return
            resource.setrlimit(resource.RLIMIT_CPU, (int(sum(os.times()[:2])) + seconds + 1, most))
            with os.fdopen(files[0], "rb") as file:
                answer = examine(file, sheets if wish == FIND else None)
            link.send(answer.encode())


if __name__ == "__main__":
    main()
