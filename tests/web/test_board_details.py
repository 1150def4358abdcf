"""Tests of reasons, lines, menu choices, callbacks and counted post on the board, in Chromium."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.processes import wait_until
from tests.web import axe
from tests.web.browser import (
    DESK,
    LANGUAGES_AND_THEMES,
    LAPTOP,
    OUTSIDE_WINDOW,
    PHONE,
    TABLET,
    WALL,
    Page,
)
from tests.web.details import DETAILED, fill_details
from tests.web.layout import TABLE_STRUCTURE
from tests.web.live import AFTERNOON, refresh_figures
from tests.web.served import Served, serving
from tests.web.wall import organisation

pytestmark = pytest.mark.browser

PANELS = ["reasons", "lines", "menu", "callbacks", "post"]
SHOWN = "return [...document.querySelectorAll('.panel')].filter((p) => p.checkVisibility()).map((p) => p.id)"
PLACES = """
return [...document.querySelectorAll("header, .tile, .queues td, .queues th, .services, .day, #chart")].map((box) => {
  const { x, y, width, height } = box.getBoundingClientRect();
  return [box.className, x, y, width, height];
});
"""


@pytest.fixture(scope="module")
def board() -> Iterator[Served]:
    """A board shared by the tests that do not change it."""
    with organisation(DETAILED, has_targets=False, is_filled=True) as served:
        fill_details(served.worker)
        yield served


def rows(page: Page, panel: str) -> list[list[str]]:
    """Return the texts of the cells of a table, with plain spaces."""
    found = page.run(
        "return [...document.querySelectorAll(`#${arguments[0]} tr`)].map((r) => [...r.children].map((c) => c.textContent))",
        panel,
    )
    plain = str.maketrans("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}", "  ")
    return [[text.translate(plain) for text in row] for row in found]


def test_tables_show_the_figures_of_the_day(board: Served, page: Page) -> None:
    page.open_live(f"{board.url}/?lang=fr", WALL)
    assert page.run(SHOWN) == PANELS
    assert rows(page, "reasons")[:3] == [
        ["Motif", "Ensemble", "Téléphone", "Guichets", "Courriels", "Démarches"],
        ["Où en est mon dossier ?", "1 006", "812", "57", "96", "41"],
        ["RSA et insertion", "502", "406", "28", "48", "20"],
    ]
    assert rows(page, "reasons")[-1] == ["autre", "162", "162", "", "", ""], "a name that is not configured"
    assert rows(page, "lines") == [
        ["Ligne", "Arrivés", "Entrés en file", "Sans file"],
        ["accueil", "1 243", "1 022", "221"],
        ["autonomie", "318", "301", "17"],
        ["Ligne inconnue", "12", "0", "12"],
    ]
    assert rows(page, "menu")[1] == ["rsa", "402"]
    assert rows(page, "callbacks")[1:] == [
        ["Ensemble", "20", "2", "4 h 25", "10", "2", "13 h 15"],
        ["MDPH, handicap", "14", "1", "30 min", "7", "1", "1 h 30"],
        ["RSA et insertion", "6", "1", "8 h 20", "3", "1", "1 j 1 h"],
    ]
    assert rows(page, "post") == [
        ["Sens et classe", "Plis", "Dont aujourd’hui", "Affranchissement"],  # noqa: RUF001
        ["Arrivée – Courrier ordinaire", "1 640", "0", "0,00 €"],  # noqa: RUF001
        ["Départ – Lettre verte", "932", "120", "1 202,28 €"],  # noqa: RUF001
        ["Départ – Recommandée avec avis", "64", "0", "473,60 €"],  # noqa: RUF001
    ]
    page.run("document.querySelector('#details').scrollIntoView()")
    page.assert_no_errors()


def test_figure_explains_itself_and_names_its_contacts(board: Served, page: Page) -> None:
    page.open_live(f"{board.url}/?lang=en", LAPTOP)
    page.run("document.querySelector('#lines-rows tr td:nth-child(4) button').click()")
    assert page.text("#explained-title") == "accueil – No queue"  # noqa: RUF001 - dash between names
    assert page.text("#explained .commands").split("\n") == [
        "accueil explain line_arrived --channel call --site siege --queue accueil",
        "accueil explain line_queued --channel call --site siege --queue accueil",
    ]
    page.run("document.querySelector('#explained .close').click()")
    page.run("document.querySelector('#reasons-rows td:nth-child(3) button').click()")
    assert page.text("#explained .commands") == "accueil explain reason_contacts --queue call:suivi"


@LANGUAGES_AND_THEMES
@pytest.mark.parametrize("size", [WALL, LAPTOP, DESK, TABLET, PHONE], ids=["1920", "1366", "1280", "820", "390"])
def test_tables_are_not_cut_off(board: Served, page: Page, size: tuple[int, int], language: str, theme: str) -> None:
    page.open_live(f"{board.url}/?lang={language}&theme={theme}", size)
    assert page.run(SHOWN) == PANELS
    assert page.run("return document.documentElement.scrollWidth") == size[0]
    assert [box for box in page.run(OUTSIDE_WINDOW) if "panel" in box or "details" in box] == []
    assert page.run("return [...document.querySelectorAll('.panel .scroll[data-more]')].length") == 0
    assert all(shape[1:] == [0, 0] for shape in page.run(TABLE_STRUCTURE)), "each row has a heading, each part a role"
    axe.check(page)
    page.run("document.querySelector('#details').scrollIntoView()")


@pytest.mark.parametrize("size", [WALL, LAPTOP, PHONE], ids=["1920", "1366", "390"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_details_are_hidden_without_figures_and_move_nothing(page: Page, size: tuple[int, int], language: str) -> None:
    with organisation(DETAILED, has_targets=False, is_filled=True) as served:
        page.open_live(f"{served.url}/?lang={language}", size)
        assert page.run(SHOWN) == []
        assert not page.is_visible("#details")
        assert page.run("return document.body.hasAttribute('data-details')") is False
        refresh_figures(served)
        wait_until(lambda: page.is_visible("#last-event"), "the time of the last event")
        places = page.run(PLACES)
        fill_details(served.worker)
        wait_until(lambda: (refresh_figures(served), page.run(SHOWN) == PANELS)[1], "the details")
        assert page.run(PLACES) == places


def test_calls_alone_have_room_for_their_details(page: Page) -> None:
    options = replace(DETAILED, services=(), queues=DETAILED.queues[:4], stale_after_seconds=600)
    with serving(options, AFTERNOON) as served:
        served.follow()
        for queue in options.queues:
            served.worker.answered(queue.dimensions, AFTERNOON, 10, handle_seconds=100)
        page.open_live(f"{served.url}/?lang=fr", LAPTOP)
        height = page.run("return document.documentElement.scrollHeight")
        assert height == LAPTOP[1]
        fill_details(served.worker)
        wait_until(lambda: (refresh_figures(served), page.run(SHOWN) == PANELS)[1], "the details")
        assert page.run("return document.querySelector('footer').getBoundingClientRect().bottom") <= LAPTOP[1]
        assert page.run("return document.documentElement.scrollHeight") > LAPTOP[1]
        page.run("document.querySelector('#post').scrollIntoView()")
        assert page.run("return document.querySelector('#post').getBoundingClientRect().bottom") <= LAPTOP[1]
        assert page.run("return document.documentElement.scrollWidth") == LAPTOP[0]
