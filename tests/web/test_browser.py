"""The board as people see it: a real Chromium on a real server. Pictures are kept under tests/artifacts."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streams.core.figures import Dimensions
from streams.web.options import QueueOptions, WebOptions
from streams.web.view import Source
from tests.support.processes import wait_until
from tests.web.rows import ROADS, SOCIAL, milliseconds
from tests.web.served import Served, serving

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
AFTERNOON = datetime(2026, 3, 10, 15, 37, 12, tzinfo=ZoneInfo("Europe/Paris"))
WALL, DESK, PHONE = (1920, 1080), (1280, 800), (390, 844)
NAMES = [
    ("aide-sociale", "Aide sociale", "Social support"),
    ("routes", "Routes et mobilités", "Roads and mobility"),
    ("rsa", "RSA et insertion", "Income support"),
    ("pmi", "Enfance et PMI", "Child and maternal health"),
    ("mdph", "Handicap (MDPH)", "Disability (MDPH)"),
    ("apa", "Autonomie, APA", "Elderly care"),
    ("colleges", "Collèges et bourses", "Schools and grants"),
    ("standard", "Standard général", "Main switchboard"),
]
PLACES = [SOCIAL, ROADS, *(Dimensions("call", "siege", "accueil", name) for name, _, _ in NAMES[2:])]
OPTIONS = WebOptions(
    brokers="",
    title="Accueil du Département",
    stale_after_seconds=2,
    queues=tuple(
        QueueOptions(place, french, english) for place, (_, french, english) in zip(PLACES, NAMES, strict=True)
    ),
)
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


class Page:
    """One window of Chromium."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str, size: tuple[int, int] = DESK) -> None:
        width, height = size
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size is PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(url)

    def text(self, selector: str) -> str:
        return str(self.run(f"return document.querySelector({json.dumps(selector)}).textContent.trim()"))

    def state(self) -> str:
        return str(self.run("return document.body.dataset.state"))

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)  # type: ignore[no-untyped-call]

    def shows(self, selector: str, text: str) -> None:
        wait_until(lambda: self.text(selector) == text, f"{text!r} in {selector}", 10)

    def is_in(self, state: str) -> None:
        wait_until(lambda: self.state() == state, f"the state {state}", 10)

    def picture(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.driver.save_screenshot(str(ARTIFACTS / f"board-{name}.png"))

    def requests(self) -> list[str]:
        """Return the addresses of all that was asked for since `open`."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def assert_quiet(self) -> None:
        assert self.driver.get_log("browser") == []
        assert self.run("return window.violations") == []


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        assert not os.environ.get("CI"), "chromium is missing: apt-get install chromium chromium-driver"
        pytest.skip("chromium is missing: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: webdriver.Chrome) -> Iterator[Page]:
    yield Page(driver)
    driver.get("about:blank")


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(OPTIONS, AFTERNOON) as served:
        served.follow()
        fill(served)
        yield served


def fill(served: Served) -> None:
    """A day of calls so far: some at every hour, most of them in the morning."""
    for minutes in range(0, 7 * 60 + 30, 5):
        at = AFTERNOON.replace(hour=8, minute=5) + timedelta(minutes=minutes)
        for index, place in enumerate(PLACES):
            for call in range(max(0, 5 - index - abs(minutes - 120) // 60)):
                served.worker.answered(place, at, wait_seconds=3 + 9 * call, handle_seconds=180)
        if minutes % 40 == 0:
            served.worker.abandoned(PLACES[minutes // 40 % 8], at, wait_seconds=45)
    for index, place in enumerate(PLACES):
        served.worker.stocks(place, in_progress=index % 3, agents_available=1 + index % 2, agents_on_contact=index % 3)


def alarm(served: Served) -> None:
    now = served.now()
    served.worker.stocks(SOCIAL, now - timedelta(seconds=312), waiting=12, in_progress=3, agents_on_contact=3)
    served.worker.stocks(ROADS, now - timedelta(seconds=20), waiting=2, agents_available=0, agents_on_contact=0)
    served.worker.stocks(PLACES[4], now - timedelta(seconds=130), waiting=6, agents_on_contact=2)


def stay_live(served: Served) -> None:
    now = served.now()
    served.worker.progress(now, event_at=milliseconds(now - timedelta(seconds=4)))


def test_figures_move_when_they_change(served: Served, page: Page) -> None:
    page.open(served.url)
    page.is_in("live")
    handled = int(page.text("#tile-handled .value").replace("\u202f", ""))
    served.worker.answered(SOCIAL, served.now(), wait_seconds=4)
    page.shows("#tile-handled .value", str(handled + 1))
    served.worker.stocks(SOCIAL, served.now() - timedelta(seconds=60), waiting=2, agents_available=1)
    page.shows("#tile-waiting .value", "2")
    page.shows("#rows tr:first-child td.waiting", "2")
    wait_until(lambda: page.text("#tile-longest_wait .value") >= "1:01", "the wait to be counted on", 10)
    assert page.text("#tile-longest_wait .detail") == "Aide sociale"
    page.assert_quiet()


def test_the_whole_board_is_on_the_wall_without_scrolling(served: Served, page: Page) -> None:
    page.open(served.url, WALL)
    page.is_in("live")
    assert page.run("return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == list(
        WALL
    )
    assert page.run("const box = document.querySelector('.scroll'); return box.scrollHeight - box.clientHeight") == 0
    assert page.run("return document.querySelectorAll('#rows tr').length") == len(PLACES)
    assert page.run("return document.querySelector('#chart canvas').width") > 1500
    assert "reçus" in page.run("return document.querySelector('#chart').getAttribute('aria-label')")
    stay_live(served)
    page.picture("wall")
    page.assert_quiet()


def test_what_needs_somebody_is_told_by_word_symbol_and_colour(served: Served, page: Page) -> None:
    page.open(served.url, WALL)
    page.is_in("live")
    assert page.text("#rows tr:nth-child(1) .state") == "● Normal"
    alarm(served)
    page.shows("#rows tr:nth-child(1) .state", "■ Agir")
    page.shows("#rows tr:nth-child(2) .state", "■ Aucun agent")
    page.shows("#rows tr:nth-child(5) .state", "▲ Attention")
    page.shows("#tile-waiting .level", "■ Agir")
    page.shows("#tile-longest_wait .level", "■ Agir")
    assert page.text("#announce"), "screen readers are told"
    stay_live(served)
    page.picture("alarm")


CONTRASTS = """
const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
function ground(element) {
  for (; element; element = element.parentElement) {
    const colour = numbers(getComputedStyle(element).backgroundColor);
    if (colour[3] !== 0) return colour;
  }
}
const poor = [];
for (const element of document.body.querySelectorAll("*")) {
  const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!words || !element.checkVisibility() || element.closest(".unseen, script, noscript")) continue;
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize);
  const [high, low] = [light(numbers(style.color)), light(ground(element))].sort((a, b) => b - a);
  const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  const contrast = (high + 0.05) / (low + 0.05);
  if (contrast < (large ? 3 : 4.5)) poor.push([element.textContent.trim(), contrast]);
}
return poor;
"""


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_text_has_enough_contrast(served: Served, page: Page, size: tuple[int, int]) -> None:
    page.open(served.url, size)
    page.is_in("live")
    assert page.run(CONTRASTS) == []
    alarm(served)
    page.shows("#rows tr:nth-child(1) .state", "■ Agir")
    assert page.run(CONTRASTS) == []


def test_it_can_be_used_on_a_phone(served: Served, page: Page) -> None:
    page.open(served.url, PHONE)
    page.is_in("live")
    stay_live(served)
    wait_until(lambda: page.run("return document.querySelector('#last-event').checkVisibility()"), "the event", 10)
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    cell = "document.querySelector('#rows td.longest').getBoundingClientRect().right"
    assert page.run(f"return {cell}") <= PHONE[0], "who waits is in sight without scrolling sideways"
    stay_live(served)
    page.picture("phone")


def test_the_language_can_be_switched(served: Served, page: Page) -> None:
    page.open(served.url)
    page.is_in("live")
    assert page.run("return document.documentElement.lang") == "fr"
    page.driver.find_element(By.CSS_SELECTOR, "nav a").click()
    wait_until(lambda: page.run("return document.documentElement.lang") == "en", "the English board", 10)
    page.is_in("live")
    assert page.text("#tile-longest_wait h2") == "Longest wait"
    page.shows("#rows tr:first-child th", "Social support")
    stay_live(served)
    page.picture("english")
    page.assert_quiet()


def test_the_keyboard_reaches_everything(served: Served, page: Page) -> None:
    page.open(served.url)
    page.is_in("live")
    reached = []
    for _ in range(5):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.run("const e = document.activeElement; return e.className || e.getAttribute('href')"))
    assert reached == ["skip", "/?lang=en", "scroll", "/api/board", "/metrics"]
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_nothing_is_asked_from_elsewhere(served: Served, page: Page) -> None:
    page.open(served.url)
    page.is_in("live")
    requests = page.requests()
    assert f"{served.url}/events" in requests
    assert [url for url in requests if not url.startswith((f"{served.url}/", "data:"))] == []
    page.assert_quiet()


def test_old_figures_are_shown_as_old(served: Served, page: Page) -> None:
    page.open(served.url, WALL)
    page.is_in("live")
    assert not page.run("return document.querySelector('#stale').checkVisibility()")
    page.is_in("stale")
    assert page.text("#stale-title") == "Données périmées"
    assert "accueil worker" in page.text("#stale-detail")
    served.view.tell(Source.NO_BROKER)
    wait_until(lambda: "Kafka ne répond pas" in page.text("#stale-detail"), "the reason", 10)
    page.picture("stale")
    served.view.tell(Source.FOLLOWING)
    stay_live(served)
    page.is_in("live")


def test_quiet_is_told_from_cut_off_by_the_time_of_the_last_event(served: Served, page: Page) -> None:
    page.open(served.url, WALL)
    page.is_in("live")
    assert not page.run("return document.querySelector('#last-event').checkVisibility()"), "nothing happened yet"
    today, yesterday = AFTERNOON.replace(hour=9, minute=2, second=5), AFTERNOON - timedelta(days=1)
    served.worker.progress(served.now(), event_at=milliseconds(yesterday))
    page.shows("#last-event", "Dernier événement à 15:37:12, lundi 9 mars")
    served.worker.progress(served.now(), event_at=milliseconds(today))
    page.shows("#last-event", "Dernier événement à 09:02:05")
    stay_live(served)
    page.is_in("live")
    page.picture("last-event")


def test_a_board_that_lost_its_server_says_so_and_comes_back_by_itself(page: Page) -> None:
    with serving(OPTIONS, AFTERNOON) as first:
        first.follow()
        fill(first)
        page.open(first.url)
        page.is_in("live")
    page.is_in("stale")
    assert "plus de liaison" in page.text("#stale-detail")
    with serving(OPTIONS, first.now(), first.port) as second:
        second.follow()
        second.worker.offered(SOCIAL, second.now(), 3)
        wait_until(lambda: (stay_live(second), page.state() == "live")[1], "the board to be live again", 20)
        page.shows("#tile-handled .detail", "sur 3 reçus")


def test_before_the_first_figures_it_says_what_it_waits_for(page: Page) -> None:
    with serving(OPTIONS, AFTERNOON) as served:
        served.view.tell(Source.NO_TOPIC)
        page.open(served.url, WALL)
        page.is_in("empty")
        assert page.text("#stale-title") == "En attente des premières données"
        assert "accueil topics apply" in page.text("#stale-detail")
        assert not page.run("return document.querySelector('main').checkVisibility()")
        page.picture("empty")
        served.follow()
        page.is_in("live")
        page.shows("#rows tr:first-child .state", "○ Au repos")
        stay_live(served)
        page.picture("quiet")
        page.assert_quiet()
