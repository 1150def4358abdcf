"""Tests of the figures of the wall, and of their explanations on wall and board, in Chromium."""
# ruff: noqa: RUF001 - the page writes dashes

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.topic_view import ReaderState
from tests.support.processes import wait_until
from tests.unit.web.clock_events import clock_event
from tests.web import axe
from tests.web.browser import WALL, Page
from tests.web.channels import fill
from tests.web.live import AFTERNOON
from tests.web.served import Served
from tests.web.wall import CALM, SWITCHBOARD, key, open_wall, organisation, title, turn_pages, write_history

pytestmark = pytest.mark.browser


def test_wall_compares_arrivals_with_the_same_weekdays(page: Page) -> None:
    with organisation(has_targets=False) as served:  # its clock has just started
        fill(served.worker)
        write_history(served.worker)
        open_wall(page, served, views="day", lang="en")
        shown = page.run("return [...document.querySelectorAll('.view.day .main')].map((box) => box.textContent)")
        usual = sum(6 * (18 - hour) + 2.5 for hour in range(8, 16)) - 0.4 * (6 * 3 + 2.5)
        assert f"{usual:.0f}Usually by now" in {text.replace("Usually by now", "") + "Usually by now" for text in shown}
        assert page.text(".series-usual .value") == f"{usual:.0f}"
        dashes = "return getComputedStyle(document.querySelector('.series-usual line')).strokeDasharray"
        assert page.run(dashes) != "none"


def test_wall_reports_missing_history(page: Page) -> None:
    with organisation(has_targets=False) as served:
        fill(served.worker)
        legend = "return document.querySelector('#legend').innerText.replace(/\\s+/g, ' ').trim()"
        for language, no_history in {
            "fr": "(pas encore d’historique pour comparer)",
            "en": "(no history yet to compare with)",
        }.items():
            page.open_live(f"{served.url}/?lang={language}", WALL)
            today = {"fr": "aujourd’hui", "en": "today"}[language]
            assert re.search(rf" \d+ {re.escape(no_history)} {today}$", page.run(legend)), page.run(legend)
            open_wall(page, served, views="day", lang=language)
            assert page.run(legend).endswith(no_history)
        assert "no history yet" in page.text(".view.day .cards")


ARE_SHARES_GREY = """
const grey = getComputedStyle(document.querySelector("main h2")).color;
return [...document.querySelectorAll(".view:not([hidden]) .explains")]
  .filter((figure) => figure.textContent.endsWith("%"))
  .map((figure) => getComputedStyle(figure).color === grey);
"""
"""Script for whether each visible share is grey."""


def test_share_of_few_contacts_is_grey_on_the_wall(page: Page) -> None:
    with organisation(CALM, has_targets=False) as served:
        for number, is_grey in ((9, True), (1, False)):
            for _ in range(number):
                served.worker.answered(SWITCHBOARD, served.now(), 5)
            for view, shares in {"overview": 1, "phone": 2, "day": 2}.items():
                open_wall(page, served, views=view, seconds=3600, lang="en")
                assert page.run(ARE_SHARES_GREY) == [is_grey] * shares, view


def test_next_deadlines_at_risk_are_listed_with_number_suffixes(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="deadlines", seconds=3600)
    *_, last = turn_pages(page)
    page.run("document.querySelector('#previous').click()")
    assert title(page) == last
    rows = page.run(
        "return [...document.querySelectorAll('.view:not([hidden]) tbody tr')].map((row) => row.textContent)"
    )
    assert [row[-5:] for row in rows] == [f"…{1000 + hour}" for hour in range(1, 8)], "as many as fit"
    assert re.search(r"5\d.min ouvréesCourrier .*16:37", rows[0]), "the working time that is left, and until when"
    assert "Et 29 de plus" in page.text(".view:not([hidden]) table + .note"), "the contacts that are unknown"
    assert "2026-1001" not in page.run("return document.documentElement.outerHTML")


SATISFACTION_CARD = """
const cards = [...document.querySelectorAll(".overview .card")];
const card = cards.find((one) => one.querySelector("h3").textContent === "Satisfaction");
const cut = [...card.querySelectorAll("h3, .name")].some((text) => text.scrollWidth > text.clientWidth + 1);
return [card.querySelector(".level").innerText, card.querySelector("dl .entry:last-child").textContent, cut];
"""


def test_satisfaction_card_shows_its_days(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="overview", seconds=3600, lang="en")
    assert page.run(SATISFACTION_CARD) == ["28 days", "Answers112", False]
    with organisation(CALM, has_targets=False) as served:
        served.worker.count(Dimensions("feedback", "siege", "rsa", "call"), served.now(), given_csat_1_5_5=3)
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        assert page.run(SATISFACTION_CARD) == ["28 days", "Answers, too few3", False]


