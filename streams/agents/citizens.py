"""Figures of citizens: recontacts, channel hopping, avoidable contacts, first-contact resolution, distinct citizens.

`streams.core.citizens.recontact_rules` defines the figures. The counter runs in the steps of the timeline agent, whose entries
are partitioned by citizen. An agent of its own would need another consumer, producer and process.
"""

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from functools import partial
from typing import Final, NamedTuple, Protocol

import msgspec

from models import topics
from models.timestamps import milliseconds
from streams.agents.codecs import copy_figure, load_counts
from streams.core.citizens import citizen as citizens
from streams.core.citizens import citizen_figures, recontact_rules
from streams.core.citizens.citizen import COUNTED_TYPES, Citizen, RecontactTerms
from streams.core.citizens.citizen_figures import (
    PROGRESS_KEY,
    TOTAL_PERIOD,
    CitizenFigureChanges,
    CitizenFigureKey,
    Period,
    Progress,
)
from streams.core.figures.figure import Figure, encode_figure, new_figure
from streams.core.figures.figure_schemas import CITIZENS
from streams.core.rows import UnknownRowVersion, fingerprint
from streams.core.timeline.entries import Entry
from streams.engine.job import Codec, Step, Table

SWEPT_PER_TICK: Final = 2000
"""Maximum number of rows swept per tick in the daily sweep: a million rows take eight minutes."""
KEPT_DAYS: Final = {Period.DAY: 92, Period.WEEK: 800, Period.FOUR_WEEKS: 800}
"""Period → retention of its rows of figures, in days. Totals have no limit."""


class TimelineLookup(Protocol):
    """Queries to the timeline database."""

    def find_erased(self) -> Collection[str]:
        """Return the ids of the erased contacts."""

    def find_owners(self, names: Collection[str]) -> Collection[str]:
        """Return those of `names` (identities, or ids of contacts without one) that have timeline entries."""


class Sweep(NamedTuple):
    """State of the daily sweep over all rows."""

    over_for: int = 0
    """Day of the sweep, as an ordinal, once it is complete; 0 before the first sweep and during a sweep."""
    keys: Sequence[bytes] = ()
    """Keys of all rows at the start of the sweep; empty before it starts and after it ends."""
    next: int = 0
    """Index in `keys` of the next row to sweep."""
    erased: frozenset[bytes] = frozenset()
    """Fingerprints of the contacts erased before the sweep started."""


