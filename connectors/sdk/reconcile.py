"""Comparison of a source's pushed messages with polling it: missing, late, duplicate and corrected messages.

A system that pushes messages loses some, sends some twice, and some out of order. If it can also be polled, both inputs are
compared with the same stored history. The history contains the observed states by key, with their times:

| input | stored for the key | finding |
|---|---|---|
| polled | nothing | `missing` |
| polled | another, older state | `corrected` |
| pushed | the same state at the same time | `duplicate` |
| pushed | a later state, or a polled one of the same time | `late` |

Data from before the first complete poll is not missing, since nothing was pushed before the set-up. Polled data may be in groups
(such as the organisations of one account): groups are set up, and disappear, independently.

A key may name a fact that never changes. Its key is then the event's id, and all observations have the state `""` and a constant
time; *missing minus late* is the number of facts that no message has reported. Or a key names an object whose state changes, such
as an appointment with its start and status; several messages may report it. Times are those of the source's clock.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
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
MOST_KEYS: Final = 200_000
"""Limit of stored keys; each takes about 200 bytes on disk."""
MAX_OBSERVATIONS: Final = 16
"""Limit of observations per key. The first one and the latest state stay; repetitions of a state are removed before changes."""


class Finding(StrEnum):
    """Difference between a source's messages and polling it."""

    MISSING = "missing"
    """Polled, but neither pushed nor polled before."""
    LATE = "late"
    """Pushed after a newer state, or a polled one of the same time, was known."""
    DUPLICATE = "duplicate"
    """Pushed again with the same state and time."""
    CORRECTED = "corrected"
    """Polled with another, newer state than the latest known one."""


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
    """Findings since the first start, and the times of complete polls.

    A source's `reconcile_stats` are on disk and end at the acknowledged position. Those of `ReconcileChanges` include all
    findings until now.
    """

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
    """Group that last listed the key; None if no poll listed it, or after `Reconciler.stop_tracking`."""


class ReconcileChanges(NamedTuple):
    """Changed histories by key since the previous changes, and all findings until now; stored once their events are safe."""

    known: Mapping[str, KeyHistory]
    reconcile_stats: ReconcileStats


class ObservationChange(NamedTuple):
    """Observations of a key before and after one more observation; equal if it adds nothing."""

    before: Observations
    after: Observations


class PollScope(NamedTuple):
    """Extent of a complete poll."""

    groups: Collection[str] = ("",)
    """All groups polled, including empty ones."""
    as_of: int = 0
    """Time of the poll, in microseconds since 1970 by the source's clock."""
    complete_from: datetime | None = None
    """All objects that end later were listed; None if the list may be incomplete."""


EVERYTHING: Final = PollScope()
"""Default scope: only the group `""`, and a list that may be incomplete, so that no key is gone."""
_decode: Final = msgspec.json.Decoder(Observations).decode


class Round(NamedTuple):
    """Result of a complete poll."""

    found: Mapping[Finding, int]
    """Number of findings since the previous poll, without zeros."""
    gone: Mapping[str, Mapping[str, str]]
    """Keys that are gone (see `Reconciler.end_round`), by group, with their last states."""


