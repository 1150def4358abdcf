"""Citizens' contacts into figures: recontact, channel hopping, avoidable contacts, first-contact resolution, distinct citizens.

Thin: what entries mean is in `streams.core.citizens`. It works on the entries of the timeline agent, in its steps: they come by
citizen, and a step of its own would cost a consumer, a producer and a process more.
"""

from collections.abc import Iterable, Iterator
from copy import copy
from functools import partial
from itertools import islice
from typing import Final

import msgspec

from models import topics
from streams.core import citizens
from streams.core.citizens import PROGRESS_KEY, RELEVANT, TOTAL, Changes, Citizen, Key, Period, Progress, Terms
from streams.core.figures import Figure, decode_figure, encode_figure, new_figure
from streams.core.layouts import CITIZENS
from streams.core.rows import milliseconds
from streams.core.timeline import Entry
from streams.engine.job import Codec, Step, Table

SWEPT_PER_TICK: Final = 2000
"""Rows looked at per tick once a day has begun: a million in eight minutes."""
KEPT_DAYS: Final = {Period.DAY: 92, Period.WEEK: 800, Period.FOUR_WEEKS: 800}
"""After so many days a row of figures of such a period is tombstoned; totals stay."""


class Citizens:
    """The citizens of one partition."""

    def __init__(self, terms: Terms) -> None:
        self._terms: Final = terms
        self._day_of: Final = citizens.day_of(terms.zone)
        self.citizens: Final = Table(topics.CITIZENS.name, _CITIZENS)
        self.figures: Final = Table(topics.CITIZEN_FIGURES.name, _FIGURES)
        self.progress: Final = Table(topics.CITIZEN_FIGURES.name, _PROGRESS)
        self.tables: Final = (self.citizens, self.figures, self.progress)
        self._sweep: Iterator[bytes] | None = None
        self._swept_for = 0
        """On which day all rows were looked at."""

    def restore(self) -> None:
        """Begin to look at all rows anew."""
        self._sweep, self._swept_for = None, 0

    def fold(self, entries: Iterable[Entry], now: int) -> None:
        """Fold entries into the rows of their citizens, and count each row that has changed, once."""
        since = citizens.counted_from(self._day_of(now), self._terms)
        rows = self.citizens.rows
        changed: dict[bytes, Citizen] = {}
        for entry in entries:
            if entry.type not in RELEVANT:
                continue
            key = (entry.citizen or entry.contact).encode()
            before = changed.get(key) or rows.get(key) or Citizen(self._terms, since, bool(entry.citizen))
            after = citizens.add(before, entry, milliseconds(entry.happened_at))
            if after is not before:
                changed[key] = after
        changes = Changes()
        for key, after in changed.items():
            self._put(key, rows.get(key), after, after.counted_from, changes)
        changes.apply(self._edit)

    def _put(self, key: bytes, before: Citizen | None, after: Citizen, since: int, changes: Changes) -> None:
        changes.note(before, after)
        after = citizens.forget(after, since)
        if not citizens.is_empty(after):
            self.citizens.put(key, after)
        elif before is not None:
            self.citizens.delete(key)

    def _edit(self, key: Key) -> Figure:
        return self.figures.edit(key, partial(new_figure, CITIZENS))

    def tick(self, step: Step) -> None:
        """Say which days are over, and forget some of what changes no figure any more."""
        today = self._day_of(step.now)
        terms = self._terms
        if self.progress.rows.get(PROGRESS_KEY) != (told := Progress(today, terms.recontact_days, terms.zone)):
            self.progress.put(PROGRESS_KEY, told)
            self._drop_old(today)
        if self._swept_for != today:
            self._forget_some(today, citizens.counted_from(today, terms))

    def _forget_some(self, today: int, since: int) -> None:
        rows, terms, changes = self.citizens.rows, self._terms, Changes()
        if self._sweep is None:
            self._sweep = iter(list(rows))
        looked_at = 0
        for key in islice(self._sweep, SWEPT_PER_TICK):
            looked_at += 1
            row = rows.get(key)
            if row is not None and _is_gone(row):
                self.citizens.delete(key)
            elif row is not None and (row.counted_from != since or row.terms != terms):
                after = copy(row)
                after.terms = terms
                self._put(key, row, after, max(since, row.counted_from), changes)
        changes.apply(self._edit)
        if looked_at < SWEPT_PER_TICK:
            self._sweep, self._swept_for = None, today

    def _drop_old(self, today: int) -> None:
        for key in [key for key in self.figures.rows if key.period != TOTAL]:
            if key.start < today - KEPT_DAYS[Period(key.period)]:
                self.figures.delete(key)


def _is_gone(row: Citizen) -> bool:
    """Return whether all contacts became others', or were erased: so nothing names the citizen after a day.

    Till then they are known as gone, whatever comes late.
    """
    return row.crowd_at is None and all(known.gone_at is not None for known in row.contacts)


def _copy_figure(row: Figure) -> Figure:
    return Figure([*row.counts], [*row.stocks], {**row.corrected})


_CITIZENS: Final[Codec[bytes, Citizen]] = Codec(
    bytes, bytes, citizens.encode, lambda _, value: citizens.decode(value), copy
)
_FIGURES: Final[Codec[Key, Figure]] = Codec(
    citizens.dump_key,
    citizens.load_key,
    encode_figure,
    lambda _, value: decode_figure(value, CITIZENS),
    _copy_figure,
)
_PROGRESS: Final[Codec[bytes, Progress]] = Codec(
    bytes,
    lambda key: key if key == PROGRESS_KEY else None,
    citizens.encode_progress,
    lambda _, value: citizens.decode_progress(value),
    msgspec.structs.replace,
)
