"""What could not be published yet: a bounded queue on disk that survives kill -9 at any point.

Records are appended to segment files, each with its length and a checksum over both; `append` returns when they are on disk. What
a crash left half written at the end of the last segment is found by the checksum and cut; what a bad disk spoilt elsewhere is put
aside in a `.bad` file, and the records around it stay. A segment is removed once all its records were dropped; until then, those
that were dropped are read again after a restart (at least once).
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
from connectors.sdk.i18n import say

DEFAULT_LIMIT_BYTES: Final = 256 << 20
SEGMENT_BYTES: Final = 4 << 20
_HEAD: Final = struct.Struct("<II")
_NO_SPACE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

log = structlog.get_logger(__name__)


class SpoolPosition(NamedTuple):
    """A place in the spool: after a record."""

    segment: int
    offset: int
    records: int
    """How many records were before it, since the spool was opened."""


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    size: int
    records: int


class Spool:
    """First in, first out, in `directory`, for one thread of one process."""

    def __init__(
        self, directory: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        make_private_directory(directory)
        self._directory = directory
        self._limit = limit_bytes
        self._segment_bytes = segment_bytes
        paths = sorted(directory.glob("*.spool"))
        self._segments = deque(_recover(path, last=path == paths[-1]) for path in paths)
        used = [int(path.stem) for pattern in ("*.spool", "*.bad") for path in directory.glob(pattern)]
        self._next_number = max(used, default=-1) + 1  # what was set aside keeps its name
        self._appended = sum(segment.records for segment in self._segments)
        self._start = self._read = SpoolPosition(0, 0, 0)
        self._descriptor: int | None = None

    @property
    def empty(self) -> bool:
        """Whether every record was dropped."""
        return self.records == 0

    @property
    def records(self) -> int:
        """How many records are in it."""
        return self._appended - self._start.records

    @property
    def size(self) -> int:
        """How much room it takes on disk."""
        return sum(segment.size for segment in self._segments)

    @property
    def room(self) -> int:
        """How many bytes may be added."""
        return max(0, self._limit - self.size)

    def append(self, payloads: Sequence[bytes]) -> None:
        """Add records and return once they are on disk. Raises `SpoolFullError` if there is no room for all of them."""
        if not payloads:
            return
        frames = b"".join(map(_frame, payloads))
        if len(frames) > self.room:
            raise SpoolFullError(
                say(
                    f"{self._directory} holds {self.size} bytes, at most {self._limit}",
                    f"{self._directory} contient {self.size} octets, au plus {self._limit}",
                )
            )
        try:
            self._write(frames, len(payloads))
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise SpoolFullError(describe_os_error(error, self._directory)) from error
            raise

    def read(self, limit: int) -> tuple[list[bytes], SpoolPosition]:
        """Return the next `limit` records at most that were not read yet, and the place after the last of them."""
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
        """Read again from the first record that was not dropped."""
        self._read = self._start

    def drop(self, mark: SpoolPosition) -> None:
        """Forget all records before `mark`."""
        self._start = mark
        while self._segments and (self.empty or self._segments[0].number < mark.segment):
            self._segments.popleft().path.unlink()
        if not self._segments:
            self.close()

    def close(self) -> None:
        """Close the file; the records stay."""
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
    # Seeded with the length, inverted: a tail of zeros, as a crash may leave, is then no empty record.
    return zlib.crc32(payload, ~len(payload) & 0xFFFFFFFF)


def _frames(content: bytes, offset: int) -> Iterator[bytes]:
    """Yield the records from `offset` on, up to the first that is not whole."""
    while offset + _HEAD.size <= len(content):
        length, checksum = _HEAD.unpack_from(content, offset)
        offset += _HEAD.size
        if length > len(content) - offset:  # before it is copied: of a damaged segment every byte is tried
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
    """Return where, from `offset` on, the next whole record begins; the end if there is none."""
    begins = (at for at in range(offset, len(content)) if next(_frames(content, at), None) is not None)
    return next(begins, len(content))
