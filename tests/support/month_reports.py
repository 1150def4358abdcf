"""Comparison of reports with the expected history of a simulated month."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import isclose
from typing import Any, Final

from streams.report.history import History, HistoryView
from streams.report.period import Period, PeriodKind, period_of
from streams.report.tables import OTHERS, Table, make_report
from tests.support.expected_history import HistoryFact
from tests.support.expected_metrics import COLUMNS, PARIS, WRITTEN_CHANNELS, day_of
from tests.support.month import FIRST, LAST, OPTIONS, Month
from tests.support.month_sla import SLA_TABLES


def read_history(month: Month) -> History:
    """Return the figures that reports read from the topic."""
    view = HistoryView(PARIS, FIRST - timedelta(days=400), LAST)
    rows = month.workers.rows_of_figures()
    view.begin(range(len(rows)))
    for partition, several in enumerate(rows):
        view.apply_all(partition, several)
    return view.history()


def periods_of(month: Month) -> list[Period]:
    """Return all days, weeks and months that contain the simulated days."""
    first, last = day_of(month.since), day_of(month.until)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    kinds = (PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.YEAR)
    return [*dict.fromkeys(period_of(kind, day) for kind in kinds for day in days)]


KEPT_BY: Final[Mapping[str, tuple[int, ...]]] = {
    "call": (1, 2, 3),
    "visit": (1, 2, 3),
    **dict.fromkeys(("mail", "email", "form"), (2, 3)),
    "sent": (2,),
    "appointment": (2,),
}
"""Parts of a place that identify the rows of a report table, besides the channel; for opinions, service and channel."""


def compare_report(month: Month, history: History, period: Period) -> tuple[int, list[tuple[Any, ...]]]:
    """Return the number of compared cells and the differences: table, row, column, reported value, expected value."""
    report = make_report(history, period, OPTIONS)
    facts = [fact for fact in month.story.facts if period.first <= day_of(fact.at) <= period.last]
    found: list[tuple[Any, ...]] = []
    cells, wrong = month.promised.compare_tables(report.tables, period.first, period.last)
    found += wrong
    for table in report.tables:
        if table.name in SLA_TABLES:
            continue
        channel = {"sent": "mail"}.get(table.name, table.name if table.name in KEPT_BY else "feedback")
        kept = KEPT_BY.get(table.name, (2, 3))
        of_table = [fact for fact in facts if fact.place[0] == channel]
        for row in table.rows:
            if row.place == OTHERS:
                continue
            place = row.place
            of_row = [fact for fact in of_table if not place or all(fact.place[part] == place[part] for part in kept)]
            for column, value in zip(table.columns, row.values, strict=True):
                wanted = COLUMNS[column](of_row, table.name)
                cells += 1
                if value.value != wanted and not (
                    value.value is not None and wanted is not None and isclose(value.value, wanted, rel_tol=1e-9)
                ):
                    found.append((period.name, table.name, place, column, value.value, wanted))
    found += _compare_courses(report, facts, period)
    return cells, found + _compare_tables(report.tables, facts)


def _compare_courses(report: Any, facts: Sequence[HistoryFact], period: Period) -> list[tuple[Any, ...]]:
    found = []
    arrival_profiles = {arrival_profile.channel: arrival_profile for arrival_profile in report.arrival_profiles}
    for channel, came in (
        ("call", "offered"),
        ("visit", "offered"),
        ("appointment", "booked"),
        *((one, "received") for one in WRITTEN_CHANNELS),
    ):
        times = [fact.at.astimezone(PARIS) for fact in facts if fact.place[0] == channel and fact.name == came]
        arrival_profile = arrival_profiles.get(channel)
        by_day = {day.day: day.number for day in arrival_profile.by_day if day.number} if arrival_profile else {}
        by_hour = list(arrival_profile.by_hour) if arrival_profile else [0] * 24
        wanted_days = {day: sum(at.date() == day for at in times) for day in {at.date() for at in times}}
        wanted_hours = [sum(at.hour == hour for at in times) for hour in range(24)]
        if (by_day, by_hour) != (wanted_days, wanted_hours):
            found.append((period.name, channel, "course", by_day, wanted_days, by_hour, wanted_hours))
    return found


def _compare_tables(tables: Sequence[Table], facts: Sequence[HistoryFact]) -> list[tuple[Any, ...]]:
    """Return the channels that have a table without facts, or facts without a table."""
    told = {table.name for table in tables}
    return [
        (channel, "has a table", channel in told)
        for channel in ("call", "visit", "mail", "email", "form", "appointment")
        if (channel in told) != bool([fact for fact in facts if fact.place[0] == channel])
    ]
