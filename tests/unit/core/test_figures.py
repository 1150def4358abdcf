"""Rows of figures: encoding, sums and service levels."""

import pytest

from streams.core.figures.figure import (
    Figure,
    Formula,
    decode_figure,
    decode_progress,
    merge,
    new_figure,
    service_level,
    within,
)
from streams.core.figures.figure_schemas import QUEUE_SCHEMA


def figure(**counts: int) -> Figure:
    row = new_figure()
    for name, value in counts.items():
        row.counts[QUEUE_SCHEMA.index[name]] = value
    return row


@pytest.fixture
def day() -> Figure:
    """The worked example: 100 answered, 80 of them in 20 s; 20 abandoned, 10 of them in 20 s."""
    return figure(
        answered=100,
        wait_le_5=30,
        wait_le_20=50,
        wait_le_60=20,
        abandoned=20,
        abandon_wait_le_10=10,
        abandon_wait_le_inf=10,
    )


@pytest.mark.parametrize(
    ("formula", "percent"),
    [
        (Formula.ANSWERED_SHARE, 80.0),
        (Formula.REMOVED_SHARE, 75.0),
        (Formula.OFFERED_SHARE, 66.7),
        (Formula.NET_OF_SHORT, 72.7),
    ],
)
def test_formulas_give_four_service_levels_for_the_same_day(day: Figure, formula: Formula, percent: float) -> None:
    ratio = service_level(day, target_seconds=20, short_seconds=20, formula=formula).ratio
    assert ratio is not None
    assert round(100 * ratio, 1) == percent
    assert service_level(new_figure(), 20, 5, formula).ratio is None


def test_within_rejects_other_bounds_and_lists_the_valid_ones(day: Figure) -> None:
    assert within(day, "wait", 20) == 80
    assert within(day, "abandon_wait", 5) == 0
    with pytest.raises(ValueError, match=r"22 s is not counted, only 5, 10, 15, 20, .* 1800"):
        within(day, "wait", 22)


@pytest.mark.parametrize(
    ("milliseconds", "name"),
    [
        (0, "wait_le_5"),
        (5_000, "wait_le_5"),
        (5_001, "wait_le_10"),
        (1_800_000, "wait_le_1800"),
        (1_800_001, "wait_le_inf"),
    ],
)
def test_bounds_are_inclusive(milliseconds: int, name: str) -> None:
    assert QUEUE_SCHEMA.counts[QUEUE_SCHEMA.slot("wait", milliseconds)] == name


def test_merging_adds_and_keeps_the_oldest() -> None:
    first, second = figure(offered=1, answered=1), figure(offered=2)
    first.corrected = {0: 1, 1: 4}
    second.corrected = {0: 2, 7: 1}
    second.stocks[0] = 3
    second.oldest_waiting_at = 50
    merge(first, second)
    assert (first.counts[:2], first.stocks[0], first.oldest_waiting_at) == ([3, 1], 3, 50)
    assert first.corrected == {0: 3, 1: 4, 7: 1}
    second.oldest_waiting_at = 70
    merge(first, second)
    assert first.oldest_waiting_at == 50
    assert second.counts[:2] == [2, 0]


def test_row_with_fewer_counts_is_extended_with_zeros() -> None:
    row = decode_figure(b"[[4,1],[2],{},null]")
    assert row.counts == [4, 1] + [0] * (len(QUEUE_SCHEMA.counts) - 2)
    assert row.stocks == [2] + [0] * (len(QUEUE_SCHEMA.stocks) - 1)


def test_progress_of_an_earlier_release_counts_dead_letters_by_current_reasons() -> None:
    row = decode_progress(b'{"step_at": 1, "dead_letters": {"told_again": 2, "duplicate": 1, "a_later_reason": 4}}')
    assert row.dead_letters == {"duplicate": 3, "a_later_reason": 4}
