"""Events are written, byte for byte, as pydantic writes them, and read back as they were."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.codec import decode, encode
from models.events import Event
from tests.support.events import agent_events, contact_events, make

PYDANTIC: TypeAdapter[Event] = TypeAdapter(Event)
TEXT = st.text(min_size=1, max_size=100)
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.timezones() | st.just(UTC))  # noqa: DTZ001 - they get one


@given(contact_events() | agent_events(), TEXT, TIMES, st.none() | TIMES)
def test_any_event_in_any_words(event: Event, text: str, at: datetime, known_at: datetime | None) -> None:
    event = event.model_copy(update={"subject": text, "time": at, "recordedtime": known_at})
    assert encode(event) == PYDANTIC.dump_json(event, exclude_none=True)
    # In UTC: to Python, a time that a change of the clocks repeats equals none of another zone.
    utc = {"time": at.astimezone(UTC), "recordedtime": known_at and known_at.astimezone(UTC)}
    assert decode(encode(event)) == event.model_copy(update=utc)


@given(st.floats(0, 315_576_000))
def test_any_duration(seconds: float) -> None:
    event = make("call.answered", queue="mdph", wait_seconds=seconds)
    assert encode(event) == PYDANTIC.dump_json(event, exclude_none=True)
    assert decode(encode(event)) == event


@given(contact_events() | agent_events())
def test_made_of_all_fields_at_once_it_is_the_same(event: Event) -> None:
    assert type(event).make({**event.__dict__, "data": event.data.__dict__}) == event
