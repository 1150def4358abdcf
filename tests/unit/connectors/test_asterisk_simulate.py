import collections
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import exp, factorial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from connectors.asterisk import CONNECTOR, simulate
from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.queue_log import LogLine
from connectors.asterisk.simulate import Ledger, QueueTotals, call_profile, configuration, simulate_day, simulate_live
from connectors.asterisk.simulate.call_profile import ZONE, CallProfile, agents_for
from connectors.asterisk.simulate.command import command
from connectors.asterisk.simulate.services import SERVICES
from connectors.asterisk.simulate.switchboard import Switchboard
from connectors.sdk import registry
from connectors.sdk.contract import Connector, Reject
from models.events import AgentChange, Event, LeaveReason
from models.identities import PseudonymKey
from streams.cli.main import main
from tests.support.processes import wait_until

MONDAY = date(2026, 11, 23)
NINE = datetime(2026, 11, 24, 9, tzinfo=ZONE).timestamp()


def events_of(log: Path) -> list[Event]:
    """Return the events of a simulated log; no line may be rejected."""
    memory = CallHistory()
    config = AsteriskConfig(**configuration(log))
    mapping = QueueLogMapping("asterisk/essai", config, PseudonymKey("demonstration", bytes(32)), memory)
    lines = log.read_bytes().splitlines()
    newest = datetime.fromtimestamp(int(lines[-1].partition(b"|")[0]), UTC)
    events: list[Event] = []
    for line in lines:
        outcome = mapping.map(LogLine(line, newest))
        assert not isinstance(outcome, Reject), outcome
        events += outcome
    return events


def destinations(events: list[Event], queue: str) -> dict[str, int]:
    """Return the number of transferred calls by target queue."""
    transfers = (event.data for event in events if event.type == "call.transferred")
    return dict(collections.Counter(data.to_queue for data in transfers if data.queue == queue))


def count_events(events: list[Event]) -> dict[str, QueueTotals]:
    """Compute the figures of a ledger from events."""
    tallies: dict[str, QueueTotals] = collections.defaultdict(QueueTotals)
    visits: dict[str, set[tuple[str, int]]] = collections.defaultdict(set)
    for event in events:
        if event.type == "agent.state_changed":
            if event.data.change is AgentChange.RING_UNANSWERED:
                tallies[event.data.queue].ring_unanswered += 1
            continue
        if event.type in {"call.arrived", "call.menu_chosen", "call.voicemail_left"}:
            continue
        found = tallies[event.data.queue]
        visits[event.data.queue].add((event.subject, event.data.visit))
        match event.type:
            case "call.answered":
                found.answered += 1
                found.answered_in_time += event.data.wait_seconds <= simulate.TARGET_SECONDS
                found.wait_seconds += int(event.data.wait_seconds)
            case "call.abandoned":
                found.abandoned += 1
                found.abandon_wait_seconds += int(event.data.wait_seconds)
                found.short_abandoned += event.data.wait_seconds <= simulate.SHORT_SECONDS
            case "call.left_queue":
                found.left[event.data.reason.value] = found.left.get(event.data.reason.value, 0) + 1
            case "call.transferred" | "call.ended":
                found.transferred += event.type == "call.transferred"
                found.ended += event.type == "call.ended"
                found.handle_seconds += int(event.data.handle_seconds)
    for queue, found in tallies.items():
        found.transferred_to = destinations(events, queue)
        found.offered = len(visits[queue])
        found.forgotten = found.offered - found.answered - found.abandoned - sum(found.left.values())
    return dict(tallies)


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    log = tmp_path_factory.mktemp("simulated") / "queue_log"
    return log, simulate_day(log, day=MONDAY, seed=11, calls=3_000)


def test_ledger_equals_the_figures_from_the_log(monday: tuple[Path, Ledger]) -> None:
    log, ledger = monday
    events = events_of(log)
    assert count_events(events) == ledger.queues
    counts = collections.Counter(event.type for event in events)
    assert counts["call.arrived"] == ledger.calls
    assert counts["call.menu_chosen"] == ledger.menu_choices > 0
    assert counts["call.voicemail_left"] == ledger.messages > 0
    assert len({event.id for event in events}) == len(events)


