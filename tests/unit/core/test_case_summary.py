"""Summaries of contacts, made from their timeline entries."""

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


def sla_entry(kind: str, at: int, state: ContactState, clock: str = "resolution") -> dict[str, Any]:
    return entry(f"sla.{kind}", at, state, source=SLA_SOURCE, detail=f"courrier:{clock}")


def test_summary_does_not_depend_on_the_order_of_entries() -> None:
    entries = [
        entry("letter.arrived", 0),
        entry("letter.assigned", 5, ContactState.IN_PROGRESS),
        entry("letter.answered", 9, ContactState.CLOSED, outcome="answered"),
        sla_entry("breached", 12, ContactState.CLOSED),
    ]
    summaries = {summarise(order, NOW)[0] for order in permutations(entries)}
    assert len(summaries) == 1
    (summary,) = summaries
    assert (summary.state, summary.outcome, summary.is_open) == (ContactState.CLOSED, "answered", False)
    assert (summary.since, summary.last_at, summary.entries) == (NOW, NOW + 12, 4)
    assert summary.verdicts == (Verdict("courrier", "resolution", "breached", NOW + 12),)


@given(call_histories(longest=2, is_whole=True), st.randoms())
def test_state_of_a_call_matches_its_events_in_order_of_time(events: list[Event], any_order: Random) -> None:
    entries = [
        {name: getattr(item, name) for name in entry("")} | {"happened_at": int(item.happened_at.timestamp() * 1000)}
        for item in entries_of(events)
    ]
    last = entries[-1]
    any_order.shuffle(entries)
    (summary,) = summarise(entries, last["happened_at"])
    assert summary.state == last["state"]


def test_late_sla_entry_does_not_change_the_state() -> None:
    entries = [
        entry("form.decided", 5, ContactState.CLOSED, outcome="accepted"),
        sla_entry("met", 9, ContactState.WAITING),
    ]
    assert summarise(entries, NOW)[0].state == ContactState.CLOSED


class CountingEntry(UserDict[str, Any]):
    """An entry that counts the accesses to all entries."""

    times = 0

    def __getitem__(self, key: str) -> Any:
        CountingEntry.times += 1
        return super().__getitem__(key)


def call_entry(number: int, kind: str, at: int = 0, contact: str = "call:a:1") -> dict[str, Any]:
    return entry(f"call.{kind}", at, channel="call", contact=contact) | {"id": f"{number:05}"}


@pytest.mark.parametrize("of_each", [6, 2400])
def test_sorting_many_simultaneous_entries_is_fast(of_each: int) -> None:
    kinds = ("queued", "answered", "transferred")
    accesses = list[float]()
    for most in (600, 2400):
        entries = [call_entry(n, kinds[n % 3], contact=f"call:a:{n // of_each}") for n in range(most)]
        CountingEntry.times = 0
        found = sort_entries(CountingEntry(item) for item in entries)
        assert len(found) == most
        accesses.append(CountingEntry.times / most)
    assert accesses[1] < 1.5 * accesses[0]


def sort_call_plainly(entries: list[dict[str, Any]]) -> list[str]:
    """Return the order of a call's entries, by a plain second implementation.

    Each step takes the first entry that starts at the current location and leads to one where another entry starts.
    """
    ways = {
        "call.queued": (0, 1),
        "call.answered": (1, 2),
        "call.abandoned": (1, 0),
        "call.left_queue": (1, 0),
        "call.transferred": (2, 0),
        "call.ended": (2, 0),
    }
    location, found = 0, []
    for at in sorted({item["happened_at"] for item in entries}):
        left = [item for item in entries if item["happened_at"] == at]
        while left:
            own = [item for item in left if ways[item["type"]][0] == location] or left
            starts = {ways[item["type"]][0] for item in left}
            chosen = next((item for item in own if ways[item["type"]][1] in starts), own[0])
            left.remove(chosen)
            location = ways[chosen["type"]][1]
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
def test_simultaneous_entries_of_a_call_get_a_possible_order(events: list[tuple[str, int]], chance: Random) -> None:
    entries = [call_entry(number, kind, 1000 * second) for number, (kind, second) in enumerate(events)]
    by_order = sorted(entries, key=entry_order)
    chance.shuffle(entries)
    assert [item["id"] for item in sort_entries(entries)] == sort_call_plainly(by_order)


def test_closing_entry_counts_among_simultaneous_ones() -> None:
    entries = [entry("letter.answered", 0, ContactState.CLOSED, id="a"), entry("letter.registered", 0, id="b")]
    assert summarise(entries, NOW)[0].is_open is False


