"""Fixtures of the FreeSWITCH tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.freeswitch.simulate import EventSocket
from tests.support.freeswitch_harness import NINE, FreeswitchHarness, serving


@pytest.fixture
def event_socket() -> Iterator[EventSocket]:
    with serving(NINE) as started:
        yield started


@pytest.fixture
def pbx(tmp_path: Path, event_socket: EventSocket) -> FreeswitchHarness:
    return FreeswitchHarness(tmp_path, event_socket)
