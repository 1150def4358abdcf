"""Records that were rejected, mapped again: as if they had been understood at once."""

from contextlib import closing
from datetime import date
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

MENDED = {"FULL": "full", "CLOSED": "closed", "DIVERTED": "diverted", "MENU": "menu", "VOICEMAIL": "voicemail"}
UNREADABLE = b"no line at all"
SURVEY = b"1773650000|1773650000.1|600|NONE|SURVEY|5"


class Switchboard:
    """A day of a switchboard whose dialplan writes events that nobody explained at first, seen from `directory`."""

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

    def kept(self) -> list[rejects.StoredReject]:
        return list(rejects.read(self.home))

    def spooled(self) -> list[Event]:
        with closing(Spool(self.home / "spool")) as spool:
            return [decode(unpack(payload).value) for payload in spool.read(1_000_000)[0]]


@pytest.fixture
def switchboard(tmp_path: Path) -> Switchboard:
    return Switchboard(tmp_path / "first")


def busy_day(log: Path) -> None:
    """A day in which many are turned away, some of them between stays in other queues."""
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


def test_it_is_as_if_they_had_been_understood_at_once(switchboard: Switchboard, tmp_path: Path) -> None:
    told = read_busy_day(switchboard)
    unknown = [kept for kept in switchboard.kept() if kept.reject.reason is Reason.UNKNOWN_RECORD]
    assert len(unknown) > 50
    result = switchboard.replay(MENDED)
    assert (result.used, result.unusable) == (len(unknown), {Reason.UNREADABLE_LINE: 1})
    told += switchboard.spooled()

    other = Switchboard(tmp_path / "second")
    other.log.write_bytes(switchboard.log.read_bytes())
    (other.directory / "data").mkdir()
    (switchboard.directory / "data" / "keys").rename(other.directory / "data" / "keys")
    at_once = other.harness(MENDED).read_all(confirm=True)
    visits = {event.data.visit for event in at_once if event.type == "call.left_queue"}
    assert len(visits) > 1, "nobody was turned away after another stay, so this shows little"
    assert sorted(comparable_form(told)) == sorted(comparable_form(at_once))


def test_what_is_told_late_says_that_it_is_and_so_is_no_history(switchboard: Switchboard) -> None:
    switchboard.read_line(b"1773650000|1773650000.1|600|NONE|FULL|")
    assert switchboard.replay(MENDED).events == 1
    with switchboard.log.open("ab") as log:
        log.write(b"1773650001|1773650001.1|600|NONE|ENTERQUEUE||0639980000|1\n")
    broker = FakeBroker()
    switchboard.harness(MENDED).send_all(broker)
    late, fresh = broker.headers
    assert [event.type for event in broker.events] == ["call.left_queue", "call.queued"]
    assert (dict(late)[REPLAYED_FROM_HEADER], REPLAYED_FROM_HEADER in dict(fresh)) == (b"rejects", False)


def test_what_still_cannot_be_used_stays_byte_for_byte(switchboard: Switchboard) -> None:
    read_busy_day(switchboard)
    before = switchboard.kept()
    assert switchboard.replay({"FULL": "full"}).unusable[Reason.UNKNOWN_RECORD] > 0
    after = switchboard.kept()
    assert after == [kept for kept in before if b"|FULL|" not in kept.reject.record]
    assert after[-1].reject.record == UNREADABLE
    assert not [path for path in switchboard.home.rglob("*") if path.stat().st_mode & 0o077]


def test_a_dry_run_and_one_that_finds_nothing_change_nothing(switchboard: Switchboard) -> None:
    read_busy_day(switchboard)
    before = switchboard.kept()
    assert switchboard.replay(MENDED, dry_run=True).events > 0
    assert switchboard.replay({"NOTHING": "full"}).used == 0
    assert switchboard.kept() == before
    assert switchboard.spooled() == []


def test_a_dry_run_makes_no_key_for_another_sector(switchboard: Switchboard) -> None:
    read_busy_day(switchboard)
    before = {path: path.read_bytes() for path in switchboard.directory.rglob("*") if path.is_file()}
    elsewhere = configure(INSTANCE, "asterisk", configuration(switchboard.log) | {"sector": "elsewhere"})
    assert replay(elsewhere, switchboard.directory / "data", lambda _: True, dry_run=True).unusable
    assert {path: path.read_bytes() for path in switchboard.directory.rglob("*") if path.is_file()} == before


def test_what_was_ignored_for_good_is_kept_no_longer(switchboard: Switchboard) -> None:
    switchboard.read_line(SURVEY)
    assert switchboard.replay({"SURVEY": "ignore"}) == (1, 0, {})
    assert not (switchboard.home / "rejects.jsonl").exists()
    assert switchboard.harness({}).read_all(confirm=True) == []


def test_a_line_from_the_future_is_told_when_its_time_has_come(
    switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert switchboard.read_line(b"3900000000|3900000000.1|600|NONE|ENTERQUEUE||0639980000|1") == []
    assert switchboard.replay({}).unusable == {Reason.TIME_IN_FUTURE: 1}
    monkeypatch.setattr("connectors.sdk.flow.check_event_time", lambda happened_at, now: None)
    assert switchboard.replay({}).events == 1
    (event,) = switchboard.spooled()
    assert (event.type, event.time.year) == ("call.queued", 2093)


def test_a_running_connector_is_not_disturbed_but_can_be_asked(switchboard: Switchboard) -> None:
    switchboard.read_line(SURVEY)
    with switchboard.instance({}).locked(switchboard.directory / "data"):
        with pytest.raises(InstanceInUseError, match="in use by another process"):
            switchboard.replay({"SURVEY": "full"})
        assert switchboard.replay({"SURVEY": "full"}, dry_run=True) == (1, 1, {})
    assert len(switchboard.kept()) == 1


def test_without_room_nothing_is_changed(switchboard: Switchboard) -> None:
    switchboard.read_line(SURVEY)
    instance = switchboard.instance({"SURVEY": "full"})
    with pytest.raises(SpoolFullError):
        replay(instance, switchboard.directory / "data", lambda _: True, spool_limit_bytes=9)
    assert len(switchboard.kept()) == 1
