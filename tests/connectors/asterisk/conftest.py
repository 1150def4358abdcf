"""What tests of the manager interface share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.asterisk.simulate import ManagerServer
from tests.support.ami_scene import NINE, Scene
from tests.support.asterisk_manager import serving


@pytest.fixture
def manager() -> Iterator[ManagerServer]:
    with serving(NINE) as started:
        yield started


@pytest.fixture
def scene(tmp_path: Path, manager: ManagerServer) -> Scene:
    return Scene(tmp_path, manager)
