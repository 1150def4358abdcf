"""Storage of rejected records with their reasons, next to the cursor.

Rejected records may contain personal data and never leave the connector's directory. The oldest are dropped when the limit is
reached. Rejected and dropped records are logged and counted.
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

LIMIT_BYTES: Final = 16 << 20
"""Limit of both files together."""
NAMES: Final = ("rejects.old.jsonl", "rejects.jsonl")
"""Names of the files, the older one first."""

log = structlog.get_logger(__name__)


class StoredReject(NamedTuple):
    """A stored rejected record."""

    digest: str
    """SHA-256 of the stored line, used to remove it."""
    read_at: datetime
    reject: Reject

    @property
    def content(self) -> str:
        """Hexadecimal SHA-256 of reason, detail and record; the same each time that the source is read."""
        reason, detail = self.reject.reason.value.encode(), self.reject.detail.encode()
        return hashlib.sha256(b"\n".join((reason, detail, self.reject.record))).hexdigest()

    @property
    def place(self) -> str:
        """Short name for people: the first eight hexadecimal digits of `content`. Different records may have the same name."""
        return self.content[:8]


class Rejects:
    """Writes `rejects.jsonl` in `directory`, and rotates it to `rejects.old.jsonl`; together about `LIMIT_BYTES` at most.

    Each line is a JSON object with `at`, `reason`, `detail`, `record` and `context`. Bytes of a record that are not UTF-8 are
    lone surrogates: `record.encode("utf-8", "surrogateescape")` restores the original.
    """

    def __init__(self, directory: Path, *, log_throttle: LogThrottle | None = None) -> None:
        self._old, self.path = (directory / name for name in NAMES)
        self._log_throttle = log_throttle or LogThrottle()
        self._file = self._open()
        self._dirty = False

    def add(self, reject: Reject) -> int:
        """Store `reject`; it is on disk after the next `sync`. Return the number of older records dropped for it."""
        line = _pack(reject)
        full = self._file.tell() + len(line) > LIMIT_BYTES // 2
        dropped = self._rotate() if full else 0
        self._file.write(line)
        self._dirty = True
        self._log_throttle.count(reject.reason.value)
        return dropped

    def sync(self) -> None:
        """Wait until all added records are on disk."""
        if self._dirty:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._dirty = False

    def close(self) -> None:
        """Sync and close the file."""
        self.sync()
        self._file.close()

    def _open(self) -> BufferedWriter:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
        file = os.fdopen(descriptor, "ab")
        if (size := file.tell()) and os.pread(descriptor, 1, size - 1) != b"\n":
            file.write(b"\n")  # terminate a line that a crash left incomplete
        sync_directory(self.path.parent)
        return file

    def _rotate(self) -> int:
        """Rename the file to the older one, and return the number of records in the file it replaces."""
        self.close()
        dropped = sum(map(bool, _lines(self._old)))  # blank lines: forgotten
        self.path.replace(self._old)
        self._file = self._open()
        if dropped:
            log.warning("rejects_dropped", count=dropped, path=str(self.path))
        return dropped


def read(directory: Path) -> Iterator[StoredReject]:
    """Yield the stored records in `directory`, the oldest first; skip blank lines, and those that a crash left incomplete."""
    for name in NAMES:
        yield from filter(None, map(_unpack, _lines(directory / name)))


def remove(directory: Path, digests: Collection[str]) -> None:
    """Remove the records with one of `digests`. No process may have `Rejects` open in `directory`."""
    for name in NAMES:
        lines = _lines(directory / name)
        rest = [line for line in lines if _digest(line) not in digests]
        if not rest:
            (directory / name).unlink(missing_ok=True)
        elif len(rest) < len(lines):
            replace(directory / name, b"\n".join(rest) + b"\n")
    sync_directory(directory)


def forget(directory: Path, before: datetime, *, dry_run: bool = False) -> int:
    """Blank the records read before `before` in place, so that a process with open `Rejects` can continue; return their number.

    An unreadable line, such as one that a crash left incomplete, has the age of the next record, or of the file if it is the
    last. With `dry_run` the records are only counted.
    """
    forgotten = 0
    for name in NAMES:
        with suppress(FileNotFoundError), (directory / name).open("r+b") as file:
            content = file.read()
            status = os.fstat(file.fileno())
            offset, is_over = len(content) + 1, status.st_mtime < before.timestamp()
            for line in reversed(content.split(b"\n")):
                offset -= len(line) + 1
                if kept := _unpack(line):
                    is_over = kept.read_at < before
                if line and is_over:
                    forgotten += 1
                    if not dry_run:
                        file.seek(offset)
                        file.write(b"\n" * len(line))
            file.flush()
            os.fsync(file.fileno())
            os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))  # no record was added
    return forgotten


def _lines(path: Path) -> list[bytes]:
    with suppress(FileNotFoundError):
        return path.read_bytes().splitlines()
    return []


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
