"""What is promised, on the board, in a real Chromium."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from models.policies import Policies, SlaFile
from streams.core.figures import Dimensions
from streams.core.layouts import SLA
from tests.web.browser import BESIDE, CONTRASTS, LAPTOP, PHONE, TABLET, WALL, Page
from tests.web.rows import Worker
from tests.web.served import Served, serving
from tests.web.test_browser_channels import AFTERNOON, OPTIONS, ROOM, UNFOLD, fill

pytestmark = pytest.mark.browser

HOURS = ["08:30-12:30", "13:30-17:30"]
FILE = {
    "calendars": {
        "siege": {
            "holidays": "FR",
            "versions": [dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), HOURS)],
        }
    },
    "policy": [
        {
            "name": "telephone",
            "match": {"channel": "call"},
            "calendar": "siege",
            "clocks": {"answer": {"target": 60, "unit": "elapsed", "objective": 0.8}},
        },
        {
            "name": "guichets",
            "match": {"channel": "visit"},
            "calendar": "siege",
            "clocks": {"answer": {"target": 1200, "unit": "elapsed"}},
        },
        {
            "name": "courrier",
            "match": {"channel": "mail"},
            "calendar": "siege",
            "clocks": {
                "acknowledge": {"target": 14, "unit": "calendar_days", "objective": 0.95},
                "announced": {"target": 15, "unit": "working_days"},
                "resolution": {"target": 2, "unit": "months", "objective": 1.0},
            },
        },
        {
            "name": "courriel",
            "match": {"channel": "email"},
            "calendar": "siege",
            "clocks": {
                "acknowledge": {"target": 7, "unit": "calendar_days", "objective": 0.95},
                "announced": {"target": 5, "unit": "working_days"},
            },
        },
        {
            "name": "demarches",
            "match": {"channel": "form"},
            "calendar": "siege",
            "clocks": {
                "acknowledge": {"target": 7, "unit": "calendar_days", "objective": 0.95},
                "first_response": {"target": 144_000, "unit": "opening_hours"},
                "resolution": {"target": 2, "unit": "months", "objective": 1.0},
            },
        },
    ],
}
POLICIES = Policies(SlaFile.model_validate(FILE))
PROMISES = [
    f"{policy['name']}:{clock}:{policy['match']['channel']}"  # type: ignore[index]
    for policy in FILE["policy"]
    for clock in policy["clocks"]  # type: ignore[index]
]
MIDNIGHT = AFTERNOON.replace(hour=0, minute=0, second=0)
DAY = timedelta(days=1)
LATE = Dimensions(SLA, "siege", "rsa", "courrier:announced:mail")
"""Overdue since the end of last Thursday."""


def promise(worker: Worker) -> None:
    """Let some of all promises be open."""
    for index, which in enumerate(PROMISES):
        for number, service in enumerate(("rsa", "mdph", "accueil")):
            place = Dimensions(SLA, "siege", service, which)
            worker.count(place, AFTERNOON, started=80, met=40 + index, breached=number)
            worker.count(place, MIDNIGHT + (2 + index) * DAY, due=30 + index)
            worker.count(place, AFTERNOON + timedelta(minutes=7 + 9 * number), due=2)
            late = place == LATE or (index, number) in {(5, 1), (8, 2), (9, 0)}
            since = MIDNIGHT - (4 + index - 3) * DAY if late else None
            worker.stocks(place, since, running=30 + index, at_risk=2, overdue=3 if late else 0, paused=4 * (index > 6))


@pytest.fixture(scope="module")
def house() -> Iterator[Served]:
    with serving(replace(OPTIONS, stale_after_seconds=600), AFTERNOON, policies=POLICIES) as served:
        served.follow()
        fill(served.worker)
        promise(served.worker)
        yield served


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_promises_stand_on_the_wall_beside_the_queues(house: Served, page: Page, language: str, theme: str) -> None:
    page.open(f"{house.url}/?lang={language}&theme={theme}", WALL)
    page.is_in("live")
    page.picture(f"promises-wall-{language}-{theme}")
    assert page.run(ROOM) == [*WALL, 0, 0, 0, 0, 0, 0, 0]
    assert page.run(CONTRASTS) == []
    page.assert_quiet()


def test_a_banner_finds_room_beside_promises_too(page: Page) -> None:
    with serving(
        replace(OPTIONS, stale_after_seconds=600), AFTERNOON + timedelta(hours=2), policies=POLICIES
    ) as served:
        served.follow()
        fill(served.worker)
        promise(served.worker)
        page.open(served.url, WALL)
        page.is_in("live")
        assert page.run("return document.querySelector('#quiet').checkVisibility()")
        page.picture("promises-wall-quiet")
        assert page.run(ROOM) == [*WALL, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [LAPTOP, TABLET, PHONE], ids=["1366", "820", "390"])
def test_promises_fit_any_screen(house: Served, page: Page, size: tuple[int, int], language: str, theme: str) -> None:
    page.open(f"{house.url}/?lang={language}&theme={theme}", size)
    page.is_in("live")
    page.run("document.querySelector('#promises').scrollIntoView()")
    page.picture(f"promises-{size[0]}-{language}-{theme}")
    assert page.run("return document.documentElement.scrollWidth") == size[0]
    if size != LAPTOP:
        page.run(UNFOLD)
        assert page.run(BESIDE) == []
    assert page.run(CONTRASTS) == []
    page.assert_quiet()
