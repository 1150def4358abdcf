"""The wall of a house whose names are long and whose figures all ask for attention: nothing of it is cut off."""
# ruff: noqa: RUF001 - names have dashes

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from streams.core.figures import Dimensions
from streams.web.options import QueueOptions, ServiceOptions
from tests.web.browser import PORTRAIT, WALL, Page
from tests.web.rows import Worker
from tests.web.served import Served
from tests.web.test_browser_channels import OPTIONS, fill
from tests.web.test_browser_promises import promise
from tests.web.test_wall import BEYOND, SMALL, alerts, house, open_wall, turn_all

pytestmark = pytest.mark.browser

CALLS = [
    ("accueil", "Accueil général", "Switchboard"),
    ("mdph", "MDPH – handicap", "Disability office (MDPH)"),
    ("rsa", "RSA et insertion", "Income support (RSA)"),
    ("pmi", "PMI – petite enfance", "Mother and child care (PMI)"),
]
DESKS = [
    ("cdas-nord", "CDAS Nord – guichet", "Centre North – front desk"),
    ("cdas-sud", "CDAS Sud – guichet", "Centre South – front desk"),
    ("cdas-est", "CDAS Est – guichet", "Centre East – front desk"),
    ("cdas-ouest", "CDAS Ouest – guichet", "Centre West – front desk"),
]
CROWDED = replace(
    OPTIONS,
    queues=(
        *(QueueOptions(Dimensions("call", "siege", name, name), french, english) for name, french, english in CALLS),
        *(QueueOptions(Dimensions("visit", site, "accueil", "accueil"), *labels) for site, *labels in DESKS),
    ),
    services=(*OPTIONS.services, ServiceOptions("enfance", "Aide sociale à l’enfance", "Child welfare and adoption")),
)
CUT = """
const texts = "tbody th, td.words, td.state, h3, .rest .name, .bars .name, #alerts :is(li, .name, .words)";
return [...document.querySelectorAll(texts)]
  .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1 && box.clientWidth)
  .map((box) => box.textContent);
"""
"""What ends in dots."""


def press_all(worker: Worker, served: Served) -> None:
    """Let every figure of every queue be marked."""
    now = served.now()
    for queue in CROWDED.queues:
        place, is_call = queue.dimensions, queue.dimensions.channel == "call"
        for wait in (5, 5, 5, 90, 95, 100):
            for _ in range(7):
                worker.answered(place, now, wait if is_call else 20 * wait, handle_seconds=180)
                worker.abandoned(place, now, wait if is_call else 20 * wait)
        agents = {"agents_on_contact": 12} if is_call else {}
        worker.stocks(place, now - timedelta(hours=1, minutes=42), waiting=14, in_progress=12, **agents)


@pytest.fixture(scope="module")
def crowded() -> Iterator[Served]:
    with house(CROWDED) as served:
        fill(served.worker)
        promise(served.worker)
        press_all(served.worker, served)
        yield served


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WALL, PORTRAIT], ids=["lies", "stands"])
def test_no_view_is_cut_off_where_names_are_long_and_all_is_marked(
    crowded: Served, page: Page, size: tuple[int, int], language: str, theme: str
) -> None:
    open_wall(page, crowded, size, lang=language, theme=theme, seconds=3600)
    for number, name in enumerate(turn_all(page)):
        page.picture(f"crowded-{size[0]}-{number:02}-{language}-{theme}")
        assert page.run(BEYOND) == [], name
        assert page.run(CUT) == [], name
        assert page.run(SMALL) == [], name
    assert len(alerts(page)) == 6
