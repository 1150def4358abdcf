"""Manager interface and `queue_log` of one Asterisk: both give the same events, and none is missed."""

import collections
from collections.abc import Sequence
from pathlib import Path

import pytest

import connectors.asterisk as asterisk
from connectors.asterisk.simulate import ManagerServer, configuration, simulate_day
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.simulation.call_ledger import Ledger
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.asterisk_harness import (
    MONDAY,
    NINE,
    AsteriskHarness,
    call_in_two_queues,
    options,
    queue_events,
    serving,
)
from tests.support.call_figures import fold
from tests.support.processes import wait_until
from tests.support.socket_sources import listen


class Day:
    """A simulated day in the log and on the manager interface, and the connector's events from it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger = Ledger()

    def events_from(self, name: str, *, by_log: bool, by_manager: bool) -> list[Event]:
        log = self.directory / name
        with serving(NINE - 9 * 3_600 + 1) as manager:
            given = configuration(log if by_log else None, options(manager) if by_manager else None)
            harness = ConnectorHarness(
                asterisk.CONNECTOR, given, self.directory / f"{name}-data", self.directory / "keys"
            )
            if not by_manager:
                self.simulate(log, manager)
                return harness.read_all(confirm=True)
            log.touch()
            events = listen(harness, manager, lambda: self.simulate(log, manager))
        assert harness.rejected() == {}
        return events

    def simulate(self, log: Path, manager: ManagerServer) -> None:
        self.ledger = simulate_day(log, day=MONDAY, seed=11, calls=600, publish=manager.publish)


def count_agent_actions(events: Sequence[Event]) -> collections.Counter[tuple[str, str, str]]:
    """Return the agents' own actions, without times."""
    changes = {"logged_in", "logged_out", "paused", "unpaused"}
    return collections.Counter(
        (event.subject, event.data.change.value, event.data.queue)
        for event in events
        if event.type == "agent.state_changed" and event.data.change.value in changes
    )


def call_events_by_id(events: Sequence[Event]) -> dict[str, Event]:
    changes = {"contact_started", "contact_ended", "ring_unanswered"}
    return {
        event.id: event for event in events if event.type != "agent.state_changed" or event.data.change.value in changes
    }


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("day"))


@pytest.fixture(scope="module")
def by_log(day: Day) -> list[Event]:
    return day.events_from("log", by_log=True, by_manager=False)


@pytest.fixture(scope="module")
def by_manager(day: Day) -> list[Event]:
    return day.events_from("manager", by_log=False, by_manager=True)


@pytest.fixture(scope="module")
def by_both(day: Day) -> list[Event]:
    return day.events_from("both", by_log=True, by_manager=True)


class TestOneDay:
    def test_both_interfaces_give_the_same_events(self, by_log: list[Event], by_manager: list[Event]) -> None:
        log, manager = call_events_by_id(by_log), call_events_by_id(by_manager)
        assert len(log) > 1_500
        assert log.keys() == manager.keys()
        assert count_agent_actions(by_log) == count_agent_actions(by_manager)

    def test_both_interfaces_give_the_same_events_at_different_times(
        self, by_log: list[Event], by_manager: list[Event]
    ) -> None:
        log, manager = call_events_by_id(by_log), call_events_by_id(by_manager)
        apart = collections.Counter((manager[name].time - log[name].time).total_seconds() for name in log)
        assert set(apart) == {0.0, 1.0}

    def test_events_of_both_interfaces_count_once(
        self, by_log: list[Event], by_manager: list[Event], by_both: list[Event]
    ) -> None:
        assert len(call_events_by_id(by_both)) == len(call_events_by_id(by_log)) < 0.6 * len(by_both)
        assert fold(by_both) == fold(by_log) == fold(by_manager)

    def test_order_of_the_interfaces_does_not_matter(self, by_log: list[Event], by_manager: list[Event]) -> None:
        assert fold([*by_log, *by_manager]) == fold([*by_manager, *by_log]) == fold(by_log)

    def test_every_kind_of_event_occurs(self, by_manager: list[Event]) -> None:
        assert {event.type for event in by_manager} == {
            *("call.arrived", "call.queued", "call.answered", "call.abandoned", "call.left_queue", "call.transferred"),
            *("call.ended", "call.menu_chosen", "call.voicemail_left", "agent.state_changed"),
        }
        reasons = {event.data.reason.value for event in by_manager if event.type == "call.left_queue"}
        assert reasons >= {"timeout", "key", "closed", "diverted"}


