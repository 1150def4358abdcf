"""The manager interface of an Asterisk: alone, beside the log, away, come again."""

import collections
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import connectors.asterisk as asterisk
from connectors.asterisk import comparison
from connectors.asterisk.manager.session import Session
from connectors.asterisk.simulate import Exchange, Ledger, ManagerServer, configuration, simulate_day
from connectors.asterisk.simulate.manager import _Connection as Connection
from connectors.asterisk.simulate.rhythm import ZONE
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.peer import ANSWER_SECONDS, PING_SECONDS
from connectors.sdk.reconcile import Finding
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import Bench, Conformance
from models.events import Event
from models.reasons import Reason
from tests.support.asterisk_manager import PatientManager, alone, listen, make_certificate, options, serving
from tests.support.processes import wait_until
from tests.support.switchboards import fold

MONDAY = date(2026, 3, 16)
NINE = datetime(2026, 3, 16, 9, tzinfo=ZONE).timestamp()
PERSONAL = ("0639985511", "Mireille Exemple", "jean.modele", "PJSIP/9901", "06.39.98.55.12", "06-39-98-55-12")


def bad_messages(seconds: Iterator[int]) -> list[list[dict[str, str]]]:
    """Messages that are wrong, or hold what is personal wherever it can be; those of a call that is told to its end together.

    Each has one of `seconds` for itself.
    """
    first = next(seconds)
    call = {"Uniqueid": f"{first}.900001", "Linkedid": f"{first}.900001"}
    who = {
        "CallerIDNum": PERSONAL[0],
        "CallerIDName": PERSONAL[1],
        "ConnectedLineName": PERSONAL[2],
        "Exten": PERSONAL[4],
    }
    member = {"MemberName": PERSONAL[3], "Interface": PERSONAL[3]}
    odd = call | who | member | {"Queue": PERSONAL[5], "Position": PERSONAL[0], "HoldTime": "x"}
    by_hand = who | {"Uniqueid": PERSONAL[0], "Queue": "600"}
    groups: list[list[dict[str, str]]] = [
        [{"Event": "QueueCallerJoin", "Queue": "600", **who}],
        [{"Event": "QueueCallerJoin", **call, **who}],
        [{"Event": "QueueMemberPause", "Queue": "600", "PausedReason": PERSONAL[1]}],
        [{"Event": "UserEvent", "UserEvent": "FULL", **call, "Queue": "", "Data": PERSONAL[5]}],
        [{"Event": event, **odd} for event in ("QueueCallerJoin", "QueueCallerLeave", "AgentConnect", "AgentComplete")],
        [{"Event": event, **by_hand} for event in ("QueueCallerJoin", "Hangup")],
        [{"Event": "UserEvent", "UserEvent": PERSONAL[1], **call, "Data": PERSONAL[0]}],
        [{"Event": "UserEvent", "UserEvent": "MENU", **call, "Data": PERSONAL[0]}],
        [{"Event": "VarSet", **call, "Variable": "NUMERO", "Value": PERSONAL[0]}],
        [{"Event": "Hangup", **call, "Padding": "x" * 70_000}],
        [{"Event": event, **call, **who, "Queue": "600"} for event in ("QueueCallerAbandon", "Hangup")],
    ]
    return [
        [{"Privilege": "agent,all", "Timestamp": f"{next(seconds)}.250000", **message} for message in group]
        for group in groups
    ]


