"""The same agent events give the same row and figures, in any order and with duplicates."""

from hypothesis import given
from hypothesis import strategies as st

from models.events import AgentChange, AgentStateChanged
from streams.core.contacts import agent
from streams.core.contacts.agent import MAX_RINGS, Agent, states
from streams.core.figures.figure_counts import count_agent, count_rings
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from tests.support.events import AGENT, agent_events, deliveries, make, sets_of
from tests.support.figures import Figures, check_rows_are_immutable, current_numbers

Events = list[AgentStateChanged]

EVENT_SETS = sets_of(agent_events(), max_size=10)
DELIVERIES = EVENT_SETS.flatmap(lambda events: st.tuples(deliveries(events), deliveries(events)))
RING = QUEUE_SCHEMA.index["ring_unanswered"]


def fold_and_count(events: Events) -> tuple[Agent, Figures]:
    figures = Figures()
    row: Agent | None = None
    for event in events:
        after = agent.fold(row, event)
        count_agent(row, after, figures.__getitem__)
        count_rings(row, after, figures.__getitem__)
        row = after
        stocks = {dimensions: row_of.stocks for (start, dimensions), row_of in figures.items() if start == 0}
        found = states(row)
        assert {
            dimensions: dict(zip(QUEUE_SCHEMA.stocks, counts, strict=True))[found[dimensions]]
            for dimensions, counts in stocks.items()
            if dimensions in found
        } == dict.fromkeys(found, 1)
        assert sum(map(sum, stocks.values())) == len(found)
    assert row is not None
    return row, figures


@given(DELIVERIES)
def test_row_and_figures_do_not_depend_on_order_and_repetition(both: tuple[Events, Events]) -> None:
    (first, figures), (second, other_figures) = map(fold_and_count, both)
    assert agent.encode(first) == agent.encode(second)
    assert agent.decode(agent.encode(first)) == first
    assert states(first) == states(second)
    assert current_numbers(figures) == current_numbers(other_figures)


@given(EVENT_SETS)
def test_duplicate_changes_nothing_and_rows_are_immutable(events: Events) -> None:
    check_rows_are_immutable(agent, events)


def test_long_log_read_twice_counts_every_ring_once() -> None:
    rings = [
        make("agent.state_changed", at, subject=AGENT, change=AgentChange.RING_UNANSWERED, queue="mdph")
        for at in range(3 * MAX_RINGS)
    ]
    _, figures = fold_and_count([*rings, *rings])
    assert sum(figure.counts[RING] for (start, _), figure in figures.items() if start == 0) == len(rings)
    assert sum(figure.counts[RING] for (start, _), figure in figures.items() if start) == len(rings)
