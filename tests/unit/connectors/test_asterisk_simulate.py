import collections
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from connectors.asterisk import CONNECTOR, simulate
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.memory import Memory
from connectors.asterisk.records import LogLine
from connectors.asterisk.simulate import Ledger, Tally, configuration, simulate_day, simulate_live
from connectors.sdk import registry
from connectors.sdk.contract import Connector, Reject
from models.events import AgentChange, Event, LeaveReason
from models.identities import PseudonymKey
from streams.cli import main
from tests.support.processes import wait_until

MONDAY = date(2026, 11, 23)


def events_of(log: Path) -> list[Event]:
    """What the connector makes of a simulated log, in which it must understand every line."""
    memory = Memory()
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


def tally(events: list[Event]) -> dict[str, Tally]:
    """Count anew what a ledger says, from events."""
    tallies: dict[str, Tally] = collections.defaultdict(Tally)
    visits: dict[str, set[tuple[str, int]]] = collections.defaultdict(set)
    for event in events:
        if event.type == "agent.state_changed":
            if event.data.change is AgentChange.RING_UNANSWERED:
                tallies[event.data.queue].ring_unanswered += 1
            continue
        if event.type == "call.arrived":
            continue
        there = tallies[event.data.queue]
        visits[event.data.queue].add((event.subject, event.data.visit))
        match event.type:
            case "call.answered":
                there.answered += 1
                there.wait_seconds += int(event.data.wait_seconds)
            case "call.abandoned":
                there.abandoned += 1
                there.abandon_wait_seconds += int(event.data.wait_seconds)
                there.short_abandoned += event.data.wait_seconds <= simulate.SHORT_SECONDS
            case "call.left_queue":
                there.left[event.data.reason.value] = there.left.get(event.data.reason.value, 0) + 1
            case "call.transferred" | "call.ended":
                there.transferred += event.type == "call.transferred"
                there.ended += event.type == "call.ended"
                there.handle_seconds += int(event.data.handle_seconds)
    for queue, there in tallies.items():
        there.offered = len(visits[queue])
        there.forgotten = there.offered - there.answered - there.abandoned - sum(there.left.values())
    return dict(tallies)


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    log = tmp_path_factory.mktemp("simulated") / "queue_log"
    return log, simulate_day(log, day=MONDAY, seed=7, calls=3_000)


def test_the_ledger_is_what_the_connector_finds_in_the_log(monday: tuple[Path, Ledger]) -> None:
    log, ledger = monday
    events = events_of(log)
    assert tally(events) == ledger.queues
    assert sum(event.type == "call.arrived" for event in events) == ledger.calls
    assert len({event.id for event in events}) == len(events)


def test_everything_happens_that_can_happen(monday: tuple[Path, Ledger]) -> None:
    _, ledger = monday
    tallies = ledger.queues.values()
    never = {LeaveReason.WITHDRAWN, LeaveReason.INCOMPATIBLE, LeaveReason.OTHER}
    assert {reason for there in tallies for reason in there.left} == set(LeaveReason) - never
    for fact in ("answered", "abandoned", "short_abandoned", "forgotten", "transferred", "ring_unanswered"):
        assert sum(getattr(there, fact) for there in tallies) > 0, fact
    assert all(there.waiting == there.in_progress == 0 for there in tallies)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate_day(tmp_path / name, day=MONDAY, seed=seed, calls=200)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_lines_are_in_the_order_of_their_times(monday: tuple[Path, Ledger]) -> None:
    seconds = [int(line.partition("|")[0]) for line in monday[0].read_text().splitlines()]
    assert seconds == sorted(seconds)


def test_a_day_has_its_hours(monday: tuple[Path, Ledger]) -> None:
    entered = [line for line in monday[0].read_text().splitlines() if "|ENTERQUEUE|" in line]
    hours = collections.Counter(
        datetime.fromtimestamp(int(line.partition("|")[0]), simulate.ZONE).hour for line in entered
    )
    assert set(hours) <= set(range(8, 18))
    assert hours[9] > 1.5 * hours[12]
    assert hours[14] > 1.3 * hours[12]


@pytest.mark.parametrize("day", [date(2026, 3, 30), date(2026, 3, 27), date(2026, 10, 26)])
def test_a_service_opens_at_the_hour_of_its_clock(tmp_path: Path, day: date) -> None:
    log = tmp_path / "queue_log"
    simulate_day(log, day=day, seed=1, calls=3_000)
    entered = [line for line in log.read_text().splitlines() if "|600|NONE|ENTERQUEUE|" in line]
    first = datetime.fromtimestamp(int(entered[0].partition("|")[0]), ZoneInfo("Europe/Paris"))
    assert first.date() == day
    assert timedelta(hours=8.5) <= first - first.replace(hour=0, minute=0, second=0) < timedelta(hours=9)


