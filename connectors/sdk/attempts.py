"""Detection of records that end the process, and their rejection after some attempts.

A record may end its process without an exception: the process runs out of memory, or exits because the instance is stuck. The
file `unfinished` in the instance's directory contains the digest of the record being mapped. If the next process finds a digest
there, this record ended the previous process. A record that ended `MOST_ATTEMPTS` processes is not mapped again.

Usually one note covers a batch, at the cost of two short writes for thousands of records. After a process ended within a batch,
each record gets its own note until the source has been open for `STEADY_SECONDS`. The notes are not synced: they survive the end
of the process, but not a failure of the machine.
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
from models.locale import _

T = TypeVar("T")
NOTE: Final = "unfinished"
"""File with the note, in the instance's directory."""
MOST_ATTEMPTS: Final = 3
"""A record that ended this number of processes is rejected."""
STEADY_SECONDS: Final = 60.0
"""Time since the source was opened after which the next batch that ends without an error resets the counts."""
BATCH: Final = "batch"
"""Note for a whole batch, in place of a record's digest."""
NOTE_BYTES: Final = 64
"""Fixed length of a note."""
REFUSED: Final = _(
    "the process ended {most_attempts} times while it worked on this record", most_attempts=MOST_ATTEMPTS
)

log = structlog.get_logger(__name__)


class Attempts:
    """The notes of one instance in its `directory`; without a directory nothing is noted. For one thread.

    The constructor counts the note that the previous process left, if any.
    """

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
        """True if each record needs its own note, since an earlier process ended while it worked; False after a reset."""
        return bool(self._ends)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Note a batch while the block runs. After a block without an error, reset the counts if `STEADY_SECONDS` have passed.

        An `Exception` removes the note. Any other error leaves it, since the process ends.
        """
        with self._noted(BATCH):
            yield
        if self._ends and time.monotonic() - self._began_at > STEADY_SECONDS:
            self._forget()

    def attempt(self, record: bytes, work: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """Return the result of `work`, and note `record` while it runs. Without a directory, only call `work`.

        If `record` has ended `MOST_ATTEMPTS` processes, log this and return the result of `otherwise` instead.
        """
        if self._file < 0:
            return work()
        digest = blake2b(record, digest_size=16).hexdigest()
        if self._ends.get(digest, 0) >= MOST_ATTEMPTS:
            log.error("record_ends_process", count=self._ends[digest])
            return otherwise()
        with self._noted(digest):
            return work()

    def close(self) -> None:
        """Close the file of the note. Later calls note nothing."""
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

    @contextmanager
    def _noted(self, note: str) -> Iterator[None]:
        before = self._note
        self._set(note)
        try:
            yield
        except Exception:
            self._set(before)
            raise
        self._set(before)  # after any other exception the note stays, since the process ends

    def _set(self, note: str) -> None:
        self._note = note
        if self._file >= 0:
            os.pwrite(self._file, note.encode().ljust(NOTE_BYTES), 0)

    def _forget(self) -> None:
        self._ends = {}
        self._counts.unlink(missing_ok=True)


def has_worked(directory: Path) -> bool:
    """Return whether a record was ever mapped in the instance with `directory`: whether its note file was written to."""
    try:
        return (directory / NOTE).stat().st_size > 0
    except OSError:
        return False


def content_of(raw: Any) -> bytes:
    """Return the content of a raw record as bytes, for its note and for its rejection.

    It is the record itself if that is bytes, or the first field of type bytes of a tuple. If there is none, or it is empty, it is
    the record's `repr`.
    """
    parts = [raw, *raw] if isinstance(raw, tuple) else [raw]
    return next((part for part in parts if isinstance(part, bytes)), None) or repr(raw).encode("utf-8", "replace")


def _read(path: Path) -> dict[str, int]:
    try:
        return {str(name): int(count) for name, count in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
