"""Messages of the manager interface: lines `Key: value`, an empty one ends them.

Format: the AMI v2 specification in the Asterisk documentation, and `main/manager.c`.
"""

from typing import Final

from connectors.sdk.socket_connection import read_headers
from connectors.sdk.telephony import AHEAD_SECONDS, SECONDS

MAX_MESSAGE_BYTES: Final = 65_536
OVERSIZED: Final = "=oversized"
"""The event of a message that was too long to be kept."""
CONNECTED: Final = "=connected"
LISTED: Final = "=listed"
"""What a new connection tells: that it is one, and after what happened meanwhile, how things are."""
END: Final = b"\r\n\r\n"

Message = dict[str, str]
"""Of keys that repeat, the first."""


def encode_action(action: str, **headers: str) -> bytes:
    """Return an action as it is sent; no value may hold an end of line."""
    return "".join(f"{key}: {value}\r\n" for key, value in {"Action": action, **headers}.items()).encode() + b"\r\n"


class MessageReader:
    """Takes apart what comes in, whatever its pieces; holds one message at most, and of one that is too long nothing."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._skipping = False

    def feed(self, content: bytes) -> list[Message]:
        """Return the messages that end in `content`."""
        self._pending += content
        messages = []
        *whole, rest = self._pending.split(END)
        for block in whole:
            if block.strip():
                too_long = self._skipping or len(block) > MAX_MESSAGE_BYTES
                messages.append({"Event": OVERSIZED} if too_long else read_headers(bytes(block), b"\r\n"))
            self._skipping = False
        if len(rest) > MAX_MESSAGE_BYTES:
            self._skipping = True
            rest = rest[-len(END) :]
        self._pending = rest
        return messages


def seconds_of(message: Message, otherwise: float) -> float:
    """Return the time that a message gives, in seconds since 1970; `otherwise`, when it came, if it gives none that can be."""
    try:
        told = float(message.get("Timestamp", ""))
    except ValueError:
        return otherwise
    return told if SECONDS.start <= told <= otherwise + AHEAD_SECONDS else otherwise