def test_agent_talks_to_one_caller_at_a_time() -> None:
    """Callers whose wait ends during a ring, and who enter another queue, are included."""
    lines: list[str] = []
    switchboard = Switchboard(6, lines.append, CallProfile(2_200))
    nine = datetime(2026, 11, 23, 9, tzinfo=ZONE).timestamp()
    switchboard.begin(nine)
    switchboard.run_until(nine + 7 * 3600)
    talking: dict[str, str] = {}
    for line in lines:
        _, call, _, agent, event, *_ = line.strip().split("|")
        if event == "CONNECT":
            assert talking.setdefault(agent, call) == call
        elif event in {"COMPLETEAGENT", "COMPLETECALLER", "BLINDTRANSFER", "ATTENDEDTRANSFER"}:
            assert talking.pop(agent) == call
    assert any("|EXITWITHTIMEOUT|" in line for line in lines)


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


def test_lines_are_ordered_by_time(monday: tuple[Path, Ledger]) -> None:
    seconds = [int(line.partition("|")[0]) for line in monday[0].read_text().splitlines()]
    assert seconds == sorted(seconds)


def test_volume_varies_over_the_day(monday: tuple[Path, Ledger]) -> None:
    entered = [line for line in monday[0].read_text().splitlines() if "|ENTERQUEUE|" in line]
    hours = collections.Counter(datetime.fromtimestamp(int(line.partition("|")[0]), ZONE).hour for line in entered)
    assert set(hours) <= set(range(8, 18))
    assert hours[9] > 1.5 * hours[12]
    assert hours[14] > 1.3 * hours[12]


@pytest.mark.parametrize("day", [date(2026, 3, 30), date(2026, 3, 27), date(2026, 10, 26)])
def test_service_opens_at_local_time(tmp_path: Path, day: date) -> None:
    log = tmp_path / "queue_log"
    simulate_day(log, day=day, seed=1, calls=3_000)
    entered = [line for line in log.read_text().splitlines() if "|600|NONE|ENTERQUEUE|" in line]
    first = datetime.fromtimestamp(int(entered[0].partition("|")[0]), ZoneInfo("Europe/Paris"))
    assert first.date() == day
    assert timedelta(hours=8.5) <= first - first.replace(hour=0, minute=0, second=0) < timedelta(hours=9)


def test_no_call_is_answered_on_sundays(tmp_path: Path) -> None:
    ledger = simulate_day(tmp_path / "queue_log", day=date(2026, 11, 22), seed=1)
    assert ledger.calls > 0
    assert sum(found.answered for found in ledger.queues.values()) == 0


def test_numbers_are_fictional(monday: tuple[Path, Ledger]) -> None:
    numbers = {line.split("|")[6] for line in monday[0].read_text().splitlines() if "|ENTERQUEUE|" in line} - {""}
    assert len(numbers) > 100
    assert {number[:6] for number in numbers} == set(simulate.CALLER_RANGES)
    assert {len(number) for number in numbers} == {10}


def opened(pattern: CallProfile, at: float, write: Callable[[str], object] = str, seed: int = 4) -> Switchboard:
    switchboard = Switchboard(seed, write, pattern)
    switchboard.begin(at)
    return switchboard


