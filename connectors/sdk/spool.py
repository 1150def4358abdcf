"""Bounded queue on disk for events that could not be published yet; it survives kill -9 at any point.

Records are appended to segment files, each with its length and a checksum over both. `append` returns when they are on disk. A
record that a crash left incomplete at the end of the last segment is detected by its checksum and cut off. Damaged data elsewhere
is moved to a `.bad` file, and the records around it are kept. A segment is removed once a record of a later one was
dropped, or none is left. Until then, a restart reads its dropped records again (at least once).
"""

import errno
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from connectors.sdk.errors import SpoolFullError, describe_os_error
from connectors.sdk.files import PRIVATE_FILE, make_private_directory, replace, sync_directory, write_new
from models.locale import _

LIMIT_BYTES: Final = 256 << 20
"""Default limit of a spool's size on disk."""
SEGMENT_BYTES: Final = 4 << 20
"""A segment of this size is followed by a new one."""
_HEAD: Final = struct.Struct("<II")
_NO_SPACE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

log = structlog.get_logger(__name__)


class SpoolPosition(NamedTuple):
    """Position after a record in the spool."""

    segment: int
    offset: int
    records: int
    """Number of records before the position, from the first one that the spool contained when it was opened."""


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    size: int
    records: int


class Spool:
    """First-in-first-out queue in `directory`, for one thread of one process. The constructor sets damaged data aside."""

    def __init__(self, directory: Path, limit_bytes: int = LIMIT_BYTES, segment_bytes: int = SEGMENT_BYTES) -> None:
        make_private_directory(directory)
        self._directory = directory
        self._limit = limit_bytes
        self._segment_bytes = segment_bytes
        paths = sorted(directory.glob("*.spool"))
        self._segments = deque(_recover(path, last=path == paths[-1]) for path in paths)
        used = [int(path.stem) for pattern in ("*.spool", "*.bad") for path in directory.glob(pattern)]
        self._next_number = max(used, default=-1) + 1  # .bad files keep their names
        self._appended = sum(segment.records for segment in self._segments)
        self._start = self._read = SpoolPosition(0, 0, 0)
        self._descriptor: int | None = None

    @property
    def empty(self) -> bool:
        """True if all records were dropped."""
        return self.records == 0

    @property
    def records(self) -> int:
        """Number of records that were not dropped, read or unread."""
        return self._appended - self._start.records

    @property
    def size(self) -> int:
        """Size on disk in bytes, without `.bad` files."""
        return sum(segment.size for segment in self._segments)

    @property
    def room(self) -> int:
        """Space in bytes until the spool's own limit."""
        return max(0, self._limit - self.size)

    def append(self, payloads: Sequence[bytes]) -> None:
        """Append records and return once they are on disk. Raises `SpoolFullError`, and stores none, if they do not all fit."""
        if not payloads:
            return
        frames = b"".join(map(_frame, payloads))
        if len(frames) > self.room:
            raise SpoolFullError(
                _(
                    "{directory} holds {size} bytes, at most {limit}",
                    directory=self._directory,
                    size=self.size,
                    limit=self._limit,
                )
            )
        try:
            self._write(frames, len(payloads))
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise SpoolFullError(describe_os_error(error, self._directory)) from error
            raise

    def read(self, limit: int) -> tuple[list[bytes], SpoolPosition]:
        """Return the next records, at most `limit` (none if all were read), and the position after the last record read."""
        for segment in self._segments:
            if segment.number < self._read.segment:
                continue
            offset = self._read.offset if segment.number == self._read.segment else 0
            payloads = list(islice(_frames(segment.path.read_bytes(), offset), limit))
            if payloads:
                offset += sum(_HEAD.size + len(payload) for payload in payloads)
                self._read = SpoolPosition(segment.number, offset, self._read.records + len(payloads))
                return payloads, self._read
        return [], self._read

    def rewind(self) -> None:
        """Begin the next `read` at the first record that was not dropped."""
        self._read = self._start

    def drop(self, position: SpoolPosition) -> None:
        """Remove all records before `position`, which `read` returned.

        Delete the segments before that of `position`; if no record is left, delete all segments. After a restart, removed
        records in the remaining segments are read again.
        """
        self._start = position
        while self._segments and (self.empty or self._segments[0].number < position.segment):
            self._segments.popleft().path.unlink()
        if not self._segments:
            self.close()

    def close(self) -> None:
        """Close the segment being written; the records are kept."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, frames: bytes, records: int) -> None:
        if self._descriptor is None or self._segments[-1].size >= self._segment_bytes:
            self.close()
            self._descriptor = self._begin_segment()
        segment = self._segments[-1]
        try:
            written = 0
            while written < len(frames):
                written += os.write(self._descriptor, frames[written:])
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, segment.size)
            raise
        segment.size += len(frames)
        segment.records += records
        self._appended += records

    def _begin_segment(self) -> int:
        path = self._directory / f"{self._next_number:012d}.spool"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
        self._segments.append(_Segment(self._next_number, path, 0, 0))
        self._next_number += 1
        sync_directory(self._directory)
        return descriptor


def _frame(payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), _checksum(payload)) + payload


def _checksum(payload: bytes) -> int:
    # The inverted length is the seed: otherwise zeros that a crash left would be valid empty records.
    return zlib.crc32(payload, ~len(payload) & 0xFFFFFFFF)


def _frames(content: bytes, offset: int) -> Iterator[bytes]:
    """Yield the records from `offset` on, up to the first incomplete or damaged one."""
    while offset + _HEAD.size <= len(content):
        length, checksum = _HEAD.unpack_from(content, offset)
        offset += _HEAD.size
        if length > len(content) - offset:  # checked before copying: in a damaged segment every offset is tried
            return
        payload = content[offset : offset + length]
        if _checksum(payload) != checksum:
            return
        offset += length
        yield payload


def _recover(path: Path, *, last: bool) -> _Segment:
    content = path.read_bytes()
    whole, spoilt, records, offset = [], [], 0, 0
    while offset < len(content):
        payloads = list(_frames(content, offset))
        end = offset + sum(_HEAD.size + len(payload) for payload in payloads)
        records += len(payloads)
        whole.append(content[offset:end])
        offset = _next_frame(content, end)
        spoilt.append(content[end:offset])
    kept, cut = b"".join(whole), b"".join(spoilt)
    if cut and last and len(spoilt) == 1:
        log.warning("spool_cut", file=path.name, bytes_cut=len(cut), records_kept=records)
        os.truncate(path, len(kept))
    elif cut:
        aside = path.with_suffix(".bad")
        log.error("spool_damaged", file=aside.name, bytes_cut=len(cut), records_kept=records)
        write_new(aside, cut)
        replace(path, kept)
    return _Segment(int(path.stem), path, len(kept), records)


def _next_frame(content: bytes, offset: int) -> int:
    """Return the offset of the next valid record from `offset` on, or the end if there is none."""
    begins = (at for at in range(offset, len(content)) if next(_frames(content, at), None) is not None)
    return next(begins, len(content))
