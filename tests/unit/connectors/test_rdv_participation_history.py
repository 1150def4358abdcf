"""Steps of a participation, independent of the order and origin of the observations."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.rdv.participation_history import (
    BOOKED,
    DELETED,
    ERASED,
    MOVED,
    STATUSES,
    ParticipationState,
    Step,
    steps,
)
from connectors.sdk.reconcile import Observation, ObservationChange, Reconciler

UNTIL = datetime(2026, 3, 16, tzinfo=UTC)
START = int(UNTIL.timestamp())
LENGTH = 1_800
STATES = st.builds(
    ParticipationState, st.sampled_from([START, START + 3_600, START - 86_400]), st.sampled_from([*STATUSES, DELETED])
)
HISTORIES = st.lists(STATES, min_size=1, max_size=6).flatmap(
    lambda states: st.tuples(
        st.just(states), st.permutations([*range(len(states))]), st.lists(st.sampled_from(range(len(states))))
    )
)
"""States of an appointment, the order of their receipt, and the repeated ones."""
KEYS = count()


@pytest.fixture(scope="module")
def reconciler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reconciler]:
    with closing(Reconciler(Path(tmp_path_factory.mktemp("reconciler")))) as reconciler:
        yield reconciler


def at(index: int) -> int:
    return (START - 100_000 + 3_600 * index) * 1_000_000


def new_steps(change: ObservationChange) -> list[tuple[str, str]]:
    """Return the steps that a new_steps observation adds."""
    known = {(step.native, step.revision) for step in steps(change.before, LENGTH)}
    return [name for step in steps(change.after, LENGTH) if (name := (step.native, step.revision)) not in known]


def steps_of(states: list[ParticipationState]) -> list[Step]:
    return [
        *steps(tuple(Observation(at(index), str(state), pushed=True) for index, state in enumerate(states)), LENGTH)
    ]


@given(HISTORIES)
def test_steps_do_not_depend_on_order_and_repetition(
    reconciler: Reconciler, history: tuple[list[ParticipationState], list[int], list[int]]
) -> None:
    states, order, again = history
    key = str(next(KEYS))
    names = [
        name
        for index in [*order, *again]
        for name in new_steps(reconciler.record_pushed(key, at(index), str(states[index]), UNTIL))
    ]
    assert sorted(names) == sorted((step.native, step.revision) for step in steps_of(states))


@given(HISTORIES)
def test_last_state_is_known_after_partial_webhooks_and_a_poll(
    reconciler: Reconciler, history: tuple[list[ParticipationState], list[int], list[int]]
) -> None:
    states, order, _ = history
    key, names = str(next(KEYS)), []
    for index in order[: len(order) // 2]:
        names += new_steps(reconciler.record_pushed(key, at(index), str(states[index]), UNTIL))
    names += new_steps(reconciler.find(key, at(len(states)), str(states[-1]), UNTIL))
    for index in order[len(order) // 2 :]:
        names += new_steps(reconciler.record_pushed(key, at(index), str(states[index]), UNTIL))
    assert len(names) == len(set(names))
    assert {(step.native, step.revision) for step in steps_of(states)} <= set(names)


def test_unknown_participation_gives_only_its_erasure() -> None:
    assert [step.kind for step in steps_of([ParticipationState(START, ERASED)])] == [ERASED]


def test_cancellation_after_many_unchanged_states_is_a_new_step(reconciler: Reconciler) -> None:
    states = ["unknown", "excused", *["unknown"] * 40, "excused"]
    key = str(next(KEYS))
    names = [
        name
        for index, status in enumerate(states)
        for name in new_steps(reconciler.record_pushed(key, at(index), str(ParticipationState(START, status)), UNTIL))
    ]
    assert names == [("booked", ""), ("excused", ""), ("booked", "2"), ("excused", "2")]


@given(st.lists(STATES, min_size=1, max_size=6))
def test_steps_are_ordered_and_lead_to_the_last_state(states: list[ParticipationState]) -> None:
    derived = steps_of(states)
    assert derived[0].kind == BOOKED
    assert all(first.at <= second.at for first, second in pairwise(derived))
    assert derived[-1].starts_at == states[-1].starts_at
    last = next((step.kind for step in reversed(derived) if step.kind != MOVED), BOOKED)
    assert last == (BOOKED if states[-1].status == "unknown" else states[-1].status)
