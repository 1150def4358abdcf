"""What tests of RDV Service Public share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rdv_harness import RdvHarness, rdv_harness


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RdvHarness]:
    with rdv_harness(tmp_path) as place:
        yield place
