"""One snapshot task for all open boards: what it makes is sent to each of them as Server-Sent Events."""

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
"""Least time between two messages: at most ten per second, however many events there are."""
CLOCK_SECONDS: Final = 1
"""Least time between two messages that tell nothing but the time."""
LOOK_SECONDS: Final = 600
"""Most time between two looks at the figures while nobody listens: looking is what drops the old ones from memory."""
RETRY_MS: Final = 2_000
"""After how long a browser tries again."""

log = logging.getLogger(__name__)
encode = msgspec.json.Encoder().encode
_RETRY: Final = b"retry: %d\n" % RETRY_MS


@dataclass(frozen=True, slots=True)
class Published:
    """What was sent last."""

    number: int
    """Counts messages."""
    board_number: int
    """The number of the message in which the board last changed."""
    board: bytes
    full: bytes
    """The message with its board, for whoever has not seen it: as the event that is sent, made once for all."""
    brief: bytes
    """The message without, likewise."""
    clock: Freshness | None
    at: float


class Broadcaster:
    """Makes a message when something changed, and hands the latest one to whoever listens.

    A listener holds nothing but the number of what it has seen: one that is slow skips some, one that leaves is forgotten.
    While nobody listens hardly anything is computed.
    """

    def __init__(self, make: Callable[[], Message], tick_seconds: float) -> None:
        self._make = make
        self._tick_seconds = tick_seconds
        self._last = Published(0, 0, b"", b"", b"", None, time.monotonic())
        self._news = asyncio.Event()
        self._published = asyncio.Condition()
        self._listeners = 0
        self._newcomers = False
        self._closed = False
        self.failed = False
        """Whether no board can be made any more: the process is to be started anew."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def notify_change(self) -> None:
        """Say that something changed; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed while we looked
                self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Publish until cancelled: when something changed, and at least every `tick_seconds`.

        Whatever `make` raises is logged and ends it, and it has `failed`.
        """
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), self._tick_seconds)
                self._news.clear()
                if self._listeners or time.monotonic() - self._last.at >= LOOK_SECONDS:
                    await self._publish()
                await asyncio.sleep(COALESCE_SECONDS)
        except Exception:
            log.exception("the board can no longer be made")
            self.failed = True

    async def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._closed = True
        async with self._published:
            self._published.notify_all()

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield the board at once, then what is new as it comes: events, as they are sent."""
        number, board_number = self._last.number, -1
        self._listeners += 1
        self._newcomers = True
        self._news.set()
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
        if not (changed or self._newcomers or self._tells_time(message.clock, at)):
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

    def _tells_time(self, clock: Freshness, at: float) -> bool:
        last = self._last
        return last.clock is None or clock.state is not last.clock.state or at - last.at >= CLOCK_SECONDS


def _make_event(number: int, message: dict[str, object]) -> bytes:
    return ServerSentEvent(encode(message).decode(), id=str(number), sep="\n").encode()
