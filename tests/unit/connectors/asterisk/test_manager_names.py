"""Names and numbers in messages of the manager interface."""

import msgspec
import pytest

from models.codec import encode
from tests.unit.connectors.test_asterisk_manager import (
    ABANDON,
    ASKED,
    CONNECT,
    HANGUP,
    JOIN,
    MessageMapper,
    complete,
    step,
)


def test_queue_has_one_label_for_all_spellings() -> None:
    mapper = MessageMapper(queues={"Support": {"label": "aide"}})
    queue_step = step("600", Application="Queue", AppData="SUPPORT,t")
    events = mapper.events(
        queue_step,
        JOIN | {"Queue": "support"},
        CONNECT | {"Queue": "Support"},
        complete("caller") | {"Queue": "support"},
    )
    assert {(event.data.queue, getattr(event.data, "visit", 1)) for event in events} == {("aide", 1)}


@pytest.mark.parametrize("number", ["639980012", "0639980012", "33639980012", "2125551234", "inf", "nan"])
def test_phone_number_is_neither_a_time_nor_a_duration(number: str) -> None:
    mapper = MessageMapper()
    gave_up = ABANDON | {"Position": number, "HoldTime": number, "OriginalPosition": number}
    events = mapper.events(
        JOIN | {"Position": number}, CONNECT | {"HoldTime": number, "Timestamp": number}, ASKED, gave_up, HANGUP
    )
    assert (
        number not in "".join(encode(event).decode() for event in events) + msgspec.json.encode(mapper.tracker).decode()
    )
    assert {event.time.year for event in events} == {2026}
