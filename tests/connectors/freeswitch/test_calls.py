"""Events of calls and agents, with and without a connection."""

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

import connectors.freeswitch as freeswitch
from connectors.freeswitch.event_socket_session import RELIST_SECONDS, EventSocketSession
from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.simulate import CallSimulation, configuration
from connectors.freeswitch.simulate.server import _Connection as Connection
from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.simulation.call_ledger import Ledger
from models.events import Event
from models.identities import PseudonymKey
from tests.support.call_figures import fold
from tests.support.freeswitch_harness import NINE, FreeswitchHarness, serving, simulate_calls

KEY = PseudonymKey("demonstration", b"k" * 32)


def summary(events: list[Event]) -> list[tuple[str, ...]]:
    """Return type, details and queue of each event."""
    outcome = []
    for event in events:
        data: Any = event.data
        detail = next(
            (str(getattr(data, name)) for name in ("reason", "ended_by", "change", "kind") if hasattr(data, name)), ""
        )
        outcome.append((event.type, *([detail] if detail else []), *([data.queue] if hasattr(data, "queue") else [])))
    return outcome


def stays_of(events: list[Event]) -> dict[tuple[str, int], tuple[str, ...]]:
    """Return the events of each queue stay, in order."""
    stays: dict[tuple[str, int], tuple[str, ...]] = {}
    for event in events:
        if event.type.startswith("call.") and event.type != "call.arrived":
            stay = event.subject, event.data.visit  # type: ignore[union-attr]
            stays[stay] = (*stays.get(stay, ()), event.type.removeprefix("call."))
    return stays


def is_unanswered_ring(event: Event) -> bool:
    return event.type == "agent.state_changed" and event.data.change == "ring_unanswered"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, list[Event]]:
    with serving(NINE) as event_socket:
        pbx = FreeswitchHarness(tmp_path_factory.mktemp("day"), event_socket)
        days: list[CallSimulation] = []
        events = pbx.listen(lambda: days.append(simulate_calls(pbx.callcenter, calls_per_hour=300, hours=5)))
        assert pbx.harness.rejected() == {}
        return days[0].ledger, events


class TestOneDay:
    def test_events_match_the_simulation(self, day: tuple[Ledger, list[Event]]) -> None:
        ledger, events = day
        counts = Counter(
            (event.data.queue, getattr(event.data, "reason", event.type))  # type: ignore[union-attr]
            for event in events
            if event.type not in {"call.arrived", "agent.state_changed"} or is_unanswered_ring(event)
        )
        for queue, totals in ledger.queues.items():
            expected = {
                "call.answered": totals.answered,
                "call.abandoned": totals.abandoned,
                "call.transferred": totals.transferred,
                "call.ended": totals.ended,
                "agent.state_changed": totals.ring_unanswered,
                **{reason: totals.left.get(reason, 0) for reason in ("timeout", "key", "empty")},
            }
            assert {name: counts[queue, name] for name in expected} == expected, queue
        totals = ledger.queues["accueil"]
        assert min(totals.answered, totals.abandoned, totals.transferred, totals.ended, totals.ring_unanswered) > 0
        transfers = [event for event in events if event.type == "call.transferred" and event.data.kind == "blind"]
        assert {event.data.to_queue for event in transfers} == ledger.queues.keys()
        assert {event.identities[:6] for event in events if event.type == "call.queued"} == {"phone:", ""}

    def test_every_stay_begins_and_ends_once(self, day: tuple[Ledger, list[Event]]) -> None:
        ends = {("abandoned",), ("left_queue",), ("answered", "ended"), ("answered", "transferred")}
        stays = stays_of(day[1])
        assert {*stays.values()} == {("queued", *end) for end in ends}
        assert max(visit for _, visit in stays) > 1

    def test_agents_are_on_contact_as_often_as_calls_are_answered(self, day: tuple[Ledger, list[Event]]) -> None:
        ledger, events = day
        changes = Counter(event.data.change.value for event in events if event.type == "agent.state_changed")
        answered = sum(totals.answered for totals in ledger.queues.values())
        assert changes["contact_started"] == changes["contact_ended"] == answered
        assert changes["logged_in"] == changes["logged_out"] > 16
        assert changes["paused"] >= changes["unpaused"] > 0
        stocks = ("waiting", "in_progress", "agents_available", "agents_on_contact", "agents_paused")
        assert not [figure for figure in fold(events).values() if any(figure.get(stock) for stock in stocks)]


