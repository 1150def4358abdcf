"""Structs accept and return exactly what their models do, for valid and for corrupted events."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, create_model

from models.codec import MAX_EVENT_BYTES, UnusableRecord, decode, encode, read
from models.envelope import Envelope, EventPart, Label
from models.events import AppointmentBooked, AppointmentMoved, CallAnswered, Event, FeedbackGiven, LetterArrived
from models.structs import Decoder, field_values
from streams.core.contacts import agent, contact
from streams.core.timeline import entries as timeline
from tests.support.events import agent_events, contact_events, make

EVENTS = contact_events() | agent_events()
WITHOUT_STRUCT = (FeedbackGiven, AppointmentBooked, AppointmentMoved)
NAMES = (*Envelope.model_fields, "channel")
ODD: list[Any] = [
    None, "", "x" * 101, "x" * 201, "x" * 1001, "a b", "été", "a\n", "a\x00", "\u2028", True, 0, 1, -1, 1.0, 0.5, 1001, 10**30,
    1e300, [], {}, ["a"], {"a": 1}, "call", "mail", "call.queued", "1.0", "2.0", 2, "caller", "timeout", "csat_1_5", "1",
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00", "2026-01-01",
    "2026-01-01T00:00Z", "2026-01-01 00:00:00Z", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
    "2026-01-01T24:00:00Z", "2026-01-01T23:59:60Z", 1767225600,
]  # fmt: skip


def outcome(decoder: Callable[[bytes], Event], value: bytes) -> Any:
    """Return the fields of the decoded event, or the reason and detail of its rejection."""
    try:
        event = decoder(value)
    except UnusableRecord as unusable:
        return unusable.reason, unusable.detail
    return {name: getattr(event, name) for name in NAMES} | {"data": field_values(event.data)}


@given(EVENTS)
def test_valid_event_is_read_like_by_its_model(event: Event) -> None:
    value = encode(event)
    assert outcome(read, value) == outcome(decode, value)
    assert isinstance(read(value), EventPart) is isinstance(event, WITHOUT_STRUCT)


@given(EVENTS, st.data())
def test_event_with_an_odd_or_missing_field_is_read_like_by_its_model(event: Event, data: st.DataObject) -> None:
    fields = json.loads(encode(event))
    part, names = (
        (fields, NAMES) if data.draw(st.booleans()) else (fields["data"], [*field_values(event.data), "unknown"])
    )
    name = data.draw(st.sampled_from(names))
    if data.draw(st.integers(0, 9)):
        part[name] = data.draw(st.sampled_from(ODD))
    else:
        part.pop(name, None)
    value = json.dumps(fields).encode()
    assert outcome(read, value) == outcome(decode, value)


@given(EVENTS, st.integers(0, 2000), st.sampled_from([b"\xff", b"\x00", b'"', b"}", b"\\", b",", b"\xc3\xa9", b""]))
def test_event_with_a_changed_byte_is_read_like_by_its_model(event: Event, at: int, byte: bytes) -> None:
    value = encode(event)
    at %= len(value)
    value = value[:at] + byte + value[at + 1 :]
    assert outcome(read, value) == outcome(decode, value)


@pytest.mark.parametrize(
    "value",
    [
        b"", b"null", b"[]", b"{}", b"\xff", b'{"type":"call.queued"}', b"[" * 20_000, b'"' + b"x" * MAX_EVENT_BYTES + b'"',
        b'{"type":"call.arrived","type":"call.queued"}', b'{"type":NaN}',
    ],
)  # fmt: skip
def test_invalid_event_is_rejected_like_by_its_model(value: bytes) -> None:
    assert outcome(read, value) == outcome(decode, value)


@pytest.mark.parametrize(
    "unknown", ["[" * 300 + "]" * 300, '{"a":' * 250 + "1" + "}" * 250, "9" * 4301, '"' + "x" * 5000 + '"', "[[]]"]
)
@pytest.mark.parametrize("place", ['{"type"', '"data":{"queue"'])
def test_event_with_an_unknown_field_is_read_like_by_its_model(place: str, unknown: str) -> None:
    known = place.rpartition("{")[2]
    text = encode(make("call.answered", queue="mdph")).decode()
    assert place in text
    value = text.replace(place, place.removesuffix(known) + f'"unknown":{unknown},{known}').encode()
    assert outcome(read, value) == outcome(decode, value)


@given(st.lists(EVENTS, min_size=1, max_size=8))
def test_structs_and_models_give_the_same_rows_and_timeline(events: list[Event]) -> None:
    rows: dict[Callable[[bytes], Event], Any] = {decode: [None, None], read: [None, None]}
    entries: dict[Callable[[bytes], Event], list[Any]] = {decode: [], read: []}
    for event in events:
        value = encode(event)
        for decoder, row in rows.items():
            decoded = decoder(value)
            if decoded.type == agent.AGENT_CHANGED:
                row[0] = agent.fold(row[0], decoded)
            else:
                row[1] = contact.fold(row[1], decoded)
                entries[decoder].append(timeline.record(decoded, row[1]))
    assert rows[read] == rows[decode]
    assert entries[read] == entries[decode]


@pytest.mark.parametrize(
    "kind",
    [
        Annotated[str, StringConstraints(to_lower=True)],
        Annotated[str, StringConstraints(pattern="^x")],
        Annotated[int, Field(multiple_of=2)],
        Annotated[float, Field(gt=0)],
        Label | None,
        Annotated[int | None, Field(ge=5)],
        Annotated[AwareDatetime, AfterValidator(lambda at: at)],
        Annotated[int, Field(alias="two")],
        Annotated[str, Field(default_factory=str)],
        list[str],
        bytes,
    ],
)
def test_unsupported_constraint_raises(kind: Any) -> None:
    part = create_model("Part", __base__=EventPart, field=(kind, ...))
    model = create_model("Made", __base__=Envelope, type=(Literal["made"], "made"), channel=(str, ""), data=(part, ...))
    with pytest.raises(TypeError):
        Decoder([model])


def test_model_with_validators_has_no_struct() -> None:
    decoder = Decoder([CallAnswered, LetterArrived, FeedbackGiven])
    given_ = make("feedback.given", scale="csat_1_5", score=4)
    with pytest.raises(Exception, match=r"feedback\.given"):
        decoder.decode(encode(given_))
    assert isinstance(read(encode(given_)), FeedbackGiven)


def test_labels_are_checked_beyond_the_size_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.structs.MAX_LABELS", 2)
    decoder = Decoder([CallAnswered])
    for number in range(5):
        assert decoder.decode(encode(make("call.answered", queue=f"q{number}"))).data.queue == f"q{number}"
    with pytest.raises(ValueError, match="invalid characters"):
        decoder.decode(encode(make("call.answered", queue="q")).replace(b'"q"', b'"q q"'))
