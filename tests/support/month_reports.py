"""Comparison of the reports of a simulated month with its actions."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import isclose
from typing import Any, Final

from streams.report.history import History, HistoryView
from streams.report.period import Period, PeriodKind, period_of
from streams.report.rows import OTHERS, Table
from streams.report.tables import make_report
from tests.support.expected_history import HistoryFact
from tests.support.expected_metrics import PARIS, WRITTEN_CHANNELS, day_of
from tests.support.expected_reports import COLUMNS
from tests.support.month import FIRST, LAST, OPTIONS, Month
from tests.support.month_sla_reports import SLA_TABLES, compare_sla_tables


def read_history(month: Month) -> History:
    view = HistoryView(PARIS, FIRST - timedelta(days=400), LAST)
    rows = month.workers.rows_of_figures()
    view.begin(range(len(rows)))
    for partition, partition_rows in enumerate(rows):
        view.apply_all(partition, partition_rows)
    return view.history()


def periods_of(month: Month) -> list[Period]:
    """Return all days, weeks, months and years that contain simulated days."""
    first, last = day_of(month.since), day_of(month.until)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    kinds = (PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.YEAR)
    return [*dict.fromkeys(period_of(kind, day) for kind in kinds for day in days)]


KEY_DIMENSIONS: Final[Mapping[str, tuple[int, ...]]] = {
    "call": (1, 2, 3),
    "visit": (1, 2, 3),
    **dict.fromkeys(("mail", "email", "form"), (2, 3)),
    "sent": (2,),
    "appointment": (2,),
    **dict.fromkeys(("lines", "menu", "callbacks"), (1, 2, 3)),
    **dict.fromkeys(("post_incoming", "post_outgoing"), (2, 3)),
    "reasons": (3,),
    "reasons_by_service": (2, 3),
}
"""Table of a report → indexes of the dimensions that identify its rows, besides the channel; (2, 3) for opinions."""


CHANNELS: Final = {
    "sent": "mail",
    "lines": "line",
    "menu": "menu",
    "callbacks": "callback",
    **dict.fromkeys(("post_incoming", "post_outgoing"), "post"),
    **dict.fromkeys(("reasons", "reasons_by_service"), "reason"),
}
"""Table of a report → name in place of the channel of its facts, where they differ."""


def compare_report(month: Month, history: History, period: Period) -> tuple[int, list[tuple[Any, ...]]]:
    """Return the number of compared cells, and the differences: table, row, column, actual, expected."""
    report = make_report(history, period, OPTIONS)
    facts = [fact for fact in month.history.facts if period.first <= day_of(fact.at) <= period.last]
    found: list[tuple[Any, ...]] = []
    cells, wrong = compare_sla_tables(month.expected_sla, report.tables, period.first, period.last)
    found += wrong
    for table in report.tables:
        if table.name in SLA_TABLES:
            continue
        channel = CHANNELS.get(table.name, table.name if table.name in KEY_DIMENSIONS else "feedback")
        key_dimensions = KEY_DIMENSIONS.get(table.name, (2, 3))
        of_table = [_of_contact_channel(fact) for fact in facts if fact.place[0] == channel]
        for row in table.rows:
            if row.dimensions == OTHERS:
                continue
            place = row.dimensions
            of_row = [
                fact
                for fact in of_table
                if not place or all(fact.place[part] == place[part] for part in key_dimensions)
            ]
            for column, value in zip(table.columns, row.values, strict=True):
                expected = COLUMNS[column](of_row, table.name)
                cells += 1
                if value.value != expected and not (
                    value.value is not None and expected is not None and isclose(value.value, expected, rel_tol=1e-9)
                ):
                    found.append((period.name, table.name, place, column, value.value, expected))
    found += _compare_arrival_profiles(report, facts, period)
    return cells, found + _compare_tables(report.tables, facts)


def _of_contact_channel(fact: HistoryFact) -> HistoryFact:
    """Return a fact about a reason with the channel of its contact; other facts unchanged."""
    if fact.place[0] != "reason":
        return fact
    channel, reason = fact.place[3].split(":")
    return fact._replace(place=(channel, fact.place[1], fact.place[2], reason))


def _compare_arrival_profiles(report: Any, facts: Sequence[HistoryFact], period: Period) -> list[tuple[Any, ...]]:
    found = []
    arrival_profiles = {arrival_profile.channel: arrival_profile for arrival_profile in report.arrival_profiles}
    for channel, arrival in (
        ("call", "offered"),
        ("visit", "offered"),
        ("appointment", "booked"),
        *((channel, "received") for channel in WRITTEN_CHANNELS),
    ):
        times = [fact.at.astimezone(PARIS) for fact in facts if fact.place[0] == channel and fact.name == arrival]
        arrival_profile = arrival_profiles.get(channel)
        by_day = {day.day: day.number for day in arrival_profile.by_day if day.number} if arrival_profile else {}
        by_hour = list(arrival_profile.by_hour) if arrival_profile else [0] * 24
        wanted_days = {day: sum(at.date() == day for at in times) for day in {at.date() for at in times}}
        wanted_hours = [sum(at.hour == hour for at in times) for hour in range(24)]
        if (by_day, by_hour) != (wanted_days, wanted_hours):
            found.append((period.name, channel, "course", by_day, wanted_days, by_hour, wanted_hours))
    return found


def _compare_tables(tables: Sequence[Table], facts: Sequence[HistoryFact]) -> list[tuple[Any, ...]]:
    """Return the channels with a table but without facts, or with facts but without a table."""
    names = {table.name for table in tables}
    return [
        (channel, "has a table", channel in names)
        for channel in ("call", "visit", "mail", "email", "form", "appointment")
        if (channel in names) != bool([fact for fact in facts if fact.place[0] == channel])
    ]
