"""Count the pages of files that cannot be trusted, and find their separator sheets: a program that may be killed at any time.

Started as `counting.py SOCKET SECONDS MEGABYTES`, it takes open files by that socket, one message each: `COUNT`, or `FIND` with
the sheets too. It answers each with a JSON list, the number of pages and the barcodes as `[page, text]`, or with a word that says
why not. It can write no file, and has so much memory, and for each file so much processor time.
"""

import json
import os
import resource
import socket
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO, Final

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
IMAGES: Final = 4
"""How many images of a page are looked at: a scanned page is one."""
SHEETS: Final = 500
"""How many barcodes are told."""
TEXT: Final = 64
"""How long they may be."""

Pages = Iterable[Iterable[Image.Image]]


def examine(file: BinaryIO, wish: bytes) -> str:
    """Return what is to be answered for `file`, by what it is and not by its name."""
    try:
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        if head.startswith(TIFF):
            with Image.open(file, formats=["TIFF"]) as image:
                return _answer(
                    int(getattr(image, "n_frames", 1)), ([frame] for frame in ImageSequence.Iterator(image)), wish
                )
        if b"%PDF-" not in head:
            return UNREADABLE
        reader = PdfReader(file)
        if reader.is_encrypted:
            return ENCRYPTED
        return _answer(reader.get_num_pages(), (_images(reader, page) for page in range(reader.get_num_pages())), wish)
    except (MemoryError, LimitReachedError):
        return TOO_COSTLY
    except Exception:  # noqa: BLE001 - whatever a parser says of it
        return UNREADABLE


def _answer(count: int, pages: Pages, wish: bytes) -> str:
    if not count:
        return UNREADABLE
    try:
        return json.dumps([count, list(islice(_find(pages), SHEETS)) if wish == FIND else []])
    except (MemoryError, LimitReachedError):
        raise
    except Exception:  # noqa: BLE001 - whatever a decoder of images says
        return UNSHOWABLE


def _find(pages: Pages) -> Iterator[tuple[int, str]]:
    for number, images in enumerate(pages):
        for image in images:
            for code in zxingcpp.read_barcodes(image.convert("L"), formats=FORMATS):
                if code.text.isascii() and len(code.text) <= TEXT:
                    yield number, code.text


def _images(reader: PdfReader, page: int) -> Iterator[Image.Image]:
    for image in islice(reader.pages[page].images, IMAGES):
        if image.image is None:
            raise ValueError
        yield image.image


def main() -> None:
    """Answer until nobody asks."""
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
                answer = examine(file, wish)
            link.send(answer.encode())


if __name__ == "__main__":
    main()
