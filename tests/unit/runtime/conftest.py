"""Fixtures of the tests of process trees."""

import pytest

from tests.support.process_tree import ConsoleLines


@pytest.fixture
def console() -> ConsoleLines:
    return ConsoleLines()