SOURCE_ROWS = """
const shown = document.querySelector(".view:not([hidden])");
return [[...shown.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.innerText.trim())),
  shown.querySelector(".note")?.textContent ?? ""];
"""


def test_unwatched_sources_are_listed_too(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="sources", seconds=3600, lang="en")
    shown = []
    for _ in turn_pages(page):
        listed, note = page.run(SOURCE_ROWS)
        shown += listed
        assert note == "Not watched: this screen does not show if it falls silent."
    assert shown[-5:] == [
        ["Letters", "○ not watched", "today: 188"],
        ["E-mails", "○ not watched", "today: 288"],
        ["Online procedures", "○ not watched", "today: 144"],
        ["Appointments", "○ not watched", "today: 93"],
        ["Opinions", "○ not watched", "today: 224"],
    ]
    assert len(shown) == 10, "in addition to calls and four desks"


def test_watched_letters_are_listed_once_and_history_being_read_is_shown(page: Page) -> None:
    with organisation(replace(CALM, quiet_after_seconds_of={"mail": 3600}), has_targets=False) as served:
        fill(served.worker)
        history = {"email": int(AFTERNOON.timestamp() - 86_400) * 1000}
        served.worker.progress(served.now(), history=history)
        open_wall(page, served, views="sources", seconds=3600, lang="en")
        states = {name: state for name, state, _ in page.run(SOURCE_ROWS)[0]}
        assert [states[name] for name in ("Letters – siege", "E-mails", "Opinions")] == [
            "● Normal",
            "▲ reads history",
            "○ not watched",
        ]
        assert "Letters" not in states


def test_connectors_that_rejected_records_are_listed_first(page: Page) -> None:
    with organisation(CALM, has_targets=False) as served:
        served.rejected = {"standard": 3}
        open_wall(page, served, views="sources", seconds=3600, lang="en")
        assert page.run(SOURCE_ROWS)[0][0] == ["standard", "▲ rejects records", "today: 3"]


NOTES_AT_THREE_RISKS = """
const notes = () => [...document.querySelectorAll(".view:not([hidden]) table + .note")].map((note) => note.textContent);
const isShown = () => [...document.querySelectorAll("#alert-list li")].some((alert) => /: 3$/.test(alert.textContent.trim()));
return new Promise((resolve) => {
  const look = () => (isShown() ? resolve(notes()) : setTimeout(look, 20));
  look();
});
"""
"""Script for the notes at the moment when three clocks at risk are shown."""


def test_figures_ahead_of_events_are_not_unknown_contacts(page: Page) -> None:
    with organisation() as served:
        place = Dimensions(SLA, "siege", "rsa", "courrier:announced:mail")
        served.worker.count(place, served.now(), started=3)
        served.worker.stocks(place, running=1, at_risk=2)
        served.risks.begin([0])
        served.risks.apply_all(
            0, [clock_event("at_risk", f"2026-{number}", AFTERNOON + timedelta(hours=2)) for number in (1001, 1002)]
        )
        served.risks.set_state(ReaderState.FOLLOWING)
        open_wall(page, served, views="deadlines", seconds=3600)
        page.run("document.querySelector('#previous').click()")
        note = (
            "return [...document.querySelectorAll('.view:not([hidden]) table + .note')].map((note) => note.textContent)"
        )
        assert page.run(note) == []
        served.worker.stocks(place, running=0, at_risk=3)
        assert page.run(NOTES_AT_THREE_RISKS) == [], "the events may be late"
        wait_until(lambda: len(page.run(note)) == 1, "the note")
        assert page.run(note)[0].startswith("Et 1 de plus")


def test_figure_is_explained_by_click_and_keyboard(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="phone", seconds=3600, lang="en")
    page.driver.find_element(By.CSS_SELECTOR, ".view.phone tbody tr:first-child td:nth-child(6) .explains").click()
    panel = "#explained"
    assert page.text(f"{panel} h2") == "Switchboard – Service level"
    numerator, denominator = map(int, page.text(f"{panel} .made").split("÷"))
    assert page.text(f"{panel} .current") == f"{100 * numerator / denominator:.1f}%"
    assert "answered within 20" in page.text(f"{panel} .means")
    assert "▲ below 80.0%" in page.text(f"{panel} .levels")
    where = f"--channel call --site {SWITCHBOARD.site} --service {SWITCHBOARD.service} --queue {SWITCHBOARD.queue}"
    assert page.text(f"{panel} .commands") == f"accueil explain service_level {where}"
    axe.check(page)
    key(page, Keys.ESCAPE)
    wait_until(lambda: not page.run("return document.querySelector('#explained').open"), "the panel to close")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_LEFT, Keys.ARROW_DOWN, Keys.ENTER)
    assert page.text(f"{panel} h2").endswith("Agents available"), "arrows move between figures"
    assert page.text(f"{panel} .rule").startswith("This figure does not count contacts")
    page.assert_no_errors()


