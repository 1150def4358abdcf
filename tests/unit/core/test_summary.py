"""How contacts stand, by their timeline entries."""

from collections import UserDict
from collections.abc import Collection
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import Event
from models.sla import SLA_SOURCE
from models.topics import Channel
from streams.core.contacts.case_event import ContactState
from streams.core.sla.open_targets import SlaTarget, TargetStatus
from streams.core.timeline.case_summary import (
    ASSUMED_ENDED_MS,
    PASSED_ON,
    OpenTarget,
    Verdict,
    entry_order,
    sort_entries,
    summarise,
)
from tests.support.events import call_histories
from tests.support.timelines import entries_of

NOW = 1_790_000_000_000


def entry(kind: str, at: int = 0, state: ContactState = ContactState.WAITING, **others: Any) -> dict[str, Any]:
    usual = {
        "id": f"{kind}-{at}",
        "contact": "mail:ged:1",
        "happened_at": NOW + at,
        "channel": "mail",
        "site": "siege",
        "service": "rsa",
        "type": kind,
        "state": state,
        "outcome": "",
        "source": "maarch/ged",
        "detail": "",
    }
    return usual | others


def promise(kind: str, at: int, state: ContactState, clock: str = "resolution") -> dict[str, Any]:
    return entry(f"sla.{kind}", at, state, source=SLA_SOURCE, detail=f"courrier:{clock}")


def test_how_a_contact_stands_does_not_depend_on_the_order_in_which_it_is_read() -> None:
    told = [
        entry("letter.arrived", 0),
        entry("letter.assigned", 5, ContactState.IN_PROGRESS),
        entry("letter.answered", 9, ContactState.CLOSED, outcome="answered"),
        promise("breached", 12, ContactState.CLOSED),
    ]
    summaries = {summarise(order, NOW)[0] for order in permutations(told)}
    assert len(summaries) == 1
    (one,) = summaries
    assert (one.state, one.outcome, one.is_open) == (ContactState.CLOSED, "answered", False)
    assert (one.since, one.last_at, one.entries) == (NOW, NOW + 12, 4)
    assert one.promises == (Verdict("courrier", "resolution", "breached", NOW + 12),)


def test_a_call_that_comes_into_its_next_queue_within_the_second_waits_there() -> None:
    states = {"arrived": ContactState.WAITING, "queued": ContactState.WAITING, "left_queue": ContactState.CLOSED}
    calls = {
        name: entry(f"call.{kind}", at, states[kind], id=name, contact="call:a:1", channel="call")
        for name, kind, at in (
            ("arrived", "arrived", 0),
            ("first", "queued", 0),
            ("gone", "left_queue", 1000),
            ("second", "queued", 1000),
        )
    }
    for order in permutations(calls.values()):
        (one,) = summarise(order, NOW)
        assert (one.state, one.is_open) == (ContactState.WAITING, True)
        assert [told["id"] for told in sort_entries(order)] == [*calls]
    left_at_once = [calls["first"], calls["gone"] | {"happened_at": NOW}]
    assert [told["id"] for told in sort_entries(left_at_once[::-1])] == ["first", "gone"]


@given(call_histories(longest=2, is_whole=True), st.randoms())
def test_how_a_call_stands_is_as_its_events_in_the_order_in_which_they_happened_say(
    events: list[Event], any_order: Random
) -> None:
    told = [
        {name: getattr(one, name) for name in entry("")} | {"happened_at": int(one.happened_at.timestamp() * 1000)}
        for one in entries_of(events)
    ]
    last = told[-1]
    any_order.shuffle(told)
    (one,) = summarise(told, last["happened_at"])
    assert one.state == last["state"]


def test_a_promise_that_is_judged_late_does_not_say_how_the_contact_stands() -> None:
    told = [entry("form.decided", 5, ContactState.CLOSED, outcome="accepted"), promise("met", 9, ContactState.WAITING)]
    assert summarise(told, NOW)[0].state == ContactState.CLOSED


