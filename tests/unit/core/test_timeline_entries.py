"""Timeline entries and their Kafka keys."""

import json
from datetime import timedelta

import pytest

from streams.core.timeline import entries
from tests.support.events import CALL, CASE, PHONE, START, answered_call, make
from tests.support.figures import fold_contact


def test_entry_has_the_event_and_the_state_after_it() -> None:
    events = answered_call(identities=f"{CASE} {PHONE}")
    answered = events[2]
    assert json.loads(entries.record(answered, fold_contact(*events[:3]))[1]) == {
        "id": answered.id,
        "citizen": CASE,
        "contact": CALL,
        "channel": "call",
        "site": "siege",
        "service": "autonomie",
        "type": "call.answered",
        "happened_at": "2025-03-03T08:00:25Z",
        "state": "in_progress",
        "outcome": "answered",
        "source": answered.source,
        "sector": "social",
        "detail": "",
        "identities": "",
        "withdraws": "",
    }


@pytest.mark.parametrize(("identities", "expected"), [(f"{PHONE} {CASE}", CASE), (PHONE, PHONE), ("", CALL)])
def test_key_is_the_strongest_identity_or_the_contact(identities: str, expected: str) -> None:
    events = answered_call(identities=identities)
    assert entries.record(events[3], fold_contact(*events))[0] == expected.encode()


@pytest.mark.parametrize(
    ("days", "detail"),
    [(2, "2025-03-01T08:00:00Z"), (0, ""), (-1, ""), (400, ""), (None, "")],
    ids=["earlier", "same time", "later", "mistyped", "unknown"],
)
def test_entry_of_a_letter_scanned_later_has_its_receipt(days: int | None, detail: str) -> None:
    admitted = {} if days is None else {"admitted_at": START - timedelta(days=days)}
    arrived = make("letter.arrived", 0, subject="mail:ged:1", **admitted)
    assert entries.decode(entries.record(arrived, fold_contact(arrived))[1]).detail == detail
