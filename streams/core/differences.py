"""What is known and what was counted again, side by side: figures by place, in total and for each civil day.

Only `counts` and `stocks` are compared. What was `corrected` depends on how many events were counted at a time (`counting`).
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.core.figures import Dimensions, Figure, civil_time, merge, new_figure
from streams.core.layouts import LAYOUTS

Sums = dict[tuple[date | None, Dimensions], Figure]
"""Day, None for the total, and place → figure."""


class Difference(NamedTuple):
    """One number that is not the same."""

    day: date | None
    place: Dimensions
    name: str
    """As the place's layout has it."""
    known: int
    again: int


def sum_up(
    rows: Iterable[tuple[tuple[int, Dimensions], Figure]],
    days: Iterable[tuple[tuple[date, Dimensions], Figure]],
    zone: ZoneInfo,
    into: Sums,
) -> None:
    """Add rows of totals and buckets, and rows of days, to the sums in `into`."""
    for (start, place), figure in rows:
        _add(into, civil_time(start, zone).date() if start else None, place, figure)
    for (day, place), figure in days:
        _add(into, day, place, figure)


def _add(into: Sums, day: date | None, place: Dimensions, figure: Figure) -> None:
    merge(into.setdefault((day, place), new_figure(LAYOUTS[place.channel])), figure)


def compare(known: Sums, again: Sums, earlier: Sums) -> list[Difference]:
    """Return all numbers that differ, by day and place; what is missing is 0.

    `earlier` is what was counted again, but as of a little before: time alone changes figures, as when a deadline passes, and a
    worker says so a moment later. So what lies between the two is right.
    """
    found = []
    for day, place in sorted(known.keys() | again.keys(), key=lambda key: (key[0] or date.min, key[1])):
        layout = LAYOUTS[place.channel]
        rows = (sums.get((day, place)) or new_figure(layout) for sums in (known, again, earlier))
        numbers = zip(*((*row.counts, *row.stocks) for row in rows), strict=True)
        for name, (one, other, before) in zip((*layout.counts, *layout.stocks), numbers, strict=True):
            if not min(other, before) <= one <= max(other, before):
                found.append(Difference(day, place, name, one, other))
    return found
