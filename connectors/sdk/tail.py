"""Reader that follows a log file line by line, across rotation, truncation and restart.

A file is identified by its first bytes. If a rotation renames or copies it, or another file gets its inode, its unread lines are
still found: in the same directory, under its name or a name that a rotation gives. They are read before the next file, which is
the one with the next modification time.

Any file system call may fail, above all on a network share. Calls that may fail therefore precede changes of the position.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
import structlog

from connectors.sdk.errors import source_error

CHUNK_BYTES: Final = 256 << 10
"""Size of one read."""
MAX_LINE_BYTES: Final = 64 << 10
"""Length above which a line is cut."""
HEAD_BYTES: Final = 1024
"""Number of first bytes that identify a file."""
POLL_SECONDS: Final = 0.02
"""Interval of checks for new lines within one call of `read`."""
SKIP_SECONDS: Final = 1.0
"""Longest time that one call spends on skipping a line that is too long."""
JUST_SECONDS: Final = 1.0
"""A file without unread lines within this time before it was rewritten counts as read whole: no loss is logged."""
ROTATED: Final = re.compile(r"(?:[.-]\d[\dT:._-]*)?(?:\.(?:old|bak))?", re.ASCII)
"""Suffix that a rotation adds to a log's name: a number, a date, `.old` or `.bak`; empty for the log itself. Names of other logs
may begin like this log's name."""
NUMBERED: Final = re.compile(r"\.\d{1,4}", re.ASCII)
"""Suffix with a number; longer ones are dates, which sort as text."""
NUMBER: Final = "number"
ZERO: Final = "0000"
COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst")
"""Suffixes of compressed rotated files, which are not read."""

log = structlog.get_logger(__name__)


class TailPosition(msgspec.Struct, frozen=True):
    """Position in a file, with the data that identifies the file."""

    offset: int
    head_bytes: int
    """Number of first bytes in the digest `head`."""
    head: str
    """SHA-256 of the first bytes; the bytes themselves may contain personal data."""
    inode: int
    modified_ns: int
    """Modification time at the last read, or at an earlier read if that was later; the next files have later times."""
    skipping: bool = False
    """True if the position is inside a line that is too long."""


class _File(NamedTuple):
    path: Path
    status: os.stat_result


