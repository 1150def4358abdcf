import pytest

from tests.bench.measuring import live_bytes, percentile, slope_per_hour
from tests.bench.report import medians


def test_medians_of_numbers_and_all_words() -> None:
    runs = [
        {"peer": "Faust", "rate": 4, "correct": "exact"},
        {"peer": "Faust", "rate": 100, "correct": "2 contacts missing"},
        {"peer": "Faust", "rate": 5, "correct": "exact"},
    ]
    assert medians(runs) == {"peer": "Faust", "rate": 5, "correct": "exact / 2 contacts missing"}
    assert medians(runs[:2])["rate"] == 52


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.9, 0.99, 1)] == [100, 180, 198, 200]
    assert percentile([7], 0.01) == 7


def test_the_slope_is_of_the_second_half() -> None:
    samples = [(seconds, 500 - seconds if seconds < 1800 else 100 + seconds / 360) for seconds in range(0, 3601, 10)]
    assert slope_per_hour(samples) == pytest.approx(10)


def test_memory_that_is_held_shows() -> None:
    before = live_bytes()
    held = bytearray(b"\x01") * (8 << 20)
    assert live_bytes() - before > 7 << 20
    del held
