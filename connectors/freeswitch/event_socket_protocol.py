"""Frames of the event socket: headers, and a body of `Content-Length` bytes.

Format: `mod_event_socket.c`, `switch_event_serialize`, and `list_result_callback` of `mod_callcenter.c`. Existing client
libraries are not used, because they require a web framework and telemetry, or gevent.
"""

from typing import Final, NamedTuple
from urllib.parse import unquote

from connectors.sdk.journaled_stream import Message
from connectors.sdk.socket_session import read_headers

MAX_HEAD_BYTES: Final = 65_536
MAX_BODY_BYTES: Final = 16 << 20
"""Maximum size of a list or another answer, in bytes; longer ones are discarded."""
MAX_LISTED: Final = 50_000
MAX_COLUMNS: Final = 200
"""Maximum number of columns of a list; those of `mod_callcenter` have at most about 30."""
MAX_EVENT_BYTES: Final = 262_144
"""Maximum size of an event, in bytes; an event contains all variables of a channel. Longer ones are discarded."""
END: Final = b"\n\n"
EVENT: Final = "text/event-plain"
NULL: Final = "(null)"


class UnreadableError(Exception):
    """The received bytes are not a frame: headers are missing or too long, or `Content-Length` is no number."""


class Frame(NamedTuple):
    """One frame; its body is empty if it has none or is `oversized`."""

    headers: Message
    body: bytes
    oversized: bool = False
    """True if the body was too long and was discarded."""

    @property
    def kind(self) -> str:
        """Value of `Content-Type`; empty if missing."""
        return self.headers.get("Content-Type", "")


class FrameReader:
    """Incremental parser of frames. It buffers at most one frame."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._headers: Message | None = None
        self._missing = 0
        """Bytes missing of the body, whether it is read or discarded."""
        self._skipping = False

    def feed(self, content: bytes) -> list[Frame]:
        """Add received bytes, and return the frames that they complete. Raises `UnreadableError` if they are no frames."""
        self._pending += content
        frames = []
        while self._begin() and self._headers is not None:
            if self._skipping:
                skipped = min(self._missing, len(self._pending))
                del self._pending[:skipped]
                self._missing -= skipped
            if len(self._pending) < self._missing:
                break
            frames.append(Frame(self._headers, bytes(self._pending[: self._missing]), self._skipping))
            del self._pending[: self._missing]
            self._headers = None
        return frames

    def _begin(self) -> bool:
        """Read the headers of the next frame unless already read; return whether they are complete. Raises `UnreadableError`."""
        if self._headers is not None:
            return True
        while self._pending[:1] == b"\n":
            del self._pending[:1]
        end = self._pending.find(END)
        if end < 0:
            if len(self._pending) > MAX_HEAD_BYTES:
                raise UnreadableError
            return False
        head = bytes(self._pending[:end])
        del self._pending[: end + len(END)]
        headers = read_headers(head, b"\n")
        length = headers.get("Content-Length", "0")
        if not headers or not (length.isascii() and length.isdecimal() and len(length) < 16):
            raise UnreadableError
        self._headers, self._missing = headers, int(length)
        self._skipping = self._missing > (MAX_EVENT_BYTES if headers.get("Content-Type") == EVENT else MAX_BODY_BYTES)
        return True


def event_of(body: bytes) -> Message:
    """Return the headers of an event, with their URL-encoded values decoded; a body of the event is left out."""
    head = body.partition(END)[0]
    return {name: unquote(value) for name, value in read_headers(head, b"\n").items()}


def rows_of(answer: str, text: str) -> list[Message] | None:
    """Return the rows of a list by column name, None if `answer` is not a list or has more than `MAX_COLUMNS` columns.

    The first line contains the column names. Columns are separated by `|`, which the column `text` may contain as well. A row
    with another number of columns is left out, and so are rows after the first `MAX_LISTED` + 1.
    """
    lines = answer.split("\n")
    if "+OK" not in lines:
        return None
    header, *rows_found = lines[: lines.index("+OK")][: MAX_LISTED + 2] or [""]
    columns = header.split("|", MAX_COLUMNS + 1)
    if len(columns) > MAX_COLUMNS:
        return None
    trailing = len(columns) - columns.index(text) - 1 if text in columns else 0
    rows = []
    for line in rows_found:
        values = line.split("|")
        if len(values) > len(columns) and text in columns:
            first, last = columns.index(text), len(values) - trailing
            values = [*values[:first], "|".join(values[first:last]), *values[last:]]
        if len(values) == len(columns):
            rows.append({name: "" if value == NULL else value for name, value in zip(columns, values, strict=True)})
    return rows
