"""Figures of citizens: what rows contribute, added up by civil day, week and four weeks, and how these figures are written.

Days are ordinals of civil days.
"""

import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from streams.core.citizens.citizen import MAX_LATE_DAYS, Citizen, Fact, RecontactTerms, facts, has_same_facts
from streams.core.figures.figure import Figure
from streams.core.figures.figure_schemas import CITIZENS


class Period(StrEnum):
    """What figures are counted by; each lies wholly in the next one."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""
    FOUR_WEEKS = "four_weeks"


DAYS: Final = {Period.DAY: 1, Period.WEEK: 7, Period.FOUR_WEEKS: 28}
TOTAL_PERIOD: Final = "total"


class CitizenFigureKey(NamedTuple):
    """What a row of figures is about."""

    period: str
    """A `Period`, or `TOTAL`."""
    start: int
    """The first day of the period, 0 of a total."""
    service: str | None
    """None: all services together, where a citizen of several is one."""


def start_of(period: Period, day: int) -> int:
    """Return the first day of the period that `day` lies in: ordinal 1 was a Monday."""
    return day - (day - 1) % DAYS[period]


def counted_from(today: int, terms: RecontactTerms) -> int:
    """Return the first day of what may still change: whole periods, of which the last was not long ago."""
    return start_of(Period.FOUR_WEEKS, today - terms.recontact_days - MAX_LATE_DAYS)


_LENGTHS: Final = tuple(DAYS.items())
_CITIZENS: Final = tuple(CITIZENS.index.get(f"{name}_citizens", 0) for name in CITIZENS.facts)
"""Index of a fact → index of the number of citizens behind it."""


class CitizenFigureChanges:
    """What the rows that changed in a step change in the figures: of all citizens together, since they share the rows."""

    def __init__(self) -> None:
        self._numbers: Final[defaultdict[Fact, int]] = defaultdict(int)
        self._citizens: Final[defaultdict[tuple[Period, int, str | None, int], int]] = defaultdict(int)

    def note(self, before: Citizen | None, after: Citizen) -> None:
        """Add the difference between what `before` contributes and what `after` does."""
        if before is not None and has_same_facts(before, after):
            return
        was, now = facts(before) if before is not None else [], facts(after)
        if was == now:
            return
        numbers, had, has = self._numbers, set(was), set(now)
        for fact in now:
            numbers[fact] += 1
        for fact in was:
            numbers[fact] -= 1
        days: dict[tuple[str | None, int], tuple[set[int], set[int]]] = {fact[1:]: (set(), set()) for fact in had ^ has}
        for index, told in enumerate((had, has)):
            for fact in told:
                if of_fact := days.get(fact[1:]):
                    of_fact[index].add(fact[0])
        for (service, what), (before_on, after_on) in days.items():
            self._note_citizen(service, what, before_on, after_on)

    def _note_citizen(self, service: str | None, index: int, had: set[int], has: set[int]) -> None:
        """Note in which periods one more or less citizen stands behind a number."""
        citizens = self._citizens
        for period, length in _LENGTHS:
            former = {day - (day - 1) % length for day in had} if had else had
            for start in {day - (day - 1) % length for day in has} if has else has:
                if start not in former:
                    citizens[period, start, service, index] += 1
                else:
                    former.remove(start)
            for start in former:
                citizens[period, start, service, index] -= 1

    def apply(self, edit: Callable[[CitizenFigureKey], Figure]) -> None:
        """Make the changes in the figures; `edit` hands out the row to change."""
        for (day, service, index), by in self._numbers.items():
            if by:
                for period in Period:
                    _change(edit(CitizenFigureKey(period, start_of(period, day), service)), index, by)
                _change(edit(CitizenFigureKey(TOTAL_PERIOD, 0, service)), index, by)
        for (period, start, service, index), by in self._citizens.items():
            if by:
                _change(edit(CitizenFigureKey(period, start, service)), _CITIZENS[index], by)


def _change(figure: Figure, index: int, by: int) -> None:
    figure.counts[index] += by
    if by < 0:
        figure.corrected[index] = figure.corrected.get(index, 0) - by


# ------------------------------------------------------------------------------- keys of accueil.citizen-figures.v1
# A key is a JSON array: ["day", "2026-11-26", service], ["week", Monday, service], ["four_weeks", Monday, service], each without
# the service for all of them together; ["total", "", service]; or ["progress"]. The value is the JSON of a `Figure`, or of a
# `Progress`. Rows of all partitions with the same key add up, since all of a citizen is in one partition.
class Progress(msgspec.Struct):
    """How far a partition is: a row that is written once a day."""

    day: int
    """All days before this one are over, and what was told of them is counted."""
    recontact_days: int
    zone: str


PROGRESS_KEY: Final = b'["progress"]'
encode_progress: Final = msgspec.json.Encoder().encode
decode_progress: Final = msgspec.json.Decoder(Progress).decode
_encode_key: Final = msgspec.json.Encoder().encode
_decode_key: Final = msgspec.json.Decoder(list[str]).decode


def dump_key(key: CitizenFigureKey) -> bytes:
    """Return the bytes of a key."""
    start = date.fromordinal(key.start).isoformat() if key.start else ""
    return _encode_key([key.period, start, *([] if key.service is None else [key.service])])


def load_key(key: bytes) -> CitizenFigureKey | None:
    """Return the key of `dump_key`; None for that of `Progress`. Raises `ValueError` or `msgspec.DecodeError` for another."""
    if key == PROGRESS_KEY:
        return None
    period, start, *service = _decode_key(key)
    return CitizenFigureKey(
        sys.intern(period), date.fromisoformat(start).toordinal() if start else 0, service[0] if service else None
    )
