"""The four service levels of random calls match a plain second implementation, computed from the calls."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import Event
from streams.core.contacts import contact
from streams.core.figures.figure import Dimensions, Formula, Share, service_level
from streams.core.figures.figure_counts import count_contact
from streams.core.figures.figure_schemas import WAIT_BOUNDS
from tests.support.events import CALL, make
from tests.support.figures import Figures

PLACE: Final = Dimensions("call", "siege", "autonomie", "mdph")


class Call(NamedTuple):
    """One call: its wait and its outcome."""

    wait: float
    end: str
    """`answered`, `abandoned`, a leave reason, or empty for a waiting call."""


CALLS = st.lists(
    st.builds(
        Call,
        st.sampled_from([0, 1, *(bound + slip for bound in (5, 10, 20, 30, 1800) for slip in (-0.001, 0, 0.001))]),
        st.sampled_from(["answered", "answered", "abandoned", "timeout", "closed", ""]),
    ),
    max_size=12,
)


def call_events(number: int, call: Call) -> list[Event]:
    where = {"subject": f"{CALL}{number}", "site": PLACE.site, "service": PLACE.service, "queue": PLACE.queue}
    events = [make("call.queued", 0, **where)]
    if call.end in ("answered", "abandoned"):
        events.append(make(f"call.{call.end}", call.wait, **where, wait_seconds=call.wait))
    elif call.end:
        events.append(make("call.left_queue", call.wait, **where, wait_seconds=call.wait, reason=call.end))
    return events


def answered_share(calls: Sequence[Call], target: int, short: int) -> Share:
    answered = [call for call in calls if call.end == "answered"]
    return Share(len([call for call in answered if call.wait <= target]), len(answered))


def removed_share(calls: Sequence[Call], target: int, short: int) -> Share:
    removed = [call for call in calls if call.end in ("answered", "abandoned")]
    return Share(len([call for call in removed if call.wait <= target]), len(removed))


def offered_share(calls: Sequence[Call], target: int, short: int) -> Share:
    in_time = [call for call in calls if call.end == "answered" and call.wait <= target]
    return Share(len(in_time), len([call for call in calls if call.end]))


def net_of_short(calls: Sequence[Call], target: int, short: int) -> Share:
    counted = [call for call in calls if call.end == "answered" or (call.end == "abandoned" and call.wait > short)]
    return Share(len([call for call in counted if call.end == "answered" and call.wait <= target]), len(counted))


PLAIN: Final[dict[Formula, Callable[[Sequence[Call], int, int], Share]]] = {
    Formula.ANSWERED_SHARE: answered_share,
    Formula.REMOVED_SHARE: removed_share,
    Formula.OFFERED_SHARE: offered_share,
    Formula.NET_OF_SHORT: net_of_short,
}


@pytest.mark.parametrize("formula", Formula)
@given(calls=CALLS, target=st.sampled_from(WAIT_BOUNDS), short=st.sampled_from(WAIT_BOUNDS))
def test_service_levels_match_the_plain_formulas(formula: Formula, calls: list[Call], target: int, short: int) -> None:
    figures = Figures()
    for number, call in enumerate(calls):
        row: contact.Contact | None = None
        for event in call_events(number, call):
            before, row = row, contact.fold(row, event)
            count_contact(before, row, figures.__getitem__)
    assert service_level(figures[0, PLACE], target, short, formula) == PLAIN[formula](calls, target, short)
