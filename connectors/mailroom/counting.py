"""Count the pages of files that cannot be trusted: a program of its own, which may be killed at any time.

Started as `counting.py SOCKET SECONDS MEGABYTES`, it takes open files by that socket, one message each, and answers each with a
number of pages or one of `REFUSALS`. It can write no file, and has so much memory, and for each file so much processor time.
"""

import os
import resource
import socket
import sys
from typing import BinaryIO, Final

from PIL import Image
from pypdf import PdfReader
from pypdf.errors import LimitReachedError

ENCRYPTED, UNREADABLE, TOO_COSTLY = REFUSALS = ("encrypted", "unreadable", "too_costly")
HEAD_BYTES: Final = 1024
"""Where the mark of a PDF must be."""
TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def count(file: BinaryIO) -> str:
    """Return what is to be answered for `file`, by what it is and not by its name."""
    try:
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        pages = _tiff_pages(file) if head.startswith(TIFF) else _pdf_pages(file) if b"%PDF-" in head else 0
    except (MemoryError, LimitReachedError):
        return TOO_COSTLY
    except Exception:  # noqa: BLE001 - whatever a parser says of it
        return UNREADABLE
    return ENCRYPTED if pages is None else str(pages) if pages else UNREADABLE


def _pdf_pages(file: BinaryIO) -> int | None:
    reader = PdfReader(file)
    return None if reader.is_encrypted else reader.get_num_pages()


def _tiff_pages(file: BinaryIO) -> int:
    with Image.open(file, formats=["TIFF"]) as image:
        return int(getattr(image, "n_frames", 1))


def main() -> None:
    """Answer until nobody asks."""
    descriptor, seconds, megabytes = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    with socket.socket(fileno=descriptor) as link:
        link.send(b"!")  # the time for a file does not begin before
        while files := socket.recv_fds(link, 1, 1)[1]:
            resource.setrlimit(resource.RLIMIT_CPU, (int(sum(os.times()[:2])) + seconds + 1, most))
            with os.fdopen(files[0], "rb") as file:
                answer = count(file)
            link.send(answer.encode())


if __name__ == "__main__":
    main()
