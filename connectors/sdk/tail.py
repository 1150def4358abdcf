"""Follow a log file line by line, across rotation, truncation and restart.

A file is known by its first bytes, not by its name: so whatever moved it, copied it or gave its inode to another file, what was
not read of it yet is found in the same directory before the next file is begun.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
import structlog

from connectors.sdk.errors import SourceUnavailableError

CHUNK_BYTES: Final = 256 << 10
MAX_LINE_BYTES: Final = 64 << 10
HEAD_BYTES: Final = 1024
POLL_SECONDS: Final = 0.02
PACKED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip", "~", ".swp")

log = structlog.get_logger(__name__)


class TailPosition(msgspec.Struct, frozen=True):
    """A place in a file, and what the file can be known by."""

    offset: int
    head_bytes: int
    """How many of its first bytes `head` is of."""
    head: str
    """SHA-256 of them: the bytes themselves may hold personal data."""
    inode: int
    modified_ns: int
    """When it was last written to, as far as it was read: files that were begun later were written to later."""
    skipping: bool = False
    """Whether the place is inside a line that is too long."""


class _Candidate(NamedTuple):
    path: Path
    inode: int
    size: int
    modified_ns: int


class LineTail:
    """The lines of the log at `path`, from `position` on, or on a first start from its beginning or end."""

    def __init__(self, path: Path, position: TailPosition | None, start: Literal["beginning", "end"]) -> None:
        self._path = path
        self._resume = position
        self._start = start
        self._file = -1
        self._offset = 0
        self._head = b""
        self._skipping = False

    @property
    def position(self) -> TailPosition | None:
        """The place after the last line that was read; None if there was no file yet."""
        if self._file < 0:
            return self._resume
        status = os.fstat(self._file)
        return TailPosition(
            self._offset, len(self._head), _digest(self._head), status.st_ino, status.st_mtime_ns, self._skipping
        )

    def read(self, wait_seconds: float) -> list[bytes]:
        """Return the next lines without their ends; none after `wait_seconds` without any.

        A line without an end waits for it. Of a line longer than `MAX_LINE_BYTES`, the first `MAX_LINE_BYTES` + 1 bytes are
        returned. Raises `SourceUnavailableError` if the file is not there or cannot be read.
        """
        deadline = time.monotonic() + wait_seconds
        while not (lines := self._read_some()):
            pause = min(POLL_SECONDS, deadline - time.monotonic())
            if pause <= 0:
                break
            time.sleep(pause)
        return lines

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read_some(self) -> list[bytes]:
        if self._file < 0:
            self._open_first()
        chunk = os.pread(self._file, CHUNK_BYTES, self._offset)
        if self._was_rewritten():
            log.info("log_rewritten", file=self._path.name)
            self._find(self.position)
            return []
        return self._take(chunk) or self._go_on(chunk)

    def _take(self, chunk: bytes) -> list[bytes]:
        """Return the lines of `chunk` that are whole, or too long, and step over them."""
        end = chunk.rfind(b"\n") + 1
        skipping = self._skipping
        if end:
            lines = chunk[: end - 1].split(b"\n")
            self._skipping = False
        elif len(chunk) > MAX_LINE_BYTES:
            lines = [chunk]
            self._skipping = True
        else:
            return []
        self._advance(end or len(chunk))
        return [line[: MAX_LINE_BYTES + 1].rstrip(b"\r") for line in (lines[1:] if skipping else lines)]

    def _go_on(self, unfinished: bytes) -> list[bytes]:
        """Begin the next file if there is one, and return what was left of this one: a last line without an end."""
        try:
            newest = self._path.stat()
        except FileNotFoundError:
            return []
        if newest.st_ino == os.fstat(self._file).st_ino:
            return []
        # A rotated file is still written to until the one after it is: only then is it over.
        successor = self._successor(self.position)
        if successor == self._path and newest.st_size == 0:
            return []
        if os.pread(self._file, CHUNK_BYTES, self._offset) != unfinished:
            return []
        log.info("log_rotated", next_file=successor.name)
        rest = [] if self._skipping or not unfinished else [unfinished]
        self._open(successor)
        return rest

    def _was_rewritten(self) -> bool:
        return os.fstat(self._file).st_size < self._offset or os.pread(self._file, len(self._head), 0) != self._head

    def _open_first(self) -> None:
        try:
            if self._resume is not None:
                self._find(self._resume)
            elif self._start == "end":
                self._open(self._path)
                self._seek_end()
            else:
                self._open(self._path)
        except OSError as error:
            self._start = "beginning"  # a file that comes later is new from its beginning
            raise SourceUnavailableError(f"{self._path}: {error.strerror}") from None

    def _find(self, position: TailPosition | None) -> None:
        """Go to `position`, wherever its file is by now, or if it is lost to the file that was begun after it."""
        assert position is not None
        matching = [file for file in self._files() if file.size >= position.offset and _is_of(file, position)]
        if matching:
            best = max(matching, key=lambda file: (file.inode == position.inode, file.path == self._path))
            self._open(best.path)
            self._skipping = position.skipping
            self._advance(position.offset)
        else:
            if position.offset:
                log.warning("log_lost", file=self._path.name, offset=position.offset)
            self._open(self._successor(position))

    def _successor(self, position: TailPosition | None) -> Path:
        assert position is not None
        later = [
            file for file in self._files() if file.modified_ns > position.modified_ns and not _is_of(file, position)
        ]
        return min(later, key=lambda file: file.modified_ns).path if later else self._path

    def _files(self) -> Iterator[_Candidate]:
        with os.scandir(self._path.parent) as entries:
            for entry in entries:
                if entry.name.startswith(self._path.name) and not entry.name.endswith(PACKED) and entry.is_file():
                    status = entry.stat()
                    yield _Candidate(Path(entry.path), status.st_ino, status.st_size, status.st_mtime_ns)

    def _open(self, path: Path) -> None:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.close()
        self._file, self._offset, self._head, self._skipping = file, 0, b"", False

    def _advance(self, size: int) -> None:
        self._offset += size
        if len(self._head) < HEAD_BYTES:
            self._head = os.pread(self._file, min(HEAD_BYTES, self._offset), 0)

    def _seek_end(self) -> None:
        size = os.fstat(self._file).st_size
        last = os.pread(self._file, MAX_LINE_BYTES, max(0, size - MAX_LINE_BYTES))
        unfinished = len(last) - (last.rfind(b"\n") + 1)
        self._skipping = unfinished == MAX_LINE_BYTES
        self._advance(size if self._skipping else size - unfinished)


def _is_of(file: _Candidate, position: TailPosition) -> bool:
    """Return whether `file` begins as the file of `position` did. One that nothing was read of is like no other."""
    if position.head_bytes == 0:
        return False
    with file.path.open("rb") as opened:
        return _digest(opened.read(position.head_bytes)) == position.head


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()
