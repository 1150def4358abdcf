"""Comparison of known and recomputed figures by dimensions, in total and per civil day.

Only `counts` and `stocks` are compared. `corrected` depends on the number of events per step (`figure_counts`).
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from streams.core.contacts.contact import Contact
from streams.core.figures.facts import case_facts, clock_dimensions, clock_facts
from streams.core.figures.figure import Dimensions, Figure, local_time, merge, new_figure
from streams.core.figures.figure_schemas import FEEDBACK, FIGURE_SCHEMAS, SLA, SLA_RESULTS, csat_count_name
from streams.core.sla.clock import SlaClock
from streams.core.sla.clock_intervals import clock_intervals

Sums = dict[tuple[date | None, Dimensions], Figure]
"""Day (None for the total) and dimensions → figure."""


class FigureDifference(NamedTuple):
    """One number of the figures that differs: `known` by the workers, `again` recomputed."""

    day: date | None
    """None for the total."""
    dimensions: Dimensions
    name: str
    """Name in the figure schema."""
    known: int
    again: int

    @property
    def is_of_sla(self) -> bool:
        """Return whether the number depends on SLA targets: an SLA figure, or satisfaction by SLA result."""
        return self.dimensions.channel == SLA or self.name in _VERDICTS


_VERDICTS: Final = {
    csat_count_name(which, is_satisfied=satisfied) for which in SLA_RESULTS for satisfied in (True, False)
}
_VERDICT_INDEXES: Final = {FEEDBACK.index[name] for name in _VERDICTS}


class ChangedVerdicts(NamedTuple):
    """Days of a contact whose recomputed SLA results differ from the known ones."""

    days: frozenset[date]
    """Local days with facts of these results, known or recomputed."""
    last_at: int
    """Latest end of the contact's differing clocks, or start of an open one, in milliseconds since 1970."""


def sum_by_day(
    rows: Iterable[tuple[tuple[int, Dimensions], Figure]],
    days: Iterable[tuple[tuple[date, Dimensions], Figure]],
    zone: ZoneInfo,
    into: Sums,
) -> None:
    """Add `rows` of totals (start 0) and buckets, and rows of `days`, to the sums in `into`. A bucket counts in its local day."""
    for (start, dimensions), figure in rows:
        _add(into, local_time(start, zone).date() if start else None, dimensions, figure)
    for (day, dimensions), figure in days:
        _add(into, day, dimensions, figure)


def add_sums(sums: Sums, into: Sums) -> None:
    """Add `sums` to the sums in `into`."""
    for (day, dimensions), figure in sums.items():
        _add(into, day, dimensions, figure)


def _add(into: Sums, day: date | None, dimensions: Dimensions, figure: Figure) -> None:
    merge(into.setdefault((day, dimensions), new_figure(FIGURE_SCHEMAS[dimensions.channel])), figure)


def compare(known: Sums, again: Sums, *earlier: Sums) -> list[FigureDifference]:
    """Return all numbers that differ, sorted by day (totals first) and dimensions. Missing rows count as 0.

    `earlier` are recomputed figures as of slightly earlier times. Figures also change with time, for example when a deadline
    passes, and a worker counts this a moment later. Numbers between the recomputed ones are therefore correct.
    """
    found = []
    for day, dimensions in sorted(known.keys() | again.keys(), key=lambda key: (key[0] or date.min, key[1])):
        figure_schema = FIGURE_SCHEMAS[dimensions.channel]
        rows = (sums.get((day, dimensions)) or new_figure(figure_schema) for sums in (known, again, *earlier))
        numbers = zip(*((*row.counts, *row.stocks) for row in rows), strict=True)
        for name, (number, *others) in zip((*figure_schema.counts, *figure_schema.stocks), numbers, strict=True):
            if not min(others) <= number <= max(others):
                found.append(FigureDifference(day, dimensions, name, number, others[0]))
    return found


def find_changed_verdicts(known: Contact, again: Contact, zone: ZoneInfo) -> ChangedVerdicts | None:
    """Return the days of a contact whose SLA results differ between `known` and `again`, although its events are the same.

    The known results then come from other policies or calendars, or from a time without policies. Returns None if no result
    differs.
    """
    expected = {
        (interval.kind, interval.number): (interval.started_at, interval.end, interval.ended_at)
        for interval in clock_intervals(known)
    }
    before, now = ({(clock.kind, clock.number): clock for clock in row.clocks} for row in (known, again))
    differing = [
        clock
        for name in before.keys() | now.keys()
        if _has_other_result(before.get(name), now.get(name), expected.get(name))
        for clock in (before.get(name), now.get(name))
        if clock is not None
    ]
    if not differing:
        return None
    starts = [start for clock in differing for start, *_ in clock_facts(clock)]
    starts += (start for row in (known, again) for start in _starts_of_verdicts(row))
    days = frozenset(local_time(start, zone).date() for start in starts if start is not None)
    return ChangedVerdicts(
        days, max(clock.started_at if clock.ended_at is None else clock.ended_at for clock in differing)
    )


def _has_other_result(known: SlaClock | None, again: SlaClock | None, expected: tuple[object, ...] | None) -> bool:
    if any(clock and (clock.started_at, clock.end, clock.ended_at) != expected for clock in (known, again)):
        return False  # the events differ
    if known is None or again is None:
        return True
    if known.terms == again.terms and known.pauses != again.pauses:
        return False
    terms, others = ((clock.terms, clock.deadline_at, clock.worked_ms) for clock in (known, again))
    counted, recounted = ((clock_dimensions(clock), clock_facts(clock)) for clock in (known, again))
    return terms != others and counted != recounted


def _starts_of_verdicts(row: Contact) -> Iterator[int | None]:
    for dimensions, facts in case_facts(row).items():
        if FIGURE_SCHEMAS[dimensions.channel] is FEEDBACK:
            yield from (start for start, index, _ in facts if index in _VERDICT_INDEXES)
