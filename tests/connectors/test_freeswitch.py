"""The event socket of a FreeSWITCH: listened to, away, come again."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

import connectors.freeswitch as freeswitch
from connectors.freeswitch.feed import RELIST_SECONDS, Listening
from connectors.freeswitch.names import Names
from connectors.freeswitch.session import Session
from connectors.freeswitch.simulate import Callcenter, Day, EventSocket, Happening, configuration
from connectors.freeswitch.simulate.server import USER
from connectors.freeswitch.simulate.server import _Connection as Connection
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.peer import ANSWER_SECONDS, PING_SECONDS
from connectors.sdk.testing import Bench, Conformance
from models.events import Event
from models.identities import PseudonymKey
from tests.support.freeswitch import PatientSocket, serving
from tests.support.processes import wait_until
from tests.support.switchboards import fold
from tests.support.talkers import alone, listen

NINE = datetime(2026, 3, 16, 8, tzinfo=UTC).timestamp()
PERSONAL = (
    "0639985511",
    "Mireille Exemple",
    "jean.modele@example.org",
    "06.39.98.55.12",
    "06-39-98-55-12",
    "+33639985513",
)
KEY = PseudonymKey("demonstration", b"k" * 32)


def play(callcenter: Callcenter, *, seed: int = 3, calls_per_hour: float, hours: float = 1) -> Day:
    """Let an hour or so happen, and all that began in it end."""
    day = Day(callcenter, seed=seed, calls_per_hour=calls_per_hour, begin=NINE)
    while day.next_at < NINE + 3_600 * hours:
        day.step()
    day.close(NINE + 3_600 * hours)
    while day.next_at < float("inf"):
        day.step()
    return day


def bad_events() -> list[Happening]:
    """Events that are wrong, or hold what is personal wherever it can be."""
    base = {
        "Event-Name": "CUSTOM",
        "Event-Subclass": "callcenter::info",
        "Event-Date-Timestamp": str(int(NINE + 600) * 1_000_000),
    }
    call = {"CC-Member-UUID": PERSONAL[0], "CC-Member-Session-UUID": PERSONAL[3], "CC-Queue": PERSONAL[4]}
    who = {
        "CC-Member-CID-Number": PERSONAL[0],
        "CC-Member-CID-Name": PERSONAL[1],
        "Channel-Name": f"sofia/external/{PERSONAL[2]}",
        "variable_sip_from_user": PERSONAL[5],
        "variable_transfer_history": f"{int(NINE)}:x:bl_xfer:{PERSONAL[5]}/default/XML",
    }
    odd = base | call | who | {"CC-Agent": PERSONAL[2]}
    groups = [
        [base | who | {"CC-Action": "member-queue-start", "CC-Queue": "accueil"}],
        [base | {"CC-Action": "agent-status-change", "CC-Agent-Status": "Available"}],
        [base | {"CC-Action": "agent-status-change", "CC-Agent": PERSONAL[2], "CC-Agent-Status": PERSONAL[1]}],
        [base | {"CC-Action": "members-count", "CC-Selection": PERSONAL[1]}],
        [base | who | call | {"CC-Action": "member-queue-end", "CC-Padding": "x" * 300_000}],
        [
            odd | {"CC-Action": action, "CC-Cause": "Terminated", "CC-Agent-Bridged": PERSONAL[1]}
            for action in ("member-queue-start", "bridge-agent-start", "bridge-agent-end", "member-queue-end")
        ],
        [
            base
            | {"Event-Name": "CHANNEL_CREATE", "Call-Direction": "inbound", "Caller-Destination-Number": "0199000010"}
        ],
    ]
    for event in groups[-1]:
        event.pop("Event-Subclass", None)
    return [Happening(NINE + 600, [], group) for group in groups]


class TestConformance(Conformance):
    connector = freeswitch.CONNECTOR
    readme = Path(freeswitch.__file__).with_name("README.md")
    personal = PERSONAL

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        self._started: dict[Path, PatientSocket] = {}
        with ExitStack() as self._stack:
            yield

    def options(self, directory: Path) -> dict[str, Any]:
        if directory not in self._started:
            event_socket = self._stack.enter_context(serving(NINE, listener=directory))
            assert isinstance(event_socket, PatientSocket)
            self._started[directory] = event_socket
        return configuration(self._started[directory].port)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        event_socket, items = self._started[directory], self.items(directory)
        alone(event_socket)
        size = -(-len(items) // parts)
        for item in items[part * size : (part + 1) * size]:
            event_socket.happen(item)

    def items(self, directory: Path) -> list[Happening]:
        """A small day, with events of bad or personal content in between."""
        happened: list[Happening] = []
        play(Callcenter(happened.append), calls_per_hour=60)
        bad = bad_events()
        (directory / "bad").write_text(str(bad))
        for place, item in enumerate(bad, 1):
            happened.insert(place * len(happened) // (len(bad) + 1), item)
        return happened


@pytest.fixture
def event_socket() -> Iterator[EventSocket]:
    with serving(NINE) as started:
        yield started


class Scene:
    """A callcenter that does what it is told, and a connector that may or may not listen."""

    def __init__(self, directory: Path, event_socket: EventSocket, **more: Any) -> None:
        self.event_socket = event_socket
        self.callcenter = Callcenter(event_socket.happen)
        self.bench = Bench(
            freeswitch.CONNECTOR, configuration(event_socket.port) | more, directory / "data", directory / "keys"
        )

    def listen(self, happen: Any = lambda: None) -> list[Event]:
        return listen(self.bench, self.event_socket, happen)

    def waiting(self, queue: str = "accueil", *, at: float = NINE + 10) -> str:
        """Let a call wait."""
        call = self.callcenter.arrive(at, caller="0639980012", dialled="0199000010")
        self.callcenter.enter(at + 8, call, queue)
        return call


@pytest.fixture
def scene(tmp_path: Path, event_socket: EventSocket) -> Scene:
    return Scene(tmp_path, event_socket)


def about(events: list[Event]) -> list[tuple[str, ...]]:
    """Return what happened, in short."""
    told = []
    for event in events:
        data: Any = event.data
        what = next(
            (str(getattr(data, name)) for name in ("reason", "ended_by", "change", "kind") if hasattr(data, name)), ""
        )
        told.append((event.type, *([what] if what else []), *([data.queue] if hasattr(data, "queue") else [])))
    return told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Counter[str], list[Event]]:
    with serving(NINE) as event_socket:
        scene = Scene(tmp_path_factory.mktemp("day"), event_socket)
        days: list[Day] = []
        events = scene.listen(lambda: days.append(play(scene.callcenter, calls_per_hour=300, hours=3)))
        assert scene.bench.rejected() == {}
        return days[0].ledger, events


class TestOneDay:
    def test_the_events_are_what_really_happened(self, told: tuple[Counter[str], list[Event]]) -> None:
        ledger, events = told
        types = Counter(event.type for event in events)
        rings = sum(event.type == "agent.state_changed" and event.data.change == "ring_unanswered" for event in events)
        assert types["call.queued"] == ledger["queued"] > 700
        assert types["call.answered"] == ledger["answered"] > 300
        assert types["call.abandoned"] == ledger["abandoned"] > 50
        assert types["call.left_queue"] == ledger["left"] > 10
        assert types["call.transferred"] == ledger["transferred"] > 20
        assert types["call.ended"] == ledger["ended"] > 200
        assert rings == ledger["rings"] > 10

    def test_so_are_the_figures(self, told: tuple[Counter[str], list[Event]]) -> None:
        ledger, events = told
        figures = fold(events).values()
        names = {"queued": "offered", "rings": "ring_unanswered"} | {
            one: one for one in ("answered", "abandoned", "ended")
        }
        assert {name: sum(figure.get(counted, 0) for figure in figures) for name, counted in names.items()} == {
            name: ledger[name] for name in names
        }
        stocks = ("waiting", "in_progress", "agents_available", "agents_on_contact", "agents_paused")
        assert not [figure for figure in figures if any(figure.get(stock) for stock in stocks)], "all have gone"

    def test_agents_are_there_before_anybody_calls(self, told: tuple[Counter[str], list[Event]]) -> None:
        early = [event for event in told[1] if event.time.timestamp() < NINE + 9]
        per_queue = [figure["agents_available"] for place, figure in fold(early).items() if "queue=''" not in place]
        assert per_queue == [4, 4, 4, 4]

    def test_every_stay_begins_and_ends_once(self, told: tuple[Counter[str], list[Event]]) -> None:
        stays: dict[tuple[str, int], list[str]] = {}
        for event in told[1]:
            if event.type.startswith("call.") and event.type != "call.arrived":
                stays.setdefault((event.subject, event.data.visit), []).append(event.type)  # type: ignore[union-attr]
        endings = {
            *(("call.queued", "call.abandoned"), ("call.queued", "call.left_queue")),
            *(("call.queued", "call.answered", "call.ended"), ("call.queued", "call.answered", "call.transferred")),
        }
        assert {tuple(told) for told in stays.values()} == endings
        assert max(visit for _, visit in stays) > 1

    def test_a_transfer_names_the_queue_it_goes_to(self, told: tuple[Counter[str], list[Event]]) -> None:
        transfers = [event for event in told[1] if event.type == "call.transferred"]
        assert {event.data.to_queue for event in transfers} == {"accueil", "mdph", "rsa", "pmi"}

    def test_a_caller_has_a_pseudonym_unless_withheld(self, told: tuple[Counter[str], list[Event]]) -> None:
        callers = {event.identities[:6] for event in told[1] if event.type == "call.queued"}
        assert callers == {"phone:", ""}

    def test_agents_are_on_contact_as_often_as_calls_are_answered(self, told: tuple[Counter[str], list[Event]]) -> None:
        ledger, events = told
        changes = Counter(event.data.change.value for event in events if event.type == "agent.state_changed")
        assert changes["contact_started"] == changes["contact_ended"] == ledger["answered"]
        assert changes["logged_in"] == changes["logged_out"] == 16
        assert changes["paused"] >= changes["unpaused"] > 0


class TestAway:
    """ESL tells nothing again: what was missed is found in the lists."""

    def test_who_waits_is_found(self, scene: Scene) -> None:
        scene.waiting()
        assert about(scene.listen()) == [("call.queued", "accueil")]

    def test_with_the_id_that_the_event_would_have_had(self, scene: Scene, tmp_path: Path) -> None:
        other = Scene(tmp_path / "other", scene.event_socket)
        live = [event for event in other.listen(scene.waiting) if event.type == "call.queued"]
        found = scene.listen()
        assert [event.id for event in found] == [event.id for event in live]

    def test_who_waited_and_is_gone_left_for_an_unknown_reason(self, scene: Scene) -> None:
        calls: list[str] = []
        scene.listen(lambda: calls.append(scene.waiting()))
        scene.callcenter.give_up(NINE + 60, calls[0])
        (left,) = scene.listen()
        assert about([left]) == [("call.left_queue", "other", "accueil")]
        assert left.time == datetime.fromtimestamp(NINE + 60, UTC), "the list says when"
        assert scene.listen() == []

    def test_who_talked_and_is_gone_has_ended(self, scene: Scene) -> None:
        calls: list[str] = []

        def talk() -> None:
            calls.append(scene.waiting())
            scene.callcenter.answer(NINE + 30, calls[0], "1001@default")

        scene.listen(talk)
        scene.callcenter.hang_up(NINE + 60, calls[0])
        events = scene.listen()
        assert about(events) == [
            ("call.ended", "system", "accueil"),
            ("agent.state_changed", "contact_ended", "accueil"),
        ]
        assert events[0].data.handle_seconds is None  # type: ignore[union-attr]

    def test_who_was_answered_meanwhile_is_found_talking(self, scene: Scene) -> None:
        calls: list[str] = []
        scene.listen(lambda: calls.append(scene.waiting()))
        scene.callcenter.answer(NINE + 30, calls[0], "1001@default")
        assert about(scene.listen()) == [
            ("call.answered", "accueil"),
            ("agent.state_changed", "contact_started", "accueil"),
        ]
        assert about(scene.listen(lambda: scene.callcenter.hang_up(NINE + 90, calls[0], by_agent=True))) == [
            ("call.ended", "agent", "accueil"),
            ("agent.state_changed", "contact_ended", "accueil"),
        ]

    def test_what_agents_did_is_found(self, scene: Scene) -> None:
        scene.callcenter.be(NINE + 1, "1001@default", "Available")
        assert about(scene.listen()) == [("agent.state_changed", "logged_in", "accueil")]
        scene.callcenter.be(NINE + 2, "1001@default", "On Break")
        (paused,) = scene.listen()
        assert about([paused]) == [("agent.state_changed", "paused", "accueil")]
        assert paused.time == datetime.fromtimestamp(NINE + 2, UTC)
        scene.callcenter.be(NINE + 3, "1001@default", "Logged Out")
        assert about(scene.listen()) == [
            ("agent.state_changed", "unpaused", "accueil"),
            ("agent.state_changed", "logged_out", "accueil"),
        ]

    def test_a_connection_that_is_cut_is_made_anew(self, scene: Scene) -> None:
        with scene.bench.opened() as (flow, publisher):
            wait_until(lambda: flow.turn() or scene.event_socket.listeners, "somebody to listen", 10)
            scene.event_socket.drop_all()
            scene.waiting()

            def heard() -> bool:
                try:
                    flow.turn()
                except SourceUnavailableError:
                    threading.Event().wait(0.05)
                return bool(publisher.events)

            wait_until(heard, "the call to be found", 30)
            assert about(publisher.events) == [("call.queued", "accueil")]

    def test_what_was_heard_and_not_confirmed_is_told_after_a_kill(self, scene: Scene) -> None:
        with scene.bench.opened() as (flow, publisher):
            wait_until(lambda: flow.turn() or scene.event_socket.listeners, "somebody to listen", 10)
            scene.waiting()
            wait_until(lambda: flow.turn() or len(publisher.events) == 2, "the call to be heard", 10)
        alone(scene.event_socket)
        again = scene.listen()
        assert about(again) == [("call.arrived",), ("call.queued", "accueil")]
        assert again == publisher.events


@pytest.mark.parametrize("seed", range(3))
def test_whenever_nobody_listens_every_stay_that_is_known_ends_once(scene: Scene, seed: int) -> None:
    random = Random(seed)
    day = Day(scene.callcenter, seed=seed, calls_per_hour=400, begin=NINE)

    def go_on() -> None:
        for _ in range(random.randrange(60)):
            day.step()

    events: list[Event] = []
    for _ in range(12):
        events += scene.listen(go_on)
        go_on()
    day.close(day.next_at)
    while day.next_at < float("inf"):
        day.step()
    events += scene.listen()
    stays: dict[tuple[str, int], list[str]] = {}
    for event in events:
        if event.type.startswith("call.") and event.type != "call.arrived":
            stays.setdefault((event.subject, event.data.visit), []).append(event.type.removeprefix("call."))  # type: ignore[union-attr]
    assert len({event.id for event in events}) == len(events)
    assert {tuple(told) for told in stays.values()} <= {
        *(("queued", "abandoned"), ("queued", "left_queue"), ("queued", "answered", "ended")),
        *(("queued", "answered", "transferred"), ("answered", "ended"), ("answered", "transferred")),
        *(("abandoned",), ("left_queue",)),
    }
    assert any(event.type == "call.left_queue" and event.data.reason == "other" for event in events), (
        "nothing was missed"
    )
    assert not [figure for figure in fold(events).values() if figure.get("waiting") or figure.get("in_progress")]


class TestMeanwhile:
    """What happens while the lists are made is told by its events."""

    @pytest.fixture
    def hasty(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
        self.deeds: list[Any] = []

        def answered(_: Any, asked: str) -> None:
            if asked == "callcenter_config agent list":
                while self.deeds:
                    self.deeds.pop(0)()

        monkeypatch.setattr(scene.event_socket, "answered", answered)
        return scene

    def test_who_begins_to_wait_then_is_not_gone(self, hasty: Scene) -> None:
        self.deeds.append(hasty.waiting)
        assert about(hasty.listen()) == [("call.arrived",), ("call.queued", "accueil")]

    def test_who_was_listed_and_gives_up_then_gave_up(self, hasty: Scene) -> None:
        calls: list[str] = []
        hasty.listen(lambda: calls.append(hasty.waiting()))
        self.deeds.append(lambda: hasty.callcenter.give_up(NINE + 60, calls[0]))
        assert about(hasty.listen()) == [("call.abandoned", "accueil")]

    def test_an_agent_who_comes_then_has_come(self, hasty: Scene) -> None:
        self.deeds.append(lambda: hasty.callcenter.be(NINE + 1, "1001@default", "Available"))
        assert about(hasty.listen()) == [("agent.state_changed", "logged_in", "accueil")]


class TestTiers:
    def test_an_agent_who_serves_another_queue_is_found_within_a_minute(self, scene: Scene) -> None:
        config = freeswitch.CONNECTOR.config(**configuration(scene.event_socket.port))
        with closing(Listening(config, Names(config, KEY))) as listening:
            scene.callcenter.serve(NINE, "1001@default", "mdph")
            assert listening.receive(0.0) == []
            listening._listed_at -= RELIST_SECONDS
            (told,) = listening.receive(0.0)
            assert told.members is None
            assert {"queue": "mdph@default", "agent": "1001@default"} in told.tiers
            listening._listed_at -= RELIST_SECONDS
            assert listening.receive(0.0) == [], "nothing has changed"

    def test_what_happens_as_the_connection_breaks_meanwhile_is_heard(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_off(_: Connection, asked: str) -> None:
            scene.waiting()
            scene.event_socket.drop_all()

        config = freeswitch.CONNECTOR.config(**configuration(scene.event_socket.port))
        with closing(Listening(config, Names(config, KEY))) as listening:
            listening._listed_at -= RELIST_SECONDS
            monkeypatch.setattr(Connection, "_answer", break_off)
            told = listening.receive(0.0)
            assert [one.message["CC-Action"] for one in told] == ["=arrived", "member-queue-start"]
            with pytest.raises(SourceUnavailableError, match="broke the connection off"):
                listening.receive(0.0)

    def test_and_is_logged_in_there(self, scene: Scene) -> None:
        scene.callcenter.be(NINE, "1001@default", "Available")
        scene.listen()
        scene.callcenter.serve(NINE, "1001@default", "mdph")
        assert about(scene.listen()) == [("agent.state_changed", "logged_in", "mdph")]
        scene.callcenter.serve(NINE, "1001@default", "accueil", serves=False)
        assert about(scene.listen()) == [("agent.state_changed", "logged_out", "accueil")]


class TestLogin:
    @pytest.mark.parametrize("how", [{}, {"user": USER}])
    def test_it_shows_the_password(self, tmp_path: Path, event_socket: EventSocket, how: dict[str, str]) -> None:
        assert Scene(tmp_path, event_socket, **how).listen() == []
        assert event_socket.refusals == 0

    @pytest.mark.parametrize("wrong", [{"password": "un-autre"}, {"user": "quelqu-un@default"}])
    def test_a_refusal_is_told_without_it(
        self, tmp_path: Path, event_socket: EventSocket, wrong: dict[str, str]
    ) -> None:
        scene = Scene(tmp_path, event_socket, **wrong)
        with scene.bench.opened() as (flow, _):
            for _ in range(2):
                with pytest.raises(SourceUnavailableError, match="refuses the password") as trouble:
                    flow.turn()
                assert "un-autre" not in str(trouble.value)
        assert event_socket.refusals == 1, "it was asked again at once"
        with pytest.raises(SourceRefusedError, match="refuses the password"):
            scene.bench.probe()

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (b"SSH-2.0-OpenSSH_9.2\r\n\n\n", "is no event socket"),
            (
                b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
                "apply-inbound-acl",
            ),
            (b"Content-Type: auth/request\n\n", "broke the connection off"),
        ],
    )
    def test_who_is_no_event_socket_or_wants_nobody_is_told(self, tmp_path: Path, said: bytes, told: str) -> None:
        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(said)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=answer)
            thread.start()
            given = configuration(listener.getsockname()[1])
            with pytest.raises(SourceUnavailableError, match=told):
                Bench(freeswitch.CONNECTOR, given, tmp_path / "data", tmp_path / "keys").probe()
            thread.join()

    def test_one_without_mod_callcenter_is_told(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        missing = "-ERR callcenter_config Command not found!\n"
        monkeypatch.setattr(scene.event_socket.tables, "answer", lambda asked: missing)
        with pytest.raises(SourceUnavailableError, match="is mod_callcenter loaded"):
            scene.bench.probe()

    def test_the_fake_refuses_unknown_commands(self, event_socket: EventSocket) -> None:
        with closing(Session(freeswitch.CONNECTOR.config(**configuration(event_socket.port)))) as session:
            assert session._ask("api originate user/1001 9999").startswith("-ERR originate Command not found!")
            assert session._ask("sendmsg") == "-ERR command not found"
        assert event_socket.refusals == 2


class TestSilence:
    @pytest.fixture
    def session(self, event_socket: EventSocket) -> Iterator[Session]:
        with closing(Session(freeswitch.CONNECTOR.config(**configuration(event_socket.port)))) as session:
            yield session
        alone(event_socket)

    def pause(self, session: Session, seconds: float) -> None:
        """Let nobody have looked for so long."""
        session._peer.heard_at -= seconds
        session._peer.asked_at -= seconds

    def test_one_that_had_nothing_to_tell_is_asked_first(self, session: Session) -> None:
        self.pause(session, 600)
        assert session.receive(0.0) == []
        assert session._peer.asked_at > session._peer.heard_at
        assert session.receive(5.0) == []
        assert session._peer.heard_at > session._peer.asked_at

    def test_one_that_does_not_answer_is_given_up(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Connection, "_answer", lambda connection, asked: None)
        self.pause(session, PING_SECONDS + 1)
        assert session.receive(0.0) == []
        self.pause(session, ANSWER_SECONDS + 1)
        with pytest.raises(SourceUnavailableError, match="does not answer any more"):
            session.receive(0.0)


class TestProbe:
    def test_it_finds_who_is_there_and_takes_nothing(self, scene: Scene) -> None:
        scene.waiting()
        scene.callcenter.be(NINE, "1001@default", "Available")
        assert scene.bench.probe().events == {"call.queued": 1, "agent.state_changed": 1}
        alone(scene.event_socket)
        assert len(scene.listen()) == 2


def test_the_command_says_what_is_wrong() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        simulate = freeswitch.CONNECTOR.simulate
        assert simulate is not None
        done = CliRunner().invoke(simulate, ["--port", str(taken.getsockname()[1])])
    assert done.exit_code == 1
    assert "Address already in use" in done.output
