"""Fixtures of the graph connector tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_graph import FakeGraph, fake_graph
from tests.support.graph_mails import GraphMailbox


@pytest.fixture
def fake() -> Iterator[FakeGraph]:
    with fake_graph() as started:
        yield started


@pytest.fixture
def mailbox(fake: FakeGraph, tmp_path: Path) -> GraphMailbox:
    return GraphMailbox(fake, tmp_path)
