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


def is_ring(event: Event) -> bool:
    return event.type == "agent.state_changed" and event.data.change == "ring_unanswered"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, list[Event]]:
    with serving(NINE) as event_socket:
        scene = FreeswitchHarness(tmp_path_factory.mktemp("day"), event_socket)
        days: list[CallSimulation] = []
        events = scene.listen(lambda: days.append(simulate_calls(scene.callcenter, calls_per_hour=300, hours=5)))
        assert scene.harness.rejected() == {}
        return days[0].ledger, events


class TestOneDay:
    def test_events_match_the_simulation(self, day: tuple[Ledger, list[Event]]) -> None:
        ledger, events = day
        counts = Counter(
            (event.data.queue, getattr(event.data, "reason", event.type))  # type: ignore[union-attr]
            for event in events
            if event.type not in {"call.arrived", "agent.state_changed"} or is_ring(event)
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


class TestAway:
    """Changes that FreeSWITCH does not repeat are found in the lists."""

    def test_waiting_caller_is_found_in_the_list(self, scene: FreeswitchHarness) -> None:
        scene.waiting()
        assert summary(scene.listen()) == [("call.queued", "accueil")]

    def test_listed_caller_has_the_id_of_the_event(self, scene: FreeswitchHarness, tmp_path: Path) -> None:
        other = FreeswitchHarness(tmp_path / "other", scene.event_socket)
        live = [event for event in other.listen(scene.waiting) if event.type == "call.queued"]
        found = scene.listen()
        assert [event.id for event in found] == [event.id for event in live]

    def test_caller_missing_from_the_list_left_for_an_unknown_reason(self, scene: FreeswitchHarness) -> None:
        calls: list[str] = []
        scene.listen(lambda: calls.append(scene.waiting()))
        scene.callcenter.cancel(NINE + 60, calls[0])
        (left,) = scene.listen()
        assert summary([left]) == [("call.left_queue", "other", "accueil")]
        assert left.time == datetime.fromtimestamp(NINE + 60, UTC), "the list contains the time"
        assert scene.listen() == []

    def test_conversation_missing_from_the_list_has_ended(self, scene: FreeswitchHarness) -> None:
        calls: list[str] = []

        def talk() -> None:
            calls.append(scene.waiting())
            scene.callcenter.answer(NINE + 30, calls[0], "3101@default")

        scene.listen(talk)
        scene.callcenter.hang_up(NINE + 60, calls[0])
        events = scene.listen()
        assert summary(events) == [
            ("call.ended", "system", "accueil"),
            ("agent.state_changed", "contact_ended", "accueil"),
        ]
        assert events[0].data.handle_seconds is None  # type: ignore[union-attr]

    def test_call_answered_during_an_interruption_is_found(self, scene: FreeswitchHarness) -> None:
        calls: list[str] = []
        scene.listen(lambda: calls.append(scene.waiting()))
        scene.callcenter.answer(NINE + 30, calls[0], "3101@default")
        assert summary(scene.listen()) == [
            ("call.answered", "accueil"),
            ("agent.state_changed", "contact_started", "accueil"),
        ]
        assert summary(scene.listen(lambda: scene.callcenter.hang_up(NINE + 90, calls[0], by_agent=True))) == [
            ("call.ended", "agent", "accueil"),
            ("agent.state_changed", "contact_ended", "accueil"),
        ]

    def test_agent_changes_are_found_in_the_list(self, scene: FreeswitchHarness) -> None:
        scene.callcenter.set_status(NINE + 1, "3101@default", "Available")
        assert summary(scene.listen()) == [("agent.state_changed", "logged_in", "accueil")]
        scene.callcenter.set_status(NINE + 2, "3101@default", "On Break")
        (paused,) = scene.listen()
        assert summary([paused]) == [("agent.state_changed", "paused", "accueil")]
        assert paused.time == datetime.fromtimestamp(NINE + 2, UTC)
        scene.callcenter.set_status(NINE + 3, "3101@default", "Logged Out")
        assert summary(scene.listen()) == [
            ("agent.state_changed", "unpaused", "accueil"),
            ("agent.state_changed", "logged_out", "accueil"),
        ]


@pytest.mark.parametrize("seed", range(3))
def test_every_known_stay_ends_once_despite_interruptions(scene: FreeswitchHarness, seed: int) -> None:
    random = Random(seed)
    day = CallSimulation(scene.callcenter, seed=seed, calls_per_hour=400)
    day.begin(NINE)

    def go_on() -> None:
        for _ in range(random.randrange(200)):
            day.run_until(day.next_at)

    events: list[Event] = []
    for _ in range(12):
        events += scene.listen(go_on)
        go_on()
    day.end(day.next_at)
    events += scene.listen()
    assert len({event.id for event in events}) == len(events)
    ends = {("abandoned",), ("left_queue",), ("answered", "ended"), ("answered", "transferred")}
    assert {*stays_of(events).values()} <= ends | {("queued", *end) for end in ends}
    assert any(event.type == "call.left_queue" and event.data.reason == "other" for event in events), (
        "the test lost no events"
    )
    assert not [figure for figure in fold(events).values() if figure.get("waiting") or figure.get("in_progress")]


class TestMeanwhile:
    """Changes during the listing are reported by their events."""

    @pytest.fixture
    def hasty(self, scene: FreeswitchHarness, monkeypatch: pytest.MonkeyPatch) -> FreeswitchHarness:
        self.actions: list[Any] = []

        def answered(_: Any, asked: str) -> None:
            if asked == "callcenter_config agent list":
                while self.actions:
                    self.actions.pop(0)()

        monkeypatch.setattr(scene.event_socket, "answered", answered)
        return scene

    def test_caller_who_enters_during_the_listing_is_queued(self, hasty: FreeswitchHarness) -> None:
        self.actions.append(hasty.waiting)
        assert summary(hasty.listen()) == [("call.arrived",), ("call.queued", "accueil")]

    def test_caller_who_abandons_during_the_listing_has_abandoned(self, hasty: FreeswitchHarness) -> None:
        calls: list[str] = []
        hasty.listen(lambda: calls.append(hasty.waiting()))
        self.actions.append(lambda: hasty.callcenter.cancel(NINE + 60, calls[0]))
        assert summary(hasty.listen()) == [("call.abandoned", "accueil")]

    def test_agent_who_logs_in_during_the_listing_is_logged_in(self, hasty: FreeswitchHarness) -> None:
        self.actions.append(lambda: hasty.callcenter.set_status(NINE + 1, "3101@default", "Available"))
        assert summary(hasty.listen()) == [("agent.state_changed", "logged_in", "accueil")]


class TestTiers:
    def test_change_of_tiers_is_found_within_a_minute(self, scene: FreeswitchHarness) -> None:
        config = freeswitch.CONNECTOR.config(**configuration(scene.event_socket.port))
        with closing(EventSocketSession(config, NameResolver(config, KEY))) as listening:
            scene.callcenter.serve(NINE, "3101@default", "mdph")
            assert listening.receive(0.0) == []
            listening._listed_at -= RELIST_SECONDS
            (outcome,) = listening.receive(0.0)
            assert outcome.members is None
            assert {"queue": "mdph@default", "agent": "3101@default"} in outcome.tiers
            listening._listed_at -= RELIST_SECONDS
            assert listening.receive(0.0) == [], "nothing has changed"

    def test_events_before_a_broken_listing_are_returned(
        self, scene: FreeswitchHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_off(_: Connection, asked: str) -> None:
            scene.waiting()
            scene.event_socket.drop_all()

        config = freeswitch.CONNECTOR.config(**configuration(scene.event_socket.port))
        with closing(EventSocketSession(config, NameResolver(config, KEY))) as listening:
            listening._listed_at -= RELIST_SECONDS
            monkeypatch.setattr(Connection, "_run_api", break_off)
            outcome = listening.receive(0.0)
            assert [record.message["CC-Action"] for record in outcome] == ["=arrived", "member-queue-start"]
            with pytest.raises(SourceUnavailableError, match="broke the connection off"):
                listening.receive(0.0)

    def test_change_of_tiers_logs_the_agent_in_and_out(self, scene: FreeswitchHarness) -> None:
        scene.callcenter.set_status(NINE, "3101@default", "Available")
        scene.listen()
        scene.callcenter.serve(NINE, "3101@default", "mdph")
        assert summary(scene.listen()) == [("agent.state_changed", "logged_in", "mdph")]
        scene.callcenter.serve(NINE, "3101@default", "accueil", serves=False)
        assert summary(scene.listen()) == [("agent.state_changed", "logged_out", "accueil")]