class LineTail:
    """Lines of the log at `path` from `position` on, or on a first start from its beginning or end.

    The beginning is that of the oldest rotated file in the same directory.
    """

    def __init__(self, path: Path, position: TailPosition | None, start: Literal["beginning", "end"]) -> None:
        self._path = path
        self._saved = position
        self._start = start
        self._file = -1
        self._status = os.stat_result((0,) * 10)
        self._modified_ns = 0
        self._offset = 0
        self._head = b""
        self._skipping = False
        self._whole_at = float("-inf")
        """Monotonic time at which the file last had no unread lines."""

    @property
    def position(self) -> TailPosition | None:
        """Position after the last line read; None on a first start until `read` opens the log or finds it missing.

        A file without any line read cannot be identified later. Until then the position is the end of the file before it.
        """
        return self._current_position() if self._offset else self._saved

    @property
    def unread_bytes(self) -> int:
        """Size of the rest of the open file and of the files after it; 0 if no file is open. Raises OSError."""
        if self._file < 0:
            return 0
        later = (file for file in self._files() if _modified_ns(file) > self._modified_ns)
        others = sum(file.status.st_size for file in later if not os.path.samestat(file.status, self._status))
        return os.fstat(self._file).st_size - self._offset + others

    def read(self, wait_seconds: float) -> list[bytes]:
        """Return the next lines of one file, without line ends; none after `wait_seconds` without new lines.

        A last line without a line end waits for it, or for the next file. A line longer than `MAX_LINE_BYTES` is cut to
        `MAX_LINE_BYTES` + 1 bytes. Raises `SourceUnavailableError` if the file is missing or unreadable.
        """
        began_at = time.monotonic()
        deadline = began_at + wait_seconds
        offset = self._offset
        try:
            while not (lines := self._read_some()):
                if self._skipping and offset < self._offset and time.monotonic() - began_at < SKIP_SECONDS:
                    offset = self._offset  # the line that is too long continues
                    continue
                pause = min(POLL_SECONDS, deadline - time.monotonic())
                if pause <= 0:
                    break
                time.sleep(pause)
        except OSError as error:
            self.close()  # the next call opens it at the same position
            # For a missing permission, name the file or directory concerned; otherwise name the log.
            path = error.filename if isinstance(error, PermissionError) else self._path
            raise source_error(error, path) from None
        return lines

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, -1
        if file >= 0:
            with suppress(OSError):  # an error on closing a file opened for reading has no effect
                os.close(file)

    def _read_some(self) -> list[bytes]:
        if self._file < 0:
            self._open_first()
        chunk = os.pread(self._file, CHUNK_BYTES, self._offset)
        if self._was_rewritten():
            log.info("log_rewritten", file=self._path.name)
            self._find(self._current_position(), read_whole=time.monotonic() - self._whole_at < JUST_SECONDS)
            return []
        if not chunk:
            self._whole_at = time.monotonic()
        lines = self._take(chunk)
        return self._finish_file(chunk) if lines is None else lines

    def _take(self, chunk: bytes) -> list[bytes] | None:
        """Return the complete or too long lines of `chunk` and advance past them; None if there are none yet."""
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) <= MAX_LINE_BYTES:
            return None
        modified_ns = os.fstat(self._file).st_mtime_ns
        skipping, self._skipping = self._skipping, not end
        self._advance(chunk[:end] if end else chunk, modified_ns)
        lines = chunk[: end - 1].split(b"\n") if end else [chunk]
        return [line[: MAX_LINE_BYTES + 1].rstrip(b"\r") for line in (lines[1:] if skipping else lines)]

    def _finish_file(self, unfinished: bytes) -> list[bytes]:
        """Open the next file if there is one. Return `unfinished` as this file's last line, or else the next file's first lines.

        `unfinished` is the unread rest of this file, without a line end; the rest of a line that is too long is dropped. Return
        none if the file may still be written to, or if there is no next file. If the log's path now holds a copy of this file,
        go to the same position in the copy and return none.
        """
        position = self._current_position()
        newest: os.stat_result | None = None
        with suppress(FileNotFoundError):  # the log was not created again yet, but a rotated file may be the next
            newest = self._path.stat()
        if newest and os.path.samestat(newest, self._status):
            return []
        if newest and _is_at(_File(self._path, newest), position):
            self._go_to(self._path, position)  # the same log: edited with a backup, copied, or on another mount
            return []
        # Programs still write to a rotated file until the file after it is written to.
        successor = self._successor(position, self._status)
        if successor == self._path and not (newest and newest.st_size):
            return []
        if os.pread(self._file, CHUNK_BYTES, self._offset) != unfinished:
            return []
        modified_ns = os.fstat(self._file).st_mtime_ns
        skipped = self._skipped(position)
        opened, status = _open(successor)
        log.info("log_rotated", next_file=successor.name)
        # If the clock was set back, a rotated file may be hidden.
        if skipped or (successor == self._path and status.st_mtime_ns < position.modified_ns):
            log.warning("log_lost", file=", ".join(skipped) or self._path.name)
        rest = [] if self._skipping or not unfinished else [unfinished]
        self._advance(unfinished, modified_ns)
        self._enter((opened, status), self.position)
        return rest or self._read_some()

    def _was_rewritten(self) -> bool:
        return os.fstat(self._file).st_size < self._offset or os.pread(self._file, len(self._head), 0) != self._head

    def _open_first(self) -> None:
        if self.position is not None:
            self._find(self.position)
            return
        if self._start == "beginning" and self._enter_oldest():
            return
        try:
            self._enter(_open(self._path), None)
        except FileNotFoundError:
            # A file created later is read from its beginning.
            files = self._files() if self._path.parent.exists() else ()
            self._saved = TailPosition(0, 0, _digest(b""), 0, max(map(_modified_ns, files), default=0))
            raise
        if self._start == "end":
            self._seek_end()
        self._saved = self._current_position()

    def _enter_oldest(self) -> bool:
        """Open the beginning of the oldest rotated file, and return whether there is one. Log the compressed ones."""
        if not self._path.parent.exists():
            return False
        if compressed := [*self._compressed()]:
            log.warning("log_compressed", file=", ".join(sorted(compressed)), count=len(compressed))
        files = [file for file in self._files() if file.status.st_size]
        rotated = [file for file in files if file.path != self._path and not _is_copied(file, files)]
        if not rotated:
            return False
        oldest = min(rotated, key=_modified_ns)
        # Until a line is read, the position is just before the file: it is the next file by modification time.
        before = TailPosition(0, 0, _digest(b""), 0, _modified_ns(oldest) - 1)
        self._enter(_open(oldest.path), before)
        return True

    def _compressed(self) -> Iterator[str]:
        name = self._path.name
        for path in self._path.parent.iterdir():
            if path.suffix in COMPRESSED and path.name.startswith(name) and ROTATED.fullmatch(path.stem, len(name)):
                yield path.name

    def _find(self, position: TailPosition, *, read_whole: bool = False) -> None:
        """Go to `position` in its file, wherever that is now, or to the next file if it is gone.

        If it is gone, had lines read and was not `read_whole`, lines may be lost: log a warning.
        """
        files = sorted(self._files(), key=lambda file: (file.status.st_ino != position.inode, file.path != self._path))
        # Only as many as needed are opened: others may be unreadable, such as a backup of the administrator.
        if found := next((file for file in files if _is_at(file, position)), None):
            self._go_to(found.path, position)
        else:
            if position.offset and not read_whole:
                log.warning("log_lost", file=self._path.name, offset=position.offset)
            self._enter(_open(self._successor(position)), position)

    def _go_to(self, path: Path, position: TailPosition) -> None:
        self._enter(_open(path), position)
        self._skipping = position.skipping
        self._jump(position.offset)

    def _successor(self, position: TailPosition, opened: os.stat_result | None = None) -> Path:
        """Return the file after that of `position`, which may be open: the next one by modification time, or else the log."""
        later = [
            file
            for file in self._files()
            if _modified_ns(file) > position.modified_ns
            and not (opened and os.path.samestat(file.status, opened))
            and not _is_of(file, position)
        ]
        return min(later, key=_modified_ns).path if later else self._path

    def _skipped(self, position: TailPosition) -> list[str]:
        """Return the names of rotated files that follow the open one by name, but not by modification time.

        Numbers usually decrease from file to file. They increase if the lowest number is older than the highest; a number 0 also
        indicates that, so it never follows.
        """
        start = len(self._path.name)
        files = {_series(file.path.name[start:]): file for file in self._files() if file.status.st_size}
        own = next((key for key, file in files.items() if os.path.samestat(file.status, self._status)), None)
        others = sorted(key for key in files if own and key != own and key[0] == own[0])
        if not own or not others:
            return []
        increasing = own[0] != NUMBER or _modified_ns(files[others[0]]) < _modified_ns(files[others[-1]])
        following = [key for key in others if (key > own if increasing else ZERO < key[1] < own[1])]
        hidden = [files[key] for key in following if _modified_ns(files[key]) <= position.modified_ns]
        return [file.path.name for file in hidden if not _is_of(file, position)]

    def _files(self) -> Iterator[_File]:
        name = self._path.name
        with os.scandir(self._path.parent) as entries:
            for entry in entries:
                if entry.name.startswith(name) and ROTATED.fullmatch(entry.name, len(name)) and entry.is_file():
                    yield _File(Path(entry.path), entry.stat())

    def _enter(self, opened: tuple[int, os.stat_result], saved: TailPosition | None) -> None:
        """Go to the beginning of a file; `saved` is the position until a line is read. Nothing here can fail."""
        self.close()
        self._file, self._status = opened
        # Never decreased: after a clock was set back, a file read before would otherwise look like the next one.
        self._modified_ns = max(self._status.st_mtime_ns, saved.modified_ns if saved else 0)
        self._saved = saved
        self._offset, self._head, self._skipping = 0, b"", False
        self._whole_at = float("-inf")

    def _advance(self, read: bytes, modified_ns: int) -> None:
        # The head is taken from the bytes read, not from the file, which may have been truncated since.
        if len(self._head) < HEAD_BYTES:
            self._head += read[: HEAD_BYTES - len(self._head)]
        self._offset += len(read)
        self._modified_ns = max(self._modified_ns, modified_ns)

    def _jump(self, offset: int) -> None:
        self._head = os.pread(self._file, min(HEAD_BYTES, offset), 0)
        self._offset = offset

    def _current_position(self) -> TailPosition:
        identity = len(self._head), _digest(self._head), self._status.st_ino
        return TailPosition(self._offset, *identity, self._modified_ns, self._skipping)

    def _seek_end(self) -> None:
        size = os.fstat(self._file).st_size
        last = os.pread(self._file, MAX_LINE_BYTES, max(0, size - MAX_LINE_BYTES))
        unfinished = len(last) - (last.rfind(b"\n") + 1)
        self._skipping = unfinished == MAX_LINE_BYTES
        self._jump(size if self._skipping else size - unfinished)


