"""How well a source pushes, found by asking it: what no message told, what came late, twice, or turned out otherwise.

A system that sends messages loses some, sends some twice and some in another order. Where it can also be asked what there is,
both ways are read, and the same memory judges both. It keeps, by a key that both ways agree on, what was told of it and when:

| who tells | what is known of the key | finding |
|---|---|---|
| asked | nothing | `missing` |
| asked | something else, from before | `corrected` |
| pushed | just this | `duplicate` |
| pushed | this or something else, from later | `late` |

What was made before the source was first asked to the end is not missing: nothing was pushed before it was set up. What is asked
may be in groups (the organisations of one account), which are not all set up at once, and are not all lost at once.

A key is a fact that never changes (its event's id; all tell the same state and time, `""` and a constant): then *missing less
late* is what no message has told to this day. Or it is a thing whose state changes (an appointment, with its start and status),
of which several messages may tell. Time is the source's own, of when it was as told.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.reconcile_store import (
    Finding,
    KeyHistory,
    Observation,
    Observations,
    ReconcileChanges,
    ReconcileStats,
    ReconcileStore,
)

__all__ = [
    "Finding",
    "Observation",
    "ObservationChange",
    "Observations",
    "PollScope",
    "ReconcileChanges",
    "ReconcileStats",
    "Reconciler",
    "Round",
    "microseconds",
]

MOST_KEYS: Final = 200_000
"""How many keys are remembered; each takes about 200 bytes on disk."""
MAX_OBSERVATIONS: Final = 16
"""How much is remembered of one key: the first of it and the latest, and rather what changed than what was told again."""


class ObservationChange(NamedTuple):
    """What is known of a key, before and after one more telling; the same if that tells nothing new."""

    before: Observations
    after: Observations


class PollScope(NamedTuple):
    """What was asked to the end in a round."""

    groups: Collection[str] = ("",)
    """All groups, whether anything is in them or not."""
    as_of: int = 0
    """When, microseconds since 1970 by the source's clock."""
    complete_from: datetime | None = None
    """All that ends later was told of; None if it is not sure that all was."""


EVERYTHING: Final = PollScope()


class Round(NamedTuple):
    """What came of asking for all there is."""

    found: Mapping[Finding, int]
    """What was found since the round before."""
    gone: Mapping[str, Mapping[str, str]]
    """What is no longer there, by group: keys, and the states in which they were told last."""


