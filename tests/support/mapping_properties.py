"""Helpers of property tests of mappings."""

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st

from connectors.sdk.contract import Outcome, Reject
from models.codec import decode, encode


def json_values(*samples: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON values, some of them with one of `samples`."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    return st.recursive(
        scalars | st.sampled_from([None, *samples]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=6,
    )


def outcomes_of(map_record: Callable[[bytes], Outcome], records: Iterable[bytes], personal: str) -> list[Any]:
    """Return the events of records, and the reasons of rejected ones.

    Checks that the events are valid, and that `personal` is in no detail of a rejection.
    """
    outcomes: list[Any] = []
    for record in records:
        outcome = map_record(record)
        if isinstance(outcome, Reject):
            assert personal not in outcome.detail
            outcomes.append(outcome.reason)
        else:
            assert [decode(encode(event)) for event in outcome] == list(outcome)
            outcomes += outcome
    return outcomes