def test_command_of_a_card_selects_its_contacts(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="overview,satisfaction", seconds=3600, lang="en")

    def command(selector: str) -> str:
        page.run(f"document.querySelector({selector!r}).click()")
        text = page.text("#explained .commands")
        page.run("document.querySelector('#explained .close').click()")
        return text

    figure = ".view.overview .card:last-child .main .explains"
    assert command(figure) == (
        "accueil explain overdue --channel call --channel visit --channel mail --channel email --channel form"
    )
    list(zip(range(2), turn_pages(page), strict=False))
    assert command(".view.satisfaction li .explains") == "accueil explain given_csat_1_5 --channel feedback --days 28"
    page.open_live(f"{full_wall.url}/?lang=en", WALL)
    recent = "accueil explain service_level --channel call .* --since 2026-.*T.* --until 2026-.*T.*"
    assert re.fullmatch(recent, command("#rows tr:not(.channel) .recent .explains"))


def test_figures_of_the_board_have_explanations(full_wall: Served, page: Page) -> None:
    page.open_live(f"{full_wall.url}/?lang=en", WALL)
    assert re.match(r"\(\d+\) Live board", page.driver.title), "the title counts the alerts"
    for selector, name, command in (
        ("#tile-abandonment .explains", "Abandon rate", "accueil explain abandonment --channel call"),
        (
            "#services-rows tr:first-child td.number .explains",
            "All – Letters – Received",
            "accueil explain received --channel mail",
        ),
        (
            "#targets-rows tr:nth-child(4) .overdue .explains",
            "Letters – announced delay – Overdue",
            f"accueil explain overdue --channel {SLA} --queue courrier:announced:mail",
        ),
    ):
        page.run(f"document.querySelector({selector!r}).click()")
        assert page.text("#explained h2") == name
        assert page.text("#explained .commands") == command
        page.run("document.querySelector('#explained .close').click()")
    axe.check(page)


def test_open_cases_and_the_oldest_case_have_the_same_scope(page: Page) -> None:
    with organisation(CALM, has_targets=False) as served:
        mail = Dimensions("mail", "siege", "rsa", "")
        served.worker.count(mail, served.now(), received=3)
        served.worker.stocks(
            mail, served.now() - timedelta(days=3, hours=7), waiting=0, in_progress=3, pending_citizen=4
        )
        open_wall(page, served, views="overview,written", seconds=3600, lang="en")
        wait_until(lambda: "3Open" in page.text(".view.overview").replace("Open3", "3Open"), "cases in progress")
        list(zip(range(1), turn_pages(page), strict=False))
        page.run("document.querySelector('#next').click()")
        assert page.run(
            "return [...document.querySelectorAll('.view.written thead th')].map((th) => th.textContent)"
        ) == [
            "Service",
            "Letters –\nOpen",
            "Letters –\nOldest",
        ]
        cells = page.run("return [...document.querySelectorAll('.view.written tbody td')].map((td) => td.textContent)")
        assert [text.replace("\u202f", "").replace("\xa0", " ") for text in cells] == ["3", "3d 7h"]
        page.run("document.querySelector('.view.written tbody td .explains').click()")
        where = "--channel mail --service rsa"
        assert page.run("return document.querySelector('#explained .commands').innerText").split("\n") == [
            f"accueil explain {name} {where}" for name in ("waiting", "in_progress")
        ]


ROW_WITH_A_FURTHER_CELL = """
const done = arguments[0];
import("/static/parts.js").then(({ Table }) => {
  const table = new Table();
  const show = (...values) => table.show({
    columns: ["Service", ...values].map((label) => ({ label })),
    items: [{ key: "mdph", name: "MDPH", cells: values.map((value) => ({ value })) }],
    room: 100,
  });
  show("1");
  show("1", "2");
  done([...table.body.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => cell.textContent)));
}).catch((error) => done(String(error)));
"""


def test_row_gets_a_further_cell(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="phone", seconds=3600, lang="en")
    rows = page.driver.execute_async_script(ROW_WITH_A_FURTHER_CELL)  # type: ignore[no-untyped-call]
    assert rows == [["MDPH", "1", "2"]]
