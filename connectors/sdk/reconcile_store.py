"""What was told of a source's keys, on disk: an SQLite file."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.sdk.database import Database
from connectors.sdk.i18n import say

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
    """What is to be said of how something was told."""

    MISSING = "missing"
    """Found by asking, and pushed by nobody until then."""
    LATE = "late"
    """Pushed after it, or something newer, was known."""
    DUPLICATE = "duplicate"
    """Pushed again."""
    CORRECTED = "corrected"
    """Found by asking, and otherwise than it was told before."""


class Observation(msgspec.Struct, frozen=True, array_like=True):
    """That something was told."""

    at: int
    """As of when, microseconds since 1970 by the source's clock."""
    state: str
    """In the connector's own words; nothing personal."""
    pushed: bool
    """True if in a message, or when asked."""


Observations = tuple[Observation, ...]
"""What was told of one key, in the order of time."""


class ReconcileStats(NamedTuple):
    """What was found since the first start, as far as it is acknowledged."""

    counts: Mapping[Finding, int]
    compared_at: float
    """When the source was last asked to the end, seconds since 1970; 0 if it never was."""
    since: Mapping[str, int] = {}
    """By group, when it was first asked to the end, as `Asked.as_of`."""


class KeyHistory(NamedTuple):
    """What is known of one key."""

    observations: Observations = ()
    until: float = 0.0
    group: str | None = None
    """In which it is, as who asked was told; None if he was not, or it is there no more."""


class ReconcileChanges(NamedTuple):
    """What was learned since the changes before, to be kept once it is safe."""

    known: Mapping[str, KeyHistory]
    reconcile_stats: ReconcileStats


_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(Observations).decode


class ReconcileStore:
    """The file `told.sqlite` in `directory`; of more than `most_keys` it forgets first what ends first.

    Raises `ConnectorError` if it cannot be used.
    """

    def __init__(self, directory: Path, most_keys: int) -> None:
        advice = say(
            "remove it, and what is told again then has the ids that it had",
            "le supprimer ; ce qui sera redit alors aura les mêmes identifiants",
        )
        self._most = most_keys
        self._added = 0
        self._database = Database(directory / "told.sqlite", *TABLES, advice=advice)
        try:
            values = dict(self._database.execute("SELECT name, value FROM tally").fetchall())
        except BaseException:
            self._database.close()
            raise
        self._tally = ReconcileStats(
            {finding: int(values.get(finding, 0)) for finding in Finding},
            values.get(COMPARED, 0.0),
            {name.removeprefix(SINCE): int(at) for name, at in values.items() if name.startswith(SINCE)},
        )

    @property
    def reconcile_stats(self) -> ReconcileStats:
        """What was found, as far as it is kept."""
        return self._tally

    def recall(self, key: str) -> KeyHistory:
        """Return what is known of `key`."""
        row = self._database.execute(RECALL, key).fetchone()
        return KeyHistory(_decode(row[0]), row[1], row[2]) if row else KeyHistory()

    def list_from(self, begin: float) -> set[str]:
        """Return the keys that are in a group, and end after `begin`, seconds since 1970."""
        return {key for (key,) in self._database.execute(LISTED, begin)}

    def list_keys(self, prefix: str) -> set[str]:
        """Return the keys that begin with `prefix`, which is ASCII and does not end with the highest character."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return {key for (key,) in self._database.execute(BETWEEN, prefix, end)}

    def keep(self, changes: ReconcileChanges) -> None:
        """Write `changes`, all or nothing; in the order in which they were sealed."""
        if not changes.known and changes.reconcile_stats == self._tally:
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
        self._tally = changes.reconcile_stats

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _forget(self, added: int) -> None:
        self._added += added
        if self._added > self._most // 100:
            self._database.execute(FORGET, self._most)
            self._added = 0