class TestReconnection:
    def test_waiting_caller_is_found_in_the_list(self, pbx: FreeswitchHarness) -> None:
        pbx.waiting()
        assert summary(pbx.listen()) == [("call.queued", "accueil")]

    def test_listed_caller_has_the_id_of_the_event(self, pbx: FreeswitchHarness, tmp_path: Path) -> None:
        other = FreeswitchHarness(tmp_path / "other", pbx.event_socket)
        live = [event for event in other.listen(pbx.waiting) if event.type == "call.queued"]
        found = pbx.listen()
        assert [event.id for event in found] == [event.id for event in live]

    def test_caller_missing_from_the_list_left_for_an_unknown_reason(self, pbx: FreeswitchHarness) -> None:
        calls: list[str] = []
        pbx.listen(lambda: calls.append(pbx.waiting()))
        pbx.callcenter.cancel(NINE + 60, calls[0])
        (left,) = pbx.listen()
        assert summary([left]) == [("call.left_queue", "other", "accueil")]
        assert left.time == datetime.fromtimestamp(NINE + 60, UTC), "the list contains the time"
        assert pbx.listen() == []

    def test_conversation_missing_from_the_list_has_ended(self, pbx: FreeswitchHarness) -> None:
        calls: list[str] = []

        def talk() -> None:
            calls.append(pbx.waiting())
            pbx.callcenter.answer(NINE + 30, calls[0], "3101@default")

        pbx.listen(talk)
        pbx.callcenter.hang_up(NINE + 60, calls[0])
        events = pbx.listen()
        assert summary(events) == [
            ("call.ended", "system", "accueil"),
            ("agent.state_changed", "contact_ended", "accueil"),
        ]
        assert events[0].data.handle_seconds is None  # type: ignore[union-attr]

    def test_call_answered_during_an_interruption_is_found(self, pbx: FreeswitchHarness) -> None:
        calls: list[str] = []
        pbx.listen(lambda: calls.append(pbx.waiting()))
        pbx.callcenter.answer(NINE + 30, calls[0], "3101@default")
        assert summary(pbx.listen()) == [
            ("call.answered", "accueil"),
            ("agent.state_changed", "contact_started", "accueil"),
        ]
        assert summary(pbx.listen(lambda: pbx.callcenter.hang_up(NINE + 90, calls[0], by_agent=True))) == [
            ("call.ended", "agent", "accueil"),
            ("agent.state_changed", "contact_ended", "accueil"),
        ]

    def test_agent_changes_are_found_in_the_list(self, pbx: FreeswitchHarness) -> None:
        pbx.callcenter.set_status(NINE + 1, "3101@default", "Available")
        assert summary(pbx.listen()) == [("agent.state_changed", "logged_in", "accueil")]
        pbx.callcenter.set_status(NINE + 2, "3101@default", "On Break")
        (paused,) = pbx.listen()
        assert summary([paused]) == [("agent.state_changed", "paused", "accueil")]
        assert paused.time == datetime.fromtimestamp(NINE + 2, UTC)
        pbx.callcenter.set_status(NINE + 3, "3101@default", "Logged Out")
        assert summary(pbx.listen()) == [
            ("agent.state_changed", "unpaused", "accueil"),
            ("agent.state_changed", "logged_out", "accueil"),
        ]


