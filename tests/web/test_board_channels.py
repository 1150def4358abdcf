"""Tests of the board with all channels in Chromium: queues, desks and services."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from models.timestamps import milliseconds
from streams.core.figures.figure import Dimensions
from streams.web.options import WebOptions
from tests.support.processes import wait_until
from tests.web.browser import (
    DESK,
    LANGUAGES_AND_THEMES,
    LAPTOP,
    OUTSIDE_WINDOW,
    PHONE,
    SMALL_TABLET,
    TABLET,
    WALL,
    Page,
)
from tests.web.channels import DAY, OPTIONS, SERVICES, fill
from tests.web.layout import OVERFLOW, SMALLEST_FONT, UNFOLD_ROWS, VISIBLE_RULES
from tests.web.live import AFTERNOON
from tests.web.served import Served, serving
from tests.web.wall import organisation

pytestmark = pytest.mark.browser

WINDOW = (1920, 860)
"""Window of a browser with toolbars on a large screen."""
ROWS = 1 + len(SERVICES) + 1
"""Rows: the total, each service, and contacts without a service."""


@pytest.fixture(scope="module")
def board() -> Iterator[Served]:
    """A board shared by the tests that do not change it."""
    with organisation(has_targets=False, is_filled=True) as served:
        yield served


@pytest.fixture
def served() -> Iterator[Served]:
    with organisation(has_targets=False) as served:
        yield served


def cells(page: Page, row: int) -> dict[str, str]:
    """Return the texts of a row of services: channel and heading → text."""
    found = page.run(
        f"const row = document.querySelectorAll('#services-rows tr')[{row}]; let group = ''; const texts = {{}};"
        "for (const cell of row.querySelectorAll('td')) {"
        "  if (cell.classList.contains('group')) group = cell.textContent;"
        "  else texts[`${group}: ${cell.dataset.heading}`] = cell.textContent;"
        "} return texts;"
    )
    plain = str.maketrans("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}", "  ")
    return {name.translate(plain): text.translate(plain) for name, text in found.items() if text}


def names(page: Page, body: str) -> list[str]:
    return list(page.run(f"return [...document.querySelectorAll('#{body} tr')].map((r) => r.children[0].textContent)"))


SHOWN_GROUPS = """
const shown = (row) => [...row.querySelectorAll(".group")].filter((group) => group.checkVisibility()).length;
return [...document.querySelectorAll("#services-rows tr")].map(shown);
"""


@LANGUAGES_AND_THEMES
def test_board_with_all_channels_fits_a_large_screen_without_scrolling(
    board: Served, page: Page, language: str, theme: str
) -> None:
    page.open_live(f"{board.url}/?lang={language}&theme={theme}", WALL)
    board.worker.progress(board.now())
    assert len(names(page, "services-rows")) == ROWS
    assert len(names(page, "rows")) == len(OPTIONS.queues) + 2, "and the names of two channels"
    assert page.run(OVERFLOW) == [*WALL, 0, 0, 0, 0, 0]
    assert page.run("return document.querySelector('#chart canvas').width") > 300
    assert page.run(SMALLEST_FONT) >= 13
    page.assert_no_errors()


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WINDOW, LAPTOP, DESK, (1120, 800)], ids=["1920", "1366", "1280", "1120"])
def test_desk_screen_never_scrolls_sideways(board: Served, page: Page, size: tuple[int, int], language: str) -> None:
    page.open_live(f"{board.url}/?lang={language}&theme=light", size)
    wide, _, *boxes, cut = page.run(OVERFLOW)
    assert (wide, cut) == (size[0], 0)
    assert boxes == [0, 0, 0, 0]
    page.run("scrollTo(0, document.documentElement.scrollHeight)")
    assert page.run("return document.querySelector('footer').getBoundingClientRect().bottom") <= size[1]


@LANGUAGES_AND_THEMES
@pytest.mark.parametrize("size", [TABLET, SMALL_TABLET, PHONE], ids=["820", "768", "390"])
def test_narrow_screen_shows_each_service_by_channel(
    board: Served, page: Page, size: tuple[int, int], language: str, theme: str
) -> None:
    page.open_live(f"{board.url}/?lang={language}&theme={theme}", size)
    assert page.run("return document.documentElement.scrollWidth") == size[0]
    assert page.run(OUTSIDE_WINDOW) == []
    if size == PHONE:
        page.run(UNFOLD_ROWS)
        assert page.run(OUTSIDE_WINDOW) == []
    shown = page.run(SHOWN_GROUPS)
    assert shown[0] == 5, "all services together have all channels"
    assert 0 < shown[-1] < 5, "the last one has only letters"
    page.run("document.querySelector('#services').scrollIntoView()")


def test_service_row_shows_flows_open_cases_and_feedback(board: Served, page: Page) -> None:
    page.open_live(f"{board.url}/?lang=fr", WALL)
    listed = names(page, "services-rows")
    assert (listed[0], listed[1], listed[-1]) == ("Ensemble", "Accueil général", "Sans service")
    assert cells(page, listed.index("RSA et insertion")) == {
        "Courrier: Reçus": "33",
        "Courrier: Traités": "14",
        "Courrier: À traiter": "119",
        "Courrier: En cours": "1 204",
        "Courrier: Plus ancien": "7 j 7 h",
        "Courrier: 1re réponse": "3 j 4 h",
        "Rendez-vous: Pris": "31",
        "Rendez-vous: Honorés": "44",
        "Rendez-vous: Manqués": "3",
        "Rendez-vous: Annulés": "4",
        "Rendez-vous: À venir": "1 312",
        "Avis du jour: Réponses": "8",
        "Avis du jour: Taux": "7 %",
        "Avis du jour: Satisfaits": "(4)",
        "Avis du jour: NPS": "(3)",
        "Avis du jour: JDMA, sur 10": "(1)",
    }
    archives = cells(page, listed.index("Archives"))
    assert archives["Avis du jour: Satisfaits"] == "75 % (12)"
    assert archives["Avis du jour: NPS"] == "+33 (9)"
    accueil = cells(page, listed.index("Accueil général"))
    assert accueil["Avis du jour: Satisfaits"] == "75 % (28)"
    assert accueil["Avis du jour: JDMA, sur 10"] == "8,0 (7)"
    assert cells(page, listed.index("Transport adapté"))["Démarches en ligne: Chez l’usager"] == "17"  # noqa: RUF001
    assert cells(page, ROWS - 1)["Courrier: Plus ancien"] in {
        f"{50 + n} min" for n in range(1 + int((board.now() - AFTERNOON) / timedelta(minutes=1)))
    }  # depends on the time since the start of the board


def test_desks_are_a_separate_group_without_agents(served: Served, page: Page) -> None:
    page.open_live(served.url, WALL)
    assert names(page, "rows")[0] == "Téléphone"
    assert names(page, "rows")[8:10] == ["Guichets", "CDAS Nord, guichet"]
    nord = Dimensions("visit", "nord", "accueil", "accueil")
    served.worker.stocks(nord, served.now() - timedelta(seconds=30), waiting=1)
    row = "#rows tr:nth-child(10)"
    page.wait_for_text(f"{row} td.waiting", "1")
    assert page.text(f"{row} .state") == "● Normal", "no source reports agents"
    assert page.text(f"{row} td.available") == "\N{EN DASH}"
    assert page.text("#tile-waiting .value") == "0", "tiles count calls only"
    served.worker.stocks(nord, served.now() - timedelta(seconds=1801), waiting=1)
    page.wait_for_text(f"{row} .state", "■ Agir")
    assert page.text("#tile-longest_wait .level .word") == "Normal"
    assert "Aux guichets : en 15" in page.text("#formula")


def test_figures_of_services_are_updated(served: Served, page: Page) -> None:
    page.open_live(served.url, WALL)
    assert not page.is_visible("#services"), "no empty section"
    mail = Dimensions("mail", "siege", "rsa", "")
    served.worker.count(mail, served.now(), "received")
    wait_until(lambda: names(page, "services-rows") == ["RSA et insertion"], "its row, without a total")
    wait_until(lambda: cells(page, 0)["Courrier: Reçus"] == "1", "the letter of today")
    served.worker.count(mail._replace(service="mdph"), served.now(), received=2)
    wait_until(lambda: len(names(page, "services-rows")) == 3, "the second service")
    wait_until(lambda: cells(page, 0)["Courrier: Reçus"] == "3", "the sum")
    assert page.run("return document.querySelectorAll('#services-head .groups th').length") == 1
    served.worker.count(mail._replace(channel="email"), served.now(), received=5)
    wait_until(lambda: "Courriels: Reçus" in cells(page, 0), "the columns of a second channel")
    wait_until(lambda: cells(page, 0)["Courriels: Reçus"] == "5", "the e-mails of today")
    page.assert_no_errors()


def test_board_without_calls_hides_their_sections(page: Page) -> None:
    with serving(WebOptions(brokers="", stale_after_seconds=600), AFTERNOON) as served:
        served.follow()
        served.worker.count(Dimensions("mail", "siege", "rsa", ""), served.now(), "received")
        for size in (WALL, PHONE):
            page.open_live(served.url, size)
            for section in (".tiles", ".day", "#queues", "#quiet"):
                assert not page.is_visible(f"{section}"), section


def test_silent_desk_is_reported_but_day_without_letters_is_not(page: Page) -> None:
    desk = Dimensions("visit", "nord", "accueil", "accueil")
    mail = Dimensions("mail", "siege", "rsa", "")
    options = WebOptions(brokers="", stale_after_seconds=600)
    morning = AFTERNOON.replace(hour=9, minute=1)

    def quiet(options: WebOptions) -> Any:
        with organisation(options, has_targets=False) as served:
            served.worker.offered(desk, morning)
            served.worker.count(mail, morning, "received")
            page.open_live(served.url, WALL)
            return page.text("#quiet")

    assert quiet(options).startswith("▲ Aucune visite depuis 09:05. Si le service est ouvert, la source")
    judged = quiet(replace(options, quiet_after_seconds_of={"mail": 3600}))
    assert "siege : aucun courrier depuis 09:05." in judged
    assert quiet(replace(options, quiet_after_seconds=DAY)) == ""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_definitions_open_without_moving_the_board(board: Served, page: Page, theme: str) -> None:
    page.open_live(f"{board.url}/?lang=fr&theme={theme}", WALL)
    assert page.run(VISIBLE_RULES) == []
    page.driver.find_element("css selector", "summary").click()
    rules = page.run(VISIBLE_RULES)
    for words in ("État", "Aucun agent", "Les taux", "Reçus = ", "Reçus, traités", "Satisfaits"):
        assert any(words in rule for rule, _, _ in rules), words
    assert all(0 <= top < bottom <= WALL[1] for _, top, bottom in rules), "visible together"
    assert page.run(OVERFLOW) == [*WALL, 0, 0, 0, 0, 0], "the board has not moved"
    page.assert_no_errors()


SHOWN_CELLS = """
return [...document.querySelectorAll("#rows tr, #services-rows tr")].map((row) => {
  const cells = [...row.querySelectorAll("td:not(.group)")].filter((cell) => cell.checkVisibility());
  return [row.firstChild.textContent, cells.length];
});
"""


@pytest.mark.parametrize("language", ["fr", "en"])
def test_phone_shows_urgent_rows_first_and_unfolds_the_rest(served: Served, page: Page, language: str) -> None:
    fill(served.worker)
    roads, west = OPTIONS.queues[5].dimensions, OPTIONS.queues[10].dimensions
    served.worker.stocks(roads, served.now() - timedelta(seconds=200), waiting=6, agents_on_contact=1)
    served.worker.stocks(west, served.now() - timedelta(seconds=3000), waiting=4)
    page.open_live(f"{served.url}/?lang={language}", PHONE)
    desks, _, _, _, _, telephone, first, *_ = rows = names(page, "rows")
    assert (desks, telephone) == (("Guichets", "Téléphone") if language == "fr" else ("Front desks", "Telephone"))
    assert rows[1] in {"CDAS Ouest, guichet", "Centre West, desk"}
    assert first in {"Routes", "Roads"}
    assert page.run("return document.documentElement.scrollHeight") < 5 * PHONE[1]
    folded = page.run(SHOWN_CELLS)
    assert folded[6] == [first, 3], "its state, how many wait, and how long"
    assert folded[len(rows)][1] > 20, "the total row is unfolded"
    assert {shown for _, shown in folded[len(rows) + 1 :]} == {0}
    fold = page.driver.find_element("css selector", "#rows tr:nth-child(2) .fold")
    assert fold.aria_role == "button"
    assert fold.accessible_name.replace("\N{NO-BREAK SPACE}", " ") in {f"Détails : {rows[1]}", f"Details: {rows[1]}"}
    fold.click()
    assert page.run(SHOWN_CELLS)[1] == [rows[1], 16], "all cells"
    fold.click()
    page.run(UNFOLD_ROWS)
    assert [name for name, shown in page.run(SHOWN_CELLS) if not shown] == [desks, telephone], "these are headings"
    page.assert_no_errors()


def test_unfolded_rows_stay_unfolded_when_a_channel_appears(served: Served, page: Page) -> None:
    for service in ("mdph", "rsa"):
        served.worker.count(Dimensions("mail", "siege", service, ""), AFTERNOON, received=7)
    page.open_live(f"{served.url}/?lang=fr", PHONE)
    wait_until(lambda: len(names(page, "services-rows")) == 3, "both services")
    page.run(UNFOLD_ROWS)
    served.worker.count(Dimensions("appointment", "siege", "rsa", ""), AFTERNOON, booked=5)
    wait_until(lambda: page.run(SHOWN_GROUPS)[0] == 2, "appointments")
    assert page.run(SHOWN_GROUPS) == [2, 1, 2]


@pytest.mark.parametrize("size", [WALL, PHONE], ids=["wall", "phone"])
def test_board_names_a_channel_with_unread_history_and_keeps_others_live(
    served: Served, page: Page, size: tuple[int, int]
) -> None:
    fill(served.worker)
    form, mail = (
        milliseconds(AFTERNOON - timedelta(hours=3)),
        milliseconds(datetime(2024, 5, 6, 9, tzinfo=AFTERNOON.tzinfo)),
    )
    served.worker.progress(served.now(), history={"form": form, "mail": mail})
    page.open_live(served.url, size)
    text = page.text("#incomplete")
    assert text.startswith("▲ Chiffres encore incomplets, car l’historique est en cours de lecture : Démarches")  # noqa: RUF001
    assert "Démarches en ligne (on en est à 12:37:12, il y a 3:00:" in text
    assert text.endswith("Courrier (on en est au 6 mai 2024, 09:00).")
    assert page.text("#status .word") == "En direct en partie"
    assert page.text("#tile-waiting .level .word") == "Normal", "calls keep their levels"
    if size == WALL:
        assert page.run(OVERFLOW) == [*WALL, 0, 0, 0, 0, 0]
    served.worker.progress(served.now())
    page.wait_for_text("#status .word", "En direct")
    assert not page.is_visible("#incomplete")
    page.assert_no_errors()


def test_desks_with_unread_history_have_no_alerts(served: Served, page: Page) -> None:
    nord = OPTIONS.queues[7].dimensions
    served.worker.offered(nord, served.now() - timedelta(hours=14))
    served.worker.stocks(nord, served.now() - timedelta(hours=14), waiting=1)
    served.worker.offered(OPTIONS.queues[0].dimensions, served.now())
    page.open(served.url, WALL)
    row = "#rows tr:nth-child(10)"
    page.wait_for_text(f"{row} .state", "■ Agir")
    assert "visite" in page.text("#quiet")
    served.worker.progress(served.now(), history={"visit": milliseconds(AFTERNOON - timedelta(hours=14))})
    page.wait_for_text("#status .word", "En direct en partie")
    assert page.text(f"{row} .state") == page.text(f"{row} td.longest") == "\N{EN DASH}", (
        "unknown while history is read"
    )
    assert page.text(f"{row} td.waiting") == "1"
    assert page.run(f"return document.querySelector('{row}').dataset.level") == "normal"
    assert page.text("#rows tr:nth-child(2) .state") == "○ Au repos", "calls keep their levels"
    assert not page.is_visible("#quiet")
    served.worker.progress(served.now())
    page.wait_for_text(f"{row} .state", "■ Agir")
    page.assert_no_errors()
