"""Lists of records in webhook messages."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sdk.webhook.intake import Message
from connectors.webhook.mapping import WebhookMapping
from models.codec import UnusableRecord
from models.reasons import Reason
from tests.support.mapping_properties import json_values
from tests.support.webhook_mapping import KEY, NOW, SOURCE, configure, map_message, map_one, mapped_to, rejection
from tests.support.webhooks import message

TAKEN = [json.loads(message("ticket.taken", number, number)) for number in range(3)]


@pytest.mark.parametrize(
    ("posted", "records"),
    [
        (TAKEN, "@"),
        ({"data": {"items": TAKEN}}, "data.items"),
        ({"pages": [TAKEN[:1], TAKEN[1:]]}, "pages[]"),
        ({"all": {str(number): ticket for number, ticket in enumerate(TAKEN)}}, "all.*"),
    ],
)
def test_list_of_records_in_one_message_gives_the_events_of_all(posted: Any, records: str) -> None:
    events = map_message(json.dumps(posted).encode(), records=records)
    assert [event.subject for event in events] == [f"visit:webhook/essai:{number}" for number in range(3)]
    assert [event.id for event in events] == [map_one(json.dumps(ticket).encode()).id for ticket in TAKEN]


def test_list_after_a_byte_order_mark_is_divided() -> None:
    assert len(map_message(b"\xef\xbb\xbf" + json.dumps(TAKEN).encode())) == 3


def test_record_inside_a_message_is_mapped() -> None:
    wrapped = json.dumps({"event": TAKEN[1]}).encode()
    assert map_one(wrapped, records="event").subject == "visit:webhook/essai:1"


@pytest.mark.parametrize(("posted", "records"), [(b"[]", "@"), (b' {"items": []}', "items")])
def test_message_with_an_empty_list_gives_no_event(posted: bytes, records: str) -> None:
    assert map_message(posted, records=records) == []


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        (b'{"itmes": []}', (Reason.MISSING_FIELD, "items[]")),
        (b'{"items": 7}', (Reason.MISSING_FIELD, "items[]")),
        (b"{", (Reason.INVALID_JSON, "")),
    ],
)
def test_message_without_records_is_rejected_as_a_whole(posted: bytes, expected: tuple[Reason, str]) -> None:
    assert rejection(posted, records="items[]") == expected


def test_unusable_record_of_a_list_is_rejected_alone() -> None:
    posted = json.dumps([TAKEN[0], {"type": "ticket.taken"}, None, TAKEN[2]]).encode()
    mapping = WebhookMapping(SOURCE, configure(), KEY)
    found: list[Any] = []
    for record in mapping.divide(Message("msg_1", posted, NOW)):
        try:
            found += [event.subject for event in mapping.map(record)]
        except UnusableRecord as error:
            found.append((record.place, error.reason, error.detail))
    assert found == [
        "visit:webhook/essai:0",
        ("record 2", Reason.MISSING_FIELD, "data.ticket.id"),
        ("record 3", Reason.UNREADABLE_LINE, "not a JSON object"),
        "visit:webhook/essai:2",
    ]


STEPS = mapped_to("visit.called", time="steps.at") | {"each": "steps"}


def visit(number: int, *minutes: Any) -> dict[str, Any]:
    steps = [{"at": f"2026-03-16T09:{minute:02}:00Z"} if isinstance(minute, int) else minute for minute in minutes]
    return {"type": "x", "id": number, "steps": steps}


@pytest.mark.parametrize(
    ("posted", "records"),
    [(visit(7, 1, 2), "@"), ([visit(7, 1), visit(8), visit(7, 2)], "@"), ({"all": [visit(7, 1, 2)]}, "all")],
)
def test_each_element_of_a_list_in_a_record_is_a_record(posted: Any, records: str) -> None:
    events = map_message(json.dumps(posted).encode(), records=records, **STEPS)
    assert [(event.subject[-2:], event.time.minute) for event in events] == [(":7", 1), (":7", 2)]


@pytest.mark.parametrize("steps", [None, "2026-03-16", {"at": "2026-03-16T09:00:00Z"}])
def test_record_without_the_list_is_rejected_alone_and_divided_when_it_is_corrected(steps: Any) -> None:
    mapping = WebhookMapping(SOURCE, configure(**STEPS), KEY)
    content = json.dumps([visit(7, 1), visit(8) | {"steps": steps}]).encode()
    first, second = mapping.divide(Message("msg_1", content, NOW))
    assert (first.place, second.place) == ("record 1, steps 1", "record 2")
    assert len(mapping.map(first)) == 1
    with pytest.raises(UnusableRecord, match="unreadable_line: steps: not a list"):
        mapping.map(second)
    assert mapping.divide(first) == [first]
    again = mapping.divide(second._replace(body=json.dumps(visit(8, 1, [])).encode()))
    assert [record.place for record in again] == ["record 2, steps 1", "record 2, steps 2"]


JSON = json_values()
LISTS = WebhookMapping(SOURCE, configure(records="items"), KEY)


@given(JSON | st.fixed_dictionaries({"items": st.lists(JSON, max_size=5)}))
@settings(max_examples=300, deadline=None)
def test_every_record_of_any_message_gives_events_or_is_unusable(posted: Any) -> None:
    content = json.dumps(posted).encode()
    divided = LISTS.divide(Message("msg_1", content, NOW))
    items = posted.get("items") if isinstance(posted, dict) else None
    assert len(divided) == (len(items) if isinstance(items, list) and items else 1)
    for record in divided:
        try:
            LISTS.map(record)
        except UnusableRecord:
            continue
