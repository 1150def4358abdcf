"""The rate limit holds over any time and at any pace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk.rate_limiter import MANY_CLIENTS, RateLimiter


def test_each_client_has_its_rate_after_a_burst() -> None:
    rates = RateLimiter()
    assert [rates.take("a", 0.0, 10, 1.0) for _ in range(11)] == [0.0] * 11
    assert rates.take("a", 0.0, 10, 1.0) == pytest.approx(0.1)
    assert rates.take("b", 0.0, 10, 1.0) == 0
    assert rates.take("a", 0.1, 10, 1.0) == 0
    assert rates.take("a", 0.1, 10, 1.0) == pytest.approx(0.1)
    assert rates.take("a", 60.0, 10, 1.0) == 0


@given(st.integers(1, 1000), st.lists(st.floats(0, 90), min_size=1, max_size=200))
def test_burst_and_rate_are_never_exceeded(rate_per_minute: int, gaps: list[float]) -> None:
    rates, interval_seconds = RateLimiter(), 60 / rate_per_minute
    now, taken = 0.0, 0
    for gap in gaps:
        now += gap
        wait_seconds = rates.take("a", now, rate_per_minute / 60, 60 - interval_seconds)
        taken += not wait_seconds
        assert taken <= rate_per_minute + rate_per_minute * now / 60 + 1e-3
        assert wait_seconds <= interval_seconds + 1e-6


def test_idle_clients_are_removed() -> None:
    rates = RateLimiter()
    assert not any(rates.take(str(client), client / 10, 10, 1.0) for client in range(2 * MANY_CLIENTS))
    assert len(rates._due_at) <= MANY_CLIENTS
