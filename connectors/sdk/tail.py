"""Follow a log file line by line, across rotation, truncation and restart.

A file is known by its first bytes: so whatever moved it, copied it or gave its inode to another file, what was not read of it yet
is found in the same directory, under its name or one that a rotation makes of it, before the next file is begun.

Any call to the file system may fail, on a network's above all: whatever can fail is done before a place is changed.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
import structlog

from connectors.sdk.errors import source_error

CHUNK_BYTES: Final = 256 << 10
MAX_LINE_BYTES: Final = 64 << 10
HEAD_BYTES: Final = 1024
POLL_SECONDS: Final = 0.02
SKIP_SECONDS: Final = 1.0
"""How long one call goes on in a line that is too long."""
JUST_SECONDS: Final = 1.0
"""Of a file that had nothing more so short a time ago, all was read: a reader that keeps up looks far more often."""
ROTATED: Final = re.compile(r"(?:[.-]\d[\dT:._-]*)?(?:\.(?:old|bak))?", re.ASCII)
"""What a rotation adds to a log's name: a number or a date. Another log's name may begin like this one's."""
COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst")
"""Endings of rotated files that are compressed; they are not read."""
NUMBERED: Final = re.compile(r"\.(\d{1,4})", re.ASCII)
DATED: Final = re.compile(
    r"[.-](?:(?:19|20)\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])(?:\D.*|\d*)|\d{10})", re.ASCII
)
"""The year first, or seconds: in one form, the order of the names is that of the files."""

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
    """When it was last written to, as of that reading, or one before it if later: files that were begun later were written to
    later, but for a clock that was put back."""
    skipping: bool = False
    """True if the place is inside a line that is too long."""


class _Identity(NamedTuple):
    """Of a file, as long as this process runs: a device may have another number after a restart, so it is not kept."""

    device: int
    inode: int


class _Candidate(NamedTuple):
    path: Path
    identity: _Identity
    size: int
    modified_ns: int


class _Opened(NamedTuple):
    file: int
    identity: _Identity
    modified_ns: int