class TestConnectionDuringCalls:
    def test_without_log_current_callers_are_reported(self, pbx: AsteriskHarness) -> None:
        call = call_in_two_queues(pbx.switchboard)
        events = pbx.listen(lambda: pbx.switchboard.give_up(NINE + 100, call))
        assert queue_events(events) == [("call.queued", "mdph", 1), ("call.abandoned", "mdph", 1)]
        assert events[0].time.timestamp() == pytest.approx(NINE + 60, abs=1)
        assert [event.data.change.value for event in events if event.type == "agent.state_changed"] == ["logged_in"]

    def test_with_log_earlier_calls_are_left_to_the_log(self, tmp_path: Path, manager: ManagerServer) -> None:
        pbx = AsteriskHarness(tmp_path, manager, with_log=True)
        call = call_in_two_queues(pbx.switchboard)
        events = pbx.listen(lambda: pbx.switchboard.give_up(NINE + 100, call))
        assert queue_events(events)[-3:] == [
            ("call.transferred", "accueil", 1),
            ("call.queued", "mdph", 2),
            ("call.abandoned", "mdph", 2),
        ]
        assert len(queue_events(events)) == len({event.id for event in events if event.type.startswith("call.")}) - 1

    def test_later_call_is_reported_by_both_interfaces(self, tmp_path: Path, manager: ManagerServer) -> None:
        pbx = AsteriskHarness(tmp_path, manager, with_log=True)
        events = pbx.listen(lambda: call_in_two_queues(pbx.switchboard))
        twice = collections.Counter(event.id for event in events if event.type.startswith("call."))
        assert set(twice.values()) == {2}


class TestLogIsReadFirst:
    ARRIVALS = 6_000

    @pytest.fixture
    def pbx(self, tmp_path: Path, manager: ManagerServer) -> AsteriskHarness:
        pbx = AsteriskHarness(tmp_path, manager, with_log=True)
        with pbx.log.open("a") as log:  # before the connection
            log.writelines(
                f"{int(NINE) - 9}|{int(NINE) - 9}.{n}|NONE|NONE|DID|0199000010\n" for n in range(self.ARRIVALS)
            )
        return pbx

    def test_connection_starts_after_the_end_of_the_log(self, pbx: AsteriskHarness) -> None:
        with pbx.harness.opened() as (flow, publisher):
            read = []
            while not pbx.manager.listeners:
                read.append(pbx.harness.records_read())
                flow.step()
            assert read[-1] == self.ARRIVALS
            assert len(read) > 2, "the log was read in one step, so the test proves nothing"
            pbx.switchboard.arrive(NINE + 1)
            wait_until(
                lambda: flow.step() or len(publisher.events) == self.ARRIVALS + 2, "the events of both interfaces"
            )

    def test_connection_waits_for_the_log_even_if_it_disappears(self, pbx: AsteriskHarness) -> None:
        away = pbx.log.with_name("elsewhere")
        with pbx.harness.opened() as (flow, _):
            flow.step()
            pbx.log.rename(away)
            pbx.log.mkdir()
            with pytest.raises(SourceUnavailableError):
                wait_until(lambda: flow.step() or False, "the log to be away")
            assert not pbx.manager.listeners
            pbx.log.rmdir()
            away.rename(pbx.log)
            wait_until(lambda: flow.step() or pbx.manager.listeners, "its end")
            assert pbx.harness.records_read() >= self.ARRIVALS
