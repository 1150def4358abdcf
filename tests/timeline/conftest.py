"""Fixtures: an empty database of each kind, and a data directory for commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from connectors.sdk.keys import load_key
from models.identities import IdentityKind
from streams.timeline.store import Timeline
from tests.support.postgres import Postgres, running_postgres
from tests.support.timeline_commands import CASE, NUMBER, write
from tests.support.timelines import call, entries_of


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


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data directory of the commands."""
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def phone(data: Path) -> str:
    """Pseudonym of NUMBER, which has calls and is linked to a case."""
    pseudonym = load_key(data / "connectors" / "keys", "general").pseudonym(IdentityKind.PHONE, NUMBER)
    calls = [*call("call:a:1", 0, pseudonym, "general"), *call("call:a:2", 100, f"{CASE} {pseudonym}", "general")]
    write(data, entries_of(calls))
    return pseudonym
