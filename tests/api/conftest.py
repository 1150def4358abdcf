"""Fixtures: the API on an empty database of each kind, with the token of a data protection officer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Office, token
from tests.timeline.conftest import postgres, url

__all__ = ["office", "postgres", "sqlite", "url"]


@pytest.fixture
def office(url: str, tmp_path: Path) -> Iterator[Office]:
    """An office on each kind of database."""
    yield from _opened(tmp_path, url)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Office]:
    """An office on SQLite, for what has nothing to do with the database."""
    yield from _opened(tmp_path, f"sqlite:///{tmp_path / 'timeline.db'}")


def _opened(directory: Path, url: str) -> Iterator[Office]:
    opened = Office(directory, url)
    opened.add(token())
    yield opened
    opened.close()
