"""axe-core tests of the board in all states: WCAG 2.2 AA and best practices."""

from collections.abc import Iterator

import pytest

from streams.web.topic_view import ReaderState
from tests.support.processes import wait_until
from tests.web import axe
from tests.web.browser import LANGUAGES_AND_THEMES, LAPTOP, PHONE, TABLET, WALL, Page
from tests.web.live import AFTERNOON
from tests.web.served import Served, serving
from tests.web.sla_clocks import count_sla_clocks
from tests.web.telephone import OPTIONS, raise_alerts
from tests.web.telephone import fill as fill_queues
from tests.web.wall import organisation

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def board() -> Iterator[Served]:
    """A board with all channels and all kinds of targets."""
    with organisation(is_filled=True) as served:
        count_sla_clocks(served.worker)
        yield served


@pytest.mark.parametrize(
    ("size", "language", "theme"),
    [(WALL, "fr", "dark"), (LAPTOP, "en", "light"), (TABLET, "fr", "dark"), (PHONE, "en", "light")],
    ids=["1920", "1366", "820", "390"],
)
def test_board_with_all_channels_and_targets(
    board: Served, page: Page, size: tuple[int, int], language: str, theme: str
) -> None:
    page.open_live(f"{board.url}/?lang={language}&theme={theme}", size)
    axe.check(page)
    page.run("document.querySelector('details').open = true")
    page.run("document.querySelectorAll('.fold').forEach((button) => button.click())")
    axe.check(page)


@LANGUAGES_AND_THEMES
def test_board_with_alerts_and_stale_board(page: Page, language: str, theme: str) -> None:
    with organisation(OPTIONS, has_targets=False) as served:
        fill_queues(served)
        page.open_live(f"{served.url}/?lang={language}&theme={theme}", WALL)
        raise_alerts(served)
        wait_until(lambda: page.text("#rows tr:nth-child(1) .state").startswith("■"), "the alarm")
        axe.check(page)
        served.view.set_state(ReaderState.NO_BROKER)
        page.wait_for_state("stale")
        axe.check(page)


@LANGUAGES_AND_THEMES
def test_board_without_figures(page: Page, language: str, theme: str) -> None:
    with serving(OPTIONS, AFTERNOON) as served:
        page.open(f"{served.url}/?lang={language}&theme={theme}", WALL)
        page.wait_for_state("empty")
        axe.check(page)
