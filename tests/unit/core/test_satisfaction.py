"""Satisfaction measures and their bounds, against results of statsmodels (`wilson.json`) and general properties."""

import json
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.figures.satisfaction import SCALES, Estimate, Measure, estimate, estimate_share

RECORDED = json.loads(Path(__file__).with_name("wilson.json").read_text(encoding="utf-8"))["points_number_lower_upper"]


def test_bounds_match_statsmodels() -> None:
    assert len(RECORDED) > 80
    for points, number, lower, upper in RECORDED:
        assert estimate_share(points, number) == pytest.approx((points / number, lower, upper), abs=1e-11)


@pytest.mark.parametrize(
    ("measure", "given_scores", "ratio"),
    [
        (Measure.CSAT, [5, 4, 3, 1], 0.5),
        (Measure.CES_5, [5, 4, 3, 1], 0.5),
        (Measure.CES_7, [7, 5, 4, 1], 0.5),
        (Measure.JDMA, [10, 8, 7, 0], 0.5),
        (Measure.NPS, [10, 9, 8, 7, 6, 0], 0.0),
        (Measure.NPS, [10, 9, 9, 8], 0.75),
        (Measure.NPS, [6, 5, 0], -1.0),
    ],
    ids=str,
)
def test_measures_match_their_definitions(measure: Measure, given_scores: list[int], ratio: float) -> None:
    found = estimate(measure, {score: given_scores.count(score) for score in SCALES[measure].scores})
    assert found is not None
    assert found.ratio == pytest.approx(ratio)


def test_measure_without_answers_is_none() -> None:
    for measure, scale in SCALES.items():
        assert estimate(measure, dict.fromkeys(scale.scores, 0)) is None


SCORES = st.sampled_from(Measure).flatmap(
    lambda measure: st.tuples(st.just(measure), st.lists(st.sampled_from(SCALES[measure].scores), min_size=1))
)


@given(SCORES)
def test_bounds_enclose_the_measure_and_stay_on_its_scale(drawn: tuple[Measure, list[int]]) -> None:
    measure, scores = drawn
    found = estimate(measure, {score: scores.count(score) for score in SCALES[measure].scores})
    assert isinstance(found, Estimate)
    lowest = -1 if measure is Measure.NPS else 0
    assert lowest <= found.lower <= found.ratio + 1e-12
    assert found.ratio - 1e-12 <= found.upper <= 1


@given(st.lists(st.sampled_from([0, 0.5, 1]), min_size=1, max_size=200))
def test_bounds_with_half_points_are_not_too_narrow(points: list[float]) -> None:
    """Compare with Wilson's bounds for the actual variance of the scores, instead of the largest possible one."""
    number, share = len(points), mean(points)
    variance = mean((point - share) ** 2 for point in points)
    found = estimate_share(sum(points), number)
    assert variance <= share * (1 - share) + 1e-12
    assert found.upper - found.lower >= 2 * 1.9599 * (variance / number) ** 0.5 / (1 + 3.8415 / number) - 1e-9
