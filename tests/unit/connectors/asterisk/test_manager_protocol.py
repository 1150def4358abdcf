"""Parsing of the bytes of the manager interface: splits, encodings and the size limit."""

import pytest

from connectors.asterisk.manager.ami_protocol import MAX_MESSAGE_BYTES, OVERSIZED, MessageReader

CONTENT = b"Event: A\r\nKey: one: two\r\nKey: other\r\nEmpty: \r\n\r\n\r\n\r\nResponse: Success\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_messages_may_be_split_at_any_byte(size: int) -> None:
    reader = MessageReader()
    pieces = [CONTENT[at : at + size] for at in range(0, len(CONTENT), size)]
    found = [message for piece in pieces for message in reader.feed(piece)]
    assert found == [{"Event": "A", "Key": "one: two", "Empty": ""}, {"Response": "Success"}]


def test_name_in_another_encoding_is_read() -> None:
    messages = MessageReader().feed(b"Name: Andr\xe9\r\n\r\nName: Andr\xc3\xa9\r\n\r\nName: Andr\x81\r\n\r\n")
    assert [message["Name"] for message in messages] == ["Andr\xe9", "Andr\xe9", "Andr\x81"]


@pytest.mark.parametrize("size", [100, 4_096, 200_000])
def test_oversized_message_is_dropped_and_reported(size: int) -> None:
    reader, content = (
        MessageReader(),
        b"Event: A\r\nX: " + b"x" * (2 * MAX_MESSAGE_BYTES) + b"\r\n\r\nEvent: B\r\n\r\n",
    )
    found = []
    for at in range(0, len(content), size):
        found += reader.feed(content[at : at + size])
        assert len(reader._pending) <= MAX_MESSAGE_BYTES + size
    assert found == [{"Event": OVERSIZED}, {"Event": "B"}]