class LineTail:
    """The lines of the log at `path`, from `position` on, or on a first start from its beginning or end.

    The beginning is that of the oldest rotated file beside it.
    """

    def __init__(self, path: Path, position: TailPosition | None, start: Literal["beginning", "end"]) -> None:
        self._path = path
        self._kept = position
        self._start = start
        self._file = -1
        self._identity = _Identity(0, 0)
        self._modified_ns = 0
        self._offset = 0
        self._head = b""
        self._skipping = False
        self._newest_at = float("-inf")
        """When the file was last seen under the log's own name, by the monotonic clock: just after, one rotation was missed."""
        self._whole_at = float("-inf")
        """When the file had nothing more that was not read, by the monotonic clock."""

    @property
    def position(self) -> TailPosition | None:
        """The place after the last line that was read; None if `read` was not called yet.

        A file that nothing was read of cannot be known again, so until then it is the end of the one before it.
        """
        return self._place() if self._offset else self._kept

    def read(self, wait_seconds: float) -> list[bytes]:
        """Return the next lines without their ends; none after `wait_seconds` without any.

        A line without an end waits for it. Of a line longer than `MAX_LINE_BYTES`, the first `MAX_LINE_BYTES` + 1 bytes are
        returned. Raises `SourceUnavailableError` if the file is not there or cannot be read.
        """
        began_at = time.monotonic()
        deadline = began_at + wait_seconds
        offset = self._offset
        try:
            while not (lines := self._read_some()):
                if self._skipping and offset < self._offset and time.monotonic() - began_at < SKIP_SECONDS:
                    offset = self._offset  # there is more of a line that is too long
                    continue
                pause = min(POLL_SECONDS, deadline - time.monotonic())
                if pause <= 0:
                    break
                time.sleep(pause)
        except OSError as error:
            self.close()  # it is opened anew where it was
            # Which directory may not be read is worth telling; a file that goes while it is looked for is not.
            place = error.filename if isinstance(error, PermissionError) else self._path
            raise source_error(error, place) from None
        return lines

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, -1
        if file >= 0:
            with suppress(OSError):  # of a file that is only read, this tells nothing; it is closed all the same
                os.close(file)

    def _read_some(self) -> list[bytes]:
        if self._file < 0:
            self._begin()
        chunk = os.pread(self._file, CHUNK_BYTES, self._offset)
        if self._was_rewritten():
            log.info("log_rewritten", file=self._path.name)
            self._find(self._place(), read_whole=time.monotonic() - self._whole_at < JUST_SECONDS)
            return []
        if not chunk:
            self._whole_at = time.monotonic()
        taken = self._take(chunk)
        return self._go_on(chunk) if taken is None else taken

    def _take(self, chunk: bytes) -> list[bytes] | None:
        """Return the lines of `chunk` that are whole, or too long, and step over them; None if there are none yet."""
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) <= MAX_LINE_BYTES:
            return None
        modified_ns = os.fstat(self._file).st_mtime_ns
        skipping, self._skipping = self._skipping, not end
        self._advance(chunk[:end] if end else chunk, modified_ns)
        lines = chunk[: end - 1].split(b"\n") if end else [chunk]
        return [line[: MAX_LINE_BYTES + 1].rstrip(b"\r") for line in (lines[1:] if skipping else lines)]

    def _go_on(self, unfinished: bytes) -> list[bytes]:
        """Begin the next file if there is one, and return what was left of this one, a last line without an end, or read."""
        newest: os.stat_result | None = None
        with suppress(FileNotFoundError):  # it is not begun anew yet, but a rotated one may be the next
            newest = self._path.stat()
        if newest and _identify(newest) == self._identity:
            self._newest_at = time.monotonic()
            return []
        elsewhere = newest is not None and newest.st_dev != self._identity.device
        if elsewhere and any(file.path == self._path for file in self._matching(self._place())):
            self._find(self._place())  # the same log by another mount
            return []
        # A rotated file is still written to until the one after it is: only then is it over.
        successor, doubtful = self._successor(self._place(), self._identity)
        if successor == self._path and not (newest and newest.st_size):
            return []
        if os.pread(self._file, CHUNK_BYTES, self._offset) != unfinished:
            return []
        modified_ns = os.fstat(self._file).st_mtime_ns
        opened = _open(successor)
        log.info("log_rotated", next_file=successor.name)
        if doubtful and time.monotonic() - self._newest_at > JUST_SECONDS:
            log.warning("log_lost", file=", ".join(doubtful), next_file=successor.name)
        rest = [] if self._skipping or not unfinished else [unfinished]
        self._advance(unfinished, modified_ns)
        self._enter(opened, self.position)
        return rest or self._read_some()

    def _was_rewritten(self) -> bool:
        return os.fstat(self._file).st_size < self._offset or os.pread(self._file, len(self._head), 0) != self._head

    def _begin(self) -> None:
        if self.position is not None:
            self._find(self.position)
            return
        if self._start == "beginning" and self._enter_oldest():
            return
        try:
            self._enter(_open(self._path), None)
        except FileNotFoundError:
            # A file that comes later is new from its beginning.
            there = self._files() if self._path.parent.exists() else ()
            self._kept = TailPosition(0, 0, _digest(b""), 0, max((file.modified_ns for file in there), default=0))
            raise
        if self._start == "end":
            self._seek_end()
        self._kept = self._place()

    def _enter_oldest(self) -> bool:
        """Go to the beginning of the oldest rotated file, and return whether there is one."""
        if not self._path.parent.exists():
            return False
        if compressed := [*self._compressed()]:
            log.warning("log_compressed", file=", ".join(sorted(compressed)), count=len(compressed))
        files = [file for file in self._files() if file.size]
        rotated = [file for file in files if file.path != self._path and not _is_copied(file, files)]
        if not rotated:
            return False
        oldest = min(rotated, key=lambda file: (file.modified_ns, self._ending(file)))
        # Until something of it is read, the place is just before it: it is the next file that was written to.
        before = TailPosition(0, 0, _digest(b""), 0, oldest.modified_ns - 1)
        self._enter(_open(oldest.path), before)
        return True

    def _compressed(self) -> Iterator[str]:
        name = self._path.name
        for path in self._path.parent.iterdir():
            if path.suffix in COMPRESSED and path.name.startswith(name) and ROTATED.fullmatch(path.stem, len(name)):
                yield path.name

    def _find(self, position: TailPosition, *, read_whole: bool = False) -> None:
        """Go to `position`, wherever its file is by now, or if it is gone to the file that was begun after it.

        Unless it was `read_whole`, something may be lost then.
        """
        if matching := self._matching(position):
            best = max(matching, key=lambda file: (file.identity.inode == position.inode, file.path == self._path))
            self._enter(_open(best.path), position)
            self._skipping = position.skipping
            self._jump(position.offset)
        else:
            if position.offset and not read_whole:
                log.warning("log_lost", file=self._path.name, offset=position.offset)
            self._enter(_open(self._successor(position)[0]), position)

    def _matching(self, position: TailPosition) -> list[_Candidate]:
        return [file for file in self._files() if file.size >= position.offset and _is_of(file, position)]

    def _successor(self, position: TailPosition, opened: _Identity | None = None) -> tuple[Path, list[str]]:
        """Return the file that was begun after that of `position`, which may be the open one, and which others may have been.

        Times of files tell it, unless a clock was put back or a file touched: then the names that rotation gave, if they can.
        """
        files = list(self._files())
        later = [
            file
            for file in files
            if file.modified_ns > position.modified_ns and file.identity != opened and not _is_of(file, position)
        ]
        own = next((file for file in files if file.identity == opened), None)
        named = None if own is None else self._after_by_name(own, files, position)
        for file in named or ():
            if not _is_of(file, position):
                return file.path, []
        if own is not None and named is not None:  # one before it that was touched since is none after it
            form = self._form(own)
            later = [file for file in later if self._form(file) != form]
        if later:
            return min(later, key=lambda file: file.modified_ns).path, []
        others = () if own is None or named is not None else files
        return self._path, sorted(file.path.name for file in others if file != own and file.path != self._path)

    def _after_by_name(
        self, own: _Candidate, files: list[_Candidate], position: TailPosition
    ) -> list[_Candidate] | None:
        """Return the rotated files that were begun after `own`, in order; None if their names do not tell."""
        ending, form = self._ending(own), self._form(own)
        alike = [file for file in files if self._form(file) == form]
        if DATED.fullmatch(ending):
            return sorted((file for file in alike if self._ending(file) > ending), key=self._ending)
        if not NUMBERED.fullmatch(ending):
            return None
        by_number = {int(self._ending(file)[1:]): file for file in alike}
        # Most give the newest the lowest number, and Asterisk, by default, the highest from 0 on: the other files tell.
        rest = [by_number[number] for number in sorted(by_number) if by_number[number] != own]
        votes = sum(1 if a.modified_ns > b.modified_ns else -1 for a, b in pairwise(rest))
        put_back = any(file.path == self._path and file.modified_ns < position.modified_ns for file in files)
        if votes < 0 or (votes == 0 and (not put_back or 0 in by_number)):
            return None
        return [by_number[number] for number in sorted(by_number, reverse=True) if number < int(ending[1:])]

    def _ending(self, file: _Candidate) -> str:
        return file.path.name.removeprefix(self._path.name)

    def _form(self, file: _Candidate) -> str:
        ending = self._ending(file)
        return ".number" if NUMBERED.fullmatch(ending) else re.sub(r"\d", "0", ending)

    def _files(self) -> Iterator[_Candidate]:
        name = self._path.name
        with os.scandir(self._path.parent) as entries:
            for entry in entries:
                if entry.name.startswith(name) and ROTATED.fullmatch(entry.name, len(name)) and entry.is_file():
                    status = entry.stat()
                    yield _Candidate(Path(entry.path), _identify(status), status.st_size, status.st_mtime_ns)

    def _enter(self, opened: _Opened, kept: TailPosition | None) -> None:
        """Go to the beginning of a file; `kept` is where to go on while nothing was read of it. Nothing here can fail."""
        self.close()
        self._file, self._identity, modified_ns = opened
        # It is never set back: after a clock was, what was read before would look like what is to be read next.
        self._modified_ns = max(modified_ns, kept.modified_ns if kept else 0)
        self._kept, self._newest_at = kept, float("-inf")
        self._offset, self._head, self._skipping = 0, b"", False
        self._whole_at = float("-inf")

    def _advance(self, read: bytes, modified_ns: int) -> None:
        # The head is of what was read, not of what is there by now: the file may just have been truncated.
        if len(self._head) < HEAD_BYTES:
            self._head += read[: HEAD_BYTES - len(self._head)]
        self._offset += len(read)
        self._modified_ns = max(self._modified_ns, modified_ns)

    def _jump(self, offset: int) -> None:
        self._head = os.pread(self._file, min(HEAD_BYTES, offset), 0)
        self._offset = offset

    def _place(self) -> TailPosition:
        return TailPosition(
            self._offset,
            len(self._head),
            _digest(self._head),
            self._identity.inode,
            self._modified_ns,
            self._skipping,
        )

    def _seek_end(self) -> None:
        size = os.fstat(self._file).st_size
        last = os.pread(self._file, MAX_LINE_BYTES, max(0, size - MAX_LINE_BYTES))
        unfinished = len(last) - (last.rfind(b"\n") + 1)
        self._skipping = unfinished == MAX_LINE_BYTES
        self._jump(size if self._skipping else size - unfinished)


def _open(path: Path) -> _Opened:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
    except OSError:
        os.close(file)
        raise
    return _Opened(file, _identify(status), status.st_mtime_ns)


def _identify(status: os.stat_result) -> _Identity:
    return _Identity(status.st_dev, status.st_ino)


def _is_of(file: _Candidate, position: TailPosition) -> bool:
    """Return whether `file` begins as the file of `position` did. One that nothing was read of is like no other."""
    if position.head_bytes == 0:
        return False
    with file.path.open("rb") as opened:
        return _digest(opened.read(position.head_bytes)) == position.head


def _is_copied(file: _Candidate, files: list[_Candidate]) -> bool:
    """Return whether one of `files` is longer than `file` and begins as it does: what someone copied is read once."""
    head = _head(file)
    return any(other.size > file.size and _head(other)[: len(head)] == head for other in files)


def _head(file: _Candidate) -> bytes:
    with file.path.open("rb") as opened:
        return opened.read(HEAD_BYTES)


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()
