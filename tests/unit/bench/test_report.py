"""Statistics of benchmark results."""

import pytest

from tests.bench.measuring import percentile, slope_per_hour
from tests.bench.report import medians


def test_medians_of_numbers_and_all_other_values() -> None:
    runs = [
        {"peer": "Faust", "rate": 4, "correct": "exact"},
        {"peer": "Faust", "rate": 100, "correct": "2 contacts missing"},
        {"peer": "Faust", "rate": 5, "correct": "exact"},
    ]
    assert medians(runs) == {"peer": "Faust", "rate": 5, "correct": "exact / 2 contacts missing"}


def test_percentile_is_a_measured_value() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.9, 0.99, 1)] == [100, 180, 198, 200]


def test_slope_is_computed_over_the_second_half() -> None:
    samples = [(seconds, 500 - seconds if seconds < 1800 else 100 + seconds / 360) for seconds in range(0, 3601, 10)]
    assert slope_per_hour(samples) == pytest.approx(10)
