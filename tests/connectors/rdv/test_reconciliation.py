"""What no webhook told, or the API says otherwise: each found once, and nothing that is still there is gone."""

import json
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.rdv.api import ApiSession
from connectors.rdv.config import RdvConfig
from connectors.rdv.simulate.service import Citizen
from connectors.sdk import rejects
from connectors.sdk.config import parse
from connectors.sdk.reconcile import Finding
from tests.support.processes import wait_until
from tests.support.rdv_harness import MIREILLE, ORGANISATION, OTHER, RdvHarness, book, hours, rdv_harness


def test_a_webhook_that_was_never_delivered_is_found_once_within_a_round(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, round_seconds=1) as place, place.connected():
        place.run_round()
        book(place.service, hours(-3), hours(30))
        place.service.elapse(hours(-2))
        place.service.outbox.clear()
        wait_until(lambda: place.step() or place.findings, "the next round, which comes by itself")
        place.run_round()
    assert [kind for _, kind in place.told] == ["appointment.booked"]
    assert place.events[0].time == hours(-3)
    assert place.findings == {Finding.MISSING: 1}


def test_what_the_api_says_otherwise_is_corrected(place: RdvHarness) -> None:
    with place.connected():
        place.run_round()
        moved, cancelled = (book(place.service, hours(-3), hours(30)) for _ in range(2))
        place.deliver_outbox()
        place.service.move(hours(-2), moved, hours(40))
        place.service.cancel(hours(-1), cancelled, "service")
        lost = [*place.service.outbox]
        place.service.outbox.clear()
    with place.connected():
        place.run_round()
        assert all(place.deliver(lost))
    assert [kind.partition(".")[2] for _, kind in place.told] == ["booked", "booked", "moved", "cancelled"]
    assert place.events[3].time == hours(-1)
    assert place.findings == {Finding.CORRECTED: 2, Finding.LATE: 2}


def test_what_was_deleted_and_not_told_is_cancelled_after_two_rounds(place: RdvHarness) -> None:
    with place.connected():
        place.run_round()
        deleted, attended, _ = (book(place.service, hours(-3), hours(30)) for _ in range(3))
        place.service.attend(hours(-2), attended)
        place.deliver_outbox()
        place.run_round()
        place.service.delete(hours(-1), deleted)
        place.service.delete(hours(-1), attended)
        lost = [*place.service.outbox]
        for _ in range(4):
            place.run_round()
        assert place.findings == {Finding.CORRECTED: 1}
        assert all(place.deliver(lost))
    assert [kind.partition(".")[2] for _, kind in place.told] == ["booked"] * 3 + ["attended", "cancelled"]
    assert hours(-1) < place.events[4].time < hours(0)
    assert place.events[4].site == ""
    assert place.findings == {Finding.CORRECTED: 1, Finding.LATE: 1}


def test_who_is_taken_out_of_an_appointment_is_cancelled(place: RdvHarness) -> None:
    with place.connected():
        one = book(place.service, hours(-3), hours(30), MIREILLE, Citizen(502, "Jean", "Modele"), collectif=True)
        place.deliver_outbox()
        place.run_round()
        place.service.leave(hours(-1), one, 502)
        place.deliver_outbox()
        for _ in range(3):
            place.run_round()
    assert Counter(event.type for event in place.events) == place.service.ledger


def test_of_an_organisation_that_is_no_longer_seen_nothing_is_gone(place: RdvHarness) -> None:
    with place.connected():
        for organisation in (ORGANISATION, ORGANISATION, OTHER, OTHER):
            book(place.service, hours(-3), hours(30), organisation=organisation)
        place.run_round()
        place.server.set_visible_organisations([OTHER])
        for _ in range(3):
            place.run_round()
    assert Counter(event.type for event in place.events) == {"appointment.booked": 4}


def test_when_much_of_one_organisation_is_gone_at_once_that_alone_is_not_believed(place: RdvHarness) -> None:
    with place.connected():
        many = [book(place.service, hours(-3), hours(30 + number)) for number in range(25)]
        few = [book(place.service, hours(-3), hours(30), organisation=OTHER) for _ in range(2)]
        place.run_round()
        for number in [*many[:21], few[0]]:
            place.service.delete(hours(-2), number)
        for _ in range(3):
            place.run_round()
        place.service.delete(hours(-1), many[21])
        for _ in range(3):
            place.run_round()
    cancelled = [event.subject for event in place.events if event.type == "appointment.cancelled"]
    assert [subject.rpartition(":")[2].partition("-")[0] for subject in cancelled] == [str(few[0]), str(many[21])]