def _open(path: Path) -> tuple[int, os.stat_result]:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return file, os.fstat(file)
    except OSError:
        os.close(file)
        raise


def _modified_ns(file: _File) -> int:
    return file.status.st_mtime_ns


def _series(suffix: str) -> tuple[str, str]:
    """Return the form of a rotated file's suffix, and a text that sorts by its number or date."""
    if NUMBERED.fullmatch(suffix):
        return NUMBER, suffix[1:].zfill(len(ZERO))
    return re.sub(r"\d", "0", suffix), suffix


def _is_of(file: _File, position: TailPosition) -> bool:
    """Return whether `file` begins like the file of `position`. A position without bytes read matches no file."""
    if position.head_bytes == 0:
        return False
    with file.path.open("rb") as opened:
        return _digest(opened.read(position.head_bytes)) == position.head


def _is_at(file: _File, position: TailPosition) -> bool:
    return file.status.st_size >= position.offset and _is_of(file, position)


def _is_copied(file: _File, files: list[_File]) -> bool:
    """Return whether a longer file in `files` begins with the head of `file`: a copied file is read once."""
    head = _head(file)
    return any(other.status.st_size > file.status.st_size and _head(other)[: len(head)] == head for other in files)


def _head(file: _File) -> bytes:
    with file.path.open("rb") as opened:
        return opened.read(HEAD_BYTES)


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()
