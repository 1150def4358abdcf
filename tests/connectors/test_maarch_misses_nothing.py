"""Of what changes in Maarch nothing is missed, told twice, or held up by what goes wrong."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

import connectors.maarch as maarch
from connectors.maarch.api import CONTACTS, LIST, RECEIPTS, TRIES
from connectors.sdk.errors import CursorDamagedError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.flow import Flow
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import ConnectorHarness, comparable_form, run_until_idle
from models.reasons import Reason
from tests.support.maarch_letters import (
    LETTERS,
    NAME,
    RECEIPTS_SENT,
    at,
    event_types,
    harness,
    letter,
    options,
    receipt,
    unavailable,
    when,
)
from tests.support.maarch_server import MaarchServer, served
from tests.support.processes import wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MaarchServer]:
    with served(tmp_path / "letters.json") as started:
        yield started


# ----------------------------------------------------------------------------------------------------------- nothing missed
@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_of_many_changes_in_one_instant_none_is_missed(server: MaarchServer, tmp_path: Path, page_size: int) -> None:
    """Nor one of the same instant that comes after the last page."""
    same = [letter(number, 10) for number in range(1, 13)]
    server.hold(*same[:10])
    one = harness(server, tmp_path, page_size=page_size)
    events = one.read_all(confirm=True)
    server.hold(*same)
    events += one.read_all(confirm=True)
    assert event_types(events[::3]) == [(str(number), "arrived") for number in range(1, 13)]
    assert len(events) == 36


def test_one_that_became_visible_late_is_not_missed(server: MaarchServer, tmp_path: Path) -> None:
    closed = {"status": "END", "closing_date": at(10)}  # so that it is not found by looking at all that are open
    server.hold(letter(2, 14))
    one = harness(server, tmp_path, overlap_seconds=300)
    one.read_all(confirm=True)
    server.hold(letter(2, 14), letter(1, 10, **closed))
    assert ("1", "closed") in event_types(one.read_all(confirm=True))


def test_changes_during_paging_are_told(server: MaarchServer, tmp_path: Path) -> None:
    before = [letter(number, number) for number in range(1, 10)]
    after = [letter(1, 1, status="ENVDONE", modification_date=at(20)), *before[1:], letter(10, 21)]
    server.hold(*before)
    server.before_answer = lambda request: server.hold(*after) if request == 8 else None
    events = harness(server, tmp_path, page_size=3).read_all(confirm=True)
    arrived = {(str(number), "arrived") for number in range(1, 11)}
    assert arrived | {("1", "answered")} <= {*event_types(events)}


def go_away_at(server: MaarchServer, stop: int) -> None:
    """Let the server answer so many requests, and then no more."""
    server.asked.clear()
    server.refusals.clear()
    away = dict.fromkeys((LIST, CONTACTS, RECEIPTS), PlainTextResponse("", 503))
    server.before_answer = lambda request: server.refusals.update(away) if request == stop else None


def test_a_restart_anywhere_misses_nothing(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(*LETTERS)
    whole = comparable_form(harness(server, tmp_path, "whole").read_all(confirm=True))
    one, events = harness(server, tmp_path, page_size=2), []
    for stop in (2, 3, 7, 12, 20, 100):
        go_away_at(server, stop)
        with one.opened() as (flow, publisher):
            with suppress(SourceUnavailableError):
                run_until_idle(flow, one.records_read)
            publisher.confirm()
            events += publisher.events
    assert comparable_form(events) == whole


def test_what_left_no_date_is_found_by_looking_at_all_open_letters(server: MaarchServer, tmp_path: Path) -> None:
    day = 24 * 60
    server.hold(letter(1, 10), letter(2, 11), letter(3, 5 * day))
    one = harness(server, tmp_path)
    one.read_all(confirm=True)
    server.hold(letter(1, 10, status="ENVDONE"), letter(2, 11, status="SSUITE"), letter(3, 5 * day))
    events = one.read_all(confirm=True)
    assert event_types(events) == [("1", "answered"), ("2", "closed")]
    assert [event.time for event in events] == [when(10), when(11)]


def test_only_what_is_new_is_told(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10), letter(2, 11))
    one = harness(server, tmp_path)
    one.read_all(confirm=True)
    year = 365 * 24 * 60
    server.hold(letter(1, 10, modification_date=at(12)), letter(2, 11, modification_date=at(year / 4)))
    assert one.read_all(confirm=True) == []


def test_when_clocks_are_put_back_nothing_is_missed(server: MaarchServer, tmp_path: Path) -> None:
    night = {"modification_date": None, "admission_date": None}
    first = letter(1, 0, creation_date="2025-10-26 02:59:50", **night)
    second = letter(
        2, 0, creation_date="2025-10-26 02:10:00", **night, status="END", closing_date="2025-10-26 02:10:00"
    )
    server.hold(first)
    one = harness(server, tmp_path)
    one.read_all(confirm=True)
    server.hold(first, second)
    assert ("2", "arrived") in event_types(one.read_all(confirm=True))


def test_on_a_first_start_it_begins_where_it_is_told(server: MaarchServer, tmp_path: Path) -> None:
    """What precedes it is told from its arrival on when it first changes."""
    day, year = 24 * 60, 365 * 24 * 60
    server.hold(letter(1, 10), letter(2, 2 * day))
    one = harness(server, tmp_path, start=date(2026, 3, 17))
    assert {number for number, _ in event_types(one.read_all(confirm=True))} == {"2"}
    server.hold(letter(1, 10, status="ENVDONE", modification_date=at(year / 3)), letter(2, 2 * day))
    events = one.read_all(confirm=True)
    assert event_types(events) == [("1", kind) for kind in ("arrived", "registered", "assigned", "answered")]
    assert events[0].time == when(-50)


def test_a_date_far_ahead_hides_nothing(server: MaarchServer, tmp_path: Path) -> None:
    ahead = letter(1, 10, modification_date="2099-01-01 00:00:00")
    server.hold(ahead)
    one = harness(server, tmp_path)
    one.read_all(confirm=True)
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    late = letter(
        2, 10, creation_date=soon, modification_date=soon, status="END", closing_date=soon, admission_date=at(0)
    )
    server.hold(ahead, late)
    assert ("2", "arrived") in event_types(one.read_all(confirm=True))


# ------------------------------------------------------------------------------------------------------------ what goes wrong
def test_what_cannot_be_used_takes_nothing_with_it_and_is_kept_once(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(*LETTERS[4:8])
    one = harness(server, tmp_path)
    events = one.read_all(confirm=True) + one.read_all(confirm=True)
    assert event_types(events) == [
        ("5", "arrived"),
        ("5", "registered"),
        ("5", "assigned"),
        ("6", "registered"),
        ("6", "assigned"),
        ("7", "arrived"),
    ]
    kept = [kept.reject for kept in read_rejects(one.directory)]
    assert [reject.reason for reject in kept] == [Reason.UNKNOWN_RECORD, Reason.INVALID_FIELD, Reason.UNREADABLE_LINE]
    assert kept[0].detail == "a status that means nothing here: MARS"


def test_a_status_that_was_unknown_can_be_mapped_again(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10, status="MARS", modification_date=at(30)))
    before, after = harness(server, tmp_path), harness(server, tmp_path, statuses={"MARS": "answered"})
    before.read_all(confirm=True)
    (kept,) = read_rejects(before.directory)
    with after.opened() as (flow, _):
        (event,) = flow._source.map_rejected(kept.reject, kept.read_at)
    assert (event.type, event.time) == ("letter.answered", when(30))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "un-autre"}, "refuses the user (401)"),
        ({"login": "", "password": None, "token": "un-jeton"}, "refuses the user (401)"),
    ],
)
def test_a_wrong_user_is_named(server: MaarchServer, tmp_path: Path, more: dict[str, Any], words: str) -> None:
    given = {key: value for key, value in options(server, **more).items() if value}
    one = ConnectorHarness(maarch.CONNECTOR, given, tmp_path / "data", tmp_path / "keys")
    assert words in (trouble := unavailable(one))
    assert "un-" not in trouble


def test_a_token_is_taken(server: MaarchServer, tmp_path: Path) -> None:
    server.token = "un-jeton"
    server.hold(letter(1, 10))
    given = {"url": f"{server.url}/rest", "token": "un-jeton"}
    assert ConnectorHarness(maarch.CONNECTOR, given, tmp_path / "data", tmp_path / "keys").read_all(confirm=True)


def test_a_user_without_a_perimeter_is_named(server: MaarchServer, tmp_path: Path) -> None:
    server.perimeter = None
    assert f"{LIST}: the server refuses the question (400)" in unavailable(harness(server, tmp_path))


@pytest.mark.parametrize("route", [LIST, CONTACTS, RECEIPTS])
def test_a_route_that_is_not_authorised_is_named(server: MaarchServer, tmp_path: Path, route: str) -> None:
    server.authorized = [other for other in (LIST, CONTACTS, RECEIPTS) if other != route]
    server.hold(letter(1, 10), acknowledgement_receipts=[receipt(1, 20)])
    words = f"{route}: the server does not let the user ask this (403)"
    assert words in unavailable(harness(server, tmp_path))
    with pytest.raises(SourceRefusedError) as trouble:
        harness(server, tmp_path, "probed").probe()
    assert words in str(trouble.value)


def test_a_probe_tells_what_the_first_letters_are(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(*LETTERS[:9], acknowledgement_receipts=RECEIPTS_SENT)
    found = harness(server, tmp_path).probe()
    assert found.events == {
        "letter.arrived": 7,
        "letter.registered": 7,
        "letter.assigned": 7,
        "letter.acknowledged": 1,
        "letter.answered": 1,
        "letter.closed": 2,
    }
    assert found.rejected.keys() == {Reason.UNKNOWN_RECORD, Reason.INVALID_FIELD, Reason.UNREADABLE_LINE}


def test_a_server_that_asks_for_patience_is_left_alone_and_then_goes_on(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10))
    one = harness(server, tmp_path)
    server.refusals[LIST] = PlainTextResponse("", 429, {"Retry-After": "3000"})
    with one.opened() as (flow, publisher):
        for _ in range(5):
            with pytest.raises(SourceUnavailableError, match="less often"):
                flow.step()
        assert server.asked == [LIST]
        assert publisher.events == []
    server.refusals.clear()
    assert event_types(one.read_all(confirm=True))[0] == ("1", "arrived")


@pytest.mark.parametrize("status", [400, 404])
def test_a_letter_of_which_nothing_more_is_there_is_told(server: MaarchServer, tmp_path: Path, status: int) -> None:
    server.refusals[CONTACTS] = PlainTextResponse("", status)
    server.hold(letter(1, 10), letter(2, 11))
    assert len(harness(server, tmp_path).read_all(confirm=True)) == 6


def test_a_letter_that_the_server_fails_on_holds_up_no_other(
    server: MaarchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    server.refusals[CONTACTS] = PlainTextResponse("", 500)
    server.hold(letter(1, 10), letter(2, 11))
    with harness(server, tmp_path).opened() as (flow, publisher):
        for _ in range(2):
            with pytest.raises(SourceUnavailableError, match=r"out of order \(500\)"):
                flow.step()
        flow.step()
        assert event_types(publisher.events) == [("1", "arrived"), ("1", "registered"), ("1", "assigned")]
        server.refusals.clear()
        flow.step()
        assert event_types(publisher.events)[3:] == [("2", "arrived"), ("2", "registered"), ("2", "assigned")]
    assert server.asked.count(CONTACTS) == 5


@pytest.mark.parametrize(
    "answer", ['{"contacts": null}', '{"contacts": [{"type": "contact", "phone": 639985511}]}', "<html>"]
)
def test_a_letter_whose_senders_cannot_be_read_is_named_and_then_holds_up_no_other(
    server: MaarchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """In both lists, of which each comes upon another first."""
    server.refusals[CONTACTS] = PlainTextResponse(answer, 200)
    server.hold(letter(1, 11), letter(2, 10))
    names = CONTACTS.replace("{resId}", "[12]")
    with harness(server, tmp_path).opened() as (flow, publisher):
        with pytest.raises(SourceUnavailableError, match=f"{names}: the server answers otherwise than published"):
            flow.step()
        monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.05)
        wait_until(
            lambda: turned(flow) and len(publisher.events) == 6,
            "both letters",
            30,
            lambda: event_types(publisher.events),
        )
    assert {number for number, _ in event_types(publisher.events)} == {"1", "2"}
    assert server.asked.count(CONTACTS) == 2 * TRIES


def turned(flow: Flow) -> bool:
    """Let `flow` turn, whether it can read or not."""
    with suppress(SourceUnavailableError):
        flow.step()
    return True


def test_a_server_that_does_not_order_is_refused(server: MaarchServer, tmp_path: Path) -> None:
    server.hold(letter(1, 10), letter(2, 11))
    server.shuffle = True
    assert "out of order" in unavailable(harness(server, tmp_path))


def test_an_answer_that_is_none_is_named(server: MaarchServer, tmp_path: Path) -> None:
    server.refusals[LIST] = PlainTextResponse("<html>" + NAME, 200)
    trouble = unavailable(harness(server, tmp_path))
    assert f"{LIST}: the server answers otherwise than published" in trouble
    assert NAME not in trouble


@pytest.mark.parametrize("damage", ["gone", "overwritten"])
def test_a_memory_that_is_lost_is_named(server: MaarchServer, tmp_path: Path, damage: str) -> None:
    server.hold(letter(1, 10))
    one = harness(server, tmp_path)
    one.read_all(confirm=True)
    memory = one.directory / "letters.sqlite"
    memory.unlink() if damage == "gone" else memory.write_bytes(b"no database" * 1000)
    with pytest.raises(CursorDamagedError, match=r"letters\.sqlite (is not there, but was|is damaged): restore it"):
        one.read_all(confirm=True)
