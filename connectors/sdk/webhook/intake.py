"""The hand-over between the thread of the server and the thread of the lane.

The server's thread owns who waits and what is remembered; the lane's thread owns how many messages were taken. Between them
are a queue one way, and `call_soon_threadsafe` the other. Messages are numbered in the order of the queue, so one number says
which of them are safe.
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

REMEMBERED: Final = 50_000
"""How many messages are known again when they come a second time; each takes about 400 bytes."""


class Message(NamedTuple):
    """What was posted, after its signature was found right."""

    name: str
    """The sender's id of the message; empty if it gives none."""
    body: bytes
    received_at: datetime


class NameTakenError(Exception):
    """A message has the id of one that came before, and says something else."""


class _Known(NamedTuple):
    digest: bytes
    """Of its body."""
    safe: asyncio.Future[bool]


class Intake:
    """Messages between a server and a lane, at most `most_waiting` of them, with those of which the body is still to come."""

    def __init__(self, most_waiting: int) -> None:
        self.offered = 0
        """How many messages were taken in."""
        self.taken = 0
        """How many of them the lane has taken."""
        self.stall_seconds = 2.0
        """If the lane has not asked for so long, requests are refused: they would wait in vain."""
        self._most_waiting = most_waiting
        self._coming: dict[object, Callable[[], object]] = {}
        """Callbacks that end the reading of incomplete bodies, the oldest first."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: SimpleQueue[Message] = SimpleQueue()
        self._asked_at = time.monotonic()
        self._waiting: deque[tuple[int, asyncio.Future[bool]]] = deque()
        self._known: dict[bytes, _Known] = {}
        self._closed = False

    # ------------------------------------------------------------------------------------------- in the server's thread
    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, in the thread of `loop`."""
        self._loop = loop

    @property
    def waiting(self) -> int:
        """How many messages are not known to be safe."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """True if one more message may wait."""
        return self._is_read and self.waiting + len(self._coming) < self._most_waiting

    @property
    def _is_read(self) -> bool:
        return not self._closed and time.monotonic() - self._asked_at <= self.stall_seconds

    def make_room(self) -> bool:
        """End the reading of the oldest incomplete body; return whether there was one."""
        if not (self._is_read and self._coming):
            return False
        self._coming.pop(next(iter(self._coming)))()
        return True

    @contextmanager
    def place(self, end: Callable[[], object]) -> Iterator[None]:
        """Reserve a place for a message while its body is read; `end` ends the reading if another message needs the place.

        Offer the message before the next `await`: its place is free then.
        """
        place = object()
        self._coming[place] = end
        try:
            yield
        finally:
            self._coming.pop(place, None)

    def offer(self, name: str, body: bytes) -> asyncio.Future[bool]:
        """Return whether a message became safe, once that is known; one that came before is not taken again.

        It is known by its id; if it has none, by its body. Raises `NameTakenError`.
        """
        digest = hashlib.sha256(body).digest()
        mark = hashlib.sha256(name.encode()).digest() if name else digest
        if known := self._known.get(mark):
            if known.digest != digest:
                raise NameTakenError
            return known.safe
        safe: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self.has_room:
            safe.set_result(False)
            return safe
        number = self.offered + 1
        self._waiting.append((number, safe))
        self._known[mark] = _Known(digest, safe)
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        self._queue.put(Message(name, body, datetime.now(UTC)))
        self.offered = number  # last: the lane then finds it in the queue
        return safe

    def _settle(self, number: int) -> None:
        while self._waiting and self._waiting[0][0] <= number:
            self._waiting.popleft()[1].set_result(True)

    def _refuse(self) -> None:
        self._closed = True
        while self._waiting:
            self._waiting.popleft()[1].set_result(False)

    # --------------------------------------------------------------------------------------------- in the lane's thread
    def take(self, wait_seconds: float) -> list[Message]:
        """Return what was offered, in order; nothing after `wait_seconds` without any."""
        self._asked_at = time.monotonic()
        messages: list[Message] = []
        with suppress(Empty):
            messages.append(self._queue.get(timeout=wait_seconds) if wait_seconds else self._queue.get_nowait())
            while True:
                messages.append(self._queue.get_nowait())
        self.taken += len(messages)
        return messages

    def confirm(self, number: int) -> None:
        """Say that the first `number` messages taken are safe."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, number)

    def close(self) -> None:
        """Say that no other message will be safe."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._refuse)
