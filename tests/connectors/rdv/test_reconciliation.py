"""Reconciliation with the API: each lost webhook is found once, and existing appointments are never cancelled."""

import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.rdv.api import ApiSession
from connectors.rdv.config import RdvConfig
from connectors.sdk import rejects
from connectors.sdk.config import parse
from connectors.sdk.reconcile import Finding
from tests.support.processes import wait_until
from tests.support.rdv_harness import ORGANISATION, OTHER, RdvHarness, book, hours, rdv_harness, take_outbox


def test_lost_webhook_is_found_once_by_the_next_poll(tmp_path: Path) -> None:
    with rdv_harness(tmp_path, round_seconds=1) as system, system.connected():
        system.run_polls()
        book(system.service, hours(-3), hours(30))
        system.service.elapse(hours(-2))
        system.service.outbox.clear()
        wait_until(lambda: system.step() or system.findings, "the next regular poll")
        system.run_polls()
    assert [kind for _, kind in system.event_types] == ["appointment.booked"]
    assert system.events[0].time == hours(-3)
    assert system.findings == {Finding.MISSING: 1}


def test_states_that_differ_in_the_api_are_corrected(system: RdvHarness) -> None:
    with system.connected():
        system.run_polls()
        moved, cancelled = (book(system.service, hours(-3), hours(30)) for _ in range(2))
        system.deliver_outbox()
        system.service.move(hours(-2), moved, hours(40))
        system.service.cancel(hours(-1), cancelled, "service")
        lost = take_outbox(system.service)
    with system.connected():
        system.run_polls()
        assert all(system.deliver(lost))
    assert [kind.partition(".")[2] for _, kind in system.event_types] == ["booked", "booked", "moved", "cancelled"]
    assert system.events[3].time == hours(-1)
    assert system.findings == {Finding.CORRECTED: 2, Finding.LATE: 2}


def test_deletion_without_webhook_is_cancelled_after_two_polls(system: RdvHarness) -> None:
    with system.connected():
        system.run_polls()
        deleted, attended, _ = (book(system.service, hours(-3), hours(30)) for _ in range(3))
        system.service.attend(hours(-2), attended)
        system.deliver_outbox()
        system.run_polls()
        system.service.delete(hours(-1), deleted)
        system.service.delete(hours(-1), attended)
        lost = take_outbox(system.service)
        system.run_polls(4)
        assert system.findings == {Finding.CORRECTED: 1}
        assert all(system.deliver(lost))
    assert [kind.partition(".")[2] for _, kind in system.event_types] == ["booked"] * 3 + ["attended", "cancelled"]
    assert hours(-1) < system.events[4].time < hours(0)
    assert system.events[4].site == ""
    assert system.findings == {Finding.CORRECTED: 1, Finding.LATE: 1}


def test_organisation_that_became_invisible_loses_no_appointments(system: RdvHarness) -> None:
    with system.connected():
        for organisation in (ORGANISATION, ORGANISATION, OTHER, OTHER):
            book(system.service, hours(-3), hours(30), organisation=organisation)
        system.run_polls()
        system.server.organisations = [OTHER]
        system.run_polls(3)
    assert Counter(event.type for event in system.events) == {"appointment.booked": 4}


def test_many_missing_appointments_of_one_organisation_are_not_cancelled(system: RdvHarness) -> None:
    with system.connected():
        many = [book(system.service, hours(-3), hours(30 + number)) for number in range(25)]
        few = [book(system.service, hours(-3), hours(30), organisation=OTHER) for _ in range(2)]
        system.run_polls()
        for number in [*many[:21], few[0]]:
            system.service.delete(hours(-2), number)
        system.run_polls(3)
        system.service.delete(hours(-1), many[21])
        system.run_polls(3)
    cancelled = [event.subject for event in system.events if event.type == "appointment.cancelled"]
    assert [subject.rpartition(":")[2].partition("-")[0] for subject in cancelled] == [str(few[0]), str(many[21])]


