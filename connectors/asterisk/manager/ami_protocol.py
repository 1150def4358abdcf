"""Messages of the manager interface: lines `Key: value`, ended by an empty line.

Format: the AMI v2 specification in the Asterisk documentation, and `main/manager.c`.
"""

from typing import Final

from connectors.sdk.journaled_stream import Message
from connectors.sdk.socket_session import read_headers
from connectors.sdk.telephony import AHEAD_SECONDS, SECONDS

MAX_MESSAGE_BYTES: Final = 65_536
OVERSIZED: Final = "=oversized"
"""Event name that replaces a message longer than `MAX_MESSAGE_BYTES`."""
CONNECTED: Final = "=connected"
LISTED: Final = "=listed"
"""Event name of an internal record with the status of the queues; `CONNECTED` is that of the record for a connection's start."""
END: Final = b"\r\n\r\n"


def encode_action(action: str, **headers: str) -> bytes:
    """Return an action in wire format. Values must not contain line ends, which is not checked."""
    return "".join(f"{key}: {value}\r\n" for key, value in {"Action": action, **headers}.items()).encode() + b"\r\n"


class MessageReader:
    """Incremental parser of messages. It buffers at most one message, and discards those that are too long."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._skipping = False

    def feed(self, content: bytes) -> list[Message]:
        """Add received bytes, and return the messages that they complete; for too long ones, an `OVERSIZED` event."""
        self._pending += content
        messages = []
        *complete, rest = self._pending.split(END)
        for block in complete:
            if block.strip():
                too_long = self._skipping or len(block) > MAX_MESSAGE_BYTES
                messages.append({"Event": OVERSIZED} if too_long else read_headers(bytes(block), b"\r\n"))
            self._skipping = False
        if len(rest) > MAX_MESSAGE_BYTES:
            self._skipping = True
            rest = rest[-len(END) :]
        self._pending = rest
        return messages


def seconds_of(message: Message, received_at: float) -> float:
    """Return the timestamp of a message in seconds since 1970; `received_at` if it is missing or implausible."""
    try:
        timestamp = float(message.get("Timestamp", ""))
    except ValueError:
        return received_at
    return timestamp if SECONDS.start <= timestamp <= received_at + AHEAD_SECONDS else received_at
