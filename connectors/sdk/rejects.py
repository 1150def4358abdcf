"""Records that could not be used, kept with their reason beside the cursor.

They may hold personal data, so they never leave the connector's directory; the oldest go when there are too many. That there
are any is logged and counted, and so is that some went.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from connectors.sdk.contract import Reject
from connectors.sdk.files import PRIVATE_FILE, replace, sync_directory
from connectors.sdk.log_throttle import LogThrottle
from models.reasons import Reason

DEFAULT_LIMIT_BYTES: Final = 16 << 20
NAMES: Final = ("rejects.old.jsonl", "rejects.jsonl")
"""The older one first."""

log = structlog.get_logger(__name__)


class StoredReject(NamedTuple):
    """A record that is kept."""

    digest: str
    """By which it is removed: of all that is kept of it."""
    read_at: datetime
    reject: Reject

    @property
    def content(self) -> str:
        """The SHA-256 of record, reason and detail: the same each time that a source is read again."""
        reason, detail = self.reject.reason.value.encode(), self.reject.detail.encode()
        return hashlib.sha256(b"\n".join((reason, detail, self.reject.record))).hexdigest()

    @property
    def place(self) -> str:
        """A short name for people, the same for all that has the same content; another record may have the same."""
        return self.content[:8]


class Rejects:
    """The file `rejects.jsonl` in `directory`, and `rejects.old.jsonl` before it: together `limit_bytes` at most, about.

    One JSON object per line: `at`, `reason`, `detail`, `record` (bytes that are not UTF-8 as lone surrogates, so that
    `record.encode("utf-8", "surrogateescape")` gives back what came), and `context`.
    """

    def __init__(
        self, directory: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES, *, log_throttle: LogThrottle | None = None
    ) -> None:
        self._old, self.path = (directory / name for name in NAMES)
        self._limit = limit_bytes // 2
        self._notice = log_throttle or LogThrottle()
        self._file = self._open()
        self._dirty = False

    def add(self, reject: Reject) -> int:
        """Keep `reject`; it is on disk after the next `sync`. Return how many older ones had to go for it."""
        line = _pack(reject)
        full = self._file.tell() + len(line) > self._limit
        dropped = self._rotate() if full else 0
        self._file.write(line)
        self._dirty = True
        self._notice.count(reject.reason.value)
        return dropped

    def sync(self) -> None:
        """Wait until all that was added is on disk."""
        if self._dirty:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._dirty = False

    def close(self) -> None:
        """Sync, and close the file."""
        self.sync()
        self._file.close()

    def _open(self) -> BufferedWriter:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
        file = os.fdopen(descriptor, "ab")
        if (size := file.tell()) and os.pread(descriptor, 1, size - 1) != b"\n":
            file.write(b"\n")  # after the half of a line that a crash left, begin a line anew
        sync_directory(self.path.parent)
        return file

    def _rotate(self) -> int:
        """Let the file become the older one, and return how many records were in that."""
        self.close()
        dropped = sum(map(bool, self._old.read_bytes().splitlines())) if self._old.exists() else 0  # blank: forgotten
        self.path.replace(self._old)
        self._file = self._open()
        if dropped:
            log.warning("rejects_dropped", count=dropped, path=str(self.path))
        return dropped


def read(directory: Path) -> Iterator[StoredReject]:
    """Yield what is kept in `directory`, the oldest first; what a crash left half written is passed over."""
    for _, line in _lines(directory):
        if kept := _unpack(line):
            yield kept


def remove(directory: Path, digests: Collection[str]) -> None:
    """Keep no longer what has one of `digests`. Nobody may have `Rejects` open there."""
    for name in NAMES:
        lines = [line for where, line in _lines(directory) if where == name]
        rest = [line for line in lines if _digest(line) not in digests]
        if not rest:
            (directory / name).unlink(missing_ok=True)
        elif len(rest) < len(lines):
            replace(directory / name, b"\n".join(rest) + b"\n")
    sync_directory(directory)


def forget(directory: Path, before: datetime, *, dry_run: bool = False) -> int:
    """Blank what was read before `before`, in place, so that whoever has `Rejects` open there may go on; return how many.

    What nobody can read, such as the half of a line that a crash left, is as old as what comes after it, or else as the file.
    With `dry_run` they are only counted.
    """
    forgotten = 0
    for name in NAMES:
        with suppress(FileNotFoundError), (directory / name).open("r+b") as file:
            content = file.read()
            status = os.fstat(file.fileno())
            place, is_over = len(content) + 1, status.st_mtime < before.timestamp()
            for line in reversed(content.split(b"\n")):
                place -= len(line) + 1
                if kept := _unpack(line):
                    is_over = kept.read_at < before
                if line and is_over:
                    forgotten += 1
                    if not dry_run:
                        file.seek(place)
                        file.write(b"\n" * len(line))
            file.flush()
            os.fsync(file.fileno())
            os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))  # no record was added
    return forgotten


def _lines(directory: Path) -> Iterator[tuple[str, bytes]]:
    for name in NAMES:
        with suppress(FileNotFoundError):
            yield from ((name, line) for line in (directory / name).read_bytes().splitlines())


def _pack(reject: Reject) -> bytes:
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "reason": reject.reason.value,
        "detail": reject.detail,
        "record": reject.record.decode("utf-8", "surrogateescape"),
        "context": reject.context.decode("utf-8", "replace"),
    }
    return json.dumps(entry).encode() + b"\n"


def _unpack(line: bytes) -> StoredReject | None:
    try:
        entry = json.loads(line)
        record = entry["record"].encode("utf-8", "surrogateescape")
        reject = Reject(Reason(entry["reason"]), record, entry["detail"], entry["context"].encode())
        return StoredReject(_digest(line), datetime.fromisoformat(entry["at"]), reject)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