class Reconciler:
    """History of a source's keys in the file `told.sqlite` in `directory`. For one thread.

    Above `MOST_KEYS` it drops the keys that end first. Observations are on disk only after `keep`. After a crash before that,
    they are observed again and count once. All methods raise `ConnectorError` if the file cannot be used.
    """

    def __init__(self, directory: Path) -> None:
        advice = _("remove it; events that the source reports again keep their ids")
        self._added = 0
        self._database = Database(directory / "told.sqlite", *TABLES, advice=advice)
        try:
            self.stored_stats = self._read_stats()
            """Findings that are on disk."""
        except BaseException:
            self.close()
            raise
        self._recent: dict[str, KeyHistory] = {}
        self._unsaved: dict[str, KeyHistory] = {}
        self._seen: set[str] = set()
        self._listing: set[str] = set()
        self._readable = True
        self._unseen: set[str] = set()
        self._counts = Counter(self.stored_stats.counts)
        self._compared_at, self._since = self.stored_stats.compared_at, self.stored_stats.since
        self._reported = Counter(self._counts)

    def record_pushed(self, key: str, at: int, state: str, until: datetime) -> ObservationChange:
        """Record a pushed message, count it if it is a duplicate or late, and return the observations before and after.

        `key` had `state` at `at`, in microseconds since 1970. Its object ends at `until` as far as known, which counts if no
        later state is known. A duplicate changes nothing.
        """
        known = self._recall(key)
        before, observation = known.observations, Observation(at, state, pushed=True)
        if observation in before:
            self._counts[Finding.DUPLICATE] += 1
            return ObservationChange(before, before)
        if before and (at < before[-1].at or (at == before[-1].at and not before[-1].pushed)):
            self._counts[Finding.LATE] += 1
        return self._learn(key, known, observation, until)

    def recall(self, key: str) -> Observations:
        """Return the observations of `key` in order of time; empty if it is unknown."""
        return self._recall(key).observations

    def stored_keys(self, prefix: str) -> set[str]:
        """Return the keys on disk, without unsaved ones, that begin with `prefix` (ASCII, not empty)."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return {key for (key,) in self._database.execute(BETWEEN, prefix, end)}

    def note(self, key: str, at: int, state: str, until: datetime) -> None:
        """Record a pushed state as `record_pushed` does, but count and return nothing."""
        known, observation = self._recall(key), Observation(at, state, pushed=True)
        if observation not in known.observations:
            self._learn(key, known, observation, until)

    def see(self, key: str, group: str = "") -> None:
        """Record that this poll lists `key` in `group`, regardless of its state. Call it before `find`, which needs the group."""
        self._seen.add(key)
        self._listing.add(group)
        known = self._recall(key)
        if known.group != group:
            self._remember(key, known._replace(group=group))

    def mark_incomplete(self) -> None:
        """Record that part of the poll could not be read: this poll then reports no key as gone."""
        self._readable = False

    def find(self, key: str, at: int, state: str, until: datetime, made_at: int | None = None) -> ObservationChange:
        """Record a polled state of `key`, count it if it is missing or corrected, and return the observations before and after.

        Parameters are those of `record_pushed`. A state equal to the last known one, or not later than it, is ignored.
        `made_at` is the creation time of the object, in the same unit as `at`; None if unknown. Nothing is missing before the
        first complete poll of the key's group has ended, nor later an object created before it.
        """
        known = self._recall(key)
        before = known.observations
        if before and (before[-1].state == state or at <= before[-1].at):
            return ObservationChange(before, before)
        if before:
            self._counts[Finding.CORRECTED] += 1
        elif (since := self._since.get(known.group or "")) is not None and (made_at is None or made_at >= since):
            self._counts[Finding.MISSING] += 1
        return self._learn(key, known, Observation(at, state, pushed=False), until)

    def end_round(self, now: float, asked: PollScope = EVERYTHING) -> Round:
        """End a complete poll at `now` (in seconds since 1970), return its result, and start the next poll.

        A key that an earlier poll listed (`see`) is gone if all of this holds:

        * Neither this poll nor the previous complete one since the source was opened lists it, nor a poll between them.
        * Its object ends (`KeyHistory.until`) after `asked.complete_from`.
        * This poll lists at least one other key of its group.

        Each poll reports the key until it is seen again or `stop_tracking` is called. No key is gone after `mark_incomplete`, or
        without `complete_from`.
        """
        found = {finding: self._counts[finding] - self._reported[finding] for finding in Finding}
        self._reported = Counter(self._counts)
        self._compared_at = now
        self._since = {group: self._since.get(group, asked.as_of) for group in asked.groups}
        self._unseen -= self._seen
        gone = self._find_gone(asked.complete_from) if asked.complete_from and self._readable else {}
        self._seen, self._listing, self._readable = set(), set(), True
        return Round({finding: count for finding, count in found.items() if count}, gone)

    def stop_tracking(self, key: str) -> None:
        """Do not report `key` as gone, unless a later poll lists it again."""
        self._remember(key, self._recall(key)._replace(group=None))

    def take_changes(self) -> ReconcileChanges:
        """Return the changes since the previous call, with all findings until now, for `keep`."""
        stats = ReconcileStats(dict(self._counts), self._compared_at, self._since)
        changes = ReconcileChanges(self._unsaved, stats)
        self._unsaved = {}
        return changes

    def keep(self, changes: ReconcileChanges) -> None:
        """Write `changes` to disk in one transaction, and sometimes drop the keys above the limit.

        Call it once for each result of `take_changes`, in order.
        """
        if changes.known or changes.reconcile_stats != self.stored_stats:
            with self._database.transaction():
                self._write(changes)
            self.stored_stats = changes.reconcile_stats
        for key, known in changes.known.items():
            if self._recent.get(key) is known:
                del self._recent[key]

    def close(self) -> None:
        """Close the file. Unsaved changes are lost."""
        self._database.close()

    def _read_stats(self) -> ReconcileStats:
        values = dict(self._database.execute("SELECT name, value FROM tally"))
        return ReconcileStats(
            {finding: int(values.get(finding, 0)) for finding in Finding},
            values.get(COMPARED, 0.0),
            {name.removeprefix(SINCE): int(at) for name, at in values.items() if name.startswith(SINCE)},
        )

    def _write(self, changes: ReconcileChanges) -> None:
        for key, known in changes.known.items():
            self._database.execute(KEEP, key, known.until, known.group, msgspec.json.encode(known.observations))
        counts, compared_at, since = changes.reconcile_stats
        self._database.execute("DELETE FROM tally")
        for name, value in (*counts.items(), (COMPARED, compared_at)):
            self._database.execute("INSERT INTO tally VALUES (?, ?)", name, value)
        for group, at in since.items():
            self._database.execute("INSERT INTO tally VALUES (?, ?)", f"{SINCE}{group}", at)
        self._added += len(changes.known)
        if self._added > MOST_KEYS // 100:
            self._database.execute(FORGET, MOST_KEYS)
            self._added = 0

    def _recall(self, key: str) -> KeyHistory:
        if known := self._recent.get(key):
            return known
        row = self._database.find(RECALL, key)
        return KeyHistory(_decode(row[0]), row[1], row[2]) if row else KeyHistory()

    def _learn(self, key: str, known: KeyHistory, observation: Observation, until: datetime) -> ObservationChange:
        before = known.observations
        index = bisect_right(before, observation.at, key=attrgetter("at"))
        first = bisect_left(before, observation.at, key=attrgetter("at"))
        if 0 < first < index and before[first - 1].state == observation.state:
            index = first  # at equal times, a repetition of the state comes before a change
        after = (*before[:index], observation, *before[index:])
        if len(after) > MAX_OBSERVATIONS:
            repeated = (index for index in range(1, len(after)) if after[index].state == after[index - 1].state)
            index = next(repeated, 1)
            after = (*after[:index], *after[index + 1 :])
        ends_at = until.timestamp() if after[-1] is observation else known.until
        self._remember(key, known._replace(observations=after, until=ends_at))
        return ObservationChange(before, after)

    def _remember(self, key: str, known: KeyHistory) -> None:
        self._recent[key] = self._unsaved[key] = known

    def _find_gone(self, complete_from: datetime) -> Mapping[str, Mapping[str, str]]:
        begin = complete_from.timestamp()
        expected = {key for (key,) in self._database.execute(LISTED, begin)} - self._recent.keys()
        expected |= {key for key, known in self._recent.items() if known.group is not None and known.until > begin}
        unseen = expected - self._seen
        twice, self._unseen = unseen & self._unseen, unseen
        gone = defaultdict[str, dict[str, str]](dict)
        for key in sorted(twice):
            known = self._recall(key)
            if known.group in self._listing:
                gone[known.group][key] = known.observations[-1].state
        return gone


def microseconds(at: datetime) -> int:
    """Return `at`, which must be timezone-aware, in microseconds since 1970."""
    return round(at.timestamp() * 1_000_000)