class TestConformance(Conformance):
    connector = asterisk.CONNECTOR
    readme = Path(asterisk.__file__).with_name("README.md")
    personal = PERSONAL

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        self._started: dict[Path, PatientManager] = {}
        with ExitStack() as self._stack:
            yield

    def options(self, directory: Path) -> dict[str, Any]:
        if directory not in self._started:
            manager = self._stack.enter_context(serving(NINE, listener=directory))
            assert isinstance(manager, PatientManager)
            self._started[directory] = manager
        return configuration(ami=options(self._started[directory]))

    def supply(self, directory: Path, part: int, parts: int) -> None:
        manager, items = self._started[directory], self.items(directory)
        alone(manager)
        size = -(-len(items) // parts)
        for item in items[part * size : (part + 1) * size]:
            if isinstance(item, str):
                manager.publish(item, int(item.partition("|")[0]) + 0.5)
            else:
                for message in item:
                    manager.say(message)

    def items(self, directory: Path) -> list[str | list[dict[str, str]]]:
        """A small day, with messages of bad or personal content in between."""
        day = directory / "day"
        if not day.exists():
            simulate_day(day, day=MONDAY, seed=3, calls=40)
        lines = day.read_text().splitlines(keepends=True)
        seconds = [int(line.partition("|")[0]) for line in lines]
        bad = bad_messages(one for one in count(seconds[len(seconds) // 2]) if one not in seconds)
        (directory / "bad").write_text(str(bad))
        items: list[str | list[dict[str, str]]] = [*lines]
        for place, messages in enumerate(reversed(bad)):
            items.insert(len(items) - 1 - place * (len(lines) // (2 * len(bad))), messages)
        return items


class Day:
    """A day that a switchboard told by log and by manager interface, and what the connector makes of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger = Ledger()

    def told(self, name: str, *, by_log: bool, by_manager: bool) -> list[Event]:
        """What is told by either, or both."""
        log = self.directory / name
        with serving(NINE - 9 * 3_600 + 1) as manager:
            given = configuration(log if by_log else None, options(manager) if by_manager else None)
            bench = Bench(asterisk.CONNECTOR, given, self.directory / f"{name}-data", self.directory / "keys")
            if not by_manager:
                self.happen(log, manager)
                return bench.read_all(confirm=True)
            log.touch()
            events = listen(bench, manager, lambda: self.happen(log, manager))
        assert bench.rejected() == {}
        return events

    def happen(self, log: Path, manager: ManagerServer) -> None:
        self.ledger = simulate_day(log, day=MONDAY, seed=11, calls=600, publish=manager.publish)


def by_themselves(events: Sequence[Event]) -> collections.Counter[tuple[str, str, str]]:
    """What agents did without a call, whenever."""
    changes = {"logged_in", "logged_out", "paused", "unpaused"}
    return collections.Counter(
        (event.subject, event.data.change.value, event.data.queue)
        for event in events
        if event.type == "agent.state_changed" and event.data.change.value in changes
    )


def in_calls(events: Sequence[Event]) -> dict[str, Event]:
    """What happened in calls, by id."""
    changes = {"contact_started", "contact_ended", "ring_unanswered"}
    return {
        event.id: event for event in events if event.type != "agent.state_changed" or event.data.change.value in changes
    }


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("day"))


@pytest.fixture(scope="module")
def by_log(day: Day) -> list[Event]:
    return day.told("log", by_log=True, by_manager=False)


@pytest.fixture(scope="module")
def by_manager(day: Day) -> list[Event]:
    return day.told("manager", by_log=False, by_manager=True)


@pytest.fixture(scope="module")
def by_both(day: Day) -> list[Event]:
    return day.told("both", by_log=True, by_manager=True)


class TestOneDay:
    def test_log_and_manager_interface_tell_the_same_events(self, by_log: list[Event], by_manager: list[Event]) -> None:
        log, manager = in_calls(by_log), in_calls(by_manager)
        assert len(log) > 1_500
        assert log.keys() == manager.keys()
        assert by_themselves(by_log) == by_themselves(by_manager)

    def test_though_they_tell_them_at_other_times(self, by_log: list[Event], by_manager: list[Event]) -> None:
        log, manager = in_calls(by_log), in_calls(by_manager)
        apart = collections.Counter((manager[name].time - log[name].time).total_seconds() for name in log)
        assert set(apart) == {0.0, 1.0}

    def test_both_together_count_once(self, by_log: list[Event], by_manager: list[Event], by_both: list[Event]) -> None:
        assert len(in_calls(by_both)) == len(in_calls(by_log)) < 0.6 * len(by_both)
        assert fold(by_both) == fold(by_log) == fold(by_manager)

    def test_whoever_comes_first(self, by_log: list[Event], by_manager: list[Event]) -> None:
        assert fold([*by_log, *by_manager]) == fold([*by_manager, *by_log]) == fold(by_log)

    def test_everything_happens_that_can_happen(self, by_manager: list[Event]) -> None:
        assert {event.type for event in by_manager} == {
            *("call.arrived", "call.queued", "call.answered", "call.abandoned", "call.left_queue", "call.transferred"),
            *("call.ended", "call.menu_chosen", "call.voicemail_left", "agent.state_changed"),
        }
        reasons = {event.data.reason.value for event in by_manager if event.type == "call.left_queue"}
        assert reasons >= {"timeout", "key", "closed", "diverted"}


class Scene:
    """A switchboard that does what it is told, and a connector that may or may not listen."""

    def __init__(self, directory: Path, manager: ManagerServer, *, with_log: bool = False, **more: Any) -> None:
        self.log = directory / "queue_log"
        self.log.touch()
        self.manager = manager
        self.exchange = Exchange(self._write, manager)
        given = configuration(self.log if with_log else None, options(manager, **more))
        self.bench = Bench(asterisk.CONNECTOR, given, directory / "data", directory / "keys")

    def _write(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(line)

    def listen(self, happen: Any = lambda: None) -> list[Event]:
        """What is told of what happens while it listens."""
        return listen(self.bench, self.manager, happen)


@pytest.fixture
def manager() -> Iterator[ManagerServer]:
    with serving(NINE) as started:
        yield started


@pytest.fixture
def scene(tmp_path: Path, manager: ManagerServer) -> Scene:
    return Scene(tmp_path, manager)


def told(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    """Type, queue and visit of what happened in queues."""
    return [
        (event.type, event.data.queue, event.data.visit)
        for event in events
        if event.type.startswith("call.") and hasattr(event.data, "visit")
    ]


def call_in_two_queues(exchange: Exchange) -> str:
    """A call that was answered in one queue and waits in another."""
    call = exchange.arrive(NINE + 1, caller="0639980001", dialled="0199000010")
    exchange.come(NINE + 2, "600", "PJSIP/31")
    exchange.enter(NINE + 3, call, "600")
    exchange.answer(NINE + 9, call, "PJSIP/31")
    exchange.transfer(NINE + 60, call, "610")
    exchange.enter(NINE + 60, call, "610")
    return call


class TestInTheMiddle:
    def test_alone_it_tells_who_waits_already(self, scene: Scene) -> None:
        call = call_in_two_queues(scene.exchange)
        events = scene.listen(lambda: scene.exchange.give_up(NINE + 100, call))
        assert told(events) == [("call.queued", "mdph", 1), ("call.abandoned", "mdph", 1)]
        assert events[0].time.timestamp() == pytest.approx(NINE + 60, abs=1)
        assert [event.data.change.value for event in events if event.type == "agent.state_changed"] == ["logged_in"]

    def test_beside_the_log_it_leaves_to_it_what_began_before(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, with_log=True)
        call = call_in_two_queues(scene.exchange)
        events = scene.listen(lambda: scene.exchange.give_up(NINE + 100, call))
        assert told(events)[-3:] == [
            ("call.transferred", "accueil", 1),
            ("call.queued", "mdph", 2),
            ("call.abandoned", "mdph", 2),
        ]
        assert len(told(events)) == len({event.id for event in events if event.type.startswith("call.")}) - 1

    def test_so_it_does_if_the_log_is_read_elsewhere(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, log_elsewhere=True)
        call = call_in_two_queues(scene.exchange)
        events = scene.listen(lambda: scene.exchange.give_up(NINE + 100, call))
        assert told(events) == []

    def test_a_call_that_comes_later_is_told_by_both_alike(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, with_log=True)
        events = scene.listen(lambda: call_in_two_queues(scene.exchange))
        twice = collections.Counter(event.id for event in events if event.type.startswith("call."))
        assert set(twice.values()) == {2}


class TestCatchingUp:
    """What happens now is told after all that the log has of before."""

    ARRIVALS = 6_000

    @pytest.fixture
    def scene(self, tmp_path: Path, manager: ManagerServer) -> Scene:
        scene = Scene(tmp_path, manager, with_log=True)
        with scene.log.open("a") as log:  # before somebody could have listened
            log.writelines(
                f"{int(NINE) - 9}|{int(NINE) - 9}.{n}|NONE|NONE|DID|0199000010\n" for n in range(self.ARRIVALS)
            )
        return scene

    def test_nobody_listens_before_the_log_was_read_to_its_end(self, scene: Scene) -> None:
        with scene.bench.opened() as (flow, publisher):
            read = []
            while not scene.manager.listeners:
                read.append(scene.bench.records_read())
                flow.turn()
            assert read[-1] == self.ARRIVALS
            assert len(read) > 2, "it is read in one piece: this test shows nothing"
            scene.exchange.arrive(NINE + 1, caller="", dialled="0199000010")
            wait_until(lambda: flow.turn() or len(publisher.events) == self.ARRIVALS + 2, "both to tell it", 5)

    def test_nor_if_it_goes_away_in_between(self, scene: Scene) -> None:
        away = scene.log.with_name("elsewhere")
        with scene.bench.opened() as (flow, _):
            flow.turn()
            scene.log.rename(away)
            scene.log.mkdir()
            with pytest.raises(SourceUnavailableError):
                wait_until(lambda: flow.turn() or False, "the log to be away", 5)
            assert not scene.manager.listeners
            scene.log.rmdir()
            away.rename(scene.log)
            wait_until(lambda: flow.turn() or scene.manager.listeners, "its end", 5)
            assert scene.bench.records_read() >= self.ARRIVALS

    def test_what_was_told_while_it_was_stopped_is_not_missed(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(comparison, "GRACE_SECONDS", 0.0)
        scene.listen()
        call_in_two_queues(scene.exchange)
        scene.listen()
        missing = {"connector": scene.bench.source, "finding": Finding.MISSING.value}
        assert scene.bench.registry.get_sample_value("connector_reconciled_total", missing) == 0


class TestComparison:
    @pytest.fixture(autouse=True)
    def _at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(comparison, "GRACE_SECONDS", 0.0)

    def counts(self, scene: Scene) -> dict[str, int]:
        """What was found, as far as it is kept."""
        with scene.bench.opened() as (_, publisher):
            publisher.confirm()
        registry = scene.bench.registry
        found = {finding.value: {"connector": scene.bench.source, "finding": finding.value} for finding in Finding}
        return {
            name: int(registry.get_sample_value("connector_reconciled_total", of) or 0) for name, of in found.items()
        }

    def test_what_only_the_log_told_is_counted(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, with_log=True)
        scene.listen()
        before = self.counts(scene)
        voice, manager._tell = manager._tell, lambda event: None  # type: ignore[method-assign]
        scene.listen(lambda: call_in_two_queues(scene.exchange))
        after = self.counts(scene)
        assert {name: after[name] - before[name] for name in after} == {
            "missing": 5, "late": 0, "duplicate": 0, "corrected": 0
        }  # fmt: skip
        manager._tell = voice  # type: ignore[method-assign]

    def test_what_both_tell_is_missed_by_none_in_the_end(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, with_log=True)
        scene.listen()
        scene.listen(lambda: call_in_two_queues(scene.exchange))
        counts = self.counts(scene)
        assert counts["missing"] == counts["late"]
        assert counts["duplicate"] == counts["corrected"] == 0


class TestAway:
    def test_what_happened_meanwhile_is_found(self, scene: Scene) -> None:
        exchange = scene.exchange
        first, second, third = (
            exchange.arrive(NINE + n, caller="0639980001", dialled="0199000010") for n in range(1, 4)
        )

        def begin() -> None:
            exchange.come(NINE + 5, "600", "PJSIP/31")
            exchange.come(NINE + 5, "600", "PJSIP/32")
            for n, call in enumerate((first, second, third)):
                exchange.enter(NINE + 10 + n, call, "600")
            exchange.answer(NINE + 20, first, "PJSIP/31")

        scene.listen(begin)
        exchange.hang_up(NINE + 50, first)
        exchange.give_up(NINE + 51, second)
        exchange.pause(NINE + 52, "600", "PJSIP/31")
        exchange.go(NINE + 53, "600", "PJSIP/32")
        exchange.come(NINE + 54, "600", "PJSIP/33", paused=True)
        scene.manager.voice.be_at(NINE + 60)
        events = scene.listen(lambda: exchange.give_up(NINE + 90, third))
        assert told(events) == [
            ("call.left_queue", "accueil", 1),
            ("call.ended", "accueil", 1),
            ("call.abandoned", "accueil", 1),
        ]
        changes = [event.data.change.value for event in events if event.type == "agent.state_changed"]
        assert sorted(changes) == ["contact_ended", "logged_in", "logged_out", "paused", "paused"]

    def test_nothing_new_is_told_twice(self, scene: Scene) -> None:
        call_in_two_queues(scene.exchange)
        assert scene.listen()
        assert scene.listen() == []

    def test_a_connection_that_is_lost_is_made_again(self, scene: Scene) -> None:
        call = call_in_two_queues(scene.exchange)
        with scene.bench.opened() as (flow, publisher):
            flow.turn()
            scene.manager.drop_all()
            with pytest.raises(SourceUnavailableError, match="broke the connection off"):
                wait_until(lambda: flow.turn() or False, "the connection to be lost", 5)
            wait_until(lambda: scene.manager.listeners or attempt(flow), "the connection to be made again", 10)
            scene.exchange.give_up(NINE + 100, call)
            wait_until(lambda: flow.turn() or told(publisher.events)[1:], "what happens then", 5)
            assert told(publisher.events) == [("call.queued", "mdph", 1), ("call.abandoned", "mdph", 1)]

    def test_what_was_heard_and_not_confirmed_is_told_after_a_kill(self, scene: Scene) -> None:
        with scene.bench.opened() as (flow, publisher):
            flow.turn()
            call_in_two_queues(scene.exchange)
            wait_until(lambda: flow.turn() or len(told(publisher.events)) == 4, "all to be heard", 5)
            heard = [event.id for event in publisher.events]
        alone(scene.manager)
        with scene.bench.opened() as (flow, publisher):
            wait_until(lambda: flow.turn() or scene.manager.listeners, "the rest to be read", 5)
            assert [event.id for event in publisher.events] == heard
            publisher.confirm()
        alone(scene.manager)
        assert scene.listen() == []
        assert [*(scene.bench.directory / "ami").iterdir()] == []

    def test_if_one_is_away_the_other_goes_on(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, with_log=True)
        scene.log.unlink()
        with scene.bench.opened() as (flow, publisher):
            flow.turn()
            scene.exchange.arrive(NINE + 1, caller="", dialled="0199000010")
            scene.log.unlink()
            wait_until(lambda: flow.turn() or publisher.events, "the manager interface", 5)
            assert "queue_log is not there" in flow.trouble
        manager.close()
        with scene.bench.opened() as (flow, publisher):
            scene.exchange.arrive(NINE + 2, caller="", dialled="0199000010")
            wait_until(lambda: flow.turn() or len(publisher.events) > 1, "the log", 5)
            wait_until(lambda: flow.turn() or "cannot be reached" in flow.trouble, "the trouble", 5)

    def test_one_that_goes_away_does_not_disturb_the_other(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, with_log=True)
        with scene.bench.opened() as (flow, publisher):
            flow.turn()
            publisher.confirm()  # else it does not wait for messages
            away = threading.Timer(0.1, manager.close)  # while it waits, most likely
            away.start()
            wait_until(lambda: flow.turn() or flow.trouble, "the trouble", 5)
            flow.turn()
            away.join()

    def test_if_both_are_away_both_are_named(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, with_log=True)
        scene.log.unlink()
        manager.close()
        with scene.bench.opened() as (flow, _), pytest.raises(SourceUnavailableError) as trouble:
            flow.turn()
        assert "queue_log is not there" in str(trouble.value)
        assert f"127.0.0.1:{manager.port} cannot be reached" in str(trouble.value)


def attempt(flow: Any) -> None:
    """Let it turn, whether or not that fails."""
    try:
        flow.turn()
    except SourceUnavailableError:
        time.sleep(0.05)


class TestLogin:
    @pytest.mark.parametrize("how", [{}, {"auth": "md5"}, {"auth": "plain"}])
    def test_it_logs_in(self, scene: Scene, how: dict[str, Any], tmp_path: Path) -> None:
        assert Scene(tmp_path, scene.manager, **how).listen() == []
        assert scene.manager.refusals == 0

    @pytest.mark.parametrize("auth", ["md5", "plain"])
    @pytest.mark.parametrize("wrong", [{"secret": "un-autre"}, {"username": "quelqu-un"}])
    def test_a_refusal_is_told_without_the_secret(
        self, tmp_path: Path, manager: ManagerServer, auth: str, wrong: dict[str, str]
    ) -> None:
        scene = Scene(tmp_path, manager, auth=auth, **wrong)
        with scene.bench.opened() as (flow, _):
            with pytest.raises(SourceUnavailableError, match="refuses Login: are user and secret right") as trouble:
                flow.turn()
            assert "un-autre" not in str(trouble.value)
            with pytest.raises(SourceUnavailableError, match="refuses Login"):
                flow.turn()
        assert manager.refusals == 1, "it was asked again at once"

    def test_who_is_no_manager_interface_is_told(self, tmp_path: Path) -> None:
        def answer() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"220 mail.example.org ESMTP\r\n")
            connection.close()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=answer)
            thread.start()
            given = configuration(
                ami={"host": "127.0.0.1", "port": listener.getsockname()[1], "username": "a", "secret": "b"}
            )
            bench = Bench(asterisk.CONNECTOR, given, tmp_path / "data", tmp_path / "keys")
            with bench.opened() as (flow, _), pytest.raises(SourceUnavailableError, match="is no manager interface"):
                flow.turn()
            thread.join()

    def test_a_user_without_the_class_dialplan_is_told_of(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager)
        silent = scene.manager._tell
        scene.manager._tell = lambda event: None if event["Event"] in {"VarSet", "Newexten"} else silent(event)  # type: ignore[method-assign]
        call = call_in_two_queues(scene.exchange)
        scene.listen(lambda: scene.exchange.give_up(NINE + 100, call))
        (kept,) = read_rejects(scene.bench.directory)
        assert kept.reject.reason is Reason.UNKNOWN_RECORD
        assert "class dialplan" in kept.reject.detail


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


class TestEncrypted:
    @pytest.fixture
    def encrypted(self, certificate: Path) -> Iterator[ManagerServer]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        with serving(NINE, tls=tls) as manager:
            yield manager

    def test_a_certificate_that_is_trusted_is_enough(
        self, tmp_path: Path, encrypted: ManagerServer, certificate: Path
    ) -> None:
        scene = Scene(tmp_path, encrypted, tls=True, authorities=str(certificate))
        call_in_two_queues(scene.exchange)
        assert len(scene.listen()) == 2

    def test_another_is_not(self, tmp_path: Path, encrypted: ManagerServer) -> None:
        with pytest.raises(SourceUnavailableError, match="not trusted here"):
            Scene(tmp_path, encrypted, tls=True).bench.probe()

    def test_one_that_speaks_none_is_not_spoken_to(self, tmp_path: Path, manager: ManagerServer) -> None:
        with pytest.raises(SourceUnavailableError, match="speaks no TLS"):
            Scene(tmp_path, manager, tls=True).bench.probe()

    def test_authorities_that_cannot_be_read_are_named(self, tmp_path: Path, manager: ManagerServer) -> None:
        scene = Scene(tmp_path, manager, tls=True, authorities=str(tmp_path / "none.pem"))
        with pytest.raises(SourceUnavailableError, match=r"none\.pem cannot be read"):
            scene.bench.probe()


class TestProbe:
    def test_it_finds_who_is_there_and_takes_nothing(self, scene: Scene) -> None:
        call_in_two_queues(scene.exchange)
        found = scene.bench.probe()
        assert found.events == {"call.queued": 1, "agent.state_changed": 1}
        assert scene.manager.listeners == 0
        assert len(scene.listen()) == 2

    def test_what_is_wrong_is_told(self, tmp_path: Path, manager: ManagerServer) -> None:
        with pytest.raises(SourceRefusedError, match="refuses Login"):
            Scene(tmp_path, manager, secret="un-autre").bench.probe()


class TestSilence:
    @pytest.fixture
    def session(self, manager: ManagerServer) -> Iterator[Session]:
        with closing(Session(asterisk.CONNECTOR.config(**configuration(ami=options(manager))).ami)) as session:
            yield session
        alone(manager)

    def pause(self, session: Session, seconds: float) -> None:
        """Let nobody have looked for so long."""
        session._peer.heard_at -= seconds
        session._peer.asked_at -= seconds

    def test_what_came_while_nobody_looked_is_read(self, session: Session, manager: ManagerServer) -> None:
        Exchange(lambda line: None, manager).arrive(NINE + 1, caller="", dialled="0199000010")
        self.pause(session, 600)
        assert [message["Event"] for message in session.receive(5.0)] == ["Newchannel"]

    def test_one_that_had_nothing_to_tell_is_asked_first(self, session: Session) -> None:
        self.pause(session, 600)
        assert session.receive(0.0) == []
        assert [message["Ping"] for message in session.receive(5.0)] == ["Pong"]

    def test_one_that_does_not_answer_is_given_up(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Connection, "_answer", lambda connection, action: True)
        self.pause(session, PING_SECONDS)
        assert session.receive(0.0) == []
        self.pause(session, ANSWER_SECONDS)
        with pytest.raises(SourceUnavailableError, match="does not answer any more"):
            session.receive(0.0)


def test_a_session_ends_politely(manager: ManagerServer) -> None:
    config = asterisk.CONNECTOR.config(**configuration(ami=options(manager)))
    session = Session(config.ami)
    assert session.receive(0.0) == []
    session.close()
    alone(manager)
