"""Fixtures: the API on an empty database of each kind, with the token of a data protection officer, and a citizen's story."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.identities import IdentityKind
from tests.api.stories import DAY
from tests.support.api_harness import NUMBER, ApiHarness, call, form, letter, token
from tests.timeline.conftest import postgres, url

__all__ = ["office", "postgres", "sqlite", "url"]


@pytest.fixture
def office(url: str, tmp_path: Path) -> Iterator[ApiHarness]:
    """An office on each kind of database."""
    yield from _opened(tmp_path, url)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[ApiHarness]:
    """An office on SQLite, for what has nothing to do with the database."""
    yield from _opened(tmp_path, f"sqlite:///{tmp_path / 'timeline.db'}")


@pytest.fixture
def phone(office: ApiHarness) -> str:
    return office.pseudonym(IdentityKind.PHONE, NUMBER)


@pytest.fixture
def case(office: ApiHarness) -> str:
    return office.pseudonym(IdentityKind.CASE, "D-2026-17")


@pytest.fixture
def story(office: ApiHarness, phone: str, case: str) -> list[str]:
    """A letter, two calls and a form of one citizen; all ids in the order in which they happened."""
    events = [
        *letter("1", 0, f"{case} {phone}"),
        *call("1", DAY, phone),
        *form("1", 3 * DAY, case),
        *call("2", 4 * DAY, phone),
    ]
    entries = office.write(events)
    return [entry.id for entry in sorted(entries, key=lambda entry: (entry.happened_at, entry.id))]


def _opened(directory: Path, url: str) -> Iterator[ApiHarness]:
    opened = ApiHarness(directory, url)
    opened.add(token())
    yield opened
    opened.close()
