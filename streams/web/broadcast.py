"""Server-Sent Events for all open boards: one task makes and encodes each message once."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from anyio.to_thread import run_sync
from sse_starlette import ServerSentEvent

from streams.web.board.payload import Freshness, Message

COALESCE_SECONDS: Final = 0.1
"""Shortest time between two messages, in seconds: at most ten a second, whatever the number of changes."""
CLOCK_SECONDS: Final = 1
"""Shortest time between two messages if only the clock has changed, in seconds."""
IDLE_REFRESH_SECONDS: Final = 600
"""Time between two messages while no board is open, in seconds. Making one drops expired figures from memory."""
RETRY_MS: Final = 2_000
"""Delay of a browser before it reconnects, in milliseconds."""

log = logging.getLogger(__name__)
encode = msgspec.json.Encoder().encode
_RETRY: Final = b"retry: %d\n" % RETRY_MS


@dataclass(frozen=True, slots=True)
class Published:
    """The last message for the listeners, encoded; before the first one, `number` is 0."""

    number: int
    """Sequence number of the message."""
    board_number: int
    """Sequence number of the last message whose board differed from the one before."""
    board: bytes
    """The encoded board, to detect a change."""
    full: bytes
    """The encoded event with the board, for listeners that have not received this board; encoded once for all."""
    brief: bytes
    """The encoded event without the board."""
    clock: Freshness | None
    """Clock of the message; None before the first one."""
    at: float
    """Time of the message (`time.monotonic`), in seconds."""


class Broadcaster:
    """Makes a message when a figure changed or time has passed, and sends the latest one to all listeners.

    A listener stores only the number of the last message it received: a slow one skips messages, and one that disconnects
    leaves no state. While no board is open, hardly anything is computed.
    """

    def __init__(self, make: Callable[[], Message], tick_seconds: float) -> None:
        self._make = make
        self._tick_seconds = tick_seconds
        self._last = Published(0, 0, b"", b"", b"", None, time.monotonic())
        self._changed = asyncio.Event()
        self._published = asyncio.Condition()
        self._listeners = 0
        self._newcomers = False
        self._closed = False
        self.failed = False
        """True once a message could not be made: `run` has ended, and the process must be restarted."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def notify_change(self) -> None:
        """Wake `run` after a change of the figures; callable from any thread. Ignored while `run` is not running."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
                self._loop.call_soon_threadsafe(self._changed.set)

    async def run(self) -> None:
        """Make a message on each change, and after `tick_seconds` without one, until cancelled.

        It is dropped if neither the board nor the state of the data changed, no listener is new, and the last one is younger than
        `CLOCK_SECONDS`. Without listeners, a message is made only every `IDLE_REFRESH_SECONDS`.

        An exception of `make` is logged, sets `failed` and ends the task.
        """
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), self._tick_seconds)
                self._changed.clear()
                if self._listeners or time.monotonic() - self._last.at >= IDLE_REFRESH_SECONDS:
                    await self._publish()
                await asyncio.sleep(COALESCE_SECONDS)
        except Exception:
            log.exception("making the board failed")
            self.failed = True

    async def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._closed = True
        async with self._published:
            self._published.notify_all()

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield encoded events until `close`: the next message with the board, then the latest message after each new one.

        A later event has the board only if it changed since the previous one.
        """
        number, board_number = self._last.number, -1
        self._listeners += 1
        self._newcomers = True
        self._changed.set()
        try:
            while True:
                last = await self._after(number)
                if self._closed:
                    return
                begin = _RETRY if board_number < 0 else b""
                event = last.full if last.board_number > board_number else last.brief
                number, board_number = last.number, last.board_number
                yield begin + event
        finally:
            self._listeners -= 1

    async def _after(self, number: int) -> Published:
        async with self._published:
            await self._published.wait_for(lambda: self._closed or self._last.number > number)
        return self._last

    async def _publish(self) -> None:
        message = await run_sync(self._make)
        last, at = self._last, time.monotonic()
        board = encode(message.board)
        changed = board != last.board
        if not (changed or self._newcomers or self._is_clock_due(message.clock, at)):
            return
        self._newcomers = False
        number = last.number + 1
        self._last = Published(
            number=number,
            board_number=number if changed else last.board_number,
            board=board,
            full=_make_event(number, {"clock": message.clock, "board": msgspec.Raw(board)}),
            brief=_make_event(number, {"clock": message.clock}),
            clock=message.clock,
            at=at,
        )
        async with self._published:
            self._published.notify_all()

    def _is_clock_due(self, clock: Freshness, at: float) -> bool:
        last = self._last
        return last.clock is None or clock.state is not last.clock.state or at - last.at >= CLOCK_SECONDS


def _make_event(number: int, message: dict[str, object]) -> bytes:
    return ServerSentEvent(encode(message).decode(), id=str(number), sep="\n").encode()
