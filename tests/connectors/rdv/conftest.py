"""Fixtures of the RDV connector tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rdv_harness import RdvHarness, rdv_harness


@pytest.fixture
def system(tmp_path: Path) -> Iterator[RdvHarness]:
    with rdv_harness(tmp_path) as system:
        yield system
