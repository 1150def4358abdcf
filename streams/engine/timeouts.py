"""Waiting for an asyncio event with a timeout, without garbage."""

import asyncio


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Return once `event` is set, or after `seconds`; the timeout sets the event too.

    `asyncio.timeout` leaves a cycle of exception, frame and future at each timeout: much garbage at twenty calls a second.
    """
    timer = asyncio.get_running_loop().call_later(seconds, event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()
