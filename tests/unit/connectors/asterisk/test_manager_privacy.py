"""Headers of manager interface messages that are stored, and numbers that are not."""

import msgspec
import pytest

from connectors.asterisk.manager.message_filter import filter_message
from connectors.asterisk.name_resolver import NameResolver
from connectors.sdk.journaled_stream import LONGEST, Message
from models.codec import encode
from tests.support.manager_messages import (
    ABANDON,
    CONNECT,
    HANGUP,
    JOIN,
    REQUEST,
    MessageMapper,
    ami_message,
    config,
    step,
    transfer,
    variable,
)
from tests.support.queue_log import KEY


class TestPrivacy:
    NAMES = NameResolver(config(), KEY)

    def test_only_required_fields_are_stored(self) -> None:
        assert filter_message(step("1", Application="Set", AppData="NUMERO=0639980000"), self.NAMES) == {
            **{key: step("1")[key] for key in ("Event", "Timestamp", "Uniqueid", "Context", "Extension", "Priority")},
            "Application": "Set",
        }
        filtered = filter_message(JOIN | {"CallerIDName": "Mireille Exemple", "Queue": "x" * 1_000}, self.NAMES)
        assert filtered is not None
        assert "CallerIDName" not in filtered
        assert len(filtered["Queue"]) == LONGEST

    @pytest.mark.parametrize(
        ("message", "header", "stored"),
        [
            (JOIN | {"Exten": "0639980000"}, "Exten", False),
            (step("0639980000", Application="Queue", AppData="600"), "Extension", False),
            (step("600", priority=2, Application="Queue", AppData="600"), "Extension", False),
            (transfer("BlindTransfer", extension="0639980000"), "Extension", False),
            (JOIN, "Exten", True),
            (step("1"), "Extension", True),
            (step("610", Application="Queue", AppData="610"), "Extension", True),
            (transfer("BlindTransfer"), "Extension", True),
            (ami_message("Newchannel", Exten="0199000010"), "Exten", True),
        ],
    )
    def test_only_keys_queues_and_lines_are_stored(self, message: Message, header: str, *, stored: bool) -> None:
        filtered = filter_message(message, self.NAMES) or {}
        assert filtered.get(header) == (message[header] if stored else None)
        assert filtered.keys() >= {"Event", "Timestamp"}

    @pytest.mark.parametrize(
        "message",
        [
            step("0639980000"),
            ami_message("Newchannel", Exten="0639980000"),
            ami_message("Newexten", Priority=2, Application="Set", AppData="NUMERO=0639980000"),
            variable("NUMERO", "0639980000"),
            ami_message("MixMonitorStart"),
        ],
    )
    def test_irrelevant_messages_are_dropped(self, message: Message) -> None:
        assert filter_message(message, self.NAMES) is None

    def test_memory_contains_no_number(self) -> None:
        mapper = MessageMapper(queues={"06 39 98 00 00": {"label": "permanence"}})
        moved = step("0639980000", Application="Queue", AppData="06 39 98 00 00,t")
        join = JOIN | {"Queue": "06 39 98 00 00", "Exten": "0639980000"}
        (event,) = mapper.events(moved, join, transfer("BlindTransfer", extension="0639980000"))
        assert event.data.queue == "permanence"
        assert b"39980000" not in msgspec.json.encode(mapper.tracker)
        assert b"39 98" not in msgspec.json.encode(mapper.tracker)

    @pytest.mark.parametrize("number", ["639980012", "0639980012", "33639980012", "2125551234", "inf", "nan"])
    def test_phone_number_is_neither_a_time_nor_a_duration(self, number: str) -> None:
        mapper = MessageMapper()
        gave_up = ABANDON | {"Position": number, "HoldTime": number, "OriginalPosition": number}
        answered = CONNECT | {"HoldTime": number, "Timestamp": number}
        events = mapper.events(JOIN | {"Position": number}, answered, REQUEST, gave_up, HANGUP)
        published = "".join(encode(event).decode() for event in events)
        assert number not in published + msgspec.json.encode(mapper.tracker).decode()
        assert {event.time.year for event in events} == {2026}
