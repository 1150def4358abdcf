"""Warnings of a trial about events in an impossible order."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.sdk.mapping.event_fields import EVENT_MODELS
from connectors.sdk.mapping.impossible_order import _CHAINS
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.samples import PlacedRecord
from models.identities import PseudonymKey

CALL: Mapping[str, Any] = {
    "timezone": "Europe/Paris",
    "id": "id",
    "queue": {"value": "rsa"},
    "events": [
        {"event": "call.queued", "time": "start"},
        {"event": "call.answered", "time": "answer", "when": "answer"},
        {"event": "call.ended", "time": "end", "when": "answer"},
    ],
}
APPOINTMENT: Mapping[str, Any] = {
    "timezone": "Europe/Paris",
    "id": "id",
    "starts_at": "slot",
    "events": [{"event": "appointment.booked", "time": "booked"}],
}
TICKETS: Mapping[str, Any] = {
    "timezone": "Europe/Paris",
    "rows": "events",
    "id": "id",
    "events": [
        {"event": "visit.arrived", "time": "at", "when": {"what": "in"}},
        {"event": "visit.called", "time": "at", "when": {"what": "call"}},
    ],
}


def disorder(options: Mapping[str, Any], *records: Mapping[str, str]) -> list[tuple[tuple[str, str], ...]]:
    mapping = MappingOptions.model_validate(options)
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping)
    return [
        record.disorder
        for record in trial.run([PlacedRecord(record) for record in records], datetime(2026, 3, 20, tzinfo=UTC))
    ]


def call(start: int, answer: int, end: int) -> dict[str, str]:
    times = {"start": start, "answer": answer, "end": end}
    return {"id": "A1", **{name: f"2026-03-16 09:{minute:02}:00" for name, minute in times.items()}}


def test_chains_have_only_event_types() -> None:
    assert {kind for chain in _CHAINS for kind in chain} <= EVENT_MODELS.keys()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (call(0, 0, 0), ()),
        (call(0, 1, 5), ()),
        (call(2, 1, 5), (("call.answered", "call.queued"),)),
        (call(0, 5, 1), (("call.ended", "call.answered"),)),
    ],
)
def test_events_of_a_call_in_an_impossible_order_are_found(
    record: dict[str, str], expected: tuple[tuple[str, str], ...]
) -> None:
    assert disorder(CALL, record) == [expected]


def test_a_slot_before_its_booking_is_found() -> None:
    row = {"id": "1", "booked": "2026-03-16 09:00:00"}
    assert disorder(APPOINTMENT, row | {"slot": "2026-03-15 09:00:00"}) == [(("starts_at", "appointment.booked"),)]
    assert disorder(APPOINTMENT, row | {"slot": "2026-03-18 09:00:00"}) == [()]


def test_rows_of_one_event_are_compared_with_those_before() -> None:
    first = {"id": "A", "what": "in", "at": "2026-03-16 09:10:00"}
    assert disorder(
        TICKETS,
        first,
        {"id": "B", "what": "call", "at": "2026-03-16 09:00:00"},
        {"id": "A", "what": "call", "at": "2026-03-16 09:00:00"},
        {"id": "A", "what": "call", "at": "2026-03-16 09:01:00"},
    ) == [(), (), (("visit.called", "visit.arrived"),), ()]


def test_a_replaced_record_is_not_compared_with_the_former_one() -> None:
    assert disorder(CALL, call(2, 1, 5), call(0, 1, 5)) == [(("call.answered", "call.queued"),), ()]


def test_rows_of_one_contact_are_tried_in_linear_time() -> None:
    start = datetime(2026, 3, 16, 9)  # noqa: DTZ001 - in the mapping's time zone
    rows = [{"id": "A", "what": "in", "at": str(start + timedelta(seconds=number))} for number in range(6_000)]
    before = time.process_time()
    disorder(TICKETS, *rows)
    assert time.process_time() - before < 2


def test_times_are_compared_in_whole_seconds() -> None:
    arrived = {"id": "A1", "what": "in", "at": "2026-03-16T09:05:00.123+01:00"}
    called = {"id": "A1", "what": "call", "at": "2026-03-16T09:05:00+01:00"}
    early = {"id": "A1", "what": "call", "at": "2026-03-16T09:04:59.999+01:00"}
    assert disorder(TICKETS, arrived, called) == [(), ()]
    assert disorder(TICKETS, arrived, early) == [(), (("visit.called", "visit.arrived"),)]
