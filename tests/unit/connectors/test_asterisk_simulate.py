"""Simulated switchboard: its log and its staff."""

import collections
from datetime import date, datetime
from math import exp, factorial
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.asterisk.simulate import simulate_day
from connectors.asterisk.simulate.log import LogSwitchboard
from connectors.sdk.simulation import call_profile
from connectors.sdk.simulation.call_ledger import Ledger
from connectors.sdk.simulation.call_profile import CALLER_RANGES, ZONE, CallProfile, agents_for
from models.events import LeaveReason
from streams.cli.main import main

MONDAY = date(2026, 11, 23)
NINE = datetime(2026, 11, 23, 9, tzinfo=ZONE).timestamp()


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    log = tmp_path_factory.mktemp("simulated") / "queue_log"
    return log, simulate_day(log, day=MONDAY, seed=11, calls=3_000)


def test_every_kind_of_event_occurs(monday: tuple[Path, Ledger]) -> None:
    _, ledger = monday
    tallies = ledger.queues.values()
    never = {LeaveReason.WITHDRAWN, LeaveReason.INCOMPATIBLE, LeaveReason.OTHER}
    assert {reason for found in tallies for reason in found.left} == set(LeaveReason) - never
    for fact in ("answered", "abandoned", "short_abandoned", "forgotten", "transferred", "ring_unanswered"):
        assert sum(getattr(found, fact) for found in tallies) > 0, fact
    assert all(found.waiting == found.in_progress == 0 for found in tallies)


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate_day(tmp_path / name, day=MONDAY, seed=seed, calls=200)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_numbers_are_fictional(monday: tuple[Path, Ledger]) -> None:
    numbers = {line.split("|")[6] for line in monday[0].read_text().splitlines() if "|ENTERQUEUE|" in line} - {""}
    assert len(numbers) > 100
    assert {number[:6] for number in numbers} == set(CALLER_RANGES)
    assert {len(number) for number in numbers} == {10}


@pytest.mark.parametrize("load", [0.1, 1, 5, 20, 100])
def test_agents_are_the_minimum_by_the_erlang_c_formula(load: float) -> None:
    def late(agents: int) -> float:
        all_busy = load**agents / factorial(agents) * agents / (agents - load)
        waits = all_busy / (sum(load**n / factorial(n) for n in range(agents)) + all_busy)
        return waits * exp(-(agents - load) * call_profile.ANSWER_SECONDS / 180)

    agents = agents_for(load, 180)
    assert late(agents) <= 1 - call_profile.ANSWERED_IN_TIME
    assert agents - 1 <= load or late(agents - 1) > 1 - call_profile.ANSWERED_IN_TIME


def test_agents_talk_to_one_caller_and_take_breaks_only_if_covered() -> None:
    """Callers whose wait ends during a ring, and who enter another queue, are included."""
    lines: list[str] = []
    switchboard = LogSwitchboard(6, lines.append, CallProfile(2_200))
    switchboard.begin(NINE)
    switchboard.run_until(NINE + 7 * 3_600)
    talking: dict[str, str] = {}
    staff: dict[str, set[str]] = collections.defaultdict(set)
    paused: set[str] = set()
    for line in lines:
        _, call, queue, agent, event, *_ = line.strip().split("|")
        match event:
            case "CONNECT":
                assert talking.setdefault(agent, call) == call
            case "COMPLETEAGENT" | "COMPLETECALLER" | "BLINDTRANSFER" | "ATTENDEDTRANSFER":
                assert talking.pop(agent) == call
            case "ADDMEMBER":
                staff[queue].add(agent)
            case "REMOVEMEMBER":
                staff[queue].discard(agent)
            case "PAUSE":
                paused.add(agent)
                assert staff[queue] - paused
            case "UNPAUSE":
                paused.discard(agent)
    assert {"EXITWITHTIMEOUT", "PAUSE"} <= {line.split("|")[4] for line in lines}


def test_connector_without_simulation_is_no_command() -> None:
    assert CliRunner().invoke(main, ["simulate", "asterisk"]).exit_code == 2
