"""Tests of the wall with long names and all figures marked: nothing is cut off."""
# ruff: noqa: RUF001 - names have dashes

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.options import QueueOptions, ServiceOptions
from streams.web.topic_view import ReaderState
from tests.support.processes import wait_until
from tests.web.browser import LANGUAGES_AND_THEMES, OUTSIDE_WINDOW, PHONE, PORTRAIT, WALL, Page
from tests.web.channels import OPTIONS, fill
from tests.web.layout import OVERFLOW, SMALLEST_FONT
from tests.web.rows import Worker
from tests.web.served import Served
from tests.web.sla_clocks import count_sla_clocks
from tests.web.wall import OVERFLOWING, SMALL, alerts, open_wall, organisation, turn_pages

pytestmark = pytest.mark.browser

CROWDED = replace(
    OPTIONS,
    services=(*OPTIONS.services, ServiceOptions("enfance", "Aide sociale à l’enfance", "Child welfare and adoption")),
)
TRUNCATED_TEXTS = """
const texts = "tbody th, td.words, td.state, h3, .rest .name, .bars .name, #alerts :is(li, .name, .words)";
return [...document.querySelectorAll(texts)]
  .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1 && box.clientWidth)
  .map((box) => box.textContent);
"""
"""Script for truncated texts."""


def mark_all_figures(worker: Worker, served: Served, queues: Sequence[QueueOptions] = CROWDED.queues) -> None:
    """Make all figures of all queues marked."""
    now = served.now()
    for queue in queues:
        place, is_call = queue.dimensions, queue.dimensions.channel == "call"
        for wait in (5, 5, 5, 90, 95, 100):
            for _ in range(7):
                worker.answered(place, now, wait if is_call else 20 * wait, handle_seconds=180)
                worker.abandoned(place, now, wait if is_call else 20 * wait)
        agents = {"agents_on_contact": 12} if is_call else {}
        worker.stocks(place, now - timedelta(hours=1, minutes=42), waiting=14, in_progress=12, **agents)


@pytest.fixture(scope="module")
def crowded() -> Iterator[Served]:
    with organisation(CROWDED) as served:
        fill(served.worker)
        count_sla_clocks(served.worker)
        mark_all_figures(served.worker, served)
        yield served


@LANGUAGES_AND_THEMES
@pytest.mark.parametrize("size", [WALL, PORTRAIT], ids=["lies", "stands"])
def test_no_view_is_cut_off_with_long_names_and_all_marks(
    crowded: Served, page: Page, size: tuple[int, int], language: str, theme: str
) -> None:
    open_wall(page, crowded, size, lang=language, theme=theme, seconds=3600)
    for name in turn_pages(page):
        assert page.run(OVERFLOWING) == [], name
        assert page.run(TRUNCATED_TEXTS) == [], name
        assert page.run(SMALL) == [], name
    assert len(alerts(page)) == 6


HIDDEN_TABLE_WIDTHS = """
return [...document.querySelectorAll(".scroll")].filter((box) => box.checkVisibility())
  .map((box) => [box.scrollWidth - box.clientWidth, box.hasAttribute("data-more")]);
"""
"""Script for the width of each table outside the visible area, and whether its edge fades."""


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [(1366, 768), (1366, 1651), (1366, 600), (1120, 1600)], ids=lambda size: f"{size[1]}")
def test_no_table_of_the_board_is_cut_off_at_its_side(
    crowded: Served, page: Page, size: tuple[int, int], language: str
) -> None:
    page.open_live(f"{crowded.url}/?lang={language}", size)
    assert page.run(HIDDEN_TABLE_WIDTHS) == [[0, False]] * 3


