"""Tests of SLA targets on the board in Chromium."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from models.policies import Policies, SlaFile
from models.timestamps import milliseconds
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from tests.support.processes import wait_until
from tests.web.browser import DESK, LANGUAGES_AND_THEMES, LAPTOP, OUTSIDE_WINDOW, PHONE, TABLET, WALL, Page
from tests.web.channels import OPTIONS
from tests.web.layout import FOCUSED, OVERFLOW, TABLE_STRUCTURE, UNFOLD_ROWS
from tests.web.live import AFTERNOON
from tests.web.served import Served, serving
from tests.web.sla_clocks import ANNOUNCED_LETTERS, DAY, FILE, MIDNIGHT, count_sla_clocks
from tests.web.wall import organisation

pytestmark = pytest.mark.browser

FORMS = Dimensions(SLA, "siege", "mdph", "demarches:first_response:form")
ANSWER = Dimensions(SLA, "siege", "rsa", "telephone:answer:call")


@pytest.fixture(scope="module")
def board() -> Iterator[Served]:
    with organisation(is_filled=True) as served:
        count_sla_clocks(served.worker)
        yield served


@LANGUAGES_AND_THEMES
def test_sla_targets_are_next_to_the_queues_on_a_large_screen(
    board: Served, page: Page, language: str, theme: str
) -> None:
    page.open_live(f"{board.url}/?lang={language}&theme={theme}", WALL)
    assert page.run(OVERFLOW) == [*WALL, 0, 0, 0, 0, 0, 0, 0]
    page.assert_no_errors()


def overdue_at(served: Served, number: int) -> None:
    """Count two overdue contacts for each of `number` services, the first overdue for longest, and many due ones."""
    for service in range(number):
        place = Dimensions(SLA, "siege", f"service-{service:02}", "courrier:announced:mail")
        served.worker.count(place, AFTERNOON, started=9)
        for day in range(3):
            served.worker.count(place, MIDNIGHT + (5 + day) * DAY, due=2)
        served.worker.stocks(place, MIDNIGHT - (9 + number - service) * DAY, running=6, overdue=2)


def test_overdue_list_uses_the_free_room_and_counts_omitted_lines(page: Page) -> None:
    with organisation(is_filled=True) as served:
        overdue_at(served, 9)
        for size, least in ((WALL, 5), ((2560, 1440), 5)):
            page.open_live(f"{served.url}/?lang=en", size)
            rows = plain(page.run(DEADLINE_ROWS))
            lines = [line for line in rows if len(line) > 2]
            late = [line for line in lines if line[0] == "action"]
            *_, more = [line[1] for line in rows if line[1].startswith("and ")] or [""]
            assert len(late) >= least
            assert more == f"and {9 - len(late)} more, contacts: {18 - 2 * len(late)}"
            assert len(lines) > len(late), "due lines are kept"
            assert page.run(FREE_ROWS) < 1, "no further row fits"
            assert page.run(OVERFLOW) == [*size, 0, 0, 0, 0, 0, 0, 0]
        page.assert_no_errors()


FREE_ROWS = """
const [panel, table, row] = ["#targets", "#deadlines-table", "#deadlines-rows tr"].map((one) => document.querySelector(one));
const rows = panel.getBoundingClientRect().bottom - table.getBoundingClientRect().bottom - 6;
return rows / row.getBoundingClientRect().height;
"""


@pytest.mark.parametrize("size", [WALL, LAPTOP, PHONE], ids=["wall", "1366", "390"])
def test_link_to_a_service_scrolls_to_its_deadlines(board: Served, page: Page, size: tuple[int, int]) -> None:
    page.open_live(f"{board.url}/?lang=fr&service=rsa", size)
    marked = plain(page.run("return [...document.querySelectorAll('[aria-current] > th')].map((one) => one.innerText)"))
    assert len(marked) >= 2
    assert {name.split("\n")[0].strip() for name in marked} == {"RSA et insertion"}
    position = "const {top, bottom} = document.querySelector('#deadlines-rows [aria-current]').getBoundingClientRect();"
    assert page.run(f"{position} return top >= 0 && bottom <= innerHeight")
    page.open_live(f"{board.url}/?lang=fr&service=nulle-part", size)
    assert page.run("return [document.querySelectorAll('[aria-current]').length, scrollY]") == [0, 0]
    page.assert_no_errors()


def test_closed_queue_is_not_reported_as_silent(page: Page) -> None:
    quiet = {}
    for hours in (1.5, 2):
        with organisation(hours=hours, is_filled=True) as served:
            page.open_live(served.url, WALL)
            quiet[hours] = page.is_visible("#quiet")
    assert quiet == {1.5: True, 2: False}, "closed from 17:30 on"


@LANGUAGES_AND_THEMES
@pytest.mark.parametrize("size", [LAPTOP, DESK, TABLET, PHONE], ids=["1366", "1280", "820", "390"])
def test_sla_targets_fit_any_screen(
    board: Served, page: Page, size: tuple[int, int], language: str, theme: str
) -> None:
    page.open_live(f"{board.url}/?lang={language}&theme={theme}", size)
    page.run("document.querySelector('#targets').scrollIntoView()")
    assert page.run("return document.documentElement.scrollWidth") == size[0]
    if size in {LAPTOP, DESK}:
        assert page.run(OVERFLOW)[2:] == [0, 0, 0, 0, 0, 0, 0]
    else:
        page.run(UNFOLD_ROWS)
        assert page.run(OUTSIDE_WINDOW) == []
    page.assert_no_errors()


PLAIN = str.maketrans("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{RIGHT SINGLE QUOTATION MARK}", "  '")
TARGET_ROWS = """
return [...document.querySelectorAll("#targets-rows tr")].map((row) => [
  row.querySelector("th span").textContent,
  ...[...row.querySelectorAll("td")].map((cell) => [cell.textContent, cell.dataset.level]),
]);
"""
DEADLINE_ROWS = """
return [...document.querySelectorAll("#deadlines-rows tr")].map((row) =>
  [row.dataset.level ?? "", ...[...row.children].map((cell) => cell.textContent.trim())]);
