"""Reading files of others: what they are is not known before, and they may change meanwhile."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from models.codec import UnusableRecord
from models.reasons import Reason

CHUNK_BYTES: Final = 1 << 20
SIDECAR_BYTES: Final = 1 << 20
OPEN_SAFELY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def open_safely(path: Path, limit_bytes: int) -> Iterator[BinaryIO]:
    """Open a regular file of at most `limit_bytes`, following no link and never waiting for anyone.

    Raises `Unusable` for anything else, unread.
    """
    if not stat.S_ISREG(path.lstat().st_mode):  # to open a device may do something
        raise UnusableRecord(Reason.UNREADABLE_LINE, "no regular file")
    with os.fdopen(os.open(path, OPEN_SAFELY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit_bytes:
            raise UnusableRecord(Reason.OVERSIZED, f"{size} bytes, at most {limit_bytes}")
        if not size:
            raise UnusableRecord(Reason.UNREADABLE_LINE, "empty")
        yield file


def digest(file: BinaryIO, limit_bytes: int) -> str:
    """Return the SHA-256 of `file`, in constant memory. Raises `Unusable` if it has grown beyond `limit_bytes`."""
    sha256 = hashlib.sha256()
    length = 0
    while chunk := file.read(CHUNK_BYTES):
        length += len(chunk)
        if length > limit_bytes:
            raise UnusableRecord(Reason.OVERSIZED, f"more than {limit_bytes} bytes")
        sha256.update(chunk)
    return sha256.hexdigest()
