"""SQLite store of the observed states of a source's keys."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.sdk.database import Database
from models.locale import _

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS known (
        key TEXT PRIMARY KEY, until REAL NOT NULL, listed_in TEXT, tellings BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS known_until ON known (until)",
    "CREATE TABLE IF NOT EXISTS tally (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID",
)
KEEP: Final = "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)"
RECALL: Final = "SELECT tellings, until, listed_in FROM known WHERE key = ?"
LISTED: Final = "SELECT key FROM known WHERE listed_in IS NOT NULL AND until > ?"
BETWEEN: Final = "SELECT key FROM known WHERE key >= ? AND key < ?"
FORGET: Final = """
DELETE FROM known WHERE key IN (
    SELECT key FROM known ORDER BY until LIMIT max(0, (SELECT count(*) FROM known) - ?)
)
"""
COMPARED: Final = "compared_at"
SINCE: Final = "since "


class Finding(StrEnum):
    """Difference between a source's messages and polling it."""

    MISSING = "missing"
    """Polled, but not pushed before."""
    LATE = "late"
    """Pushed after this or a newer state was known."""
    DUPLICATE = "duplicate"
    """Pushed again."""
    CORRECTED = "corrected"
    """Polled with another state than the one known."""


class Observation(msgspec.Struct, frozen=True, array_like=True):
    """Observation of a key's state."""

    at: int
    """Time of the state, in microseconds since 1970 by the source's clock."""
    state: str
    """State in the connector's own format; contains no personal data."""
    pushed: bool
    """True if pushed in a message, False if polled."""


Observations = tuple[Observation, ...]
"""Observations of one key in order of time."""


class ReconcileStats(NamedTuple):
    """Findings since the first start, up to the acknowledged position."""

    counts: Mapping[Finding, int]
    compared_at: float
    """Time of the last complete poll, in seconds since 1970; 0 if there was none."""
    since: Mapping[str, int] = {}
    """Time of the first complete poll by group, in the unit of `PollScope.as_of`."""


class KeyHistory(NamedTuple):
    """Stored history of one key."""

    observations: Observations = ()
    until: float = 0.0
    """End of the key's object, in seconds since 1970; keys that end first are dropped first."""
    group: str | None = None
    """Group that listed the key; None if no poll listed it, or it is no longer listed."""


class ReconcileChanges(NamedTuple):
    """Changes since the previous ones, to be stored once their events are safe."""

    known: Mapping[str, KeyHistory]
    reconcile_stats: ReconcileStats


_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(Observations).decode


class ReconcileStore:
    """The file `told.sqlite` in `directory`. Above `most_keys` it drops the keys that end first.

    Raises `ConnectorError` if it cannot be used.
    """

    def __init__(self, directory: Path, most_keys: int) -> None:
        advice = _("remove it; events that the source reports again keep their ids")
        self._most = most_keys
        self._added = 0
        self._database = Database(directory / "told.sqlite", *TABLES, advice=advice)
        try:
            values = dict(self._database.execute("SELECT name, value FROM tally").fetchall())
        except BaseException:
            self._database.close()
            raise
        self._stats = ReconcileStats(
            {finding: int(values.get(finding, 0)) for finding in Finding},
            values.get(COMPARED, 0.0),
            {name.removeprefix(SINCE): int(at) for name, at in values.items() if name.startswith(SINCE)},
        )

    @property
    def reconcile_stats(self) -> ReconcileStats:
        """Findings that are on disk."""
        return self._stats

    def recall(self, key: str) -> KeyHistory:
        """Return the history of `key`; an empty one if it is unknown."""
        row = self._database.execute(RECALL, key).fetchone()
        return KeyHistory(_decode(row[0]), row[1], row[2]) if row else KeyHistory()

    def list_from(self, begin: float) -> set[str]:
        """Return the keys that polls list in a group and that end after `begin`, in seconds since 1970."""
        return {key for (key,) in self._database.execute(LISTED, begin)}

    def list_keys(self, prefix: str) -> set[str]:
        """Return the keys that begin with `prefix` (ASCII, not ending with the highest character)."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return {key for (key,) in self._database.execute(BETWEEN, prefix, end)}

    def keep(self, changes: ReconcileChanges) -> None:
        """Write `changes` in one transaction, and drop keys above the limit. Call it in the order of the changes."""
        if not changes.known and changes.reconcile_stats == self._stats:
            return
        with self._database.transaction():
            for key, known in changes.known.items():
                self._database.execute(KEEP, key, known.until, known.group, _encode(known.observations))
            counts, compared_at, since = changes.reconcile_stats
            self._database.execute("DELETE FROM tally")
            for name, value in (*counts.items(), (COMPARED, compared_at)):
                self._database.execute("INSERT INTO tally VALUES (?, ?)", name, value)
            for group, at in since.items():
                self._database.execute("INSERT INTO tally VALUES (?, ?)", f"{SINCE}{group}", at)
            self._forget(len(changes.known))
        self._stats = changes.reconcile_stats

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _forget(self, added: int) -> None:
        self._added += added
        if self._added > self._most // 100:
            self._database.execute(FORGET, self._most)
            self._added = 0
