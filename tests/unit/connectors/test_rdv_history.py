"""What happened to an appointment, whatever way it was told."""

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
LIVES = st.lists(STATES, min_size=1, max_size=6).flatmap(
    lambda life: st.tuples(
        st.just(life), st.permutations([*range(len(life))]), st.lists(st.sampled_from(range(len(life))))
    )
)
"""How an appointment stood one after the other, in which order that is told, and what of it is told once more."""
KEYS = count()


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reconciler]:
    with closing(Reconciler(Path(tmp_path_factory.mktemp("memory")))) as memory:
        yield memory


def at(place: int) -> int:
    return (START - 100_000 + 3_600 * place) * 1_000_000


def new(taken: ObservationChange) -> list[tuple[str, str]]:
    """What is told of a telling: what happened and was not known to have."""
    known = {(step.native, step.revision) for step in steps(taken.before, LENGTH)}
    return [name for step in steps(taken.after, LENGTH) if (name := (step.native, step.revision)) not in known]


def happened(life: list[ParticipationState]) -> list[Step]:
    return [*steps(tuple(Observation(at(place), str(state), pushed=True) for place, state in enumerate(life)), LENGTH)]


@given(LIVES)
def test_in_any_order_and_any_number_of_times_the_same_is_told_once(
    memory: Reconciler, told: tuple[list[ParticipationState], list[int], list[int]]
) -> None:
    life, order, again = told
    key = str(next(KEYS))
    names = [name for place in [*order, *again] for name in new(memory.push(key, at(place), str(life[place]), UNTIL))]
    assert sorted(names) == sorted((step.native, step.revision) for step in happened(life))


@given(LIVES)
def test_pushed_in_part_and_then_found_the_last_is_known(
    memory: Reconciler, told: tuple[list[ParticipationState], list[int], list[int]]
) -> None:
    life, order, _ = told
    key, names = str(next(KEYS)), []
    for place in order[: len(order) // 2]:
        names += new(memory.push(key, at(place), str(life[place]), UNTIL))
    names += new(memory.find(key, at(len(life)), str(life[-1]), UNTIL))
    for place in order[len(order) // 2 :]:
        names += new(memory.push(key, at(place), str(life[place]), UNTIL))
    assert len(names) == len(set(names))
    assert {(step.native, step.revision) for step in happened(life)} <= set(names)


def test_of_what_nobody_knew_before_it_was_erased_only_that_is_told() -> None:
    assert [step.kind for step in happened([ParticipationState(START, ERASED)])] == [ERASED]


def test_a_cancellation_after_many_messages_that_told_nothing_new_is_another_one(memory: Reconciler) -> None:
    life = ["unknown", "excused", *["unknown"] * 40, "excused"]
    key = str(next(KEYS))
    names = [
        name
        for place, status in enumerate(life)
        for name in new(memory.push(key, at(place), str(ParticipationState(START, status)), UNTIL))
    ]
    assert names == [("booked", ""), ("excused", ""), ("booked", "2"), ("excused", "2")]


@given(st.lists(STATES, min_size=1, max_size=6))
def test_what_happened_is_in_order_and_leads_to_how_it_stands(life: list[ParticipationState]) -> None:
    happenings = happened(life)
    assert happenings[0].kind == BOOKED
    assert all(one.at <= other.at for one, other in pairwise(happenings))
    assert happenings[-1].starts_at == life[-1].starts_at
    last = next((step.kind for step in reversed(happenings) if step.kind != MOVED), BOOKED)
    assert last == (BOOKED if life[-1].status == "unknown" else life[-1].status)