def test_on_sundays_nobody_answers(tmp_path: Path) -> None:
    ledger = simulate_day(tmp_path / "queue_log", day=date(2026, 11, 22), seed=1)
    assert ledger.calls > 0
    assert sum(there.answered for there in ledger.queues.values()) == 0


def test_numbers_are_fictional(monday: tuple[Path, Ledger]) -> None:
    numbers = {line.split("|")[6] for line in monday[0].read_text().splitlines() if "|ENTERQUEUE|" in line} - {""}
    assert len(numbers) > 100
    assert {number[:6] for number in numbers} == set(simulate.CALLER_RANGES)
    assert {len(number) for number in numbers} == {10}


def test_live_is_busy_at_once_and_ends_all_it_began(tmp_path: Path) -> None:
    log, stop, ledgers = tmp_path / "queue_log", threading.Event(), []
    thread = threading.Thread(target=lambda: ledgers.append(simulate_live(log, stop, seed=3, speed=20)))
    started_at = int(time.time())
    thread.start()
    try:
        wait_until(lambda: log.exists() and b"|COMPLETE" in log.read_bytes(), "a conversation that ended", 30)
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
    assert tally(events_of(log)) == {queue: there for queue, there in ledger.queues.items() if there != Tally()}
    assert all(there.waiting == there.in_progress == 0 for there in ledger.queues.values())


def test_a_day_until_now_ends_now_and_equals_its_ledger(tmp_path: Path) -> None:
    log = tmp_path / "queue_log"
    noon = datetime(2026, 11, 24, 12, tzinfo=simulate.ZONE).timestamp()
    with log.open("w") as file:
        switchboard = simulate.Switchboard(4, file.write, pace=0.1)
        switchboard.live_until(noon, calls_per_hour=30)
    seconds = [int(line.partition("|")[0]) for line in log.read_text().splitlines()]
    assert seconds == sorted(seconds)
    assert noon - 12 * 3600 < seconds[0]
    assert seconds[-1] == int(noon)
    assert switchboard.ledger.calls > 30
    assert tally(events_of(log)) == {q: there for q, there in switchboard.ledger.queues.items() if there != Tally()}


class TestCommand:
    def test_it_is_found_by_the_connectors_name(self, tmp_path: Path) -> None:
        listed = CliRunner().invoke(main, ["simulate", "--help"])
        assert (listed.exit_code, "asterisk" in listed.output) == (0, True)
        options = ["simulate", "asterisk", "--day", "2026-11-23", "--calls", "20", "--into", str(tmp_path / "log")]
        assert CliRunner().invoke(main, options).exit_code == 0
        assert len((tmp_path / "log").read_bytes().splitlines()) > 20

    def test_one_that_is_not_there_is_refused(self) -> None:
        result = CliRunner().invoke(main, ["simulate", "asterix"])
        assert (result.exit_code, "No such command 'asterix'" in result.output) == (2, True)

    def test_a_connector_need_not_have_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bare = Connector("asterisk", CONNECTOR.config, CONNECTOR.open)
        monkeypatch.setattr(registry, "load", lambda name: bare)
        assert CliRunner().invoke(main, ["simulate", "asterisk"]).exit_code == 2
        assert "queue_log" not in CliRunner().invoke(main, ["simulate", "--help"]).output

    def test_a_day(self, tmp_path: Path) -> None:
        log, ledger = tmp_path / "queue_log", tmp_path / "ledger.json"
        options = ["--day", "2026-11-23", "--seed", "5", "--calls", "100", "--into", str(log), "--ledger", str(ledger)]
        assert CliRunner().invoke(simulate.command, options).exit_code == 0
        again = simulate_day(tmp_path / "again", day=MONDAY, seed=5, calls=100)
        assert log.read_bytes() == (tmp_path / "again").read_bytes()
        assert ledger.read_text() == again.to_json()

    @pytest.mark.parametrize("options", [[], ["--live", "--day", "2026-11-23"]])
    def test_it_is_either_a_day_or_live(self, tmp_path: Path, options: list[str]) -> None:
        result = CliRunner().invoke(simulate.command, [*options, "--into", str(tmp_path / "log")])
        assert result.exit_code == 2
        assert "either --day or --live" in result.output
