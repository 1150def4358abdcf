"""Find the record that ends the process, and refuse it after some attempts.

A record may end its process without an exception: the process runs out of memory, or leaves because the instance is stuck.
The file `unfinished` in the instance's directory names the record at work. A name that the next process finds there is a record
that ended the last one. A record that ended `MOST_ATTEMPTS` processes is not tried again.

Usually one note covers a batch, and costs two short writes for thousands of records. After a process ended within a batch, each
record gets its own note, until the instance has run for `STEADY_SECONDS`. The notes are not synced: they outlive the process,
not the machine.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from connectors.sdk.files import PRIVATE_FILE, replace
from connectors.sdk.i18n import say

T = TypeVar("T")
NOTE: Final = "unfinished"
"""The file with the note, in the instance's directory."""
MOST_ATTEMPTS: Final = 3
"""A record that ended this number of processes is rejected."""
STEADY_SECONDS: Final = 60.0
"""After this time without an end, the counts are dropped."""
BATCH: Final = "batch"
"""The note for a batch."""
NOTE_BYTES: Final = 64
REFUSED: Final = say(
    f"the process ended {MOST_ATTEMPTS} times while it worked on this record",
    f"le processus s'est arrêté {MOST_ATTEMPTS} fois pendant le traitement de cet enregistrement",
)

log = structlog.get_logger(__name__)


class Attempts:
    """The notes of one instance, in its `directory`. Without a directory it notes nothing. For one thread."""

    def __init__(self, directory: Path | None = None) -> None:
        self._note = ""
        self._ends: dict[str, int] = {}
        self._file = -1
        self._began_at = time.monotonic()
        if directory is not None:
            self._counts = directory / "unfinished.json"
            self._open(directory / NOTE)

    @property
    def is_careful(self) -> bool:
        """True if each record needs its own note."""
        return bool(self._ends)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Note that a batch is at work, within the block."""
        self._set(BATCH)
        try:
            yield
        except Exception:
            self._set("")
            raise
        # After any other exception the note stays: it ends the process.
        self._set("")
        if self._ends and time.monotonic() - self._began_at > STEADY_SECONDS:
            self._forget()

    def attempt(self, record: bytes, work: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """Return the result of `work`, or of `otherwise` if `record` has ended too many processes."""
        if self._file < 0:
            return work()
        name = blake2b(record, digest_size=16).hexdigest()
        if self._ends.get(name, 0) >= MOST_ATTEMPTS:
            log.error("record_ends_process", count=self._ends[name])
            return otherwise()
        before = self._note
        self._set(name)
        try:
            done = work()
        except Exception:
            self._set(before)
            raise
        self._set(before)
        return done

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        self._ends = _read(self._counts)
        if note := os.pread(self._file, NOTE_BYTES, 0).decode("ascii", "replace").strip():
            self._ends[note] = self._ends.get(note, 0) + 1
            log.warning("process_ended_at_work", count=self._ends[note])
            replace(self._counts, json.dumps(self._ends).encode())
            self._set("")

    def _set(self, note: str) -> None:
        self._note = note
        if self._file >= 0:
            os.pwrite(self._file, note.encode().ljust(NOTE_BYTES), 0)

    def _forget(self) -> None:
        self._ends = {}
        self._counts.unlink(missing_ok=True)


def has_worked(directory: Path) -> bool:
    """Return whether a record was ever at work in the instance of `directory`: the file has been written to."""
    try:
        return (directory / NOTE).stat().st_size > 0
    except OSError:
        return False


def content_of(raw: Any) -> bytes:
    """Return the bytes that identify a raw record whenever it is read: its first field of bytes, or its `repr`."""
    parts = [raw, *raw] if isinstance(raw, tuple) else [raw]
    return next((part for part in parts if isinstance(part, bytes)), None) or repr(raw).encode("utf-8", "replace")


def _read(path: Path) -> dict[str, int]:
    try:
        return {str(name): int(count) for name, count in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
