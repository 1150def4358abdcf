"""How well a source pushes, found by asking it: what no message told, what came late, twice, or turned out otherwise.

A system that sends messages loses some, sends some twice and some in another order. Where it can also be asked what there is,
both ways are read, and the same memory judges both. It keeps, by a key that both ways agree on, what was told of it and when:

| who tells | what is known of the key | finding |
|---|---|---|
| asked | nothing | `missing` |
| asked | something else, from before | `corrected` |
| pushed | just this | `duplicate` |
| pushed | this or something else, from later | `late` |

What is found before the source was ever asked to the end is not missing: nothing was pushed before it was set up.

A key is a fact that never changes (its event's id; all tell the same state and time, `""` and a constant): then *missing less
late* is what no message has told to this day. Or it is a thing whose state changes (an appointment, with its start and status),
of which several messages may tell. Time is the source's own, of when it was as told.
"""

import os
import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.sdk.errors import ConnectorError
from connectors.sdk.files import PRIVATE_FILE
from connectors.sdk.words import say

MOST_KEYS: Final = 100_000
"""How many keys are remembered; each takes about 200 bytes on disk."""
MOST_TELLINGS: Final = 16
"""How much is remembered of one key: the first of it, and the latest."""
SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    """CREATE TABLE IF NOT EXISTS told (
        key TEXT PRIMARY KEY, until REAL NOT NULL, found INTEGER NOT NULL, tellings BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS told_until ON told (until)",
    "CREATE TABLE IF NOT EXISTS tally (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID",
)
KEEP: Final = "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?)"
RECALL: Final = "SELECT tellings, until, found FROM told WHERE key = ?"
FOUND: Final = "SELECT key FROM told WHERE found AND until > ? AND until < ?"
FORGET: Final = """
DELETE FROM told WHERE key IN (
    SELECT key FROM told ORDER BY until LIMIT max(0, (SELECT count(*) FROM told) - ?)
)
"""
COMPARED: Final = "compared_at"


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


class Telling(msgspec.Struct, frozen=True, array_like=True):
    """That something was told."""

    at: int
    """As of when, microseconds since 1970 by the source's clock."""
    state: str
    """In the connector's own words; nothing personal."""
    pushed: bool
    """Whether in a message, or when asked."""


Tellings = tuple[Telling, ...]
"""What was told of one key, in the order of time."""


class Taken(NamedTuple):
    """What is known of a key, before and after one more telling; the same if that tells nothing new."""

    before: Tellings
    after: Tellings


class Tally(NamedTuple):
    """What was found since the first start, as far as it is acknowledged."""

    counts: Mapping[Finding, int]
    compared_at: float
    """When the source was last asked to the end, seconds since 1970; 0 if it never was."""


Span = tuple[datetime, datetime]
"""A time, from when to when."""


class Round(NamedTuple):
    """What came of asking for all there is."""

    found: Mapping[Finding, int]
    """What was found since the round before."""
    gone: Mapping[str, str]
    """What is no longer there: keys, and the states in which they were told last."""


class _Known(NamedTuple):
    tellings: Tellings = ()
    until: float = 0.0
    found: bool = False
    """Whether it was ever told to who asked."""


class Changes(NamedTuple):
    """What was learned since the changes before, to be kept once it is safe."""

    known: Mapping[str, _Known]
    tally: Tally


_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(Tellings).decode


