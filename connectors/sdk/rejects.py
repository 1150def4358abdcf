"""Records that could not be used, kept with their reason beside the cursor.

They may hold personal data, so they never leave the connector's directory; the oldest go when there are too many.
"""

import json
import os
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path
from typing import Final

from connectors.sdk.contract import Reject
from connectors.sdk.files import PRIVATE_FILE

DEFAULT_LIMIT_BYTES: Final = 16 << 20


class Rejects:
    """The file `rejects.jsonl` in `directory`, and `rejects.old.jsonl` before it: together `limit_bytes` at most, about.

    One JSON object per line: `at`, `reason`, `detail`, `record` (bytes that are not UTF-8 as lone surrogates, so that
    `record.encode("utf-8", "surrogateescape")` gives back what came). Of an event whose time cannot be, it is the event.
    """

    def __init__(self, directory: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.path = directory / "rejects.jsonl"
        self._limit = limit_bytes // 2
        self._file = self._open()
        self._dirty = False

    def add(self, reject: Reject) -> None:
        """Keep `reject`; it is on disk after the next `sync`."""
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": reject.reason.value,
            "detail": reject.detail,
            "record": reject.record.decode("utf-8", "surrogateescape"),
        }
        line = json.dumps(entry).encode() + b"\n"
        if self._file.tell() + len(line) > self._limit:
            self._rotate()
        self._file.write(line)
        self._dirty = True

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
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
        return os.fdopen(descriptor, "ab")

    def _rotate(self) -> None:
        self.close()
        self.path.replace(self.path.with_name("rejects.old.jsonl"))
        self._file = self._open()
