"""Waiting for an event, but not for ever."""

import asyncio


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Return once `event` is set, or after `seconds`; it is set then too.

    `asyncio.timeout` raises and catches, which leaves a cycle of exception, frame and future: much garbage at twenty a second.
    """
    alarm = asyncio.get_running_loop().call_later(seconds, event.set)
    try:
        await event.wait()
    finally:
        alarm.cancel()
