"""The mailroom's own work: scans into the hot folder, and what the services make of letters, by sidecars."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from connectors.mailroom.simulate import scans

Says = Mapping[str, str | int]
"""Fields of a sidecar, by the names that the connector's README gives them."""
MAX_ROWS: Final = 1000
"""A sidecar may have no more."""


class Mailroom:
    """A scanner and a back office with the hot folder `inbox`, whose connector keeps what it took in `archive`.

    Files are written under a hidden name and renamed into place whole, the sidecar before its scan, as careful scanners do.
    """

    def __init__(self, inbox: Path, archive: Path) -> None:
        self._inbox = inbox
        self._done = archive / "done"
        self._listed: set[Path] = set()
        self._chronos: dict[str, list[str]] = {}

    def drop_letter(self, name: str, *, scanned_at: datetime, pages: int, fields: Says) -> None:
        """Drop the scan of one letter and its sidecar; `name` is theirs alone."""
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
        """Drop a scan of several letters without a sidecar: what the sheet before each says, and how many pages it has."""
        self._drop({f"{name}.pdf": scans.stack(letters, scanned_at, code)}, scanned_at)

    def write_steps(self, name: str, *, written_at: datetime, steps: Sequence[Says]) -> None:
        """Tell what became of letters, by a sidecar of its own; each step names its `chrono`. At most `MAX_ROWS`."""
        self._drop({f"{name}.json": json.dumps([*steps]).encode()}, written_at)

    def refresh(self) -> None:
        """See which scans were taken since: `done/<date>/<chrono>_<time>/<name>.pdf`, or `<first>..<last>_<time>` of a stack."""
        for taken in self._done.glob("*/*"):
            if taken not in self._listed:
                self._listed.add(taken)
                for scan in taken.glob("*.pdf"):
                    self._chronos[scan.stem] = _range(taken.name.rpartition("_")[0])

    def chronos(self, name: str) -> list[str]:
        """Return the numbers that the letters of a scan had when somebody last looked, in their order; none if it had none."""
        return self._chronos.get(name, [])

    def _drop(self, files: Mapping[str, bytes], written_at: datetime) -> None:
        drafts = []
        for name, content in files.items():
            draft = self._inbox / f".{name}"
            draft.write_bytes(content)
            os.utime(draft, (written_at.timestamp(), written_at.timestamp()))
            drafts.append((draft, self._inbox / name))
        for draft, place in drafts:
            draft.rename(place)


def _range(label: str) -> list[str]:
    first, _, last = label.partition("..")
    if not last:
        return [first]
    head, _, number = first.rpartition("-")
    numbers = range(int(number), int(last.rpartition("-")[2]) + 1)
    return [f"{head}-{number:0{len(first) - len(head) - 1}}" for number in numbers]
