"""The kiosk's waiting room, journal and settings."""

import errno
import json
import os
import re
import signal
import socket
import uuid
from contextlib import closing
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

from connectors.kiosk import waiting_room as rooms
from connectors.kiosk.command import command
from connectors.kiosk.config import KioskConfig
from connectors.kiosk.journal import NAME, Journal
from connectors.kiosk.messages import message_for
from connectors.kiosk.waiting_room import Action, ActionKind, ActionRefusedError, ActionRequest, WaitingRoom
from connectors.sdk.config import parse, table
from connectors.sdk.errors import ConfigError
from tests.support.kiosk_harness import CHILDREN, GENERAL, README, kiosk_options

NOW = datetime(2026, 3, 16, 9, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
TODAY = NOW.date()


def action_request(step: ActionKind, **more: Any) -> ActionRequest:
    return ActionRequest(str(uuid.uuid4()), step, **more)


class Room:
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

    def refused(self, step: ActionKind, **more: Any) -> str:
        with pytest.raises(ActionRefusedError) as refusal:
            self.perform(step, **more)
        return str(refusal.value)


def test_visitors_are_called_in_order_of_arrival() -> None:
    day = Room()
    numbers = [day.perform(ActionKind.TAKE, queue=queue).number for queue in (GENERAL, CHILDREN, GENERAL)]
    assert numbers == ["A001", "P001", "A002"]
    assert day.perform(ActionKind.CALL, queues=[CHILDREN], counter="2").number == "P001"
    assert [day.perform(ActionKind.CALL, counter="1").number for _ in range(2)] == ["A001", "A002"]
    assert day.refused(ActionKind.CALL) == "nobody"
    assert [(one.number, one.counter) for one in day.room.called(TODAY)] == [
        ("A002", "1"),
        ("A001", "1"),
        ("P001", "2"),
    ]


def test_visit_ends_once() -> None:
    day = Room()
    ticket = day.perform(ActionKind.TAKE, queue=GENERAL).id
    assert day.refused(ActionKind.SERVE, ticket=ticket) == "over", "nobody called it"
    day.perform(ActionKind.CALL)
    day.perform(ActionKind.SERVE, ticket=ticket)
    assert day.refused(ActionKind.SERVE, ticket=ticket) == day.refused(ActionKind.LEAVE, ticket=ticket) == "over"
    assert day.refused(ActionKind.LEAVE, ticket=str(uuid.uuid4())) == "unknown"
    assert day.refused(ActionKind.TAKE, queue="Cantine") == "unknown"
    assert (day.room.waiting, day.room.called(TODAY)) == ([], [])


def test_tickets_are_refused_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MOST_WAITING", 2)
    day = Room()
    day.perform(ActionKind.TAKE, queue=GENERAL)
    day.perform(ActionKind.TAKE, queue=CHILDREN)
    assert day.refused(ActionKind.TAKE, queue=GENERAL) == "full"


def test_delayed_action_keeps_its_time_but_not_before_the_previous_action() -> None:
    day = Room()
    ticket = day.perform(ActionKind.TAKE, queue=GENERAL, waited_ms=5_000)
    assert ticket.taken_at == day.now - timedelta(seconds=5)
    called = day.perform(ActionKind.CALL, waited_ms=3_600_000)
    assert called.called_at == ticket.taken_at
    assert (
        day.room.resolve(action_request(ActionKind.SERVE, ticket=ticket.id, waited_ms=3_600_000), day.now).at
        == ticket.taken_at
    )


def test_old_tickets_are_removed() -> None:
    day = Room()
    taken = day.perform(ActionKind.TAKE, queue=GENERAL)
    day.perform(ActionKind.CALL)
    day.room.forget(TODAY)
    assert day.room.of_action(day.actions[1].id) is taken
    day.room.forget(TODAY + timedelta(days=1))
    assert day.room.of_action(day.actions[1].id) is None
    assert day.refused(ActionKind.SERVE, ticket=taken.id) == "unknown"


steps = st.sampled_from([ActionKind.TAKE, ActionKind.TAKE, ActionKind.CALL, ActionKind.SERVE, ActionKind.LEAVE])


@given(st.lists(st.tuples(steps, st.sampled_from([GENERAL, CHILDREN]), st.integers(0, 9)), max_size=60))
@settings(deadline=None)
def test_room_is_unchanged_after_a_restart(requests: list[tuple[ActionKind, str, int]]) -> None:
    day = Room()
    for step, queue, place in requests:
        known = [ticket.id for ticket in (*day.room.waiting, *day.room.called(TODAY))]
        ticket = known[place % len(known)] if known else ""
        try:
            day.perform(step, queue=queue, queues=[queue] if place % 2 else [], ticket=ticket, counter=str(place))
        except ActionRefusedError:
            continue
    again = WaitingRoom({GENERAL: "A", CHILDREN: "P"}, PARIS)
    for action in day.actions:
        again.apply(action)
    assert (again.waiting, again.called(TODAY)) == (day.room.waiting, day.room.called(TODAY))
    assert len({action.id for action in day.actions}) == len(day.actions)


def test_messages_contain_no_personal_data() -> None:
    action = Action("11111111-1111-4111-8111-111111111111", ActionKind.CALL, str(uuid.UUID(int=7)), NOW, GENERAL, "3")
    name, body = message_for(action, "CDAS Sud")
    assert name == action.id
    assert json.loads(body) == {
        "type": "ticket.called",
        "timestamp": "2026-03-16T09:00:00.000+00:00",
        "data": {"ticket": {"id": str(uuid.UUID(int=7))}, "office": "CDAS Sud", "room": GENERAL, "counter": "3"},
    }


# ------------------------------------------------------------------------------------------------------------ journal
def action(number: int, at: datetime = NOW) -> Action:
    return Action(str(uuid.UUID(int=number)), ActionKind.TAKE, str(uuid.UUID(int=number)), at, GENERAL)


def opened(directory: Path) -> tuple[list[int], list[int]]:
    """Return the numbers of all actions in a journal, and of the unsent ones."""
    journal = Journal(directory)
    journal.close()
    return [uuid.UUID(one.id).int for one in journal.actions], [
        uuid.UUID(line.action.id).int for line in journal.unsent
    ]


def test_actions_survive_a_restart_and_are_sent_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "desk")
    for number in range(1, 5):
        journal.append(action(number))
    journal.confirm()
    journal.confirm()
    journal.close()
    assert opened(tmp_path / "desk") == ([1, 2, 3, 4], [3, 4])
    assert not [path for path in (tmp_path / "desk").rglob("*") if path.stat().st_mode & 0o077]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_incomplete_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path)
    for number in (1, 2):
        journal.append(action(number))
    journal.close()
    content = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(content[:-cut])
    assert opened(tmp_path) == ([1], [1])
    journal = Journal(tmp_path)
    journal.append(action(3))
    journal.close()
    assert opened(tmp_path) == ([1, 3], [1, 3])


