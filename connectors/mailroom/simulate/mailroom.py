"""Simulated mailroom that drops scans and sidecars into the hot folder."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from connectors.mailroom.simulate import scans

SidecarFields = Mapping[str, str | int]
"""Fields of a sidecar row, by the field names of the connector's README."""
MAX_ROWS: Final = 1000
"""Most rows of one sidecar."""


class Mailroom:
    """Scanner and back office with the hot folder `inbox`; the connector moves the files to `archive`.

    Files are written under a hidden name and then renamed, the sidecar before its scan.
    """

    def __init__(self, inbox: Path, archive: Path) -> None:
        self._inbox = inbox
        self._done = archive / "done"
        self._read: set[Path] = set()
        self._chronos: dict[str, list[str]] = {}

    def drop_letter(self, name: str, *, scanned_at: datetime, pages: int, fields: SidecarFields) -> None:
        """Drop the scan of one letter and its sidecar under the unique file name `name`."""
        self._drop(
            {
                f"{name}.json": json.dumps({"scanned_at": scanned_at.isoformat(), **fields}).encode(),
                f"{name}.pdf": scans.letter(name, pages),
            },
            scanned_at,
        )

    def drop_stack(
        self, name: str, *, scanned_at: datetime, letters: Sequence[tuple[str, int]], code: scans.Code = "code128"
    ) -> None:
        """Drop a scan of several letters without a sidecar; `letters` gives the sheet text and the page count of each."""
        self._drop({f"{name}.pdf": scans.stack(letters, scanned_at, code)}, scanned_at)

    def write_steps(self, name: str, *, written_at: datetime, steps: Sequence[SidecarFields]) -> None:
        """Drop a sidecar with up to `MAX_ROWS` steps of registered letters; each step has its `chrono`."""
        self._drop({f"{name}.json": json.dumps([*steps]).encode()}, written_at)

    def refresh(self) -> None:
        """Read the chrono numbers of new scans in the archive.

        The paths are `done/<date>/<chrono>_<time>/<name>.pdf`, with `<first>..<last>` as the chrono of a stack.
        """
        for directory in self._done.glob("*/*"):
            if directory not in self._read:
                self._read.add(directory)
                for scan in directory.glob("*.pdf"):
                    self._chronos[scan.stem] = _expand_range(directory.name.rpartition("_")[0])

    def chronos(self, name: str) -> list[str]:
        """Return the chrono numbers of the letters of a scan as of the last `refresh`, in order."""
        return self._chronos.get(name, [])

    def _drop(self, files: Mapping[str, bytes], written_at: datetime) -> None:
        drafts = []
        for name, content in files.items():
            draft = self._inbox / f".{name}"
            draft.write_bytes(content)
            os.utime(draft, (written_at.timestamp(), written_at.timestamp()))
            drafts.append((draft, self._inbox / name))
        for draft, target in drafts:
            draft.rename(target)


def _expand_range(label: str) -> list[str]:
    first, _, last = label.partition("..")
    if not last:
        return [first]
    head, _, number = first.rpartition("-")
    numbers = range(int(number), int(last.rpartition("-")[2]) + 1)
    return [f"{head}-{number:0{len(first) - len(head) - 1}}" for number in numbers]
