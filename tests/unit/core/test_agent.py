"""Agent rows, and the agent's state per queue."""

from collections import defaultdict

import pytest

from streams.core.contacts import agent
from streams.core.contacts.agent import Agent, states
from streams.core.figures.figure import Dimensions, Figure, new_figure
from streams.core.figures.figure_counts import count_rings
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.core.rows import UnknownRowVersion
from tests.support.events import AGENT, make


def state_after(*changes: tuple[str, str]) -> dict[str, str]:
    """Return queue → state after the changes (change, queue), one second apart."""
    row: Agent | None = None
    for at, (change, queue) in enumerate(changes):
        row = agent.fold(row, make("agent.state_changed", at, subject=AGENT, change=change, queue=queue))
    assert row is not None
    return {
        dimensions.queue: state.removeprefix("agents_") for dimensions, state in states(row).items() if dimensions.queue
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("logged_in", "mdph"), ("logged_in", "apa")], {"mdph": "available", "apa": "available"}),
        ([("logged_in", "mdph"), ("logged_out", "mdph")], {}),
        ([("logged_in", "mdph"), ("logged_out", "")], {}),
        ([("logged_in", "mdph"), ("logged_out", ""), ("logged_in", "")], {"mdph": "available"}),
        ([("logged_in", "")], {}),
        ([("logged_in", "mdph"), ("logged_in", "apa"), ("paused", "apa")], {"mdph": "available", "apa": "paused"}),
        ([("logged_in", "mdph"), ("logged_in", "apa"), ("paused", "")], {"mdph": "paused", "apa": "paused"}),
        ([("logged_in", "mdph"), ("paused", ""), ("unpaused", "mdph")], {"mdph": "available"}),
        ([("logged_in", "mdph"), ("paused", "mdph"), ("unpaused", "")], {"mdph": "available"}),
        (
            [("logged_in", "mdph"), ("logged_in", "apa"), ("contact_started", "apa")],
            {"mdph": "on_contact", "apa": "on_contact"},
        ),
        ([("contact_started", "mdph")], {"mdph": "on_contact"}),
        ([("contact_started", "mdph"), ("contact_ended", "mdph")], {"mdph": "available"}),
        ([("logged_out", "mdph"), ("contact_started", "mdph"), ("contact_ended", "mdph")], {"mdph": "available"}),
        ([("contact_started", "mdph"), ("logged_out", "mdph"), ("contact_ended", "mdph")], {}),
        ([("paused", "mdph")], {"mdph": "paused"}),
        ([("paused", "mdph"), ("logged_out", "mdph"), ("logged_in", "mdph")], {"mdph": "available"}),
        ([("paused", "mdph"), ("logged_in", "mdph")], {"mdph": "available"}),
        ([("paused", "mdph"), ("logged_in", "")], {"mdph": "paused"}),
        ([("paused", ""), ("logged_in", "mdph")], {"mdph": "available"}),
        ([("paused", "mdph"), ("contact_started", "mdph")], {"mdph": "on_contact"}),
        ([("ring_unanswered", "mdph")], {}),
    ],
)
def test_agent_has_a_state_in_each_queue(changes: list[tuple[str, str]], expected: dict[str, str]) -> None:
    assert state_after(*changes) == expected


def test_row_of_a_later_release_is_rejected_with_both_versions() -> None:
    row = agent.fold(None, make("agent.state_changed", subject=AGENT, change="logged_in", queue="mdph"))
    value = agent.encode(row)
    with pytest.raises(UnknownRowVersion, match="Agent row of version 2, this release reads version 1"):
        agent.decode(value[:1] + b"\x02" + value[2:])


def test_agent_of_several_queues_counts_once_without_a_queue() -> None:
    row, all_queues = None, Dimensions("call", "siege", "", "")
    changes = [("logged_in", "mdph"), ("logged_in", "apa"), ("paused", "apa"), ("contact_started", "apa")]
    expected = ["agents_available"] * 3 + ["agents_on_contact"]
    for at, ((change, queue), state) in enumerate(zip(changes, expected, strict=True)):
        row = agent.fold(row, make("agent.state_changed", at, subject=AGENT, change=change, queue=queue, site="siege"))
        assert states(row)[all_queues] == state
    assert len(states(row)) == 3


def test_ring_with_two_queues_counts_once_in_any_order() -> None:
    ring = {"subject": AGENT, "native_id": "r1", "change": "ring_unanswered", "queue": "mdph"}
    rings = [make("agent.state_changed", **ring, service=service) for service in ("", "autonomie")]
    counts = []
    for events in (rings, rings[::-1], [*rings, rings[0]]):
        figures: dict[tuple[int, Dimensions], Figure] = defaultdict(new_figure)
        row: Agent | None = None
        for event in events:
            after = agent.fold(row, event)
            count_rings(row, after, figures.__getitem__)
            row = after
        counts.append(
            {
                dimensions.service: figure.counts[QUEUE_SCHEMA.index["ring_unanswered"]]
                for (at, dimensions), figure in figures.items()
                if not at
            }
        )
    assert [sum(count.values()) for count in counts] == [1, 1, 1]
    assert {service for count in counts for service, number in count.items() if number} == {""}
