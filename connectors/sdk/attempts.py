"""Find the record that ends the process, and refuse it after some attempts.

A record may end its process in a way that no exception shows: it takes all memory, or it takes so long that the process leaves.
So the record at work is noted in a file beside the cursor. A note that is there at the start tells which record was at work when
the process ended. A record on which that happened `MOST_ATTEMPTS` times is not tried again.

In the usual case a whole batch has one note, which costs two short writes for thousands of records. Only after a process ended
within a batch does each record have a note of its own, until an instance has run for `STEADY_SECONDS`. The notes are not
synced: they have to outlive the process, not the machine.
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
from connectors.sdk.words import say

T = TypeVar("T")
MOST_ATTEMPTS: Final = 3
"""A record on which the process ended so often is rejected."""
STEADY_SECONDS: Final = 60.0
"""After this long without an end, all that was counted before is forgotten."""
BATCH: Final = "batch"
"""The note for a batch."""
NOTE_BYTES: Final = 64
REFUSED: Final = say(
    f"the process ended {MOST_ATTEMPTS} times while it worked on this record",
    f"le processus s'est arrêté {MOST_ATTEMPTS} fois pendant le traitement de cet enregistrement",
)

log = structlog.get_logger(__name__)


class Attempts:
    """The notes of one instance, in its `directory`; without one, nothing is noted. For one thread."""

    def __init__(self, directory: Path | None = None) -> None:
        self._note = ""
        self._ends: dict[str, int] = {}
        self._file = -1
        self._began_at = time.monotonic()
        if directory is not None:
            self._counts = directory / "unfinished.json"
            self._open(directory / "unfinished")

    @property
    def is_careful(self) -> bool:
        """Whether each record has to have a note of its own."""
        return bool(self._ends)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Note that a batch is at work."""
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
        """Return what `work` makes of `record`, or if that has ended the process too often, what `otherwise` makes of it."""
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


def content_of(raw: Any) -> bytes:
    """Return the part of a raw record that is the same whenever it is read: its bytes, if it has some."""
    parts = [raw, *raw] if isinstance(raw, tuple) else [raw]
    return next((part for part in parts if isinstance(part, bytes)), None) or repr(raw).encode("utf-8", "replace")


def _read(path: Path) -> dict[str, int]:
    try:
        return {str(name): int(count) for name, count in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
