"""Hand-over of messages between the server's thread and the instance's thread.

The server's thread owns the waiting requests and the known messages. The instance's thread owns the count of messages read. They
communicate by a queue in one direction and `call_soon_threadsafe` in the other. Messages are numbered in the order of the queue,
so one number identifies all messages that are safe.
"""

import asyncio
import hashlib
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

REMEMBERED: Final = 50_000
"""Most messages that are recognised when they are sent again, the latest ones; each takes about 400 bytes."""


class Message(NamedTuple):
    """Input of a source that receives messages: a request with a valid signature, or one fact.

    A fact is a part of a request, comes from a poll, or is a rejected record that is mapped again.
    """

    name: str
    """The sender's id of the message; the same for each of its facts. Empty if it has none, and for polled facts."""
    body: bytes
    received_at: datetime
    place: str = ""
    """Which record of the message the body is, for people, such as `record 3`; empty for a whole message, and for facts."""


class NameTakenError(Exception):
    """A message has the id of an earlier message, but another body."""


class _Known(NamedTuple):
    digest: bytes
    """SHA-256 of the body."""
    safe: asyncio.Future[bool]


class Intake:
    """Messages on their way from a server to an instance; at most `most_waiting` are not safe yet."""

    def __init__(self, most_waiting: int) -> None:
        self.offered = 0
        """Number of messages accepted since the creation; repeated messages are not counted."""
        self.taken = 0
        """Number of accepted messages that the instance has read."""
        self.stall_seconds = 2.0
        """Longest time since the instance's last call of `take`. Beyond it new messages are refused: they would wait in vain."""
        self.most_waiting = most_waiting
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: SimpleQueue[Message] = SimpleQueue()
        self._asked_at = time.monotonic()
        self._waiting: deque[tuple[int, asyncio.Future[bool]]] = deque()
        self._known: dict[bytes, _Known] = {}
        self._closed = False

    # ----------------------------------------------------------------------------------- called in the server's thread
    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the server's event loop, in whose thread futures are resolved. Before, `confirm` and `close` do nothing."""
        self._loop = loop

    @property
    def waiting(self) -> int:
        """Number of accepted messages that are neither safe nor refused yet."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """True if the instance reads and fewer than `most_waiting` messages wait; False after `close`."""
        is_read = not self._closed and time.monotonic() - self._asked_at <= self.stall_seconds
        return is_read and self.waiting < self.most_waiting

    def offer(self, name: str, body: bytes) -> asyncio.Future[bool]:
        """Accept a message and return a future: True once it is safe, False if there is no room or after `close`.

        For a known message, return the future of its first copy, and do nothing else. A message is known by its id or, without
        one, by its body. Raises `NameTakenError` if its id is known with another body.
        """
        digest = hashlib.sha256(body).digest()
        key = hashlib.sha256(name.encode()).digest() if name else digest
        if known := self._known.get(key):
            if known.digest != digest:
                raise NameTakenError
            return known.safe
        safe: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self.has_room:
            safe.set_result(False)
            return safe
        number = self.offered + 1
        self._waiting.append((number, safe))
        self._known[key] = _Known(digest, safe)
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        self._queue.put(Message(name, body, datetime.now(UTC)))
        self.offered = number  # last, so that the instance then finds the message in the queue
        return safe

    def _resolve(self, number: int) -> None:
        while self._waiting and self._waiting[0][0] <= number:
            self._waiting.popleft()[1].set_result(True)

    def _refuse(self) -> None:
        self._closed = True
        while self._waiting:
            self._waiting.popleft()[1].set_result(False)

    # --------------------------------------------------------------------------------- called in the instance's thread
    @property
    def unread(self) -> int:
        """Number of accepted messages that were not read yet."""
        return self.offered - self.taken

    def take(self, wait_seconds: float) -> list[Message]:
        """Return all unread messages in order; none after `wait_seconds` without any. Each call shows that the instance reads."""
        self._asked_at = time.monotonic()
        messages: list[Message] = []
        with suppress(Empty):
            messages.append(self._queue.get(timeout=wait_seconds) if wait_seconds else self._queue.get_nowait())
            while True:
                messages.append(self._queue.get_nowait())
        self.taken += len(messages)
        return messages

    def confirm(self, number: int) -> None:
        """Resolve the futures of the first `number` messages since the creation: they are safe."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._resolve, number)

    def close(self) -> None:
        """Refuse all waiting and later messages."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._refuse)