class CitizenCounter:
    """Rows and figures of the citizens of one partition."""

    def __init__(self, terms: RecontactTerms) -> None:
        self._terms: Final = terms
        self._day_of: Final = citizens.day_of(terms.zone)
        self.citizens: Final = Table(topics.CITIZENS.name, _CITIZENS)
        self.figures: Final = Table(topics.CITIZEN_FIGURES.name, _FIGURES)
        self.progress: Final = Table(topics.CITIZEN_FIGURES.name, _PROGRESS)
        self.tables: Final = (self.citizens, self.figures, self.progress)
        self._sweep = self._sweep_before = Sweep()

    def restore(self) -> None:
        """Restart the daily sweep at the first row. Called after the rows were loaded."""
        self._sweep = self._sweep_before = Sweep()

    def begin(self) -> None:
        """Begin a step: save the state of the sweep for `undo`."""
        self._sweep_before = self._sweep

    def undo(self) -> None:
        """Restore the state of the sweep that `begin` saved. Does not restore rows."""
        self._sweep = self._sweep_before

    def fold(self, entries: Iterable[Entry], now: int) -> None:
        """Fold entries of `COUNTED_TYPES` into the rows of their citizens, then count each changed row once. Skip others."""
        since = citizen_figures.counted_from(self._day_of(now), self._terms)
        rows = self.citizens.rows
        changed: dict[bytes, Citizen] = {}
        for entry in entries:
            if entry.type not in COUNTED_TYPES:
                continue
            key = (entry.citizen or entry.contact).encode()
            before = changed.get(key) or rows.get(key) or Citizen(self._terms, since, bool(entry.citizen))
            after = citizens.add(before, entry, milliseconds(entry.happened_at))
            if after is not before:
                changed[key] = after
        changes = CitizenFigureChanges()
        for key, after in changed.items():
            self._put(key, rows.get(key), after, after.counted_from, changes)
        changes.apply(self._edit)

    def _put(
        self, key: bytes, before: Citizen | None, after: Citizen, since: int, changes: CitizenFigureChanges
    ) -> None:
        changes.add(before, after)
        after = recontact_rules.forget(after, since)
        if not recontact_rules.is_empty(after):
            self.citizens.put(key, after)
        elif before is not None:
            self.citizens.delete(key)

    def _edit(self, key: CitizenFigureKey) -> Figure:
        return self.figures.edit(key, partial(new_figure, CITIZENS))

    def tick(self, step: Step, known: TimelineLookup) -> None:
        """Write the progress and delete old figures, once a day and after a change of terms. Sweep some rows of the daily sweep.

        The sweep applies changed terms. It deletes erased contacts, contacts that no later figure needs, rows whose contacts
        were all reattributed or deleted, and overflowing rows of citizens who have no timeline entries any more.
        """
        today = self._day_of(step.now)
        terms = self._terms
        if self.progress.rows.get(PROGRESS_KEY) != (progress := Progress(today, terms.recontact_days, terms.zone)):
            self.progress.put(PROGRESS_KEY, progress)
            self._drop_old(today)
        if self._sweep.over_for != today:
            self._sweep_some(today, citizen_figures.counted_from(today, terms), known)

    def _sweep_some(self, today: int, since: int, known: TimelineLookup) -> None:
        rows, changes = self.citizens.rows, CitizenFigureChanges()
        if self._sweep.next == 0:
            self._sweep = Sweep(keys=[*rows], erased=frozenset(map(fingerprint, known.find_erased())))
        sweep = self._sweep
        end = sweep.next + SWEPT_PER_TICK
        keys = sweep.keys[sweep.next : end]
        found = [(key, row) for key in keys if (row := rows.get(key)) is not None]
        overflowing = {key.decode() for key, row in found if row.overflow_at is not None}
        unknown = overflowing.difference(known.find_owners(overflowing)) if overflowing else overflowing
        for key, row in found:
            if _is_withdrawn(row) or key.decode() in unknown:
                self.citizens.delete(key)
            else:
                self._sweep_row(key, row, today, since, changes)
        changes.apply(self._edit)
        self._sweep = sweep._replace(next=end) if end < len(sweep.keys) else Sweep(over_for=today)

    def _sweep_row(self, key: bytes, row: Citizen, today: int, since: int, changes: CitizenFigureChanges) -> None:
        left = recontact_rules.erase(row, self._sweep.erased)
        if left is not row:
            row, left = recontact_rules.close(row, today), recontact_rules.close(left, today)
        if left is not row or row.counted_from != since or row.terms != self._terms:
            after = copy(left)
            after.terms = self._terms
            self._put(key, row, after, max(since, row.counted_from), changes)

    def _drop_old(self, today: int) -> None:
        for key in [key for key in self.figures.rows if key.period != TOTAL_PERIOD]:
            if key.start < today - KEPT_DAYS[Period(key.period)]:
                self.figures.delete(key)


def _is_withdrawn(row: Citizen) -> bool:
    """Return whether all contacts were reattributed to other citizens, or the row has none; False for an overflowing row.

    The daily sweep deletes such a row, so that it does not name the citizen any more. Until then it absorbs late entries.
    """
    return row.overflow_at is None and all(known.withdrawn_at is not None for known in row.contacts)


def _load_figure(key: CitizenFigureKey, value: bytes) -> Figure:
    if key.period not in {*Period, TOTAL_PERIOD}:
        raise UnknownRowVersion(f"figures of period {key.period}, which this release does not have")
    return load_counts(value, CITIZENS, "figures of citizens")


_CITIZENS: Final[Codec[bytes, Citizen]] = Codec(
    bytes, bytes, citizens.encode, lambda _, value: citizens.decode(value), copy
)
_FIGURES: Final[Codec[CitizenFigureKey, Figure]] = Codec(
    citizen_figures.dump_key, citizen_figures.load_key, encode_figure, _load_figure, copy_figure
)
_PROGRESS: Final[Codec[bytes, Progress]] = Codec(
    bytes,
    lambda key: key if key == PROGRESS_KEY else None,
    citizen_figures.encode_progress,
    lambda _, value: citizen_figures.decode_progress(value),
    msgspec.structs.replace,
)
