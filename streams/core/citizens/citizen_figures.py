"""Figures of citizens by civil day, week and four weeks, and the keys and values of their topic.

Days are ordinals of civil days.
"""

import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from streams.core.citizens.citizen import Citizen, RecontactTerms
from streams.core.citizens.recontact_rules import MAX_LATE_DAYS, Fact, facts, has_same_facts
from streams.core.figures.figure import Figure
from streams.core.figures.figure_schemas import CITIZENS


class Period(StrEnum):
    """Period of figures. A day lies within one week, and a week within one period of four weeks."""

    DAY = "day"
    WEEK = "week"
    """Begins on Monday."""
    FOUR_WEEKS = "four_weeks"
    """Begins on every fourth Monday, counted from ordinal 1."""


DAYS: Final = {Period.DAY: 1, Period.WEEK: 7, Period.FOUR_WEEKS: 28}
TOTAL_PERIOD: Final = "total"


class CitizenFigureKey(NamedTuple):
    """Key of one row of figures."""

    period: str
    """A `Period`, or `TOTAL_PERIOD`."""
    start: int
    """Ordinal of the first day of the period; 0 for the total."""
    service: str | None
    """None for all services, where a citizen of several services counts once."""


def start_of(period: Period, day: int) -> int:
    """Return the ordinal of the first day of the period that contains `day`. Ordinal 1 is a Monday."""
    return day - (day - 1) % DAYS[period]


def counted_from(today: int, terms: RecontactTerms) -> int:
    """Return the first day whose figures may still change `today`: the start of the four weeks that late events can affect."""
    return start_of(Period.FOUR_WEEKS, today - terms.recontact_days - MAX_LATE_DAYS)


_LENGTHS: Final = tuple(DAYS.items())
_CITIZENS: Final = tuple(CITIZENS.index.get(f"{name}_citizens", 0) for name in CITIZENS.facts)
"""Index of a count → index of the number of citizens behind it."""


class CitizenFigureChanges:
    """Changes of the figures in one step, accumulated over all changed rows of citizens."""

    def __init__(self) -> None:
        self._numbers: Final[defaultdict[Fact, int]] = defaultdict(int)
        self._citizens: Final[defaultdict[tuple[Period, int, str | None, int], int]] = defaultdict(int)

    def add(self, before: Citizen | None, after: Citizen) -> None:
        """Add the difference between the contributions of one citizen's rows `before` (None for a new row) and `after`.

        Both rows must have the same `counted_from`.
        """
        if before is not None and has_same_facts(before, after):
            return
        old_facts, new_facts = facts(before) if before is not None else [], facts(after)
        if old_facts == new_facts:
            return
        numbers, old, new = self._numbers, set(old_facts), set(new_facts)
        for fact in new_facts:
            numbers[fact] += 1
        for fact in old_facts:
            numbers[fact] -= 1
        days: dict[tuple[str | None, int], tuple[set[int], set[int]]] = {fact[1:]: (set(), set()) for fact in old ^ new}
        for side, found in enumerate((old, new)):
            for fact in found:
                if of_fact := days.get(fact[1:]):
                    of_fact[side].add(fact[0])
        for (service, index), (old_days, new_days) in days.items():
            self._add_citizen(service, index, old_days, new_days)

    def _add_citizen(self, service: str | None, index: int, old_days: set[int], new_days: set[int]) -> None:
        """Add one citizen to, or remove one from, the periods whose count gained or lost the citizen."""
        citizens = self._citizens
        for period, length in _LENGTHS:
            former = {day - (day - 1) % length for day in old_days} if old_days else old_days
            for start in {day - (day - 1) % length for day in new_days} if new_days else new_days:
                if start not in former:
                    citizens[period, start, service, index] += 1
                else:
                    former.remove(start)
            for start in former:
                citizens[period, start, service, index] -= 1

    def apply(self, edit: Callable[[CitizenFigureKey], Figure]) -> None:
        """Add the accumulated changes to the figures of all periods and of the total. Call it once.

        `edit` returns the mutable row of a key. A decrease is also recorded in the row's `corrected`. Numbers of citizens
        (`*_citizens`) are counted per period only, not in the total.
        """
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
# A key is a JSON array: ["day", "2026-11-26", service], ["week", Monday, service], ["four_weeks", Monday, service] or
# ["total", "", service], without the service for all services; or ["progress"]. The value is the JSON of a `Figure`, or of a
# `Progress`. A citizen is in one partition, so figures with the same key of all partitions add up.
class Progress(msgspec.Struct):
    """Progress of a partition and parameters of its figures, written once a day and after a change of the parameters."""

    day: int
    """All days before this one have ended, and their events are counted."""
    recontact_days: int
    zone: str


PROGRESS_KEY: Final = b'["progress"]'
encode_progress: Final = msgspec.json.Encoder().encode
decode_progress: Final = msgspec.json.Decoder(Progress).decode
_encode_key: Final = msgspec.json.Encoder().encode
_decode_key: Final = msgspec.json.Decoder(list[str]).decode


def dump_key(key: CitizenFigureKey) -> bytes:
    """Return the Kafka key of a row of figures."""
    start = date.fromordinal(key.start).isoformat() if key.start else ""
    return _encode_key([key.period, start, *([] if key.service is None else [key.service])])


def load_key(key: bytes) -> CitizenFigureKey | None:
    """Return the key that `dump_key` encoded; None for the key of `Progress`.

    Raises `ValueError` or `msgspec.DecodeError` for an invalid key.
    """
    if key == PROGRESS_KEY:
        return None
    period, start, *service = _decode_key(key)
    return CitizenFigureKey(
        sys.intern(period), date.fromisoformat(start).toordinal() if start else 0, service[0] if service else None
    )
