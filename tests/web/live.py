"""A board in the afternoon that stays live during a test."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from models.timestamps import milliseconds
from tests.support.processes import wait_until
from tests.web.browser import DESK, Page
from tests.web.served import Served

AFTERNOON = datetime(2026, 3, 10, 15, 37, 12, tzinfo=ZoneInfo("Europe/Paris"))


def refresh_figures(served: Served) -> None:
    now = served.now()
    served.worker.progress(now, event_at=milliseconds(now - timedelta(seconds=4)))


def wait_until_live(served: Served, page: Page) -> None:
    """Wait for the live board: on a busy machine, figures become stale before a page is ready."""
    wait_until(lambda: (refresh_figures(served), page.state() == "live")[1], "the board to be live")


def open_board(served: Served, page: Page, size: tuple[int, int] = DESK) -> None:
    """Open a board whose figures may become stale before it is ready."""
    page.open(served.url, size)
    wait_until_live(served, page)
