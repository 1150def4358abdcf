"""Encoded events are byte for byte what pydantic writes, and decode to the same event."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.codec import UnusableRecord, decode, encode, read
from models.events import Event
from tests.support.events import agent_events, contact_events, make

PYDANTIC: TypeAdapter[Event] = TypeAdapter(Event)
TEXT = st.text(min_size=1, max_size=100)
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.timezones() | st.just(UTC))  # noqa: DTZ001 - timezones= adds one


@given(contact_events() | agent_events(), TEXT, TIMES, st.none() | TIMES)
def test_any_event_with_any_text_survives_a_round_trip(
    event: Event, text: str, at: datetime, known_at: datetime | None
) -> None:
    event = event.model_copy(update={"subject": text, "time": at, "recordedtime": known_at})
    assert encode(event) == PYDANTIC.dump_json(event, exclude_none=True)
    # Compared in UTC: a local time that a clock change repeats never equals a time of another zone in Python.
    utc = {"time": at.astimezone(UTC), "recordedtime": known_at and known_at.astimezone(UTC)}
    assert decode(encode(event)) == event.model_copy(update=utc)


@given(st.floats(0, 315_576_000))
def test_any_duration_survives_a_round_trip(seconds: float) -> None:
    event = make("call.answered", queue="mdph", wait_seconds=seconds)
    assert encode(event) == PYDANTIC.dump_json(event, exclude_none=True)
    assert decode(encode(event)) == event


@given(contact_events() | agent_events())
def test_make_returns_the_same_event_as_the_constructors(event: Event) -> None:
    assert type(event).make({**event.__dict__, "data": event.data.__dict__}) == event


def test_score_outside_its_scale_is_rejected() -> None:
    value = encode(make("feedback.given", scale="csat_1_5", score=1)).replace(b'"score":1', b'"score":0')
    with pytest.raises(UnusableRecord, match=r"^invalid_field"):
        read(value)


@pytest.mark.parametrize("kind", ["appointment.booked", "appointment.moved"])
@pytest.mark.parametrize(
    "starts_at",
    ["0001-01-01T00:00:00+01:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"],
)
def test_appointment_outside_the_supported_years_is_rejected(kind: str, starts_at: str) -> None:
    fields = json.loads(
        encode(make(kind, 0, subject="appointment:rdv/x:1", starts_at=datetime(2025, 3, 3, 8, tzinfo=UTC)))
    )
    for year in (1970, 2199):
        fields["data"]["starts_at"] = f"{year}-06-01T00:00:00Z"
        assert read(json.dumps(fields).encode()).data.starts_at.year == year
    fields["data"]["starts_at"] = starts_at
    with pytest.raises(UnusableRecord, match=r"^invalid_field: .*starts_at: value_error$"):
        read(json.dumps(fields).encode())