class ProbedOutcomes(UserDict[str, Any]):
    """An entry that counts how often somebody looks into any."""

    times = 0

    def __getitem__(self, key: str) -> Any:
        ProbedOutcomes.times += 1
        return super().__getitem__(key)


def call_entry(number: int, kind: str, at: int = 0, contact: str = "call:a:1") -> dict[str, Any]:
    return entry(f"call.{kind}", at, channel="call", contact=contact) | {"id": f"{number:05}"}


@pytest.mark.parametrize("of_each", [6, 2400])
def test_however_much_happened_within_one_second_it_is_put_in_order_by_few_looks(of_each: int) -> None:
    kinds = ("queued", "answered", "transferred")
    looks = list[float]()
    for most in (600, 2400):
        told = [call_entry(n, kinds[n % 3], contact=f"call:a:{n // of_each}") for n in range(most)]
        ProbedOutcomes.times = 0
        found = sort_entries(ProbedOutcomes(one) for one in told)
        assert len(found) == most
        looks.append(ProbedOutcomes.times / most)
    assert looks[1] < 1.5 * looks[0]


def follow_plainly(told: list[dict[str, Any]]) -> list[str]:
    """Of what happened to a call: at each step the first that can come next and leads to where any of the rest begins."""
    ways = {
        "call.queued": (0, 1),
        "call.answered": (1, 2),
        "call.abandoned": (1, 0),
        "call.left_queue": (1, 0),
        "call.transferred": (2, 0),
        "call.ended": (2, 0),
    }
    place, found = 0, []
    for at in sorted({one["happened_at"] for one in told}):
        left = [one for one in told if one["happened_at"] == at]
        while left:
            here = [one for one in left if ways[one["type"]][0] == place] or left
            starts = {ways[one["type"]][0] for one in left}
            chosen = next((one for one in here if ways[one["type"]][1] in starts), here[0])
            left.remove(chosen)
            place = ways[chosen["type"]][1]
            found.append(chosen["id"])
    return found


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["queued", "answered", "abandoned", "left_queue", "transferred", "ended"]),
            st.integers(0, 2),
        ),
        max_size=14,
    ),
    st.randoms(use_true_random=False),
)
def test_a_call_goes_through_each_second_as_it_can(told: list[tuple[str, int]], chance: Random) -> None:
    entries = [call_entry(number, kind, 1000 * second) for number, (kind, second) in enumerate(told)]
    by_turn = sorted(entries, key=entry_order)
    chance.shuffle(entries)
    assert [one["id"] for one in sort_entries(entries)] == follow_plainly(by_turn)


def test_of_what_happened_at_once_the_end_counts() -> None:
    told = [entry("letter.answered", 0, ContactState.CLOSED, id="a"), entry("letter.registered", 0, id="b")]
    assert summarise(told, NOW)[0].is_open is False


def test_what_others_have_now_is_not_open_and_nothing_of_it_is_asked_for() -> None:
    told = [entry("letter.arrived"), entry("letter.arrived", contact="mail:ged:2")]
    asked: list[Collection[str]] = []

    def find(contacts: Collection[str]) -> dict[str, list[SlaTarget]]:
        asked.append(contacts)
        return {}

    here, passed_on = summarise(told, NOW, find, lambda _: {"mail:ged:1"})
    assert (here.contact, here.is_open, here.outcome) == ("mail:ged:2", True, "")
    assert (passed_on.is_open, passed_on.state, passed_on.outcome) == (False, ContactState.CLOSED, PASSED_ON)
    assert asked == [["mail:ged:2"]]


def test_of_each_clock_what_was_told_last_is_known_and_what_was_broken_stays_so() -> None:
    told = [
        promise("breached", 1, ContactState.WAITING),
        promise("met", 2, ContactState.CLOSED),
        promise("met", 2, ContactState.CLOSED, "acknowledge"),
        promise("cancelled", 3, ContactState.CLOSED, "acknowledge"),
        promise("met", 3, ContactState.CLOSED, "first_response"),
    ]
    assert [(one.clock, one.state) for one in summarise(told, NOW)[0].promises] == [
        ("resolution", "breached"),
        ("acknowledge", "cancelled"),
        ("first_response", "met"),
    ]