"""


def plain(value: Any) -> Any:
    return value.translate(PLAIN) if isinstance(value, str) else [plain(one) for one in value] if value else value


@pytest.fixture
def served() -> Iterator[Served]:
    with organisation() as served:
        yield served


def test_sla_target_shows_its_states_and_the_share_met(served: Served, page: Page) -> None:
    worker = served.worker
    worker.count(ANNOUNCED_LETTERS, AFTERNOON, started=90, met=17, breached=3)
    worker.stocks(ANNOUNCED_LETTERS, MIDNIGHT - 4 * DAY, running=1204, at_risk=12, overdue=3, paused=7)
    worker.count(ANSWER, AFTERNOON, started=9, met=8, breached=1)
    worker.stocks(ANSWER, served.now() - timedelta(seconds=75), overdue=1)
    page.open_live(f"{served.url}/?lang=fr", WALL)
    telephone, letters = plain(page.run(TARGET_ROWS))
    assert telephone[0] == "Téléphone \N{EN DASH} réponse"
    assert telephone[3] == ["1", "action"]
    assert telephone[5][0].startswith("1:"), "elapsed time in minutes and seconds"
    assert telephone[6] == ["88,9 %", "normal"], "too few contacts for a mark"
    assert letters == [
        "Courrier \N{EN DASH} délai annoncé",
        ["1 204", "normal"],
        ["12", "attention"],
        ["3", "action"],
        ["7", "normal"],
        ["2 j ouvrés", "normal"],
        ["85,0 %", "attention"],
    ]
    title = page.run("return document.querySelector('#targets-rows tr:last-child .kept').title")
    assert plain(title) == "17 tenus sur 20 aujourd'hui. Objectif : 90 %."
    worker.stocks(ANNOUNCED_LETTERS, running=1204, at_risk=0, overdue=0, paused=7)
    wait_until(lambda: plain(page.run(TARGET_ROWS))[1][3] == ["0", "normal"], "no overdue contacts")
    assert plain(page.run(TARGET_ROWS))[1][5] == ["\N{EN DASH}", "normal"]
    page.assert_no_errors()


def test_overdue_and_due_lines_show_working_time(served: Served, page: Page) -> None:
    worker = served.worker
    worker.count(ANNOUNCED_LETTERS, AFTERNOON, "started")
    worker.stocks(ANNOUNCED_LETTERS, MIDNIGHT - 4 * DAY, overdue=3)
    at = [
        AFTERNOON + timedelta(minutes=3),
        AFTERNOON.replace(hour=16, minute=45),
        MIDNIGHT + DAY,
        AFTERNOON.replace(hour=16, minute=45) + DAY,
        MIDNIGHT + 4 * DAY,
    ]
    for number, when in zip((1, 2, 4, 5, 6), at, strict=True):
        worker.count(FORMS, when, started=number, due=number)
    worker.stocks(FORMS, running=15, at_risk=3)
    page.open_live(f"{served.url}/?lang=en", LAPTOP)
    first_heading, late, second_heading, *due = plain(page.run(DEADLINE_ROWS))
    assert [first_heading[1:], second_heading[1:]] == [["Overdue, the longest first"], ["Next deadlines"]]
    letters = ["Income support (RSA)", "Letters \N{EN DASH} announced delay", "3"]
    assert late == ["action", *letters, "end of the day, Thursday 5 March", "■late by 2 working days"]
    assert [[line[0], *line[3:]] for line in due] == [
        ["attention", "1", "today, 15:40", "▲due within 5 minutes"],
        ["attention", "2", "today, 16:45", "▲at risk, 1 h 07 of opening left"],
        ["normal", "4", "end of the day, today", "●1 h 52 of opening left"],
        ["normal", "5", "Wednesday 11 March, from 16:45 on", "●9 h 07 of opening left"],
        ["normal", "6", "end of the day, Friday 13 March", "●3 working days left"],
    ]
    assert {line[1] for line in due} == {"Disability office (MDPH)"}


def test_completed_clock_leaves_the_list_immediately(served: Served, page: Page) -> None:
    served.worker.count(FORMS, AFTERNOON + DAY, started=1, due=1)
    served.worker.stocks(FORMS, running=1)
    page.open_live(served.url, WALL)
    assert len(page.run(DEADLINE_ROWS)) == 2
    served.worker.count(FORMS, AFTERNOON + DAY, due=-1)
    served.worker.count(FORMS, AFTERNOON, met=1)
    served.worker.stocks(FORMS, running=0)
    wait_until(lambda: page.run(DEADLINE_ROWS) == [], "an empty list")
    assert not page.is_visible("#deadlines-table")


def test_board_shows_the_opening_state_and_its_next_change(page: Page) -> None:
    shown = {}
    for hours in (0, 2, 80):
        with organisation(hours=hours) as at:
            page.open_live(f"{at.url}/?lang=en", WALL)
            shown[hours] = plain(page.text("#openings"))
            assert page.text("#rows tr:nth-child(10) .state") == ("○ Idle" if hours == 0 else "○ Closed"), "a desk"
    assert shown == {
        0: "● Open until 17:30",
        2: "○ Closed, opens Wednesday 11 March, 08:30",
        80: "○ Closed, opens Monday 16 March, 08:30",
    }


def test_board_names_several_calendars_and_similar_policies(page: Page) -> None:
    night = {"versions": [{"tuesday": "20:00-24:00"}]}
    letters = {
        "match": {"channel": "mail", "service": "mdph"},
        "calendar": "nuit",
        "clocks": {"announced": {"target": 1, "unit": "working_days"}},
    }
    more = {"calendars": FILE["calendars"] | {"nuit": night}, "policy": [*FILE["policy"], {"name": "mdph", **letters}]}
    with serving(
        replace(OPTIONS, stale_after_seconds=600), AFTERNOON, policies=Policies(SlaFile.model_validate(more))
    ) as served:
        served.follow()
        for place in (ANNOUNCED_LETTERS, ANNOUNCED_LETTERS._replace(service="mdph", queue="mdph:announced:mail")):
            served.worker.count(place, AFTERNOON, "started")
        page.open_live(f"{served.url}/?lang=fr", WALL)
        items = page.run("return [...document.querySelectorAll('#openings li')].map((item) => item.textContent)")
        assert plain(items) == ["● siege : ouvert jusqu'à 17:30", "○ nuit : fermé, ouvre à 20:00"]
        names = [row[0] for row in plain(page.run(TARGET_ROWS))]
        assert names == [f"Courrier \N{EN DASH} délai annoncé ({name})" for name in ("courrier", "mdph")]
        served.advance_clock(timedelta(hours=2))
        served.follow()
        page.open_live(f"{served.url}/?lang=en", WALL)
        shown = "return document.querySelector('#openings li').textContent"
        assert plain(page.run(shown)) == "○ siege: closed, opens Wednesday 11 March, 08:30"


def test_sla_targets_of_a_channel_with_unread_history_raise_no_alerts(served: Served, page: Page) -> None:
    worker = served.worker
    worker.count(FORMS, AFTERNOON + DAY, started=4, due=2)
    worker.stocks(FORMS, MIDNIGHT - 9 * DAY, running=1, at_risk=1, overdue=2)
    page.open_live(served.url, WALL)
    assert plain(page.run(TARGET_ROWS))[0][3] == ["2", "action"]
    worker.progress(served.now(), history={"form": milliseconds(AFTERNOON - 30 * DAY)})
    page.wait_for_text("#status .word", "En direct en partie")
    (forms,) = plain(page.run(TARGET_ROWS))
    assert [level for _, level in forms[1:]] == ["normal"] * 6
    assert forms[5][0] == "\N{EN DASH}"
    assert page.run(DEADLINE_ROWS) == []
    worker.progress(served.now())
    page.wait_for_text("#status .word", "En direct")
    assert plain(page.run(TARGET_ROWS))[0][3] == ["2", "action"]
    assert len(page.run(DEADLINE_ROWS)) == 4


def test_board_without_sla_targets_hides_their_section(page: Page) -> None:
    with organisation(has_targets=False, is_filled=True) as served:
        page.open_live(served.url, WALL)
        assert not page.is_visible("#targets")
        assert not page.run("return document.body.hasAttribute('data-targets')")


def test_each_cell_of_sla_targets_is_under_its_heading(board: Served, page: Page) -> None:
    page.open_live(board.url, LAPTOP)
    assert page.run(TABLE_STRUCTURE) == [[1, 0, 0]] * 4


def test_keyboard_reaches_the_sla_targets(board: Served, page: Page) -> None:
    page.open_live(board.url, WALL)
    reached = []
    for _ in range(15):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.run(FOCUSED))
    assert reached[10:] == ["queues-title", "explains", "targets-title", "explains", "services-title"]