OVERLAPPING_STATES = """
return [...document.querySelectorAll("#rows tr:not(.channel)")]
  .map((row) => [row.querySelector("th"), row.querySelector(".state")].map((box) => box.getBoundingClientRect()))
  .filter(([name, state]) => state.left < name.right && state.top < name.bottom)
  .length;
"""
"""Script for the number of queues whose state overlaps the name."""


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_state_overlaps_a_name_on_a_phone(page: Page, language: str) -> None:
    with organisation(CROWDED, hours=3) as served:
        for name, agents in (("waiting", 1), ("waiting", 0), ("in_progress", 1)):
            for queue in CROWDED.queues:
                free = {"agents_available": agents} if queue.dimensions.channel == "call" else {}
                served.worker.stocks(queue.dimensions, served.now(), **NOBODY | {name: 12} | free)
            page.open_live(f"{served.url}/?lang={language}", PHONE)
            cell = f"document.querySelector('#rows .{name}')"
            assert page.run(f"return [{cell}.innerText.slice(-2), {cell}.checkVisibility()]") == ["12", True]
            assert page.run(OVERLAPPING_STATES) == 0
            assert page.run(OUTSIDE_WINDOW) == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_contacts_in_closed_queues_do_not_enlarge_the_board(page: Page, language: str) -> None:
    with organisation(CROWDED, hours=3, is_filled=True) as served:
        count_sla_clocks(served.worker)
        mark_all_figures(served.worker, served)
        page.open_live(f"{served.url}/?lang={language}", WALL)
        # The board reduces its type size once the browser has laid out the rows.
        room = [*WALL, 0, 0, 0, 0, 0, 0, 0]
        wait_until(lambda: page.run(OVERFLOW) == room, "a fit", otherwise=lambda: page.run(OVERFLOW))
        open_wall(page, served, lang=language, views="phone,desk", seconds=3600)
        for name in turn_pages(page):
            assert (page.run(OVERFLOWING), page.run(TRUNCATED_TEXTS)) == ([], []), name


NOBODY = {"waiting": 0, "in_progress": 0}


MORE_CALLS = [
    ("colleges", "Collèges et bourses", "Schools and grants"),
    ("logement", "Aide au logement", "Housing benefit"),
    ("autonomie", "Autonomie – seniors", "Elderly care (APA)"),
    ("adoption", "Adoption", "Adoption"),
]
SIXTEEN = replace(
    CROWDED,
    queues=(
        *CROWDED.queues,
        *(QueueOptions(Dimensions("call", "siege", name, name), *labels) for name, *labels in MORE_CALLS),
        QueueOptions(
            Dimensions("visit", "centre", "accueil", "accueil"), "CDAS Centre – guichet", "Centre – front desk"
        ),
    ),
)
"""Queues that fit: eleven of the telephone and five desks."""


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("hours", [0, 3], ids=["open", "closed"])
@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "with services"])
def test_sixteen_queues_fit_without_scrolling(page: Page, language: str, hours: int, is_alone: bool) -> None:
    options = replace(SIXTEEN, services=()) if is_alone else SIXTEEN
    with organisation(options, hours=hours) as served:
        if not is_alone:
            fill(served.worker)
            count_sla_clocks(served.worker)
        else:
            for name in ("telephone:answer:call", "guichets:answer:visit"):
                place = Dimensions(SLA, "siege", "rsa", name)
                served.worker.count(place, served.now(), started=90, met=80, breached=10)
                served.worker.stocks(place, served.now() - timedelta(seconds=75), running=2, at_risk=1, overdue=1)
        mark_all_figures(served.worker, served, SIXTEEN.queues)
        page.open_live(f"{served.url}/?lang={language}", WALL)
        room = [*WALL, *[0] * (5 if is_alone else 7)]
        name = f"sixteen-{'alone' if is_alone else 'all'}-{hours}-{language}"
        assert page.run("return document.querySelectorAll('#rows tr').length") == len(SIXTEEN.queues) + 2
        assert page.run(OVERFLOW) == room
        assert page.run(SMALLEST_FONT) >= 12
        served.view.set_state(ReaderState.NO_BROKER)
        page.wait_for_state("stale")
        page.wait_for_layout()
        assert page.run(OVERFLOW) == room, "nor with a banner"
