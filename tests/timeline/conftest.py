"""Fixtures: an empty database of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from streams.timeline.store import Timeline
from tests.support.postgres import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL server shared by the tests of this directory."""
    with running_postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'timeline.db'}"
    running: Postgres = request.getfixturevalue("postgres")
    engine = create_engine(running.url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return running.url


@pytest.fixture
def timeline(url: str) -> Iterator[Timeline]:
    """Timelines in an empty database."""
    opened = Timeline(url)
    yield opened
    opened.close()
