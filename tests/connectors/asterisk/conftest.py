"""Fixtures of the manager interface tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.asterisk.simulate import ManagerServer
from tests.support.asterisk_harness import NINE, AsteriskHarness, serving


@pytest.fixture
def manager() -> Iterator[ManagerServer]:
    with serving(NINE) as started:
        yield started


@pytest.fixture
def pbx(tmp_path: Path, manager: ManagerServer) -> AsteriskHarness:
    return AsteriskHarness(tmp_path, manager)
