"""Erlang C and Erlang A against published results, each other, and a simulated queue."""

import heapq
import random
from fractions import Fraction
from itertools import pairwise
from math import exp, factorial, inf

import pytest

from streams.core.forecast.staffing import MAX_AGENTS, Load, agents_needed, estimate_performance


def test_erlang_c_matches_a_published_example() -> None:
    """Check 100 calls of 3 minutes in half an hour, 80 % in 20 s: 14 agents (Call Centre Helper, "Erlang C formula")."""
    load = Load(per_hour=200, handle_seconds=180)
    assert load.erlangs == 10
    assert agents_needed(load, target_seconds=20, share=0.8) == 14
    performance = estimate_performance(load, 14, 20)
    assert performance.service_level == pytest.approx(0.888, abs=5e-4)
    assert performance.wait_probability == pytest.approx(0.174, abs=5e-4)
    assert performance.mean_wait_seconds == pytest.approx(7.8, abs=5e-2)
    assert performance.occupancy == pytest.approx(0.714, abs=5e-4)
    assert estimate_performance(load, 11, 20).wait_probability == pytest.approx(0.682, abs=5e-3)


@pytest.mark.parametrize(
    ("per_hour", "handle_seconds", "agents"), [(720, 240, 55), (20, 180, 2), (9, 60, 1), (2880, 60, 50)]
)
def test_erlang_c_matches_its_definition_in_exact_arithmetic(per_hour: int, handle_seconds: int, agents: int) -> None:
    offered = Fraction(per_hour * handle_seconds, 3600)
    all_busy = offered**agents / factorial(agents) * Fraction(agents) / (agents - offered)
    wait_probability = all_busy / (sum(offered**busy / factorial(busy) for busy in range(agents)) + all_busy)
    performance = estimate_performance(Load(per_hour, handle_seconds), agents, 15)
    assert performance.wait_probability == pytest.approx(float(wait_probability), rel=1e-12)
    assert performance.mean_wait_seconds == pytest.approx(
        float(wait_probability * handle_seconds / (agents - offered)), rel=1e-12
    )
    assert performance.service_level == pytest.approx(
        1 - wait_probability * exp(-15 * (agents - offered) / handle_seconds), rel=1e-12
    )


def test_erlang_a_matches_garnett_mandelbaum_and_reiman() -> None:
    """Check 50 agents, 48 calls of 1 minute per minute, patience 2 minutes.

    Source: Designing a call center with impatient customers, 2002.
    """
    patient, impatient = (estimate_performance(Load(48 * 60, 60, patience), 50, 20) for patience in (inf, 120))
    assert patient.mean_wait_seconds == pytest.approx(20.8, abs=5e-2)
    assert patient.occupancy == pytest.approx(0.96)
    assert impatient.abandon_probability == pytest.approx(0.031, abs=5e-4)
    assert impatient.mean_wait_seconds == pytest.approx(3.7, abs=5e-2)
    assert impatient.occupancy == pytest.approx(0.93, abs=5e-3)


def simulate(load: Load, agents: int, target_seconds: float, calls: int) -> tuple[float, float]:
    """Return the shares answered in time and abandoned in a simulated queue."""
    chance = random.Random(3)
    free_at = [0.0] * agents
    now = in_time = gave_up = 0.0
    for _ in range(calls):
        now += chance.expovariate(load.per_hour / 3600)
        wait = max(0.0, free_at[0] - now)
        if wait > chance.expovariate(1 / load.patience_seconds):
            gave_up += 1
            continue
        heapq.heapreplace(free_at, now + wait + chance.expovariate(1 / load.handle_seconds))
        in_time += wait <= target_seconds
    return in_time / calls, gave_up / calls


@pytest.mark.parametrize(("agents", "target_seconds"), [(8, 20), (10, 20), (10, 60), (13, 0)])
def test_erlang_a_matches_a_simulated_queue(agents: int, target_seconds: float) -> None:
    load = Load(200, 180, 90)
    performance, (in_time, gave_up) = (
        estimate_performance(load, agents, target_seconds),
        simulate(load, agents, target_seconds, 200_000),
    )
    assert performance.service_level == pytest.approx(in_time, abs=0.01)
    assert performance.abandon_probability == pytest.approx(gave_up, abs=0.01)


def test_erlang_a_with_very_long_patience_matches_erlang_c() -> None:
    patient, nearly = (estimate_performance(Load(200, 180, patience), 14, 20) for patience in (inf, 1e7))
    assert tuple(nearly) == pytest.approx(tuple(patient), abs=1e-3)


@pytest.mark.parametrize("patience", [inf, 60])
def test_agents_needed_is_the_smallest_sufficient_number(patience: float) -> None:
    load = Load(200, 180, patience)
    levels = [estimate_performance(load, agents, 20).service_level for agents in range(1, 25)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(levels))
    needed = agents_needed(load, 20, 0.8)
    assert needed is not None
    assert levels[needed - 1] >= 0.8 > levels[needed - 2]


def test_number_of_agents_has_limits() -> None:
    assert agents_needed(Load(0, 180), 20, 0.8) == 1
    assert agents_needed(Load(100 * MAX_AGENTS, 180), 20, 0.8) is None
    too_few = estimate_performance(Load(200, 180), 10, 20)
    assert (too_few.service_level, too_few.mean_wait_seconds, too_few.occupancy) == (0, inf, 1)
    assert estimate_performance(Load(200, 180, 60), 10, 20).service_level > 0.5, "abandoned calls make room for others"