def test_open_ones_come_first_then_those_of_which_was_heard_last() -> None:
    told = [
        entry("letter.arrived", 1, contact="open"),
        entry("letter.answered", 9, ContactState.CLOSED, contact="closed late"),
        entry("letter.answered", 5, ContactState.CLOSED, contact="closed early"),
        entry("form.correction_requested", 2, ContactState.PENDING_CITIZEN, contact="pending"),
    ]
    assert [one.contact for one in summarise(told, NOW)] == ["pending", "open", "closed late", "closed early"]


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("later", [ASSUMED_ENDED_MS, ASSUMED_ENDED_MS + 1])
def test_a_call_of_which_nothing_was_heard_for_long_is_over(channel: Channel, later: int) -> None:
    ends_unsaid = channel in {Channel.CALL, Channel.VISIT, Channel.FEEDBACK} and later > ASSUMED_ENDED_MS
    (one,) = summarise([entry("x.arrived", 0, channel=channel.value)], NOW + later)
    assert one.is_open is not ends_unsaid


def test_of_open_ones_it_is_told_what_is_due_when_the_next_first() -> None:
    told = [
        entry("letter.arrived", 1, contact="due"),
        entry("letter.arrived", 2, contact="late"),
        entry("letter.arrived", 3, contact="nothing known"),
        entry("letter.answered", 9, ContactState.CLOSED, contact="closed"),
    ]
    asked: list[str] = []

    def find(contacts: Collection[str]) -> dict[str, tuple[SlaTarget, ...]]:
        asked.extend(sorted(contacts))
        return {
            "due": (
                SlaTarget("p", "announced", "rsa", None, None),
                SlaTarget("p", "resolution", "rsa", NOW + 9, NOW + 5),
                SlaTarget("p", "first_response", "rsa", NOW + 8, NOW - 1),
            ),
            "late": (SlaTarget("p", "resolution", "rsa", NOW - 1, None),),
        }

    late, *others = summarise(told, NOW, find)
    assert asked == ["due", "late", "nothing known"]
    assert (late.contact, late.due) == ("late", (OpenTarget("p", "resolution", TargetStatus.OVERDUE, NOW - 1, None),))
    due = {one.contact: [(each.clock, each.state.value) for each in one.due] for one in others}
    assert due == {
        "due": [("first_response", "at_risk"), ("resolution", "running"), ("announced", "paused")],
        "nothing known": [],
        "closed": [],
    }


def test_where_nothing_is_open_nothing_is_asked_for() -> None:
    def find(contacts: Collection[str]) -> dict[str, tuple[SlaTarget, ...]]:
        raise AssertionError(contacts)

    assert summarise([entry("letter.answered", 9, ContactState.CLOSED)], NOW, find)[0].due == ()


def test_of_a_letter_it_is_told_when_it_came() -> None:
    told = [entry("letter.arrived", 1, detail="2026-09-20T22:00:00Z"), entry("letter.assigned", 2)]
    (one,) = summarise(told, NOW)
    assert (one.admitted_at, one.starts_at) == (1_789_941_600_000, None)


def test_an_opinion_is_counted_with_what_it_is_about() -> None:
    told = [
        entry("letter.answered", 0, ContactState.CLOSED, outcome="answered"),
        entry("feedback.invited", 1, ContactState.CLOSED, channel="feedback"),
        entry("feedback.given", 2, ContactState.CLOSED, channel="feedback"),
        entry("feedback.given", 3, ContactState.CLOSED, channel="feedback"),
    ]
    (one,) = summarise(told, NOW)
    assert (one.channel, one.opinions, one.outcome) == ("mail", 2, "answered")
