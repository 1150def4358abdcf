"""Safe reading of files from other programs: their type is unknown, and they may change at any time."""

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
"""Size of one read."""
SIDECAR_BYTES: Final = 1 << 20
"""Limit of a sidecar's size."""
OPEN_SAFELY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def open_safely(path: Path, limit_bytes: int) -> Iterator[BinaryIO]:
    """Open a regular file of at most `limit_bytes`, without following a symbolic link and without blocking.

    Raises `UnusableRecord` for other and empty files, without reading them, and OSError.
    """
    if not stat.S_ISREG(path.lstat().st_mode):  # opening a device may have side effects
        raise UnusableRecord(Reason.UNREADABLE_LINE, "no regular file")
    with os.fdopen(os.open(path, OPEN_SAFELY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit_bytes:
            raise UnusableRecord(Reason.OVERSIZED, f"{size} bytes, at most {limit_bytes}")
        if not size:
            raise UnusableRecord(Reason.UNREADABLE_LINE, "empty")
        yield file


def digest(file: BinaryIO, limit_bytes: int) -> str:
    """Return the SHA-256 of `file` from its current position on, in hexadecimal; memory use is constant.

    Raises `UnusableRecord` if the file has grown beyond `limit_bytes`.
    """
    sha256 = hashlib.sha256()
    length = 0
    while chunk := file.read(CHUNK_BYTES):
        length += len(chunk)
        if length > limit_bytes:
            raise UnusableRecord(Reason.OVERSIZED, f"more than {limit_bytes} bytes")
        sha256.update(chunk)
    return sha256.hexdigest()
