"""Tests of the board in Chromium on a real server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from selenium.webdriver.common.by import By

from connectors.sdk.ports import free_port
from models.timestamps import milliseconds
from streams.core.figures.figure import Dimensions
from streams.web.options import QueueOptions, WebOptions
from streams.web.topic_view import ReaderState
from tests.support.processes import wait_until
from tests.web.browser import PHONE, WALL, Page
from tests.web.listener import listening
from tests.web.live import AFTERNOON, open_board, refresh_figures, wait_until_live
from tests.web.rows import ROADS, SOCIAL
from tests.web.served import Served, serving
from tests.web.telephone import OPTIONS, PLACES, fill

pytestmark = pytest.mark.browser

SHORT_LIMIT = replace(OPTIONS, stale_after_seconds=2)
"""Options with a short limit, for stale figures; other tests use a limit that slow machines never reach."""


@contextmanager
def filled(options: WebOptions, port: int = 0) -> Iterator[Served]:
    with serving(options, AFTERNOON, port) as served:
        served.follow()
        fill(served)
        yield served


@pytest.fixture
def served() -> Iterator[Served]:
    with filled(OPTIONS) as served:
        yield served


@pytest.fixture
def short_limit() -> Iterator[Served]:
    with filled(SHORT_LIMIT) as short_limit:
        yield short_limit


async def nothing() -> AsyncIterator[bytes]:
    """A stream without messages."""
    await asyncio.Event().wait()
    yield b""


def test_board_reports_a_stream_that_never_starts(short_limit: Served, page: Page) -> None:
    short_limit.broadcaster.listen = nothing  # type: ignore[method-assign]
    page.open(short_limit.url)
    page.wait_for_state("stale")
    wait_until(lambda: "plus de liaison" in page.text("#stale-detail"), "the reason")


def test_board_updates_its_figures(served: Served, page: Page) -> None:
    open_board(served, page)
    handled = int(page.text("#tile-handled .value").replace("\u202f", ""))
    served.worker.answered(SOCIAL, served.now(), wait_seconds=4)
    page.wait_for_text("#tile-handled .value", str(handled + 1))
    served.worker.stocks(SOCIAL, served.now() - timedelta(seconds=60), waiting=2, agents_available=1)
    page.wait_for_text("#tile-waiting .value", "2")
    page.wait_for_text("#rows tr:first-child td.waiting", "2")
    wait_until_live(served, page)
    wait_until(lambda: "1:01" <= page.text("#tile-longest_wait .value") < "2", "the wait to be counted on")
    assert page.text("#tile-longest_wait .detail") == "Aide sociale"
    page.assert_no_errors()


def test_state_is_the_highest_level_of_the_row(served: Served, page: Page) -> None:
    for _ in range(30):
        served.worker.abandoned(ROADS, AFTERNOON, wait_seconds=60)
    served.worker.abandoned(PLACES[7], AFTERNOON, wait_seconds=60)
    open_board(served, page, WALL)

    def level(row: int, cell: str) -> str:
        return str(page.run(f"return document.querySelector('#rows tr:nth-child({row}) td.{cell}').dataset.level"))

    assert level(2, "recent") == "action"
    assert page.text("#rows tr:nth-child(2) .state") == "■ Agir"
    rule = page.text(".rules")
    assert "État : la marque la plus urgente de la ligne" in rule.replace("\N{NO-BREAK SPACE}", " ")
    served.worker.stocks(ROADS, served.now(), waiting=6, agents_on_contact=1)
    wait_until(lambda: level(2, "waiting") == "attention", "the waiting contacts")
    served.worker.stocks(ROADS, served.now() - timedelta(seconds=301), waiting=6, agents_on_contact=1)
    wait_until(lambda: (level(2, "waiting"), level(2, "longest")) == ("attention", "action"), "the wait")
    served.worker.stocks(ROADS, served.now(), waiting=1, agents_on_contact=0, agents_available=0, agents_paused=2)
    page.wait_for_text("#rows tr:nth-child(2) .state", "■ Aucun agent")
    assert "quelqu’un attend, et aucun agent n’est disponible ni en ligne" in rule, "paused agents do not count"  # noqa: RUF001


def test_share_of_few_calls_has_no_mark_and_explains_why(served: Served, page: Page) -> None:
    with serving(replace(OPTIONS, stale_after_seconds=60), AFTERNOON) as few:
        few.follow()
        for _ in range(9):
            few.worker.abandoned(SOCIAL, AFTERNOON, wait_seconds=60)
        page.open(few.url, WALL)
        cell = "document.querySelector('#rows td.abandonment')"
        assert page.run(f"return [{cell}.dataset.level, {cell}.className]") == ["normal", "number abandonment few"]
        assert page.run(f"return {cell}.title").startswith("9 sur 9")
        assert "trop peu d’appels" in page.run(f"return {cell}.title")  # noqa: RUF001
        assert "moins de 10 appels" in page.text("#share-rule")
        assert page.text("#tile-abandonment .level .word") == "Trop peu d’appels"  # noqa: RUF001
        few.worker.abandoned(SOCIAL, AFTERNOON, wait_seconds=60)
        wait_until(lambda: page.run(f"return {cell}.dataset.level") == "action", "a mark")
        assert "■ à partir de 20" in page.run(f"return {cell}.title")
        assert page.text("#tile-abandonment .level .word") == "Agir"


def test_current_step_is_not_part_of_the_curve(served: Served, page: Page) -> None:
    served.worker.offered(SOCIAL, AFTERNOON, 3)
    open_board(served, page, WALL)
    moments = page.run(
        "const { Chart } = await import('/static/chart.js'); const seen = [];"
        "const chart = new Chart(document.createElement('div'), 'Europe/Paris', { hour: String }, 'x', () => {});"
        "const day = { start: 0, end: 86400, step: 300, received: [4, 5, 3], answered: [4, 5, 0], abandoned: [0, 0, 0] };"
        "for (const now of [10, 650, 900]) {"
        "  chart.show(day, now);"
        "  seen.push([chart.columns[0], chart.columns[1], chart.open?.from, chart.open?.values.received,"
        "             chart.moment(chart.columns[0].length - 1)?.underWay]);"
        "} return seen;"
    )
    assert moments == [
        [[0], [None], 0, 12, True],
        [[0, 300, 600], [4, 5, 5], 600, 3, True],
        [[0, 300, 600, 900], [4, 5, 3, 3], None, None, None],
    ]


def test_board_reports_a_silent_site(page: Page) -> None:
    annexe = Dimensions("call", "annexe", "accueil", "annexe")
    options = replace(
        OPTIONS, quiet_after_seconds=3600, queues=(*OPTIONS.queues, QueueOptions(annexe, "Annexe", "Annex"))
    )
    with serving(options, AFTERNOON) as served:
        served.follow()
        served.worker.offered(SOCIAL, AFTERNOON)
        served.worker.offered(annexe, AFTERNOON.replace(hour=14, minute=1))
        open_board(served, page, WALL)
        assert page.text("#quiet").startswith("▲ annexe : aucun appel depuis 14:05. Si")
        served.worker.offered(annexe, served.now())
        wait_until(lambda: not page.is_visible("#quiet"), "a call")


def test_board_shows_how_many_records_were_rejected(served: Served, page: Page) -> None:
    open_board(served, page)
    assert not page.is_visible("#rejected")
    served.rejected = {"ged": 1200, "standard": 1}
    wait_until(lambda: page.is_visible("#rejected"), "the rejected records")
    assert page.text("#rejected") == "▲ Rejets : 1\N{NARROW NO-BREAK SPACE}201"
    title = page.run("return document.getElementById('rejected').title").replace("\N{NO-BREAK SPACE}", " ")
    assert title.startswith("ged : 1\N{NARROW NO-BREAK SPACE}200, standard : 1. Rejets : enregistrements reçus")
    assert title.endswith("(accueil rejects list).")


def test_language_link_switches_the_board_and_is_remembered(served: Served, page: Page) -> None:
    open_board(served, page)
    assert page.run("return document.documentElement.lang") == "fr"
    page.driver.find_element(By.CSS_SELECTOR, "nav a[lang]").click()
    wait_until(lambda: page.run("return document.documentElement.lang") == "en", "the English board")
    wait_until_live(served, page)
    assert page.text("#tile-longest_wait h2") == "Longest wait"
    page.wait_for_text("#rows tr:first-child th", "Social support")
    page.open(served.url)
    assert page.run("return document.documentElement.lang") == "en", "it is remembered"
    refresh_figures(served)
    page.assert_no_errors()


def test_page_sends_no_requests_to_other_hosts(served: Served, page: Page) -> None:
    open_board(served, page)
    requests = page.requests()
    assert f"{served.url}/events" in requests
    assert [url for url in requests if not url.startswith((f"{served.url}/", "data:"))] == []
    page.assert_no_errors()


def test_board_marks_old_figures_as_stale(short_limit: Served, page: Page) -> None:
    open_board(short_limit, page, WALL)
    assert not page.is_visible("#stale")
    page.wait_for_state("stale")
    wait_until(lambda: page.text("#stale-title") == "Données périmées", "the title")
    assert "accueil worker" in page.text("#stale-detail")
    short_limit.view.set_state(ReaderState.NO_BROKER)
    wait_until(lambda: "Kafka ne répond pas" in page.text("#stale-detail"), "the reason")
    short_limit.view.set_state(ReaderState.FOLLOWING)
    wait_until_live(short_limit, page)


def assert_no_alarm(page: Page) -> None:
    """Check that `main` shows no level (colour, symbol, word) and no wait until now."""
    assert page.run("return document.querySelectorAll('main [data-level]:not([data-level=normal])').length") == 0
    words = "return [...document.querySelectorAll('#rows .state, .tile .level')].map((e) => e.textContent.trim())"
    assert set(page.run(words)) == {"", "\N{EN DASH}"}
    waits = "return [...document.querySelectorAll('#tile-longest_wait .value, td.longest')].map((e) => e.textContent)"
    assert set(page.run(waits)) == {"\N{EN DASH}"}


@pytest.mark.parametrize(
    ("size", "language", "days", "moment"),
    [
        (PHONE, "fr", 2, "Lecture de l’historique – on en est au dimanche 8 mars, 08:27."),  # noqa: RUF001
        (WALL, "en", 2, "Reading history – at Sunday 8 March, 08:27."),  # noqa: RUF001
        (WALL, "fr", 730, "Lecture de l’historique – on en est au 10 mars 2024, 08:27."),  # noqa: RUF001
        (PHONE, "en", 730, "Reading history – at 10 March 2024, 08:27."),  # noqa: RUF001
    ],
)
def test_board_shows_the_date_of_history_being_read_and_no_alerts(
    page: Page, size: tuple[int, int], language: str, days: int, moment: str
) -> None:
    with serving(replace(OPTIONS, stale_after_seconds=60), AFTERNOON) as served:
        served.follow()
        fill(served)
        at = AFTERNOON.replace(hour=8, minute=27) - timedelta(days=days)
        for place in PLACES[:3]:
            served.worker.stocks(place, at - timedelta(seconds=90), waiting=12)
        for _ in range(20):
            served.worker.abandoned(ROADS, AFTERNOON, wait_seconds=60)
        served.worker.progress(at, written_at=served.now(), event_at=milliseconds(at))
        page.open(f"{served.url}/?lang={language}", size)
        page.wait_for_state("catching_up")
        assert page.run("return document.querySelector('#stale').innerText").replace("\n", " ")[2:].startswith(moment)
        assert_no_alarm(page)
        assert not page.text("#announce"), "and no announcement for screen readers"
        assert page.run("return document.documentElement.scrollWidth") == size[0]
        refresh_figures(served)
        page.wait_for_state("live")
        assert "■" in page.text("#rows tr:nth-child(1) .state")


def test_board_shows_the_time_of_the_last_event(served: Served, page: Page) -> None:
    page.open(served.url, WALL)
    assert not page.is_visible("#last-event"), "no event yet"
    today, yesterday = AFTERNOON.replace(hour=9, minute=2, second=5), AFTERNOON - timedelta(days=1)
    served.worker.progress(served.now(), event_at=milliseconds(yesterday))
    page.wait_for_text("#event-at", "15:37:12, lundi 9 mars")
    assert page.text("#last-event").startswith("Dernière donnée reçue")
    served.worker.progress(served.now(), event_at=milliseconds(today))
    page.wait_for_text("#event-at", "09:02:05")
    wait_until_live(served, page)


def test_board_reports_a_lost_server_and_reconnects(page: Page) -> None:
    port = free_port()
    with filled(SHORT_LIMIT, port) as first:
        open_board(first, page)
    page.wait_for_state("stale")
    wait_until(lambda: "plus de liaison" in page.text("#stale-detail"), "the reason")
    with serving(SHORT_LIMIT, first.now(), port) as second:
        second.follow()
        second.worker.offered(SOCIAL, second.now(), 3)
        wait_until_live(second, page)
        wait_until(lambda: page.text("#tile-handled .detail").startswith("sur 3 reçus"), "the new calls")


def test_board_beyond_the_limit_reports_it_and_starts_when_another_closes(page: Page) -> None:
    with serving(replace(SHORT_LIMIT, max_viewers=1), AFTERNOON) as served:
        served.follow()
        with listening(served) as other:
            other.board()
            page.open(served.url)
            page.wait_for_state("stale")
            wait_until(lambda: "Trop de tableaux" in page.text("#stale-detail"), "the reason")
        wait_until_live(served, page)


def test_board_without_figures_shows_the_missing_part(page: Page) -> None:
    with serving(OPTIONS, AFTERNOON) as served:
        served.worker.stocks(
            SOCIAL, AFTERNOON - timedelta(days=2), waiting=12
        )  # of another partition than the missing one
        served.view.set_state(ReaderState.NO_TOPIC)
        page.open(served.url, WALL)
        page.wait_for_state("empty")
        assert page.text("#stale-title") == "En attente des premières données"
        assert "accueil topics apply" in page.text("#stale-detail")
        parts = "return [...document.querySelector('main').children].filter((part) => part.checkVisibility()).length"
        assert page.run(parts) == 0
        assert not page.text("#announce"), "and no announcement of old alerts"
        served.follow()
        page.wait_for_state("live")
        page.wait_for_text("#rows tr:first-child .state", "○ Au repos")
        refresh_figures(served)
        page.assert_no_errors()
