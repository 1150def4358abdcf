"""Replay of rejected records after a correction of the configuration."""

from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.asterisk.simulate import configuration, simulate_day
from connectors.sdk import rejects
from connectors.sdk.errors import InstanceInUseError, SpoolFullError
from connectors.sdk.instance import Instance
from connectors.sdk.record import unpack
from connectors.sdk.replay import ReplayResult, replay
from connectors.sdk.runner import configure
from connectors.sdk.spool import Spool
from connectors.sdk.testing import INSTANCE, ConnectorHarness, comparable_form
from connectors.sdk.testing.fake_broker import FakeBroker
from models.codec import decode
from models.events import Event
from models.reasons import Reason
from models.topics import REPLAYED_FROM_HEADER

CORRECTED = {"FULL": "full", "CLOSED": "closed", "DIVERTED": "diverted", "MENU": "menu", "VOICEMAIL": "voicemail"}
UNREADABLE = b"no line at all"
SURVEY = b"1773650000|1773650000.1|600|NONE|SURVEY|5"


class Switchboard:
    """An Asterisk instance in `directory` whose log has custom events that its first configuration does not name."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "queue_log"
        directory.mkdir()

    def harness(self, custom_events: dict[str, str]) -> ConnectorHarness:
        options = configuration(self.log) | {"custom_events": custom_events}
        connector = self.instance(custom_events).connector
        return ConnectorHarness(connector, options, self.directory / "data", self.directory / "data" / "keys")

    def instance(self, custom_events: dict[str, str]) -> Instance:
        options: dict[str, Any] = configuration(self.log) | {"custom_events": custom_events}
        return configure(INSTANCE, "asterisk", options)

    def replay(self, custom_events: dict[str, str], *, dry_run: bool = False) -> ReplayResult:
        return replay(self.instance(custom_events), self.directory / "data", lambda _: True, dry_run=dry_run)

    def read_line(self, line: bytes) -> list[Event]:
        self.log.write_bytes(line + b"\n")
        return self.harness({}).read_all(confirm=True)

    @property
    def home(self) -> Path:
        return self.directory / "data" / "asterisk" / INSTANCE

    def stored(self) -> list[rejects.StoredReject]:
        return list(rejects.read(self.home))

    def spooled(self) -> list[Event]:
        with closing(Spool(self.home / "spool")) as spool:
            return [decode(unpack(payload).value) for payload in spool.read(1_000_000)[0]]


@pytest.fixture
def switchboard(tmp_path: Path) -> Switchboard:
    return Switchboard(tmp_path / "first")


def busy_day(log: Path) -> None:
    """Write the log of a day on which many callers are turned away, some between stays in other queues."""
    simulate_day(log, day=date(2026, 3, 16), seed=5, calls=600)
    lines = log.read_bytes().splitlines()
    for number, line in enumerate(lines):
        second, call, queue, *_ = line.split(b"|")
        if b"|EXITWITHTIMEOUT|" in line or b"|ABANDON|" in line:
            then = b"|".join((second, call, b"650" if queue == b"600" else b"600", b"NONE"))
            lines[number] += b"\n" + then + b"|FULL|\n" + then + b"|ENTERQUEUE||0639980000|1"
        elif b"|COMPLETECALLER|" in line:
            lines[number] += b"\n" + b"|".join((second, call, queue, b"NONE")) + b"|DIVERTED|"
    log.write_bytes(b"\n".join([*lines, UNREADABLE, b""]))


def read_busy_day(switchboard: Switchboard) -> list[Event]:
    busy_day(switchboard.log)
    return switchboard.harness({}).read_all(confirm=True)


def test_replay_gives_the_events_of_a_configuration_that_was_correct_at_once(
    switchboard: Switchboard, tmp_path: Path
) -> None:
    events = read_busy_day(switchboard)
    unknown = [one for one in switchboard.stored() if one.reject.reason is Reason.UNKNOWN_RECORD]
    assert len(unknown) > 50
    result = switchboard.replay(CORRECTED)
    assert (result.used, result.unusable) == (len(unknown), {Reason.UNREADABLE_LINE: 1})
    events += switchboard.spooled()

    other = Switchboard(tmp_path / "second")
    other.log.write_bytes(switchboard.log.read_bytes())
    (other.directory / "data").mkdir()
    (switchboard.directory / "data" / "keys").rename(other.directory / "data" / "keys")
    at_once = other.harness(CORRECTED).read_all(confirm=True)
    visits = {event.data.visit for event in at_once if event.type == "call.left_queue"}
    assert len(visits) > 1, "no caller was turned away after another stay, so this shows little"
    assert sorted(comparable_form(events)) == sorted(comparable_form(at_once))


def test_replayed_event_is_marked_and_a_new_one_is_not(switchboard: Switchboard) -> None:
    switchboard.read_line(b"1773650000|1773650000.1|600|NONE|FULL|")
    assert switchboard.replay(CORRECTED).events == 1
    with switchboard.log.open("ab") as log:
        log.write(b"1773650001|1773650001.1|600|NONE|ENTERQUEUE||0639980000|1\n")
    broker = FakeBroker()
    switchboard.harness(CORRECTED).send_all(broker)
    replayed, new = broker.headers
    assert [event.type for event in broker.events] == ["call.left_queue", "call.queued"]
    assert (dict(replayed)[REPLAYED_FROM_HEADER], REPLAYED_FROM_HEADER in dict(new)) == (b"rejects", False)


def test_dry_run_and_replay_without_a_usable_record_change_nothing(switchboard: Switchboard) -> None:
    read_busy_day(switchboard)
    before = switchboard.stored()
    assert switchboard.replay(CORRECTED, dry_run=True).events > 0
    assert switchboard.replay({"NOTHING": "full"}).used == 0
    assert switchboard.stored() == before
    assert switchboard.spooled() == []


def test_dry_run_creates_no_key_for_another_sector(switchboard: Switchboard) -> None:
    read_busy_day(switchboard)
    before = {path: path.read_bytes() for path in switchboard.directory.rglob("*") if path.is_file()}
    elsewhere = configure(INSTANCE, "asterisk", configuration(switchboard.log) | {"sector": "elsewhere"})
    assert replay(elsewhere, switchboard.directory / "data", lambda _: True, dry_run=True).unusable
    assert {path: path.read_bytes() for path in switchboard.directory.rglob("*") if path.is_file()} == before


def test_record_of_an_ignored_type_is_removed(switchboard: Switchboard) -> None:
    switchboard.read_line(SURVEY)
    assert switchboard.replay({"SURVEY": "ignore"}) == (1, 0, {})
    assert not (switchboard.home / "rejects.jsonl").exists()
    assert switchboard.harness({}).read_all(confirm=True) == []


def test_line_with_a_future_time_is_replayed_once_its_time_has_come(
    switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert switchboard.read_line(b"3900000000|3900000000.1|600|NONE|ENTERQUEUE||0639980000|1") == []
    assert switchboard.replay({}).unusable == {Reason.TIME_IN_FUTURE: 1}
    monkeypatch.setattr("connectors.sdk.flow.check_event_time", lambda happened_at, now: None)
    assert switchboard.replay({}).events == 1
    (event,) = switchboard.spooled()
    assert (event.type, event.time.year) == ("call.queued", 2093)


def test_running_instance_allows_a_dry_run_only(switchboard: Switchboard) -> None:
    switchboard.read_line(SURVEY)
    with switchboard.instance({}).locked(switchboard.directory / "data"):
        with pytest.raises(InstanceInUseError, match="in use by another process"):
            switchboard.replay({"SURVEY": "full"})
        assert switchboard.replay({"SURVEY": "full"}, dry_run=True) == (1, 1, {})
    assert len(switchboard.stored()) == 1


def test_replay_without_room_in_the_spool_changes_nothing(
    switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    switchboard.read_line(SURVEY)
    instance = switchboard.instance({"SURVEY": "full"})
    monkeypatch.setattr("connectors.sdk.replay.Spool", partial(Spool, limit_bytes=9))
    with pytest.raises(SpoolFullError):
        replay(instance, switchboard.directory / "data", lambda _: True)
    assert len(switchboard.stored()) == 1
