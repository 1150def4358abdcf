"""Shutdown of a worker process."""

import asyncio

import faust
import pytest

from streams.engine.engine import _Worker


def test_worker_does_not_sleep_after_its_services_have_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.new_event_loop()
    worker = _Worker(faust.App("ending"), loop=loop, override_logging=False, redirect_stdouts=False, quiet=True)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    worker._shutdown_loop()
    assert loop.is_closed()
    assert not slept
