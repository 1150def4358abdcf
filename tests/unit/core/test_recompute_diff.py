"""Comparison of known and recomputed figures."""

from datetime import date
from zoneinfo import ZoneInfo

from streams.core.figures.figure import Dimensions, Figure, new_day, new_figure
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.core.figures.recompute_diff import FigureDifference, Sums, compare, sum_by_day

PLACE = Dimensions("call", "siege", "accueil", "general")
PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 3, 29)  # a day of 23 hours
BEFORE_MIDNIGHT = 1774821300  # 2026-03-29 23:55 in Paris


def figure(offered: int, waiting: int = 0) -> Figure:
    row = new_figure()
    row.counts[QUEUE_SCHEMA.index["offered"]] = offered
    row.stocks[QUEUE_SCHEMA.stock_index["waiting"]] = waiting
    return row


def sums(*rows: tuple[int, Figure], day: int = 0) -> Sums:
    found: Sums = {}
    of_day = new_day()
    of_day.counts[QUEUE_SCHEMA.index["offered"]] = day
    sum_by_day([((start, PLACE), row) for start, row in rows], [((DAY, PLACE), of_day)] if day else [], PARIS, found)
    return found


def test_day_is_the_sum_of_its_row_and_its_buckets() -> None:
    apart = sums((0, figure(5)), (BEFORE_MIDNIGHT, figure(2)), (BEFORE_MIDNIGHT + 300, figure(1)), day=2)
    together = sums((0, figure(5)), (BEFORE_MIDNIGHT - 300, figure(4)), (BEFORE_MIDNIGHT + 300, figure(1)))
    assert apart.keys() == {(None, PLACE), (DAY, PLACE), (date(2026, 3, 30), PLACE)}
    assert compare(apart, together, together) == []


def test_each_differing_number_is_reported() -> None:
    known, again = (
        sums((0, figure(5, 1)), (BEFORE_MIDNIGHT, figure(5))),
        sums((0, figure(6)), (BEFORE_MIDNIGHT, figure(6))),
    )
    assert compare(known, again, again) == [
        FigureDifference(None, PLACE, "offered", 5, 6),
        FigureDifference(None, PLACE, "waiting", 1, 0),
        FigureDifference(DAY, PLACE, "offered", 5, 6),
    ]


def test_missing_figures_count_as_zero() -> None:
    assert compare({}, sums((0, figure(1))), {}) == []
    assert compare({}, sums((0, figure(1))), sums((0, figure(1)))) == [FigureDifference(None, PLACE, "offered", 0, 1)]
    assert compare(sums((0, figure(1))), {}, {}) == [FigureDifference(None, PLACE, "offered", 1, 0)]


def test_numbers_between_two_recomputed_times_are_accepted() -> None:
    earlier, again = sums((0, figure(5, 1))), sums((0, figure(5, 0)))
    for waiting in (0, 1):
        assert compare(sums((0, figure(5, waiting))), again, earlier) == []
    assert compare(sums((0, figure(5, 2))), again, earlier) == [FigureDifference(None, PLACE, "waiting", 2, 0)]
