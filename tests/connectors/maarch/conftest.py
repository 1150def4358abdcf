"""Fixtures of the Maarch connector tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.maarch_server import MaarchServer, served


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.maarch.letter_feed.PAGE_SIZE", 7)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MaarchServer]:
    with served(tmp_path / "letters.json") as started:
        yield started