def test_contact_passed_on_to_another_service_is_not_open() -> None:
    entries = [entry("letter.arrived"), entry("letter.arrived", contact="mail:ged:2")]
    lookups: list[Collection[str]] = []

    def find(contacts: Collection[str]) -> dict[str, list[SlaTarget]]:
        lookups.append(contacts)
        return {}

    own, passed_on = summarise(entries, NOW, find, lambda _: {"mail:ged:1"})
    assert (own.contact, own.is_open, own.outcome) == ("mail:ged:2", True, "")
    assert (passed_on.is_open, passed_on.state, passed_on.outcome) == (False, ContactState.CLOSED, PASSED_ON)
    assert lookups == [["mail:ged:2"]]


def test_summary_has_the_latest_result_of_each_clock_and_keeps_breaches() -> None:
    entries = [
        sla_entry("breached", 1, ContactState.WAITING),
        sla_entry("met", 2, ContactState.CLOSED),
        sla_entry("met", 2, ContactState.CLOSED, "acknowledge"),
        sla_entry("cancelled", 3, ContactState.CLOSED, "acknowledge"),
        sla_entry("met", 3, ContactState.CLOSED, "first_response"),
    ]
    assert [(verdict.clock, verdict.state) for verdict in summarise(entries, NOW)[0].verdicts] == [
        ("resolution", "breached"),
        ("acknowledge", "cancelled"),
        ("first_response", "met"),
    ]


def test_open_contacts_come_first_then_the_latest() -> None:
    entries = [
        entry("letter.arrived", 1, contact="open"),
        entry("letter.answered", 9, ContactState.CLOSED, contact="closed late"),
        entry("letter.answered", 5, ContactState.CLOSED, contact="closed early"),
        entry("form.correction_requested", 2, ContactState.PENDING_CITIZEN, contact="pending"),
    ]
    expected = ["pending", "open", "closed late", "closed early"]
    assert [summary.contact for summary in summarise(entries, NOW)] == expected


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("later", [ASSUMED_ENDED_MS, ASSUMED_ENDED_MS + 1])
def test_contact_without_reported_end_is_assumed_ended_after_a_time(channel: Channel, later: int) -> None:
    is_assumed_ended = channel in {Channel.CALL, Channel.VISIT, Channel.FEEDBACK} and later > ASSUMED_ENDED_MS
    (summary,) = summarise([entry("x.arrived", 0, channel=channel.value)], NOW + later)
    assert summary.is_open is not is_assumed_ended


def test_open_targets_are_sorted_by_deadline() -> None:
    entries = [
        entry("letter.arrived", 1, contact="due"),
        entry("letter.arrived", 2, contact="late"),
        entry("letter.arrived", 3, contact="nothing known"),
        entry("letter.answered", 9, ContactState.CLOSED, contact="closed"),
    ]
    lookups: list[str] = []

    def find(contacts: Collection[str]) -> dict[str, tuple[SlaTarget, ...]]:
        lookups.extend(sorted(contacts))
        return {
            "due": (
                SlaTarget("p", "announced", "rsa", None, None),
                SlaTarget("p", "resolution", "rsa", NOW + 9, NOW + 5),
                SlaTarget("p", "first_response", "rsa", NOW + 8, NOW - 1),
            ),
            "late": (SlaTarget("p", "resolution", "rsa", NOW - 1, None),),
        }

    late, *others = summarise(entries, NOW, find)
    assert lookups == ["due", "late", "nothing known"]
    assert (late.contact, late.due) == ("late", (OpenTarget("p", "resolution", TargetStatus.OVERDUE, NOW - 1, None),))
    due = {summary.contact: [(each.clock, each.state.value) for each in summary.due] for summary in others}
    assert due == {
        "due": [("first_response", "at_risk"), ("resolution", "running"), ("announced", "paused")],
        "nothing known": [],
        "closed": [],
    }


def test_summary_of_a_letter_has_its_receipt() -> None:
    entries = [entry("letter.arrived", 1, detail="2026-09-20T22:00:00Z"), entry("letter.assigned", 2)]
    (summary,) = summarise(entries, NOW)
    assert (summary.admitted_at, summary.starts_at) == (1_789_941_600_000, None)


def test_opinions_count_in_the_summary_of_their_contact() -> None:
    entries = [
        entry("letter.answered", 0, ContactState.CLOSED, outcome="answered"),
        entry("feedback.invited", 1, ContactState.CLOSED, channel="feedback"),
        entry("feedback.given", 2, ContactState.CLOSED, channel="feedback"),
        entry("feedback.given", 3, ContactState.CLOSED, channel="feedback"),
    ]
    (summary,) = summarise(entries, NOW)
    assert (summary.channel, summary.opinions, summary.outcome) == ("mail", 2, "answered")
