"""What tests of the mailroom share."""

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
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all at once, however slow the machine is just now."""
    monkeypatch.setattr(connectors.sdk.folder.source, "BATCH_SECONDS", 60)
    monkeypatch.setattr(connectors.sdk.folder.inbox, "LIST_SECONDS", 60)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageCounter]:
    """A page counter that is at work."""
    scan = drop(tmp_path_factory.mktemp("scan") / "a.pdf", pdf(1))
    with closing(PageCounter(20)) as counter, scan.open("rb") as file:
        counter.examine(file, sheets=False)
        yield counter


@pytest.fixture
def lasting(counter: PageCounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all sources of a test use one page counter: to start one takes longer than all else."""
    borrowed = SimpleNamespace(examine=counter.examine, close=lambda: None)
    monkeypatch.setattr(connectors.mailroom.source, "PageCounter", lambda *_: borrowed)
    monkeypatch.setattr(counter._process, "poll", lambda: None)  # a fork could not ask for it
