"""Numbers of today's rejected records by connector, counted from the connectors' own files."""

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors.sdk.rejects import NAMES, read

CHECK_SECONDS: Final = 10.0
"""Shortest interval between two looks at the files, in seconds."""


class RejectedRecords:
    """Counts rejected records in `directory`, which contains the data of all connectors of this machine.

    Files that are missing or cannot be read count as empty: the connectors may run on another machine or account.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers: Mapping[str, int] = {}
        self._looked_at = float("-inf")
        self._counted: object = None

    def count(self, since_seconds: int) -> Mapping[str, int]:
        """Return instance → number of different records rejected since `since_seconds` (since 1970), without zeros.

        The numbers are at most `CHECK_SECONDS` old. The files are read again only if they have changed.
        """
        if time.monotonic() - self._looked_at >= CHECK_SECONDS:
            self._looked_at = time.monotonic()
            with suppress(OSError):
                files = sorted(path for name in NAMES for path in self._directory.glob(f"*/*/{name}"))
                state = since_seconds, [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in files]
                if state != self._counted:
                    since = datetime.fromtimestamp(since_seconds, UTC)
                    self._numbers = _count({path.parent for path in files}, since)
                    self._counted = state
        return self._numbers


def _count(directories: set[Path], since: datetime) -> Mapping[str, int]:
    found = {path.name: len({kept.content for kept in read(path) if kept.read_at >= since}) for path in directories}
    return {name: found[name] for name in sorted(found) if found[name]}