def test_action_that_a_full_disk_did_not_store_is_not_performed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.append(action(1))
    write = os.write
    with monkeypatch.context() as patched:

        def half(file: int, content: bytes) -> int:
            write(file, content[:20])
            raise OSError(errno.ENOSPC, "full")

        patched.setattr(os, "write", half)
        with pytest.raises(OSError, match="full"):
            journal.append(action(2))
    journal.append(action(3))
    journal.close()
    assert opened(tmp_path) == ([1, 3], [1, 3])


def test_only_old_and_sent_actions_are_dropped(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(1, 6):
        journal.append(action(number, NOW - timedelta(days=5 - number)))
    for _ in range(3):
        journal.confirm()
    journal.drop(lambda one: one.at < NOW - timedelta(days=2))
    journal.append(action(6))
    assert [line.number for line in journal.unsent] == [4, 5, 6]
    journal.close()
    assert opened(tmp_path) == ([3, 4, 5, 6], [4, 5, 6])
    journal = Journal(tmp_path)
    for _ in range(3):
        journal.confirm()
    journal.drop(lambda _: True)
    journal.append(action(7))
    journal.close()
    assert opened(tmp_path) == ([7], [7]), "numbers go on, though nothing is left"


# ------------------------------------------------------------------------------------------------------------- settings
def test_readmes_list_all_options() -> None:
    assert table(KioskConfig) in README.read_text(encoding="utf-8")
    assert table(KioskConfig, "fr") in README.with_name("README.fr.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"url": "http://accueil.example.org/"}, "guichet.url must begin with https://"),
        (
            {"queues": {"a": {"fr": "a", "en": "a", "letter": "A"}, "b": {"fr": "b", "en": "b", "letter": "A"}}},
            "the same letter",
        ),
        ({"quues": {}}, "did you mean guichet.queues?"),
    ],
)
def test_configuration_errors_are_reported(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse(KioskConfig, "guichet", kiosk_options(tmp_path, "http://127.0.0.1:1/") | more)


def test_only_configuration_errors_end_with_exit_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    file, options = tmp_path / "guichet.toml", kiosk_options(tmp_path, "http://127.0.0.1:1/")

    def run() -> tuple[int, str]:
        done = CliRunner().invoke(command, [str(file)])
        return done.exit_code, done.output

    def exit_code(**more: object) -> int:
        file.write_text(tomli_w.dumps(options | more))
        return run()[0]

    assert run()[0] == 2, "no file"
    file.write_text("port = ")
    assert run()[0] == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert exit_code(port=taken.getsockname()[1]) == 2
    assert exit_code(host="192.0.2.1") == 70, "a network may still come"
    with closing(Journal(Path(options["data"]))):
        assert exit_code() == 70, "another process may end"
    (Path(options["data"]) / NAME).write_text("{}\n")
    code, output = run()
    assert code == 2
    assert f"{NAME} is damaged" in output
    assert "Usage" not in output


def test_command_ends_with_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    file = tmp_path / "guichet.toml"
    file.write_text(tomli_w.dumps(kiosk_options(tmp_path, "http://127.0.0.1:1/")))
    done = CliRunner().invoke(command, [str(file)])
    assert done.exit_code == 70
    assert "the server has ended" in done.output
