"""Waiting room, journal and settings of the kiosk."""

import errno
import json
import os
import signal
import socket
import uuid
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import tomli_w
import uvicorn
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kiosk.command import command
from connectors.kiosk.config import KioskConfig
from connectors.kiosk.journal import NAME, Journal
from connectors.kiosk.service import message_for
from connectors.kiosk.waiting_room import Action, ActionKind, ActionRefusedError, ActionRequest, WaitingRoom
from connectors.sdk.config import parse, table
from connectors.sdk.errors import ConfigError
from tests.support.kiosk_harness import CHILDREN, GENERAL, README, kiosk_options

NOW = datetime(2026, 3, 16, 9, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
TODAY = NOW.date()


def action_request(step: ActionKind, **more: Any) -> ActionRequest:
    return ActionRequest(str(uuid.uuid4()), step, **more)


class RoomHarness:
    """A waiting room whose clock advances by a minute with each action."""

    def __init__(self) -> None:
        self.room = WaitingRoom({GENERAL: "A", CHILDREN: "P"}, PARIS)
        self.now = NOW
        self.actions: list[Action] = []

    def perform(self, step: ActionKind, **more: Any) -> Any:
        self.now += timedelta(minutes=1)
        action = self.room.resolve(action_request(step, **more), self.now)
        self.actions.append(action)
        return self.room.apply(action)

    def refusal_of(self, step: ActionKind, **more: Any) -> str:
        with pytest.raises(ActionRefusedError) as refusal:
            self.perform(step, **more)
        return str(refusal.value)


def test_visitors_are_called_in_order_of_arrival() -> None:
    day = RoomHarness()
    numbers = [day.perform(ActionKind.TAKE, queue=queue).number for queue in (GENERAL, CHILDREN, GENERAL)]
    assert numbers == ["A001", "P001", "A002"]
    assert day.perform(ActionKind.CALL, queues=[CHILDREN], counter="2").number == "P001"
    assert [day.perform(ActionKind.CALL, counter="1").number for _ in range(2)] == ["A001", "A002"]
    assert day.refusal_of(ActionKind.CALL) == "nobody"
    called = [(ticket.number, ticket.counter) for ticket in day.room.called(TODAY)]
    assert called == [("A002", "1"), ("A001", "1"), ("P001", "2")]


def test_visit_ends_once() -> None:
    day = RoomHarness()
    ticket = day.perform(ActionKind.TAKE, queue=GENERAL).id
    assert day.refusal_of(ActionKind.SERVE, ticket=ticket) == "over", "nobody called it"
    day.perform(ActionKind.CALL)
    day.perform(ActionKind.SERVE, ticket=ticket)
    assert day.refusal_of(ActionKind.SERVE, ticket=ticket) == day.refusal_of(ActionKind.LEAVE, ticket=ticket) == "over"
    assert day.refusal_of(ActionKind.LEAVE, ticket=str(uuid.uuid4())) == "unknown"
    assert day.refusal_of(ActionKind.TAKE, queue="Cantine") == "unknown"
    assert (day.room.waiting, day.room.called(TODAY)) == ([], [])


def test_tickets_are_refused_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.kiosk.waiting_room.MOST_WAITING", 2)
    day = RoomHarness()
    day.perform(ActionKind.TAKE, queue=GENERAL)
    day.perform(ActionKind.TAKE, queue=CHILDREN)
    assert day.refusal_of(ActionKind.TAKE, queue=GENERAL) == "full"


def test_delayed_action_keeps_its_time_but_not_before_the_previous_action() -> None:
    day = RoomHarness()
    ticket = day.perform(ActionKind.TAKE, queue=GENERAL, waited_ms=5_000)
    assert ticket.taken_at == day.now - timedelta(seconds=5)
    called = day.perform(ActionKind.CALL, waited_ms=3_600_000)
    assert called.called_at == ticket.taken_at
    serve = action_request(ActionKind.SERVE, ticket=ticket.id, waited_ms=3_600_000)
    assert day.room.resolve(serve, day.now).at == ticket.taken_at


def test_old_tickets_are_removed() -> None:
    day = RoomHarness()
    taken = day.perform(ActionKind.TAKE, queue=GENERAL)
    day.perform(ActionKind.CALL)
    day.room.forget(TODAY)
    assert day.room.of_action(day.actions[1].id) is taken
    day.room.forget(TODAY + timedelta(days=1))
    assert day.room.of_action(day.actions[1].id) is None
    assert day.refusal_of(ActionKind.SERVE, ticket=taken.id) == "unknown"


STEPS = st.sampled_from([ActionKind.TAKE, ActionKind.TAKE, ActionKind.CALL, ActionKind.SERVE, ActionKind.LEAVE])


@given(st.lists(st.tuples(STEPS, st.sampled_from([GENERAL, CHILDREN]), st.integers(0, 9)), max_size=60))
@settings(deadline=None)
def test_room_is_unchanged_after_a_restart(requests: list[tuple[ActionKind, str, int]]) -> None:
    day = RoomHarness()
    for step, queue, number in requests:
        tickets = [ticket.id for ticket in (*day.room.waiting, *day.room.called(TODAY))]
        ticket = tickets[number % len(tickets)] if tickets else ""
        queues = [queue] if number % 2 else []
        with suppress(ActionRefusedError):
            day.perform(step, queue=queue, queues=queues, ticket=ticket, counter=str(number))
    restarted = WaitingRoom({GENERAL: "A", CHILDREN: "P"}, PARIS)
    for action in day.actions:
        restarted.apply(action)
    assert (restarted.waiting, restarted.called(TODAY)) == (day.room.waiting, day.room.called(TODAY))
    assert len({action.id for action in day.actions}) == len(day.actions)


def test_message_has_only_ticket_site_queue_counter_and_time() -> None:
    action = Action("11111111-1111-4111-8111-111111111111", ActionKind.CALL, str(uuid.UUID(int=7)), NOW, GENERAL, "3")
    name, body = message_for(action, "CDAS Sud")
    assert name == action.id
    assert json.loads(body) == {
        "type": "ticket.called",
        "timestamp": "2026-03-16T09:00:00.000+00:00",
        "data": {"ticket": {"id": str(uuid.UUID(int=7))}, "office": "CDAS Sud", "room": GENERAL, "counter": "3"},
    }


# ------------------------------------------------------------------------------------------------------------ journal
def make_action(number: int, at: datetime = NOW) -> Action:
    return Action(str(uuid.UUID(int=number)), ActionKind.TAKE, str(uuid.UUID(int=number)), at, GENERAL)


def append(directory: Path, *numbers: int) -> None:
    with closing(Journal(directory)) as journal:
        for number in numbers:
            journal.append(make_action(number))


def stored_numbers(directory: Path) -> tuple[list[int], list[int]]:
    """Return the numbers of all actions in a journal, and of the unsent ones."""
    with closing(Journal(directory)) as journal:
        unsent = [line.action for line in journal.unsent]
        return [uuid.UUID(action.id).int for action in journal.actions], [uuid.UUID(action.id).int for action in unsent]


def test_actions_survive_a_restart_and_are_sent_once(tmp_path: Path) -> None:
    directory = tmp_path / "desk"
    append(directory, 1, 2, 3, 4)
    with closing(Journal(directory)) as journal:
        journal.confirm()
        journal.confirm()
    assert stored_numbers(directory) == ([1, 2, 3, 4], [3, 4])
    assert not [path for path in directory.rglob("*") if path.stat().st_mode & 0o077]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_incomplete_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    append(tmp_path, 1, 2)
    content = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(content[:-cut])
    assert stored_numbers(tmp_path) == ([1], [1])
    append(tmp_path, 3)
    assert stored_numbers(tmp_path) == ([1, 3], [1, 3])


def test_action_that_a_full_disk_did_not_store_is_not_performed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def write_half(file: int, content: bytes) -> int:
        write(file, content[:20])
        raise OSError(errno.ENOSPC, "full")

    with closing(Journal(tmp_path)) as journal:
        journal.append(make_action(1))
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", write_half)
            with pytest.raises(OSError, match="full"):
                journal.append(make_action(2))
        journal.append(make_action(3))
    assert stored_numbers(tmp_path) == ([1, 3], [1, 3])


def test_only_old_and_sent_actions_are_dropped(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        for number in range(1, 6):
            journal.append(make_action(number, NOW - timedelta(days=5 - number)))
        for _ in range(3):
            journal.confirm()
        journal.drop(lambda action: action.at < NOW - timedelta(days=2))
        journal.append(make_action(6))
        assert [line.number for line in journal.unsent] == [4, 5, 6]
    assert stored_numbers(tmp_path) == ([3, 4, 5, 6], [4, 5, 6])
    with closing(Journal(tmp_path)) as journal:
        for _ in range(3):
            journal.confirm()
        journal.drop(lambda _: True)
        journal.append(make_action(7))
    assert stored_numbers(tmp_path) == ([7], [7]), "the numbers continue after the last dropped action"


# ------------------------------------------------------------------------------------------------------------- settings
def test_readmes_list_all_options() -> None:
    assert table(KioskConfig) in README.read_text(encoding="utf-8")
    assert table(KioskConfig, "fr") in README.with_name("README.fr.md").read_text(encoding="utf-8")


def test_two_queues_with_the_same_letter_are_refused(tmp_path: Path) -> None:
    queues = {name: {"fr": name, "en": name, "letter": "A"} for name in ("a", "b")}
    with pytest.raises(ConfigError, match="the same letter"):
        parse(KioskConfig, "guichet", kiosk_options(tmp_path, "http://127.0.0.1:1/", queues=queues))


def test_only_configuration_errors_end_with_exit_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    file, options = tmp_path / "guichet.toml", kiosk_options(tmp_path, "http://127.0.0.1:1/")

    def exit_code(**changes: object) -> int:
        file.write_text(tomli_w.dumps(options | changes))
        return CliRunner().invoke(command, [str(file)]).exit_code

    assert CliRunner().invoke(command, [str(file)]).exit_code == 2, "no file"
    file.write_text("port = ")
    assert CliRunner().invoke(command, [str(file)]).exit_code == 2
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert exit_code(port=listener.getsockname()[1]) == 2
    assert exit_code(host="192.0.2.1") == 70, "the network may come later"
    with closing(Journal(Path(options["data"]))):
        assert exit_code() == 70, "the other process may end"
    (Path(options["data"]) / NAME).write_text("{}\n")
    damaged = CliRunner().invoke(command, [str(file)])
    assert damaged.exit_code == 2
    assert f"{NAME} is damaged" in damaged.output
    assert "Usage" not in damaged.output


def test_command_ends_with_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    file = tmp_path / "guichet.toml"
    file.write_text(tomli_w.dumps(kiosk_options(tmp_path, "http://127.0.0.1:1/")))
    result = CliRunner().invoke(command, [str(file)])
    assert result.exit_code == 70
    assert "the server has ended" in result.output