def test_what_is_moved_however_far_is_moved(place: RdvHarness) -> None:
    with place.connected():
        one, _ = (book(place.service, hours(-3), hours(30)) for _ in range(2))
        place.run_round()
        place.service.move(hours(-2), one, hours(24 * 300))
        for _ in range(3):
            place.run_round()
    assert [kind for _, kind in place.told] == ["appointment.booked"] * 2 + ["appointment.moved"]


def break_first(place: RdvHarness, monkeypatch: pytest.MonkeyPatch, **broken: Any) -> None:
    """Let the API list the first participation otherwise from now on."""
    list_page = place.service.page

    def list_broken(*asked: Any) -> dict[str, Any]:
        page = list_page(*asked)
        for one in page["rdvs"][:1]:
            one["participations"][0] |= broken
        return page

    monkeypatch.setattr(place.service, "page", list_broken)


@pytest.mark.parametrize(
    ("broken", "cancelled"),
    [
        ({"status": "reporte"}, 1),  # which one it is can be read: all others are judged
        ({"id": "x"}, 0),
        ({"user": "x"}, 0),
    ],
)
def test_what_is_listed_and_cannot_be_used_is_rejected_once_and_not_gone(
    place: RdvHarness, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any], cancelled: int
) -> None:
    with place.connected():
        _, deleted, _ = (book(place.service, hours(-3), hours(30)) for _ in range(3))
        place.run_round()
        break_first(place, monkeypatch, **broken)
        place.service.delete(hours(-2), deleted)
        for _ in range(4):
            place.run_round()
    assert Counter(kind for _, kind in place.told) == Counter(
        {"appointment.booked": 3} | ({"appointment.cancelled": cancelled} if cancelled else {})
    )
    (rejected,) = rejects.read(place.harness.directory)
    assert json.dumps(next(iter(broken.values()))).encode() in rejected.reject.record


def test_an_answer_that_was_long_in_coming_is_as_of_when_it_was_asked_for(
    place: RdvHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = parse(RdvConfig, "essai", place.options)
    assert isinstance(config, RdvConfig)
    assert config.api
    list_page, slow_seconds = place.service.page, [0.0]

    def list_slowly(*asked: Any) -> dict[str, Any]:
        page = list_page(*asked)
        place.service.elapse(hours(-1) + timedelta(minutes=10))
        slow_seconds[0] += 600
        return page

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + slow_seconds[0])
    monkeypatch.setattr(place.service, "page", list_slowly)
    monkeypatch.setattr("connectors.rdv.api.time", clock)
    place.service.elapse(hours(-1))
    with closing(ApiSession(config.api, tmp_path)) as session:
        as_of = session.ask(ORGANISATION, hours(-100), 1).as_of
    assert hours(-1) - timedelta(minutes=1) < as_of < hours(-1)


def test_while_pages_do_not_add_up_nothing_is_gone(place: RdvHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    list_page = place.service.page

    def list_one_too_many(*asked: Any) -> dict[str, Any]:
        page = list_page(*asked)
        page["meta"]["total_count"] += 1
        return page

    with place.connected():
        one = book(place.service, hours(-3), hours(30))
        place.run_round()
        monkeypatch.setattr(place.service, "page", list_one_too_many)
        place.service.delete(hours(-1), one)
        for _ in range(3):
            place.run_round()
    assert [kind for _, kind in place.told] == ["appointment.booked"]


def test_what_was_there_before_it_was_set_up_is_told_and_not_missing(place: RdvHarness) -> None:
    for number in range(250):
        book(place.service, hours(-100), hours(1 + number), organisation=OTHER if number % 5 else ORGANISATION)
    book(place.service, hours(-100), hours(-24 * 30))  # before the window
    with place.connected():
        place.run_round()
    assert len(place.events) == 250
    assert place.server.asked.count(f"/api/v1/organisations/{OTHER}/rdvs") == 2
    assert place.findings == {}


def test_what_was_made_before_it_was_first_asked_and_is_listed_only_later_is_not_missing(place: RdvHarness) -> None:
    with place.connected():
        place.service.elapse(hours(-5))
        place.run_round()
        for made_at in (-100, -4):
            book(place.service, hours(made_at), hours(30))
        place.run_round()
    assert len(place.events) == 2
    assert place.findings == {Finding.MISSING: 1}
