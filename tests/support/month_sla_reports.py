"""Expected SLA tables of the reports of a simulated month."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from connectors.simulator.case_tallies import DimensionKey
from tests.support.month_sla import ExpectedSla, day_at, group_by
from tests.support.plain_sla import PlainSlaTarget

SLA_TABLES: Final = ("sla", "sla_by_service")
FEWEST: Final = 5
"""Minimum number of contacts of a named line in a report."""


def compare_sla_tables(
    sla: ExpectedSla, tables: Iterable[Any], first: Any, last: Any
) -> tuple[int, list[tuple[Any, ...]]]:
    """Return the number of compared cells of a report's SLA tables, and the differences."""
    actual = {table.name: table for table in tables if table.name in SLA_TABLES}
    facts: list[tuple[PlainSlaTarget, str]] = []
    for target in sla.sla_targets:
        ended = {"met": "met", "late": "met_late"}.get(target.state)
        dated = (("started", target.started_at), (ended, target.ended_at), ("breached", target.deadline_at))
        facts += [
            (target, name)
            for name, at in dated
            if name and at is not None and (name != "breached" or target.is_breached) and first <= day_at(at) <= last
        ]
    cells, found = 0, []
    for name, key in zip(SLA_TABLES, (_by_target, _by_place), strict=True):
        expected = _rows_of_report(
            {place: Counter(what for _, what in own_targets) for place, own_targets in group_by(facts, key).items()}
        )
        rows = (
            {row.dimensions: [value.value for value in row.values] for row in actual[name].rows}
            if name in actual
            else {}
        )
        for place in expected.keys() | rows.keys():
            cells += len(rows.get(place, ()))
            if rows.get(place) != expected.get(place):
                found.append((name, place, rows.get(place), expected.get(place)))
    return cells, found


def _rows_of_report(counted: dict[DimensionKey, Counter[str]]) -> dict[DimensionKey, list[float | None]]:
    """Return the rows of a report.

    Small rows are merged into one, until it and each of the others reach `FEWEST`.
    """
    named = {place: number for place, number in counted.items() if number}
    others: Counter[str] = Counter()
    for place, number in sorted(counted.items(), key=lambda target: (max(target[1].values()), target[0])):
        if max(number.values()) < FEWEST or 0 < max(others.values(), default=0) < FEWEST:
            others += named.pop(place)
    columns = ("started", "met", "met_late", "breached")
    rows = {**named, **({("", "", "", ""): others} if others else {})}
    return {
        place: [
            *(number[column] for column in columns),
            number["met"] / known if (known := number["met"] + number["breached"]) else None,
        ]
        for place, number in rows.items()
    }


def _by_place(fact: tuple[PlainSlaTarget, str]) -> DimensionKey:
    target, _ = fact
    channel, site, service, _ = target.place
    return "sla", site, service, f"{target.policy}:{target.kind}:{channel}"


def _by_target(fact: tuple[PlainSlaTarget, str]) -> DimensionKey:
    return "sla", "", "", _by_place(fact)[3]