class TestStaff:
    @pytest.mark.parametrize("load", [0.1, 1, 5, 20, 100])
    def test_agents_are_the_minimum_by_the_erlang_c_formula(self, load: float) -> None:
        def late(agents: int) -> float:
            all_busy = load**agents / factorial(agents) * agents / (agents - load)
            waits = all_busy / (sum(load**n / factorial(n) for n in range(agents)) + all_busy)
            return waits * exp(-(agents - load) * call_profile.ANSWER_SECONDS / 180)

        agents = agents_for(load, 180)
        assert late(agents) <= 1 - call_profile.ANSWERED_IN_TIME
        assert agents - 1 <= load or late(agents - 1) > 1 - call_profile.ANSWERED_IN_TIME

    def test_only_queues_with_vacant_posts_are_understaffed(self) -> None:
        levels: dict[str, list[float]] = collections.defaultdict(list)
        for seed in range(8):
            switchboard = opened(CallProfile(2_700, always=True), NINE, seed=seed)
            switchboard.run_until(NINE + 9 * 3_600)
            for queue, found in switchboard.ledger.queues.items():
                levels[queue].append(found.service_level)
        for service in SERVICES:
            mean = sum(levels[service.label]) / len(levels[service.label])
            assert (0.6 < mean < 0.88) if service.spare < 0 else mean > 0.82, (service.label, mean)

    def test_rushes_occur(self) -> None:
        switchboard = opened(CallProfile(2_700, always=True), NINE)
        waiting = []
        for minute in range(9 * 60):
            switchboard.run_until(NINE + 60 * minute)
            waiting.append(max(found.waiting for found in switchboard.ledger.queues.values()))
        assert max(waiting) >= 5
        assert sorted(waiting)[len(waiting) // 2] <= 2

    def test_agents_take_breaks_only_if_others_are_available(self) -> None:
        lines: list[str] = []
        opened(CallProfile(2_700, always=True), NINE, lines.append).run_until(NINE + 9 * 3_600)
        paused: dict[str, set[str]] = collections.defaultdict(set)
        found: dict[str, set[str]] = collections.defaultdict(set)
        breaks = 0
        for line in lines:
            _, _, queue, agent, event, *_ = line.rstrip().split("|")
            match event:
                case "ADDMEMBER":
                    found[queue].add(agent)
                case "REMOVEMEMBER":
                    found[queue].discard(agent)
                case "PAUSE":
                    paused[queue].add(agent)
                    breaks += 1
                    assert found[queue] - paused[queue]
                case "UNPAUSE":
                    paused[queue].discard(agent)
        assert breaks > 20


class TestLive:
    def test_live_volume_follows_the_hour(self) -> None:
        lines: list[str] = []
        switchboard = opened(CallProfile(2_700, always=True), NINE, lines.append)
        assert sum("|DID|" in line for line in lines) == 0
        switchboard.run_until(NINE + 60)
        assert sum("|DID|" in line for line in lines) < 20
        switchboard.run_until(NINE + 3 * 3_600)
        calls = sum("|DID|" in line for line in lines)
        assert 0.8 < calls / (3 * 2_700 / 9 * 1.4) < 1.4

    def test_quiet_hour_has_more_than_half_the_usual_volume(self) -> None:
        for hour, least in ((3, 0.6), (12.5, 0.6), (18.5, 0.6), (10, 1.2)):
            at = NINE + (hour - 9) * 3_600
            assert least <= CallProfile(2_700, always=True).calls_per_hour(at) / 300 < least + 0.3

    def test_live_switchboard_never_closes(self) -> None:
        for hour, day in ((3, date(2026, 11, 24)), (12, date(2026, 11, 22))):
            at = datetime(day.year, day.month, day.day, hour, tzinfo=ZONE).timestamp()
            switchboard = opened(CallProfile(2_700, always=True), at)
            switchboard.run_until(at + 3_600)
            assert sum(found.answered for found in switchboard.ledger.queues.values()) > 20
            assert not any("closed" in found.left for found in switchboard.ledger.queues.values())

    def test_live_simulation_continues_the_morning(self) -> None:
        until_noon, live = 0, 0
        for seed in range(10):
            switchboard = opened(CallProfile(2_700, always=True), NINE, seed=seed)
            switchboard.run_until(NINE + 1_800)
            until_noon += switchboard.ledger.calls
            conversations = sum(found.in_progress for found in switchboard.ledger.queues.values())
            assert conversations > 3
            switchboard.pace = 0.5
            switchboard.run_until(NINE + 1_800 + 900)
            live += switchboard.ledger.calls
        assert 0.85 < (live - until_noon) / until_noon < 1.35

    def test_end_closes_all_calls(self, tmp_path: Path) -> None:
        log, stop, ledgers = tmp_path / "queue_log", threading.Event(), []
        thread = threading.Thread(
            target=lambda: ledgers.append(simulate_live(log, stop, seed=3, speed=40, calls_per_hour=600))
        )
        started_at = int(time.time())
        thread.start()
        try:
            wait_until(lambda: log.exists() and b"|COMPLETE" in log.read_bytes(), "a conversation that ended")
            assert b"|CONNECT|" in log.read_bytes()
            assert log.read_bytes().endswith(b"\n")
        finally:
            stop.set()
            thread.join()
        seconds = [int(line.partition("|")[0]) for line in log.read_text().splitlines()]
        assert seconds == sorted(seconds)
        assert started_at <= seconds[0]
        assert seconds[-1] <= time.time()
        (ledger,) = ledgers
        assert count_events(events_of(log)) == {
            queue: found for queue, found in ledger.queues.items() if found != QueueTotals()
        }
        assert all(found.waiting == found.in_progress == 0 for found in ledger.queues.values())

    def test_catch_up_writes_the_day_up_to_now(self, tmp_path: Path) -> None:
        log, stop = tmp_path / "queue_log", threading.Event()
        stop.set()
        began_at = time.time()
        ledger = simulate_live(log, stop, seed=4, calls_per_hour=30, catch_up=True)
        midnight = datetime.fromtimestamp(began_at, ZONE).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        seconds = [int(line.partition("|")[0]) for line in log.read_text().splitlines()]
        assert seconds == sorted(seconds)
        assert int(midnight) <= seconds[0]
        assert seconds[-1] <= time.time()
        assert count_events(events_of(log)) == {
            queue: found for queue, found in ledger.queues.items() if found != QueueTotals()
        }


class TestCommand:
    def test_command_is_found_by_the_connector_name(self, tmp_path: Path) -> None:
        listed = CliRunner().invoke(main, ["simulate", "--help"])
        assert (listed.exit_code, "asterisk" in listed.output) == (0, True)
        options = ["simulate", "asterisk", "--day", "2026-11-23", "--calls", "20", "--into", str(tmp_path / "log")]
        assert CliRunner().invoke(main, options).exit_code == 0
        assert len((tmp_path / "log").read_bytes().splitlines()) > 20

    def test_unknown_connector_is_refused(self) -> None:
        result = CliRunner().invoke(main, ["simulate", "asterix"])
        assert (result.exit_code, "No such command 'asterix'" in result.output) == (2, True)

    def test_connector_may_have_no_simulation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bare = Connector("asterisk", CONNECTOR.config, CONNECTOR.open)
        monkeypatch.setattr(registry, "load", lambda name: bare)
        assert CliRunner().invoke(main, ["simulate", "asterisk"]).exit_code == 2
        assert "queue_log" not in CliRunner().invoke(main, ["simulate", "--help"]).output

    def test_a_day(self, tmp_path: Path) -> None:
        log, ledger = tmp_path / "queue_log", tmp_path / "ledger.json"
        options = ["--day", "2026-11-23", "--seed", "5", "--calls", "100", "--into", str(log), "--ledger", str(ledger)]
        assert CliRunner().invoke(command, options).exit_code == 0
        again = simulate_day(tmp_path / "again", day=MONDAY, seed=5, calls=100)
        assert log.read_bytes() == (tmp_path / "again").read_bytes()
        assert ledger.read_text() == again.to_json()

    def test_second_day_requires_append(self, tmp_path: Path) -> None:
        def write(*options: str) -> tuple[int, str]:
            day = ["--day", "2026-11-23", "--calls", "20", "--into", str(log)]
            result = CliRunner().invoke(command, [*day, *options])
            return result.exit_code, result.output

        log = tmp_path / "queue_log"
        log.touch()
        assert write() == (0, f"{len(log.read_bytes().splitlines())} lines written to {log}\n")
        once = log.read_bytes()
        refused = f"Error: {log} is not empty: use --append to append the day\n"
        assert (write(), log.read_bytes()) == ((1, refused), once)
        assert write("--append") == (0, f"{len(once.splitlines())} lines written to {log}\n")
        assert log.read_bytes() == once * 2

    @pytest.mark.parametrize("options", [[], ["--live", "--day", "2026-11-23"]])
    def test_day_and_live_are_exclusive(self, tmp_path: Path, options: list[str]) -> None:
        result = CliRunner().invoke(command, [*options, "--into", str(tmp_path / "log")])
        assert result.exit_code == 2
        assert "either --day or --live" in result.output

    def test_manager_interface_requires_live(self, tmp_path: Path) -> None:
        into = ["--into", str(tmp_path / "log")]
        result = CliRunner().invoke(command, ["--day", "2026-11-23", "--ami-port", "0", *into])
        assert result.exit_code == 2
        assert "--ami-port requires --live" in result.output

    def test_port_in_use_gives_a_clear_error(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            arguments = ["--live", "--ami-port", str(port), "--into", str(tmp_path / "log")]
            result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 1
        assert f"Error: 127.0.0.1:{port}: Address already in use\n" in result.output

    @pytest.mark.parametrize("option", ["--speed=0", "--speed=-1", "--rate=0", "--rate=-3", "--calls=0"])
    def test_impossible_values_are_refused(self, tmp_path: Path, option: str) -> None:
        result = CliRunner().invoke(command, ["--live", option, "--into", str(tmp_path / "log")])
        assert result.exit_code == 2
        assert f"Invalid value for '{option.partition('=')[0]}'" in result.output

    @pytest.mark.parametrize("option", ["--into", "--ledger"])
    def test_missing_directory_gives_a_clear_error(self, tmp_path: Path, option: str) -> None:
        places = {"--into": str(tmp_path / "log"), "--ledger": str(tmp_path / "ledger.json")}
        places[option] = str(tmp_path / "nowhere" / "log")
        arguments = ["--day", "2026-11-23", "--calls", "20", *(word for place in places.items() for word in place)]
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 1
        assert result.output.endswith(f"Error: {tmp_path}/nowhere is not a folder: create it first\n")