@pytest.mark.parametrize("seed", range(3))
def test_every_known_stay_ends_once_despite_interruptions(pbx: FreeswitchHarness, seed: int) -> None:
    random = Random(seed)
    day = CallSimulation(pbx.callcenter, seed=seed, calls_per_hour=400)
    day.begin(NINE)

    def run_some_actions() -> None:
        for _ in range(random.randrange(200)):
            day.run_until(day.next_at)

    events: list[Event] = []
    for _ in range(12):
        events += pbx.listen(run_some_actions)
        run_some_actions()
    day.end(day.next_at)
    events += pbx.listen()
    assert len({event.id for event in events}) == len(events)
    ends = {("abandoned",), ("left_queue",), ("answered", "ended"), ("answered", "transferred")}
    assert {*stays_of(events).values()} <= ends | {("queued", *end) for end in ends}
    assert any(event.type == "call.left_queue" and event.data.reason == "other" for event in events), (
        "the test lost no events"
    )
    assert not [figure for figure in fold(events).values() if figure.get("waiting") or figure.get("in_progress")]


class TestChangesDuringTheListing:
    @pytest.fixture
    def listing_pbx(self, pbx: FreeswitchHarness, monkeypatch: pytest.MonkeyPatch) -> FreeswitchHarness:
        self.actions: list[Any] = []

        def answered(_: Any, command: str) -> None:
            if command == "callcenter_config agent list":
                while self.actions:
                    self.actions.pop(0)()

        monkeypatch.setattr(pbx.event_socket, "answered", answered)
        return pbx

    def test_caller_who_enters_during_the_listing_is_queued(self, listing_pbx: FreeswitchHarness) -> None:
        self.actions.append(listing_pbx.waiting)
        assert summary(listing_pbx.listen()) == [("call.arrived",), ("call.queued", "accueil")]

    def test_caller_who_abandons_during_the_listing_has_abandoned(self, listing_pbx: FreeswitchHarness) -> None:
        calls: list[str] = []
        listing_pbx.listen(lambda: calls.append(listing_pbx.waiting()))
        self.actions.append(lambda: listing_pbx.callcenter.cancel(NINE + 60, calls[0]))
        assert summary(listing_pbx.listen()) == [("call.abandoned", "accueil")]

    def test_agent_who_logs_in_during_the_listing_is_logged_in(self, listing_pbx: FreeswitchHarness) -> None:
        self.actions.append(lambda: listing_pbx.callcenter.set_status(NINE + 1, "3101@default", "Available"))
        assert summary(listing_pbx.listen()) == [("agent.state_changed", "logged_in", "accueil")]


class TestTiers:
    def test_change_of_tiers_is_found_within_a_minute(self, pbx: FreeswitchHarness) -> None:
        config = freeswitch.CONNECTOR.config(**configuration(pbx.event_socket.port))
        with closing(EventSocketSession(config, NameResolver(config, KEY))) as listening:
            pbx.callcenter.serve(NINE, "3101@default", "mdph")
            assert listening.receive(0.0) == []
            listening._listed_at -= RELIST_SECONDS
            (outcome,) = listening.receive(0.0)
            assert outcome.members is None
            assert {"queue": "mdph@default", "agent": "3101@default"} in outcome.tiers
            listening._listed_at -= RELIST_SECONDS
            assert listening.receive(0.0) == [], "nothing has changed"

    def test_events_before_a_broken_listing_are_returned(
        self, pbx: FreeswitchHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_off(_: Connection, command: str) -> None:
            pbx.waiting()
            pbx.event_socket.drop_all()

        config = freeswitch.CONNECTOR.config(**configuration(pbx.event_socket.port))
        with closing(EventSocketSession(config, NameResolver(config, KEY))) as listening:
            listening._listed_at -= RELIST_SECONDS
            monkeypatch.setattr(Connection, "_run_api", break_off)
            outcome = listening.receive(0.0)
            assert [record.message["CC-Action"] for record in outcome] == ["=arrived", "member-queue-start"]
            with pytest.raises(SourceUnavailableError, match="broke the connection off"):
                listening.receive(0.0)

    def test_change_of_tiers_logs_the_agent_in_and_out(self, pbx: FreeswitchHarness) -> None:
        pbx.callcenter.set_status(NINE, "3101@default", "Available")
        pbx.listen()
        pbx.callcenter.serve(NINE, "3101@default", "mdph")
        assert summary(pbx.listen()) == [("agent.state_changed", "logged_in", "mdph")]
        pbx.callcenter.serve(NINE, "3101@default", "accueil", serves=False)
        assert summary(pbx.listen()) == [("agent.state_changed", "logged_out", "accueil")]
