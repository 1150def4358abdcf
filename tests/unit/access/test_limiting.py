"""Token buckets keep the rate over any time and at any pace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.access.rate_limit import Bucket, Limiter, take


def test_burst_of_a_minute_and_then_the_rate() -> None:
    bucket: Bucket | None = None
    for _ in range(120):
        bucket, wait = take(bucket, 1000.0, 120)
        assert wait == 0
    bucket, wait = take(bucket, 1000.0, 120)
    assert wait == pytest.approx(0.5)
    bucket, wait = take(bucket, 1000.0 + wait, 120)
    assert wait == 0
    assert take(bucket, 1000.5, 120)[1] == pytest.approx(0.5)


def test_backward_clock_adds_nothing() -> None:
    bucket, _ = take(None, 1000.0, 1)
    assert take(bucket, 0.0, 1)[1] == pytest.approx(60)


@given(st.integers(1, 1000), st.lists(st.floats(0, 90), min_size=1, max_size=200))
def test_burst_and_rate_are_never_exceeded(rate: int, gaps: list[float]) -> None:
    bucket, now, taken = None, 0.0, 0
    for gap in gaps:
        now += gap
        bucket, wait = take(bucket, now, rate)
        taken += not wait
        assert taken <= rate + rate * now / 60 + 1e-6
        assert wait <= 60 / rate


def test_tokens_have_separate_buckets() -> None:
    limiter = Limiter()
    assert limiter.take("a", 0.0, 1) == 0
    assert limiter.take("a", 0.0, 1) == pytest.approx(60)
    assert limiter.take("b", 0.0, 1) == 0