class Reconciler:
    """The memory in `directory`, an SQLite file; it forgets first what ends first. For one thread.

    What is learned is on disk only after `keep`: whoever dies before that learns it again, and counts it once. Raises
    `ConnectorError` if the file cannot be used.
    """

    def __init__(self, directory: Path, *, most_keys: int = MOST_KEYS) -> None:
        self._told = ReconcileStore(directory, most_keys)
        self._recent: dict[str, KeyHistory] = {}
        self._unsealed: dict[str, KeyHistory] = {}
        self._seen: set[str] = set()
        self._listing: set[str] = set()
        self._readable = True
        self._unseen: set[str] = set()
        reconcile_stats = self._told.reconcile_stats
        self._counts = Counter(reconcile_stats.counts)
        self._compared_at, self._since = reconcile_stats.compared_at, reconcile_stats.since
        self._reported = Counter(self._counts)

    @property
    def stored_stats(self) -> ReconcileStats:
        """What was found, as far as it is kept."""
        return self._told.reconcile_stats

    def record_pushed(self, key: str, at: int, state: str, until: datetime) -> ObservationChange:
        """Take note of a message: `key` was in `state` at `at`, in microseconds, and ends, as far as is known, at `until`."""
        known = self._recall(key)
        before, told = known.observations, Observation(at, state, pushed=True)
        if told in before:
            self._counts[Finding.DUPLICATE] += 1
            return ObservationChange(before, before)
        if before and (at < before[-1].at or (at == before[-1].at and not before[-1].pushed)):
            self._counts[Finding.LATE] += 1
        return self._learn(key, known, told, until)

    def recall(self, key: str) -> Observations:
        """Return what was told of `key`."""
        return self._recall(key).observations

    def stored_keys(self, prefix: str) -> set[str]:
        """Return the keys on disk that begin with `prefix`."""
        return self._told.list_keys(prefix)

    def note(self, key: str, at: int, state: str, until: datetime) -> None:
        """Remember that `key` was in `state` at `at`, without a finding."""
        known, told = self._recall(key), Observation(at, state, pushed=True)
        if told not in known.observations:
            self._learn(key, known, told, until)

    def see(self, key: str, group: str = "") -> None:
        """Take note that an answer lists `key` in `group`, whatever else it says of it."""
        self._seen.add(key)
        self._listing.add(group)
        known = self._recall(key)
        if known.group != group:
            self._remember(key, known._replace(group=group))

    def mark_incomplete(self) -> None:
        """Take note that it could not be read of what something tells: in this round nothing is gone."""
        self._readable = False

    def find(self, key: str, at: int, state: str, until: datetime, made_at: int | None = None) -> ObservationChange:
        """Take note of an answer, as `push` does of a message; one that is older than what is known is passed over.

        `made_at` is since when there was something to tell, as `at`; None if that is not known.
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
        """Take note that the source was asked to the end at `now`, and return what came of it.

        What `see` told of, but neither in this round nor in the last whole round before, is gone: if it ends after
        `asked.all_from`, and its group still lists something. Until it is seen again or let go, each such round says so.
        """
        found = {finding: self._counts[finding] - self._reported[finding] for finding in Finding}
        self._reported = Counter(self._counts)
        self._compared_at = now
        self._since = {group: self._since.get(group, asked.as_of) for group in asked.groups}
        gone = self._find_gone(asked.complete_from) if asked.complete_from and self._readable else {}
        self._seen, self._listing, self._readable = set(), set(), True
        return Round({finding: count for finding, count in found.items() if count}, gone)

    def stop_tracking(self, key: str) -> None:
        """Take note that it does not matter any more whether `key` is there."""
        self._remember(key, self._recall(key)._replace(group=None))

    def take_changes(self) -> ReconcileChanges:
        """Return what was learned since it was called last."""
        changes = ReconcileChanges(self._unsealed, self._tally())
        self._unsealed = {}
        return changes

    def keep(self, changes: ReconcileChanges) -> None:
        """Write `changes` to disk, all or nothing; in the order in which they were sealed."""
        self._told.keep(changes)
        for key, known in changes.known.items():
            if self._recent.get(key) is known:
                del self._recent[key]

    def close(self) -> None:
        """Close the file. What was not kept is forgotten."""
        self._told.close()

    def _recall(self, key: str) -> KeyHistory:
        return self._recent.get(key) or self._told.recall(key)

    def _learn(self, key: str, known: KeyHistory, told: Observation, until: datetime) -> ObservationChange:
        before = known.observations
        place = bisect_right(before, told.at, key=attrgetter("at"))
        first = bisect_left(before, told.at, key=attrgetter("at"))
        if 0 < first < place and before[first - 1].state == told.state:
            place = first  # of several at the same time, what changes nothing comes before what does
        after = (*before[:place], told, *before[place:])
        if len(after) > MAX_OBSERVATIONS:
            again = (place for place in range(1, len(after)) if after[place].state == after[place - 1].state)
            place = next(again, 1)
            after = (*after[:place], *after[place + 1 :])
        ends_at = until.timestamp() if after[-1] is told else known.until
        self._remember(key, known._replace(observations=after, until=ends_at))
        return ObservationChange(before, after)

    def _remember(self, key: str, known: KeyHistory) -> None:
        self._recent[key] = self._unsealed[key] = known

    def _find_gone(self, complete_from: datetime) -> Mapping[str, Mapping[str, str]]:
        begin = complete_from.timestamp()
        there = self._told.list_from(begin) - self._recent.keys()
        there |= {key for key, known in self._recent.items() if known.group is not None and known.until > begin}
        unseen = there - self._seen
        twice, self._unseen = unseen & self._unseen, unseen
        gone = defaultdict[str, dict[str, str]](dict)
        for key in sorted(twice):
            known = self._recall(key)
            if known.group in self._listing:
                gone[known.group][key] = known.observations[-1].state
        return gone

    def _tally(self) -> ReconcileStats:
        return ReconcileStats(dict(self._counts), self._compared_at, self._since)


def microseconds(at: datetime) -> int:
    """Return `at`, which is aware, as microseconds since 1970."""
    return round(at.timestamp() * 1_000_000)