def test_move_to_a_distant_day_is_published(system: RdvHarness) -> None:
    with system.connected():
        rdv, _ = (book(system.service, hours(-3), hours(30)) for _ in range(2))
        system.run_polls()
        system.service.move(hours(-2), rdv, hours(24 * 300))
        system.run_polls(3)
    assert [kind for _, kind in system.event_types] == ["appointment.booked"] * 2 + ["appointment.moved"]


def change_pages(
    system: RdvHarness, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], object]
) -> None:
    """Apply `change` to all later API pages."""
    list_page = system.service.page

    def list_changed(*arguments: Any) -> dict[str, Any]:
        page = list_page(*arguments)
        change(page)
        return page

    monkeypatch.setattr(system.service, "page", list_changed)


@pytest.mark.parametrize(
    ("broken", "cancelled"),
    [
        ({"status": "reporte"}, 1),  # its number is readable, so that deletions are still detected
        ({"id": "x"}, 0),
        ({"user": "x"}, 0),
    ],
)
def test_invalid_participation_is_rejected_once_and_not_cancelled(
    system: RdvHarness, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any], cancelled: int
) -> None:
    with system.connected():
        _, deleted, _ = (book(system.service, hours(-3), hours(30)) for _ in range(3))
        system.run_polls()
        change_pages(
            system, monkeypatch, lambda page: page["rdvs"] and page["rdvs"][0]["participations"][0].update(broken)
        )
        system.service.delete(hours(-2), deleted)
        system.run_polls(4)
    assert Counter(kind for _, kind in system.event_types) == Counter(
        {"appointment.booked": 3} | ({"appointment.cancelled": cancelled} if cancelled else {})
    )
    (rejected,) = rejects.read(system.harness.directory)
    assert json.dumps(next(iter(broken.values()))).encode() in rejected.reject.record


def test_slow_response_has_the_time_of_its_request(
    system: RdvHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = parse(RdvConfig, "essai", system.options)
    assert isinstance(config, RdvConfig)
    assert config.api
    delay_seconds = 0.0

    def delay(_: object) -> None:
        nonlocal delay_seconds
        system.service.elapse(hours(-1) + timedelta(minutes=10))
        delay_seconds = 600.0

    change_pages(system, monkeypatch, delay)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + delay_seconds)
    monkeypatch.setattr("connectors.rdv.api.time", clock)
    system.service.elapse(hours(-1))
    with closing(ApiSession(config.api, tmp_path)) as session:
        as_of = session.fetch(ORGANISATION, hours(-100), 1).as_of
    assert hours(-1) - timedelta(minutes=1) < as_of < hours(-1)


def test_inconsistent_pages_cancel_nothing(system: RdvHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    with system.connected():
        rdv = book(system.service, hours(-3), hours(30))
        system.run_polls()
        change_pages(system, monkeypatch, lambda page: page["meta"].update(total_count=page["meta"]["total_count"] + 1))
        system.service.delete(hours(-1), rdv)
        system.run_polls(3)
    assert [kind for _, kind in system.event_types] == ["appointment.booked"]


def test_existing_appointments_are_published_and_not_missing(system: RdvHarness) -> None:
    for number in range(250):
        book(system.service, hours(-100), hours(1 + number), organisation=OTHER if number % 5 else ORGANISATION)
    book(system.service, hours(-100), hours(-24 * 30))  # before the window
    with system.connected():
        system.run_polls()
    assert len(system.events) == 250
    assert system.server.requested_paths.count(f"/api/v1/organisations/{OTHER}/rdvs") == 2
    assert system.findings == {}


def test_late_listed_appointment_from_before_the_first_poll_is_not_missing(system: RdvHarness) -> None:
    with system.connected():
        system.service.elapse(hours(-5))
        system.run_polls()
        for made_at in (-100, -4):
            book(system.service, hours(made_at), hours(30))
        system.run_polls()
    assert len(system.events) == 2
    assert system.findings == {Finding.MISSING: 1}
