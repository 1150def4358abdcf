"""Test data and helpers for the wall of an organisation with all channels."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from selenium.webdriver.common.by import By

from streams.web.options import Thresholds, WebOptions
from streams.web.topic_view import ReaderState
from streams.web.view import NO_POLICIES
from tests.unit.web.clock_events import clock_event
from tests.web.browser import WALL, Page
from tests.web.channels import OPTIONS, fill
from tests.web.details import fill_reasons
from tests.web.live import AFTERNOON
from tests.web.rows import Worker
from tests.web.served import Served, serving
from tests.web.sla_clocks import POLICIES, count_sla_clocks

SWITCHBOARD, _, RSA, PMI = (queue.dimensions for queue in OPTIONS.queues[:4])
CALM = replace(OPTIONS, service_level=Thresholds(0, -1), abandonment=Thresholds(2, 2), quiet_after_seconds=1e9)
"""Options without alerts for rates or silent sources."""
WEEKS = 5
LEAST_PIXELS = 32
"""Smallest text size for reading from four metres, on 1080 lines."""
OVERFLOWING = """
const page = document.documentElement;
const cut = ["header", "main", ".view", ".card", ".cards", ".rest", "footer", ".bars li", "table", "td.number"].join();
return [
  ...[page.scrollWidth - page.clientWidth, page.scrollHeight - page.clientHeight].filter((pixels) => pixels > 0),
  ...[...document.querySelectorAll(cut)]
    .filter((box) => box.checkVisibility())
    .filter((box) => box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1)
    .map((box) => box.outerHTML.slice(0, 80)),
  ...[...document.querySelectorAll("main *, #alerts *")]
    .filter((box) => box.checkVisibility() && box.getBoundingClientRect().bottom > innerHeight)
    .map((box) => box.outerHTML.slice(0, 80)),
];
"""
"""Script for elements that need scrolling or are cut off."""
SMALL = f"""
const words = (box) => [...box.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
return [...document.querySelectorAll("header *, #alerts *, main *, .legend *")]
  .filter((box) => words(box) && box.checkVisibility() && !box.closest(".unseen, .symbol"))
  .filter((box) => parseFloat(getComputedStyle(box).fontSize) < {LEAST_PIXELS})
  .map((box) => [box.textContent, getComputedStyle(box).fontSize]);
"""
"""Script for texts that are too small to read from afar."""


def write_history(worker: Worker) -> None:
    """Count earlier days of this weekday."""
    for week in range(1, WEEKS + 1):
        for hour in range(8, 18):
            at = AFTERNOON.replace(hour=hour, minute=10) - timedelta(weeks=week)
            worker.offered(SWITCHBOARD, at, 6 * (18 - hour) + week)


def raise_alerts(served: Served) -> None:
    """Cause more alerts than the wall can show."""
    now = served.now()
    served.worker.stocks(SWITCHBOARD, now - timedelta(seconds=312), waiting=12, in_progress=3, agents_on_contact=3)
    served.worker.stocks(RSA, now - timedelta(seconds=20), waiting=2)
    served.worker.stocks(PMI, now - timedelta(seconds=150), waiting=6, agents_on_contact=2)
    for index, queue in enumerate(OPTIONS.queues[-3:]):
        served.worker.stocks(queue.dimensions, now - timedelta(minutes=40 + index), waiting=4)


@contextmanager
def organisation(
    options: WebOptions = OPTIONS, *, has_targets: bool = True, is_filled: bool = False, hours: float = 0
) -> Iterator[Served]:
    """Serve an organisation so many hours after `AFTERNOON`; `is_filled`: with the figures of a working day."""
    policies = POLICIES if has_targets else NO_POLICIES
    at = AFTERNOON + timedelta(hours=hours)
    with serving(replace(options, stale_after_seconds=3600), at, policies=policies) as served:
        served.follow()
        if is_filled:
            fill(served.worker)
            served.rejected = {"ged": 12, "standard": 1}
        yield served


def fill_views(served: Served) -> None:
    """Fill all views: all channels and targets, earlier days, contacts at risk, alerts."""
    fill(served.worker)
    count_sla_clocks(served.worker)
    write_history(served.worker)
    fill_reasons(served.worker)
    raise_alerts(served)
    due = [clock_event("at_risk", f"2026-{1000 + hour}", AFTERNOON + timedelta(hours=hour)) for hour in range(1, 20)]
    served.risks.begin([0])
    served.risks.apply_all(0, due)
    served.risks.set_state(ReaderState.FOLLOWING)


def open_wall(page: Page, served: Served, size: tuple[int, int] = WALL, **parameters: object) -> None:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    page.open_live(f"{served.url}/wall?{query}", size)


def key(page: Page, *keys: str) -> None:
    page.driver.find_element(By.TAG_NAME, "body").send_keys(*keys)


def title(page: Page) -> str:
    return page.text("#view-title")


def alerts(page: Page) -> list[str]:
    texts = page.run("return [...document.querySelectorAll('#alert-list li')].map((alert) => alert.textContent.trim())")
    return [re.sub(r"\s+", " ", text) for text in texts]


def turn_pages(page: Page) -> Iterator[str]:
    """Show each page of each view once, and yield its title."""
    number = page.run("return Number(document.querySelector('#place').textContent.match(/\\d+(?=\\D*$)/)[0])")
    for _ in range(int(number)):
        yield title(page)
        before = page.text("#place")
        page.run("document.querySelector('#next').click()")
        assert page.text("#place") != before
