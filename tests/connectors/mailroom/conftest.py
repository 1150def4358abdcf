"""Fixtures of the mailroom connector tests."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

import connectors.mailroom.source
import connectors.sdk.folder.inbox
import connectors.sdk.folder.source
from connectors.mailroom.pages import PageCounter
from tests.support.mailroom_harness import MailroomHarness
from tests.support.scans import drop, pdf


@pytest.fixture
def room(tmp_path: Path) -> MailroomHarness:
    return MailroomHarness(tmp_path)


@pytest.fixture(autouse=True)
def _long_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process the whole folder in one step, even on a slow machine."""
    monkeypatch.setattr(connectors.sdk.folder.source, "BATCH_SECONDS", 60)
    monkeypatch.setattr(connectors.sdk.folder.inbox, "LIST_SECONDS", 60)


@pytest.fixture(scope="module")
def page_counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageCounter]:
    scan = drop(tmp_path_factory.mktemp("scan") / "a.pdf", pdf(1))
    with closing(PageCounter(20)) as counter, scan.open("rb") as file:
        counter.examine(file, sheets=False)
        yield counter


@pytest.fixture
def shared_page_counter(page_counter: PageCounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Share one page counter between all sources of a test, because starting one is slow."""
    shared = SimpleNamespace(examine=page_counter.examine, close=lambda: None)
    monkeypatch.setattr(connectors.mailroom.source, "PageCounter", lambda *_: shared)
