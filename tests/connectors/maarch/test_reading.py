"""Incremental reading of Maarch's letters: each change once, despite errors and restarts."""

from contextlib import suppress
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.responses import PlainTextResponse

from connectors.maarch.api import CONTACTS, LIST, MAX_FAILURES, RECEIPTS
from connectors.sdk.errors import CursorDamagedError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.flow import Flow
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import comparable_form, run_until_idle
from models.reasons import Reason
from tests.support.maarch_letters import (
    CONTACT,
    LETTERS,
    at,
    event_types,
    harness,
    letter,
    receipt,
    sender,
    when,
)
from tests.support.maarch_server import MaarchServer
from tests.support.polled_servers import unavailable
from tests.support.processes import wait_until

PAGE_SIZE = "connectors.maarch.letter_feed.PAGE_SIZE"


@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_changes_at_the_same_instant_are_not_missed(
    server: MaarchServer, monkeypatch: pytest.MonkeyPatch, page_size: int
) -> None:
    """One change of the same instant appears after the last page."""
    monkeypatch.setattr(PAGE_SIZE, page_size)
    same = [letter(number, 10) for number in range(1, 13)]
    server.set_letters(*same[:10])
    connector = harness(server)
    events = connector.read_all(confirm=True)
    server.set_letters(*same)
    events += connector.read_all(confirm=True)
    assert event_types(events[::3]) == [(str(number), "arrived") for number in range(1, 13)]
    assert len(events) == 36


def test_late_visible_change_is_not_missed(server: MaarchServer) -> None:
    closed = {"status": "END", "closing_date": at(10)}  # not found by the check of open letters
    server.set_letters(letter(2, 14))
    connector = harness(server)
    connector.read_all(confirm=True)
    server.set_letters(letter(2, 14), letter(1, 10, **closed))
    assert ("1", "closed") in event_types(connector.read_all(confirm=True))


def test_changes_during_paging_are_published(server: MaarchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PAGE_SIZE, 3)
    before = [letter(number, number) for number in range(1, 10)]
    after = [letter(1, 1, status="ENVDONE", modification_date=at(20)), *before[1:], letter(10, 21)]
    server.set_letters(*before)
    server.before_answer = lambda request: server.set_letters(*after) if request == 8 else None
    events = harness(server).read_all(confirm=True)
    arrived = {(str(number), "arrived") for number in range(1, 11)}
    assert arrived | {("1", "answered")} <= {*event_types(events)}


def fail_after(server: MaarchServer, requests: int) -> None:
    """Let the server answer `requests` requests and fail on all others."""
    server.requested.clear()
    server.refusals.clear()
    failures = dict.fromkeys((LIST, CONTACTS, RECEIPTS), PlainTextResponse("", 503))
    server.before_answer = lambda request: server.refusals.update(failures) if request == requests else None


