"""What is known and what was counted again, side by side: figures by place, in total and for each civil day.

Only `counts` and `stocks` are compared. What was `corrected` depends on how many events were counted at a time (`counting`).
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
"""Day, None for the total, and place → figure."""


class FigureDifference(NamedTuple):
    """One number that is not the same."""

    day: date | None
    dimensions: Dimensions
    name: str
    """As the place's layout has it."""
    known: int
    again: int

    @property
    def is_of_sla(self) -> bool:
        """Whether the number depends on what was promised."""
        return self.dimensions.channel == SLA or self.name in _VERDICTS


_VERDICTS: Final = {
    csat_count_name(which, is_satisfied=satisfied) for which in SLA_RESULTS for satisfied in (True, False)
}
_VERDICT_INDEXES: Final = {FEEDBACK.index[name] for name in _VERDICTS}


class ChangedVerdicts(NamedTuple):
    """What a contact whose promises were judged otherwise contributes to figures."""

    days: frozenset[date]
    """On which something of that is counted."""
    last_at: int
    """When the last of its clocks stopped, or, of one that runs, began; milliseconds since 1970."""


def sum_by_day(
    rows: Iterable[tuple[tuple[int, Dimensions], Figure]],
    days: Iterable[tuple[tuple[date, Dimensions], Figure]],
    zone: ZoneInfo,
    into: Sums,
) -> None:
    """Add rows of totals and buckets, and rows of days, to the sums in `into`."""
    for (start, dimensions), figure in rows:
        _add(into, local_time(start, zone).date() if start else None, dimensions, figure)
    for (day, dimensions), figure in days:
        _add(into, day, dimensions, figure)


def add_sums(sums: Sums, into: Sums) -> None:
    """Add sums to others."""
    for (day, dimensions), figure in sums.items():
        _add(into, day, dimensions, figure)


def _add(into: Sums, day: date | None, dimensions: Dimensions, figure: Figure) -> None:
    merge(into.setdefault((day, dimensions), new_figure(FIGURE_SCHEMAS[dimensions.channel])), figure)


def compare(known: Sums, again: Sums, *earlier: Sums) -> list[FigureDifference]:
    """Return all numbers that differ, by day and place; what is missing is 0.

    `earlier` is what was counted again, but as of a little before: time alone changes figures, as when a deadline passes, and a
    worker says so a moment later. So what lies between them is right.
    """
    found = []
    for day, dimensions in sorted(known.keys() | again.keys(), key=lambda key: (key[0] or date.min, key[1])):
        figure_schema = FIGURE_SCHEMAS[dimensions.channel]
        rows = (sums.get((day, dimensions)) or new_figure(figure_schema) for sums in (known, again, *earlier))
        numbers = zip(*((*row.counts, *row.stocks) for row in rows), strict=True)
        for name, (one, *others) in zip((*figure_schema.counts, *figure_schema.stocks), numbers, strict=True):
            if not min(others) <= one <= max(others):
                found.append(FigureDifference(day, dimensions, name, one, others[0]))
    return found


def find_changed_verdicts(known: Contact, again: Contact, zone: ZoneInfo) -> ChangedVerdicts | None:
    """Return what a contact contributes of whose promises `known` says otherwise than `again`, though the same happened to it.

    Then they were judged by other policies or calendars, or before there were any. None if there is nothing of the kind.
    """
    happened = {(one.kind, one.number): (one.started_at, one.end, one.ended_at) for one in clock_intervals(known)}
    before, now = ({(clock.kind, clock.number): clock for clock in row.clocks} for row in (known, again))
    differing = [
        clock
        for name in before.keys() | now.keys()
        if _is_judged_otherwise(before.get(name), now.get(name), happened.get(name))
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


def _is_judged_otherwise(known: SlaClock | None, again: SlaClock | None, happened: tuple[object, ...] | None) -> bool:
    if any(clock and (clock.started_at, clock.end, clock.ended_at) != happened for clock in (known, again)):
        return False  # something else happened
    if known is None or again is None:
        return True
    if known.terms == again.terms and known.pauses != again.pauses:
        return False
    terms, others = ((one.terms, one.deadline_at, one.worked_ms) for one in (known, again))
    told, recounted = ((clock_dimensions(one), clock_facts(one)) for one in (known, again))
    return terms != others and told != recounted


def _starts_of_verdicts(row: Contact) -> Iterator[int | None]:
    for dimensions, facts in case_facts(row).items():
        if FIGURE_SCHEMAS[dimensions.channel] is FEEDBACK:
            yield from (start for start, index, _ in facts if index in _VERDICT_INDEXES)
