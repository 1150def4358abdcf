"""Heartbeats of the timeline process during the migration of its database."""

import time
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from streams.runtime import timeline_process
from streams.settings.schema import Settings
from streams.timeline.database import Unavailable
from tests.support.processes import wait_until


def test_heartbeats_continue_while_the_database_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    beats, opened, tries = list[float](), object(), count()
    engine: Any = SimpleNamespace(record_heartbeat=lambda: beats.append(time.monotonic()))

    def open_slowly(_settings: Settings, _patience: float) -> object:
        if next(tries):
            return opened
        wait_until(lambda: len(beats) >= 3, "beats")
        raise Unavailable("it is away")

    monkeypatch.setattr(timeline_process, "open_timeline", open_slowly)
    monkeypatch.setattr(timeline_process, "RETRY_SECONDS", 0.001)
    assert timeline_process._wait_for_database(Settings(), engine) is opened
    assert len(beats) > 3, "one more before the next attempt"
    beaten = len(beats)
    time.sleep(0.02)
    assert len(beats) == beaten, "the engine records its own heartbeats afterwards"
