"""Fixtures: the API on empty databases, with a data protection officer's token, and a citizen's timeline."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.identities import IdentityKind
from tests.support.api_harness import DAY, NUMBER, ApiHarness, call, form, letter, token
from tests.timeline.conftest import postgres, url

__all__ = ["harness", "postgres", "sqlite_api", "url"]


@pytest.fixture
def harness(url: str, tmp_path: Path) -> Iterator[ApiHarness]:
    """API on each kind of database."""
    yield from _opened(tmp_path, url)


@pytest.fixture
def sqlite_api(tmp_path: Path) -> Iterator[ApiHarness]:
    """API on SQLite, for tests that do not depend on the database."""
    yield from _opened(tmp_path)


@pytest.fixture
def phone(harness: ApiHarness) -> str:
    return harness.pseudonym(IdentityKind.PHONE, NUMBER)


@pytest.fixture
def case(harness: ApiHarness) -> str:
    return harness.pseudonym(IdentityKind.CASE, "D-2026-17")


@pytest.fixture
def entry_ids(harness: ApiHarness, phone: str, case: str) -> list[str]:
    """Ids of a letter, two calls and a form of one citizen, in order of time."""
    events = [
        *letter("1", 0, f"{case} {phone}"),
        *call("1", DAY, phone),
        *form("1", 3 * DAY, case),
        *call("2", 4 * DAY, phone),
    ]
    entries = harness.write(events)
    return [entry.id for entry in sorted(entries, key=lambda entry: (entry.happened_at, entry.id))]


def _opened(directory: Path, url: str = "") -> Iterator[ApiHarness]:
    opened = ApiHarness(directory, url)
    opened.add(token())
    yield opened
    opened.close()