class Reconciler:
    """The memory in `directory`, an SQLite file; it forgets first what ends first. For one thread.

    What is learned is on disk only after `keep`: whoever dies before that learns it again, and counts it once. Raises
    `ConnectorError` if the file cannot be used.
    """

    def __init__(self, directory: Path, *, most_keys: int = MOST_KEYS) -> None:
        self._path = directory / "told.sqlite"
        self._most = most_keys
        self._added = 0
        self._recent: dict[str, _Known] = {}
        self._unsealed: dict[str, _Known] = {}
        self._seen: set[str] = set()
        self._unseen: set[str] = set()
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        self._database = sqlite3.connect(self._path, isolation_level=None)
        try:
            for command in SETTINGS:
                self._do(command)
            values = dict(self._do("SELECT name, value FROM tally").fetchall())
        except BaseException:
            self._database.close()
            raise
        self._counts = Counter({finding: int(values.get(finding, 0)) for finding in Finding})
        self._compared_at: float = values.get(COMPARED, 0.0)
        self._reported = Counter(self._counts)
        self._kept = self._tally()

    @property
    def kept(self) -> Tally:
        """What was found, as far as it is kept."""
        return self._kept

    def push(self, key: str, at: int, state: str, until: datetime) -> Taken:
        """Take note of a message: `key` was in `state` at `at`, in microseconds, and ends, as far as is known, at `until`."""
        known = self._recall(key)
        before, told = known.tellings, Telling(at, state, pushed=True)
        if told in before:
            self._counts[Finding.DUPLICATE] += 1
            return Taken(before, before)
        if before and (at < before[-1].at or (at == before[-1].at and not before[-1].pushed)):
            self._counts[Finding.LATE] += 1
        return self._learn(key, known, told, until)

    def find(self, key: str, at: int, state: str, until: datetime) -> Taken:
        """Take note of an answer, as `push` does of a message; one that is older than what is known is passed over."""
        self._seen.add(key)
        known = self._recall(key)
        before = known.tellings
        if before and (before[-1].state == state or at <= before[-1].at):
            if not known.found:
                self._remember(key, known._replace(found=True))
            return Taken(before, before)
        if before:
            self._counts[Finding.CORRECTED] += 1
        elif self._compared_at:
            self._counts[Finding.MISSING] += 1
        return self._learn(key, known._replace(found=True), Telling(at, state, pushed=False), until)

    def end_round(self, now: float, span: Span | None = None) -> Round:
        """Take note that the source was asked to the end at `now`, and return what came of it.

        `span` is the time in which all that ends was told of; None if it is not sure that all was. What ends in it and was found
        before, but neither in this round nor in the last such round before, is gone.
        """
        found = {finding: self._counts[finding] - self._reported[finding] for finding in Finding}
        self._reported = Counter(self._counts)
        self._compared_at = now
        seen, self._seen = self._seen, set()
        gone = self._find_gone(span, seen) if span is not None else {}
        return Round({finding: count for finding, count in found.items() if count}, gone)

    def seal(self) -> Changes:
        """Return what was learned since it was called last."""
        changes = Changes(self._unsealed, self._tally())
        self._unsealed = {}
        return changes

    def keep(self, changes: Changes) -> None:
        """Write `changes` to disk, all or nothing; in the order in which they were sealed."""
        if not changes.known and changes.tally == self._kept:
            return
        self._do("BEGIN IMMEDIATE")
        try:
            for key, known in changes.known.items():
                self._do(KEEP, key, known.until, known.found, _encode(known.tellings))
            values = [*changes.tally.counts.items(), (COMPARED, changes.tally.compared_at)]
            for name, value in values:
                self._do("INSERT OR REPLACE INTO tally VALUES (?, ?)", name, value)
            self._forget(len(changes.known))
            self._do("COMMIT")
        except BaseException:
            self._database.rollback()
            raise
        self._kept = changes.tally
        for key, known in changes.known.items():
            if self._recent.get(key) is known:
                del self._recent[key]

    def close(self) -> None:
        """Close the file. What was not kept is forgotten."""
        self._database.close()

    def _recall(self, key: str) -> _Known:
        if recent := self._recent.get(key):
            return recent
        row = self._do(RECALL, key).fetchone()
        return _Known(_decode(row[0]), row[1], bool(row[2])) if row else _Known()

    def _learn(self, key: str, known: _Known, told: Telling, until: datetime) -> Taken:
        before = known.tellings
        place = bisect_right(before, told.at, key=attrgetter("at"))
        after = (*before[:place], told, *before[place:])
        if len(after) > MOST_TELLINGS:
            after = (after[0], *after[1 - MOST_TELLINGS :])
        ends_at = until.timestamp() if after[-1] is told else known.until
        self._remember(key, known._replace(tellings=after, until=ends_at))
        return Taken(before, after)

    def _remember(self, key: str, known: _Known) -> None:
        self._recent[key] = self._unsealed[key] = known

    def _find_gone(self, span: Span, seen: set[str]) -> dict[str, str]:
        begin, end = (at.timestamp() for at in span)
        found = {key for (key,) in self._do(FOUND, begin, end)} - self._recent.keys()
        found |= {key for key, known in self._recent.items() if known.found and begin < known.until < end}
        unseen = found - seen
        gone, self._unseen = unseen & self._unseen, unseen
        return {key: self._recall(key).tellings[-1].state for key in sorted(gone)}

    def _tally(self) -> Tally:
        return Tally(dict(self._counts), self._compared_at)

    def _forget(self, added: int) -> None:
        self._added += added
        if self._added > self._most // 100:
            self._do(FORGET, self._most)
            self._added = 0

    def _do(self, command: str, *values: str | float | bytes) -> sqlite3.Cursor:
        try:
            return self._database.execute(command, values)
        except sqlite3.OperationalError as error:  # the disk is full, another program holds the file
            raise ConnectorError(f"{self._path}: {error}") from None
        except sqlite3.DatabaseError:
            raise ConnectorError(
                say(
                    f"{self._path} is damaged: remove it, and what is told again then has the ids that it had",
                    f"{self._path} est abîmé : le supprimer ; ce qui sera redit alors aura les mêmes identifiants",
                )
            ) from None


def microseconds(at: datetime) -> int:
    """Return `at`, which is aware, as microseconds since 1970."""
    return round(at.timestamp() * 1_000_000)