def test_failure_and_restart_at_any_request_miss_nothing(server: MaarchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.set_letters(*LETTERS)
    whole = comparable_form(harness(server, "whole").read_all(confirm=True))
    monkeypatch.setattr(PAGE_SIZE, 2)
    connector, events = harness(server), []
    for requests in (2, 3, 7, 12, 20, 100):
        fail_after(server, requests)
        with connector.opened() as (flow, publisher):
            with suppress(SourceUnavailableError):
                run_until_idle(flow, connector.records_read)
            publisher.confirm()
            events += publisher.events
    assert comparable_form(events) == whole


def test_changes_without_a_date_are_found_in_open_letters(server: MaarchServer) -> None:
    day = 24 * 60
    server.set_letters(letter(1, 10), letter(2, 11), letter(3, 5 * day))
    connector = harness(server)
    connector.read_all(confirm=True)
    server.set_letters(letter(1, 10, status="ENVDONE"), letter(2, 11, status="SSUITE"), letter(3, 5 * day))
    events = connector.read_all(confirm=True)
    assert event_types(events) == [("1", "answered"), ("2", "closed")]
    assert [event.time for event in events] == [when(10), when(11)]


def test_unchanged_facts_are_not_repeated(server: MaarchServer) -> None:
    server.set_letters(letter(1, 10), letter(2, 11))
    connector = harness(server)
    connector.read_all(confirm=True)
    year = 365 * 24 * 60
    server.set_letters(letter(1, 10, modification_date=at(12)), letter(2, 11, modification_date=at(year / 4)))
    assert connector.read_all(confirm=True) == []


def test_first_start_begins_at_the_configured_day(server: MaarchServer) -> None:
    """An older letter is published completely when it first changes."""
    day, year = 24 * 60, 365 * 24 * 60
    server.set_letters(letter(1, 10), letter(2, 2 * day))
    connector = harness(server, start=date(2026, 3, 17))
    assert {number for number, _ in event_types(connector.read_all(confirm=True))} == {"2"}
    server.set_letters(letter(1, 10, status="ENVDONE", modification_date=at(year / 3)), letter(2, 2 * day))
    events = connector.read_all(confirm=True)
    assert event_types(events) == [("1", kind) for kind in ("arrived", "registered", "assigned", "answered")]
    assert events[0].time == when(-50)


def test_change_with_a_future_date_hides_no_later_change(server: MaarchServer) -> None:
    future = letter(1, 10, modification_date="2099-01-01 00:00:00")
    server.set_letters(future)
    connector = harness(server)
    connector.read_all(confirm=True)
    now = datetime.now(ZoneInfo("Europe/Paris")).strftime("%Y-%m-%d %H:%M:%S.%f")
    late = letter(2, 10, creation_date=now, modification_date=now, status="END", closing_date=now, admission_date=at(0))
    server.set_letters(future, late)
    assert ("2", "arrived") in event_types(connector.read_all(confirm=True))


def test_invalid_facts_are_rejected_once_and_alone(server: MaarchServer) -> None:
    server.set_letters(*LETTERS[4:8])
    connector = harness(server)
    events = connector.read_all(confirm=True) + connector.read_all(confirm=True)
    assert event_types(events) == [
        ("5", "arrived"),
        ("5", "registered"),
        ("5", "assigned"),
        ("6", "registered"),
        ("6", "assigned"),
        ("7", "arrived"),
    ]
    rejects = [entry.reject for entry in read_rejects(connector.directory)]
    assert [reject.reason for reject in rejects] == [
        Reason.UNKNOWN_RECORD,
        Reason.INVALID_FIELD,
        Reason.UNREADABLE_LINE,
    ]
    assert rejects[0].detail == "unknown status: MARS"


def test_unknown_status_can_be_mapped_again(server: MaarchServer) -> None:
    server.set_letters(letter(1, 10, status="MARS", modification_date=at(30)))
    before, after = harness(server), harness(server, statuses={"MARS": "answered"})
    before.read_all(confirm=True)
    (entry,) = read_rejects(before.directory)
    with after.opened() as (flow, _):
        (event,) = flow._source.map_rejected(entry.reject, entry.read_at)
    assert (event.type, event.time) == ("letter.answered", when(30))


@pytest.mark.parametrize(
    ("options", "server_attributes", "message"),
    [
        ({"password": "un-autre"}, {}, "refuses the user (401)"),
        ({}, {"perimeter": None}, f"{LIST}: the server refuses the query (400)"),
        ({}, {"reverses_lists": True}, "out of order"),
        (
            {},
            {"refusals": {LIST: PlainTextResponse("<html>un-autre", 200)}},
            f"{LIST}: the response does not match Maarch's published API",
        ),
    ],
)
def test_refusals_and_unusable_responses_are_named(
    server: MaarchServer, options: dict[str, Any], server_attributes: dict[str, Any], message: str
) -> None:
    server.set_letters(letter(1, 10), letter(2, 11))
    for name, value in server_attributes.items():
        setattr(server, name, value)
    error = unavailable(harness(server, **options))
    assert message in error
    assert "un-autre" not in error


@pytest.mark.parametrize("route", [LIST, CONTACTS, RECEIPTS])
def test_unauthorised_route_is_named(server: MaarchServer, route: str) -> None:
    server.authorized = [other for other in (LIST, CONTACTS, RECEIPTS) if other != route]
    server.set_letters(letter(1, 10), acknowledgement_receipts=[receipt(1, 20)])
    message = f"{route}: the route is forbidden to the user (403)"
    assert message in unavailable(harness(server))
    with pytest.raises(SourceRefusedError) as error:
        harness(server, "probed").probe()
    assert message in str(error.value)


@pytest.mark.parametrize("status", [400, 404])
def test_letter_without_contacts_is_published(server: MaarchServer, status: int) -> None:
    server.refusals[CONTACTS] = PlainTextResponse("", status)
    server.set_letters(letter(1, 10), letter(2, 11))
    assert len(harness(server).read_all(confirm=True)) == 6


def test_server_error_on_one_letter_does_not_block_others(
    server: MaarchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    server.refusals[CONTACTS] = PlainTextResponse("", 500)
    server.set_letters(letter(1, 10), letter(2, 11))
    with harness(server).opened() as (flow, publisher):
        for _ in range(2):
            with pytest.raises(SourceUnavailableError, match=r"out of order \(500\)"):
                flow.step()
        flow.step()
        assert event_types(publisher.events) == [("1", "arrived"), ("1", "registered"), ("1", "assigned")]
        server.refusals.clear()
        flow.step()
        assert event_types(publisher.events)[3:] == [("2", "arrived"), ("2", "registered"), ("2", "assigned")]
    assert server.requested.count(CONTACTS) == 5


@pytest.mark.parametrize(
    "answer", ['{"contacts": null}', '{"contacts": [{"type": "contact", "phone": 639985511}]}', "<html>"]
)
def test_unreadable_senders_are_reported_and_then_skipped(
    server: MaarchServer, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """The two feeds start with different letters."""
    server.refusals[CONTACTS] = PlainTextResponse(answer, 200)
    server.set_letters(letter(1, 11), letter(2, 10))
    names = CONTACTS.replace("{resId}", "[12]")
    with harness(server).opened() as (flow, publisher):
        with pytest.raises(
            SourceUnavailableError, match=f"{names}: the response does not match Maarch's published API"
        ):
            flow.step()
        monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.05)
        wait_until(lambda: step(flow) and len(publisher.events) == 6, "both letters")
    assert {number for number, _ in event_types(publisher.events)} == {"1", "2"}
    assert server.requested.count(CONTACTS) == 2 * MAX_FAILURES


@pytest.mark.parametrize("headers", [{"Content-Length": "99"}, {"Content-Encoding": "gzip"}], ids=["cut", "compressed"])
def test_broken_responses_lose_no_sender(
    server: MaarchServer, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr("connectors.sdk.pull.FIRST_PAUSE_SECONDS", 0.0)
    server.refusals[CONTACTS] = PlainTextResponse('{"contacts": []}', 200, headers)
    server.set_letters(letter(1, 10), contacts=[CONTACT], resource_contacts=[sender(1)])
    with harness(server).opened() as (flow, publisher):
        for _ in range(MAX_FAILURES + 1):
            with pytest.raises(SourceUnavailableError):
                flow.step()
        server.refusals.clear()
        flow.step()
        assert len(publisher.events) == 3
        assert all(event.identities for event in publisher.events)


def step(flow: Flow) -> bool:
    """Step `flow`, ignoring an unavailable source."""
    with suppress(SourceUnavailableError):
        flow.step()
    return True


@pytest.mark.parametrize("damage", ["missing", "overwritten"])
def test_missing_or_damaged_store_is_named(server: MaarchServer, damage: str) -> None:
    server.set_letters(letter(1, 10))
    connector = harness(server)
    connector.read_all(confirm=True)
    store = connector.directory / "letters.sqlite"
    store.unlink() if damage == "missing" else store.write_bytes(b"no database" * 1000)
    with pytest.raises(CursorDamagedError, match=r"letters\.sqlite (is not there, but was|is damaged): restore it"):
        connector.read_all(confirm=True)
