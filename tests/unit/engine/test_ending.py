"""A worker process ends as soon as its services have."""

import asyncio

import faust
import pytest

from streams.engine.engine import _Worker


def test_no_time_is_slept_away_once_all_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.new_event_loop()
    worker = _Worker(faust.App("ending"), loop=loop, override_logging=False, redirect_stdouts=False, quiet=True)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    worker._shutdown_loop()
    assert loop.is_closed()
    assert not slept
