"""The wall as people see it, in a real Chromium. Pictures of its views are kept under tests/artifacts."""
# ruff: noqa: RUF001 - the page writes dashes

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streams.core.figures import Dimensions
from streams.core.layouts import SLA
from streams.web.options import VIEWS, QueueOptions, Thresholds, WebOptions
from streams.web.view import NOTHING_PROMISED, Source
from tests.support.processes import wait_until
from tests.unit.web.test_at_risk import told
from tests.web import axe
from tests.web.browser import CONTRASTS, LAPTOP, PHONE, PORTRAIT, TABLET, WALL, Page
from tests.web.rows import Worker
from tests.web.served import Served, serving
from tests.web.test_browser import be_live
from tests.web.test_browser_channels import AFTERNOON, OPTIONS, fill
from tests.web.test_browser_promises import POLICIES, promise

pytestmark = pytest.mark.browser

SWITCHBOARD, _, RSA, PMI = (queue.dimensions for queue in OPTIONS.queues[:4])
CALM = replace(OPTIONS, service_level=Thresholds(0, -1), abandonment=Thresholds(2, 2), quiet_after_seconds=1e9)
"""Neither a rate asks for attention nor a quiet hour."""
WEEKS = 5
LEAST_PIXELS = 32
"""Of text that is to be read from four metres, on 1080 lines."""
BEYOND = """
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
"""What would need scrolling, or is cut off."""
SMALL = f"""
const words = (box) => [...box.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
return [...document.querySelectorAll("header *, #alerts *, main *, .legend *")]
  .filter((box) => words(box) && box.checkVisibility() && !box.closest(".unseen, .symbol"))
  .filter((box) => parseFloat(getComputedStyle(box).fontSize) < {LEAST_PIXELS})
  .map((box) => [box.textContent, getComputedStyle(box).fontSize]);
"""
"""What cannot be read from afar."""


def remember(worker: Worker) -> None:
    """Let there have been days like this one."""
    for week in range(1, WEEKS + 1):
        for hour in range(8, 18):
            at = AFTERNOON.replace(hour=hour, minute=10) - timedelta(weeks=week)
            worker.offered(SWITCHBOARD, at, 6 * (18 - hour) + week)


def press(served: Served) -> None:
    """Let as much need attention as the wall has room for, and more."""
    now = served.now()
    served.worker.stocks(SWITCHBOARD, now - timedelta(seconds=312), waiting=12, in_progress=3, agents_on_contact=3)
    served.worker.stocks(RSA, now - timedelta(seconds=20), waiting=2)
    served.worker.stocks(PMI, now - timedelta(seconds=150), waiting=6, agents_on_contact=2)
    for index, queue in enumerate(OPTIONS.queues[-3:]):
        served.worker.stocks(queue.dimensions, now - timedelta(minutes=40 + index), waiting=4)


@contextmanager
def house(options: WebOptions = OPTIONS, *, is_promised: bool = True) -> Iterator[Served]:
    policies = POLICIES if is_promised else NOTHING_PROMISED
    with serving(replace(options, stale_after_seconds=600), AFTERNOON, policies=policies) as served:
        served.follow()
        yield served


@pytest.fixture(scope="module")
def busy() -> Iterator[Served]:
    """Every channel, promises of each kind, days before, contacts at risk, alarms: all views, full."""
    with house() as served:
        fill(served.worker)
        promise(served.worker)
        remember(served.worker)
        press(served)
        due = [told("at_risk", f"2026-{1000 + hour}", AFTERNOON + timedelta(hours=hour)) for hour in range(1, 20)]
        served.risks.begin([0])
        served.risks.apply_all(0, due)
        served.risks.tell(Source.FOLLOWING)
        yield served


def open_wall(page: Page, served: Served, size: tuple[int, int] = WALL, **parameters: object) -> None:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    page.open(f"{served.url}/wall?{query}", size)
    page.is_in("live")


def key(page: Page, *keys: str) -> None:
    page.driver.find_element(By.TAG_NAME, "body").send_keys(*keys)


def title(page: Page) -> str:
    return page.text("#view-title")


def alerts(page: Page) -> list[str]:
    texts = page.run("return [...document.querySelectorAll('#alert-list li')].map((alert) => alert.textContent.trim())")
    return [re.sub(r"\s+", " ", text) for text in texts]


def turn_all(page: Page) -> Iterator[str]:
    """Turn to each page of each view once, and yield its title."""
    number = page.run("return Number(document.querySelector('#place').textContent.match(/\\d+(?=\\D*$)/)[0])")
    for _ in range(int(number)):
        yield title(page)
        before = page.text("#place")
        page.run("document.querySelector('#next').click()")
        assert page.text("#place") != before


@pytest.mark.parametrize(("language", "theme"), [("fr", "dark"), ("en", "light")])
@pytest.mark.parametrize("size", [WALL, PORTRAIT], ids=["lies", "stands"])
def test_every_view_fits_is_read_from_afar_and_serves_everybody(
    busy: Served, page: Page, size: tuple[int, int], language: str, theme: str
) -> None:
    open_wall(page, busy, size, lang=language, theme=theme, seconds=3600)
    seen = []
    for number, name in enumerate(turn_all(page)):
        seen.append(page.run("return document.querySelector('.view:not([hidden])').classList[1]"))
        assert page.run(BEYOND) == [], name
        assert page.run(SMALL) == [], name
        assert page.run(CONTRASTS) == [], name
        if size == WALL or language == "fr":
            axe.check(page)
        assert page.run("return document.querySelectorAll('#alert-list li').length") == 6, name
        page.picture(f"wall-{size[0]}-{number:02}-{seen[-1]}-{language}-{theme}")
    assert list(dict.fromkeys(seen)) == list(VIEWS)
    page.assert_quiet()


@pytest.mark.parametrize("size", [LAPTOP, (1280, 1024), (1200, 1200), TABLET], ids=lambda size: f"{size[0]}x{size[1]}")
def test_no_view_is_cut_off_on_smaller_and_squarer_screens(busy: Served, page: Page, size: tuple[int, int]) -> None:
    open_wall(page, busy, size, seconds=3600)
    for name in turn_all(page):
        assert page.run(BEYOND) == [], name


CUT_KEYS = """
const [keys, foot] = [".keys", "footer"].map((box) => document.querySelector(box));
const [{ top, bottom }, of] = [keys, foot].map((box) => box.getBoundingClientRect());
return keys.scrollWidth > keys.clientWidth || top < of.top || bottom > innerHeight;
"""


@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_keys_do_stands_whole_beside_the_longest_name_of_a_view(busy: Served, page: Page, language: str) -> None:
    open_wall(page, busy, (1280, 800), seconds=3600, lang=language)
    key(page, Keys.SPACE)
    heights = set()
    for name in turn_all(page):
        assert not page.run(CUT_KEYS), name
        heights.add(page.run("return document.querySelector('footer').clientHeight"))
        assert page.run(BEYOND) == [], name
    assert len(heights) == 1, "two lines take nothing from a view"


def test_a_telephone_scrolls_down_and_never_sideways(busy: Served, page: Page) -> None:
    open_wall(page, busy, PHONE, seconds=3600)
    for number, name in enumerate(turn_all(page)):
        assert page.run("return document.documentElement.scrollWidth - innerWidth") == 0, name
        if number % 3 == 0:
            axe.check(page)
        page.picture(f"wall-phone-{number:02}")


def test_views_turn_by_themselves_and_stand_still_when_asked_to(busy: Served, page: Page) -> None:
    open_wall(page, busy, views="phone,day", seconds=5)
    first = title(page)
    assert first == "Files du téléphone"
    wait_until(lambda: title(page) == "Appels du jour", "the next view", 30)
    key(page, Keys.SPACE)
    assert page.text("#place").endswith("en pause")
    assert page.text("#pause") == "Reprendre"
    part = "return document.querySelector('#progress span').style.transform"
    stands = page.run(part)
    page.driver.execute_async_script("setTimeout(arguments[0], 900)")  # type: ignore[no-untyped-call]
    assert (page.run(part), title(page)) == (stands, "Appels du jour")
    key(page, Keys.ARROW_LEFT)
    assert title(page) == first, "by hand it turns all the same"
    page.run("document.querySelector('#pause').click()")
    assert page.text("#pause") == "Pause"
    wait_until(lambda: page.run(part) > "scaleX(0.05", "its time to pass")
    page.assert_quiet()


LATER = "const now = performance.now.bind(performance); performance.now = () => now() + 181_000;"
"""Three minutes go by, and nobody touches anything."""


def test_a_panel_that_is_left_open_closes_and_the_views_turn_on(busy: Served, page: Page) -> None:
    open_wall(page, busy, views="phone,day", seconds=5, lang="en")
    first = title(page)
    page.driver.find_element(By.CSS_SELECTOR, ".view.phone tbody .explains").click()
    panel = "return document.querySelector('#explained').open"
    page.driver.execute_async_script("setTimeout(arguments[0], 5500)")  # type: ignore[no-untyped-call]
    assert (page.run(panel), title(page)) == (True, first), "who reads it is left alone"
    page.run(LATER)
    wait_until(lambda: not page.run(panel), "the panel to close")
    wait_until(lambda: title(page) != first, "the next view", 30)


def test_the_focus_of_the_keyboard_holds_a_view_and_survives_its_turn(busy: Served, page: Page) -> None:
    open_wall(page, busy, views="phone,day", seconds=5, lang="en")
    first, focused = (
        title(page),
        "return document.activeElement.closest('.view')?.className ?? document.activeElement.id",
    )
    key(page, Keys.TAB)
    assert page.run(focused) == "view phone"
    page.driver.execute_async_script("setTimeout(arguments[0], 5500)")  # type: ignore[no-untyped-call]
    assert title(page) == first, "nothing turns under the hands of who reads"
    page.run("document.querySelector('#next').click()")
    assert (title(page) != first, page.run(focused)) == (True, "view-title")
    page.driver.switch_to.active_element.send_keys(Keys.TAB)
    shown = page.run(
        "return document.querySelector('.view:not([hidden])').className"
    )  # it may have turned, on a slow machine
    assert page.run(focused) == shown, "it goes on from there"
    before = title(page)
    page.run(LATER)
    wait_until(lambda: title(page) != before, "the view to turn once nobody is there", 30)
    assert page.run(focused) == "view-title"


def test_who_wants_less_motion_sees_none(busy: Served, page: Page) -> None:
    media = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        open_wall(page, busy, seconds=3600)
        assert not page.run("return document.querySelector('#progress').checkVisibility()")
        assert page.run("return document.getAnimations().length") == 0
        assert "1 sur" in page.text("#place"), "where it stands is said in words"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_figures_move_alarms_stand_above_every_view_and_the_tab_counts_them(page: Page) -> None:
    with house(CALM, is_promised=False) as served:
        fill(served.worker)
        open_wall(page, served, views="overview,phone,satisfaction", seconds=3600, lang="en")
        assert page.text("#no-alert") == "● Nothing needs attention"
        page.is_called("Wall – Accueil du Département")
        waiting = ".card:first-child .main .explains"
        page.shows(waiting, "0")
        served.worker.stocks(SWITCHBOARD, served.now() - timedelta(seconds=20), waiting=12, agents_on_contact=1)
        page.shows(waiting, "12")
        page.shows("#alert-list li", "■ Switchboard: 12 waiting")
        page.is_called("(1) Wall – Accueil du Département")
        icon = page.run("return document.querySelector('link[rel=icon]').getAttribute('href')")
        assert icon == "/icon.svg?n=1&level=action"
        assert page.text("#announce") == "New alert: Switchboard: 12 waiting"
        assert page.run("return document.querySelector('#announce').role") == "status", "told politely"
        for name in turn_all(page):
            assert page.run("return document.querySelector('#alert-list li').checkVisibility()"), name
        served.worker.stocks(SWITCHBOARD, waiting=0, agents_available=1)
        page.shows("#no-alert", "● Nothing needs attention")
        page.is_called("Wall – Accueil du Département")
        assert page.run("return document.getAnimations().length") == 0, "nothing flashes"
        page.assert_quiet()


def test_a_rate_that_a_card_marks_is_counted_above_the_views(page: Page) -> None:
    with house(replace(CALM, service_level=OPTIONS.service_level), is_promised=False) as served:
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        assert alerts(page) == []
        for wait in (5,) * 15 + (60,) * 5:
            served.worker.answered(SWITCHBOARD, served.now(), wait)
        wait_until(
            lambda: alerts(page) == [f"▲ Telephone: service level{half} 75.0%" for half in ("", " 30 min")],
            "what the card marks",
        )
        marked = (
            "return [...document.querySelectorAll('.card .rest [data-level=attention]')].map((it) => it.textContent)"
        )
        assert page.run(marked) == ["Service level75.0%"]
        for wait in (5,) * 40:
            served.worker.answered(RSA, served.now(), wait)
        alone = [f"▲ Switchboard: service level{half} 75.0%" for half in ("", " 30 min")]
        wait_until(lambda: alerts(page) == alone, "the queue that is marked alone")
        assert page.run(marked) == []
        assert page.text(".card .level") == "▲ Attention"


def test_what_the_board_marks_counts_on_both_pages_in_state_strip_tile_and_tab(page: Page) -> None:
    with house(replace(CALM, service_level=OPTIONS.service_level), is_promised=False) as served:
        for _ in range(400):
            served.worker.answered(RSA, AFTERNOON - timedelta(hours=3), 5)
            served.worker.answered(SWITCHBOARD, served.now(), 5)
        for wait in (5,) * 13 + (60,) * 20:
            served.worker.answered(RSA, served.now(), wait)
        served.worker.stocks(RSA, agents_available=1)
        words = "Income support (RSA): service level 30 min 39.4%"
        page.open(f"{served.url}/?lang=en", WALL)
        page.is_called("(1) Live board – Accueil du Département")
        row = 1 + [queue.dimensions for queue in OPTIONS.queues].index(RSA) + 1  # below the name of the channel
        cell = f"#rows tr:nth-child({row})"
        assert page.run(f"return document.querySelector('{cell} .recent').dataset.level") == "action"
        assert page.text(f"{cell} .state") == "■ Act"
        assert page.text("#tile-service_level .level") == "■ Act"
        assert page.text("#tile-service_level .detail") == "Income support (RSA): 30 min 39.4%", "whose mark it is"
        open_wall(page, served, views="overview,phone", seconds=3600, lang="en")
        page.is_called("(1) Wall – Accueil du Département")
        assert page.text(".card .level") == "■ Act"
        assert alerts(page) == [f"■ {words}"]
        list(zip(range(1), turn_all(page), strict=False))
        page.run("document.querySelector('#next').click()")
        states = page.run("return [...document.querySelectorAll('.view.phone td.state')].map((one) => one.textContent)")
        assert states[[queue.dimensions for queue in OPTIONS.queues].index(RSA)] == "■ Act"


def test_a_promise_that_is_not_kept_often_enough_counts_of_whatever_channel(page: Page) -> None:
    with house(CALM) as served:
        for name, channel, met, breached in (
            ("telephone", "call", 60, 40),
            ("guichets", "visit", 90, 0),
            ("courrier", "mail", 50, 0),
        ):
            clock = "acknowledge" if channel == "mail" else "answer"
            place = Dimensions(SLA, "siege", "rsa", f"{name}:{clock}:{channel}")
            served.worker.count(place, served.now(), started=met + breached, met=met, breached=breached)
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        assert alerts(page) == ["▲ Telephone – answer: kept 60.0%"]
        card = page.text(".card:last-child")
        assert "▲ Attention" in card
        assert "83.3%" in card, "200 of 240, calls and visits among them"
        assert page.run("return document.querySelectorAll('.card:last-child .rest [data-level=attention]').length") == 1


def test_who_waits_for_too_long_is_told_once_by_queue_and_not_again_among_promises(page: Page) -> None:
    with house(CALM) as served:
        answer = Dimensions(SLA, RSA.site, RSA.service, "telephone:answer:call")
        letters = answer._replace(queue="courrier:announced:mail")
        served.worker.count(answer, served.now(), started=6)
        served.worker.count(letters, served.now(), started=6)
        served.worker.stocks(RSA, served.now() - timedelta(seconds=130), waiting=6, agents_available=1)
        served.worker.stocks(answer, served.now() - timedelta(seconds=70), running=1, at_risk=2, overdue=3)
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        assert alerts(page) == ["■ Income support (RSA): 6 waiting, overdue: 3"]
        page.is_called("(1) Wall – Accueil du Département")
        served.worker.stocks(letters, served.now() - timedelta(days=1), overdue=2, at_risk=1)
        more = ["■ Promises overdue: 2", "▲ Promises at risk: 1"]
        wait_until(lambda: alerts(page)[1:] == more, "what is written", otherwise=lambda: alerts(page))
        served.worker.stocks(RSA, served.now() - timedelta(seconds=70), waiting=1, agents_available=1)
        served.worker.stocks(answer, served.now() - timedelta(seconds=10), running=0, at_risk=0, overdue=1)
        wait_until(lambda: "Income support (RSA): wait " in alerts(page)[0], "where nothing else is marked")
        assert alerts(page)[0].endswith(", overdue: 1")
        served.worker.stocks(RSA, waiting=0, agents_available=1)
        unknown = ["■ Promises overdue: 3", "▲ Promises at risk: 1"]
        wait_until(lambda: alerts(page) == unknown, "none that no queue tells is lost", otherwise=lambda: alerts(page))


def test_of_two_queues_of_a_service_each_tells_of_no_more_than_wait_there(page: Page) -> None:
    other = QueueOptions(RSA._replace(queue="rsa-2"), "Rappels", "Call-backs")
    with house(replace(CALM, queues=(*CALM.queues, other))) as served:
        answer = Dimensions(SLA, RSA.site, RSA.service, "telephone:answer:call")
        served.worker.count(answer, served.now(), started=6)
        served.worker.stocks(RSA, served.now() - timedelta(seconds=70), waiting=4, agents_available=1)
        served.worker.stocks(other.dimensions, served.now() - timedelta(hours=1), waiting=1, agents_available=1)
        served.worker.stocks(answer, served.now() - timedelta(minutes=59), overdue=3)
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        told_of = [re.sub(r"wait [\d:]+", "wait", alert) for alert in alerts(page)]
        assert told_of == ["■ Income support (RSA): wait, overdue: 2", "■ Call-backs: wait, overdue: 1"]


def test_a_place_that_is_closed_says_so_whoever_waits(page: Page) -> None:
    evening, desk = AFTERNOON + timedelta(hours=3), OPTIONS.queues[-1].dimensions
    with serving(replace(CALM, stale_after_seconds=600), evening, policies=POLICIES) as served:
        served.follow()
        state = f"#rows tr:nth-child({len(OPTIONS.queues) + 2}) .state"
        page.open(f"{served.url}/?lang=en", WALL)
        page.is_in("live")
        page.shows(state, "○ Closed")
        served.worker.stocks(desk, served.now(), waiting=1, in_progress=2)
        page.shows("#rows tr:last-child .waiting", "1")
        inside = "08:30, 1 waiting, 2 in progress"
        assert page.text("#openings").endswith(inside)
        assert page.run(f"return document.querySelector('{state}').title").endswith(inside)
        assert page.text(state) == "○ Closed", "the columns beside it say how many"
        served.worker.stocks(desk, served.now() - timedelta(minutes=40), waiting=1)
        page.shows(state, "■ Act")
        open_wall(page, served, views="desk", seconds=3600, lang="en")
        assert "■ Act – closed" in page.text(".view.desk")
        assert page.run(BEYOND) == []


@pytest.mark.parametrize(("language", "words"), [("fr", "○ Fermé"), ("en", "○ Closed")])
def test_what_is_closed_is_no_alarm_whatever_the_day_has_brought(page: Page, language: str, words: str) -> None:
    telephone = replace(CALM, queues=OPTIONS.queues[:2], service_level=OPTIONS.service_level)
    evening = AFTERNOON + timedelta(hours=3)
    row = "#rows tr:nth-child(1)"
    with serving(replace(telephone, stale_after_seconds=600), evening, policies=POLICIES) as served:
        served.follow()
        for wait in (5,) * 15 + (60,) * 5:
            served.worker.answered(SWITCHBOARD, evening - timedelta(hours=6), wait)
        served.worker.stocks(SWITCHBOARD, in_progress=1, agents_on_contact=1, agents_available=1)
        page.open(f"{served.url}/?lang={language}", WALL)
        page.is_in("live")
        page.shows(f"{row} .state", words)
        level = f"return document.querySelector('{row}').dataset.level"
        assert page.run(level) == "normal"
        assert page.run(f"return document.querySelector('{row} .service').dataset.level") == "normal"
        why = page.run(f"return document.querySelector('{row} .service').title")
        assert why.endswith(f" – {words[2:].lower()}")
        assert page.run("return document.querySelector('#tile-service_level').dataset.level") == "normal"
        assert page.text("#tile-service_level .level") == words
        assert not page.driver.title.startswith("("), "nothing is to be done now"
        page.picture(f"closed-{language}")
        open_wall(page, served, views="overview,phone", seconds=3600, lang=language)
        assert alerts(page) == []
        assert page.text(".card .level") == words
        marked = "return [...document.querySelectorAll('.view [data-level]:not([data-level=normal])')].length"
        assert page.run(marked) == 0, "on the wall as on the board"
        page.run("document.querySelector('#next').click()")
        state = page.text(".view.phone tbody tr:first-child .state")
        assert state.startswith(f"{words} – 1 "), "who is there is said"
        assert page.run(marked) == 0
        colours = (
            "return [...document.querySelectorAll('.view.phone .state')].map((box) => getComputedStyle(box).color)"
        )
        assert len(set(page.run(colours))) == 1, "and its colour is that of what is closed beside it"
        page.picture(f"wall-closed-{language}")
        served.worker.stocks(SWITCHBOARD, evening - timedelta(minutes=9), waiting=1, agents_available=1)
        wait_until(lambda: len(alerts(page)) == 1, "who still waits")
        shown = {"fr": "■ Agir – fermé", "en": "■ Act – closed"}[language]
        page.shows(".view.phone tbody tr:first-child .state", shown)
        page.assert_quiet()


NEWS = """
window.news = [];
new MutationObserver((changes) => changes.forEach(({ addedNodes: [words] }) => words && news.push(words.textContent)))
  .observe(document.querySelector("#announce"), { childList: true });
"""


def test_what_is_new_is_told_once_and_again_when_it_comes_again(page: Page) -> None:
    with house(CALM, is_promised=False) as served:
        open_wall(page, served, views="phone", seconds=3600, lang="en")
        page.run(NEWS)

        def wait(number: int) -> None:
            served.worker.stocks(SWITCHBOARD, served.now(), waiting=number, agents_available=1)
            shown = ["■ Switchboard: 12 waiting"] if number else []
            wait_until(lambda: alerts(page) == shown, f"{number} who wait")

        wait(12)
        served.worker.answered(RSA, served.now(), 5)  # another message, in which nothing is new
        page.shows(".view.phone tbody tr:nth-child(3) td:nth-child(6)", "100%")
        wait(0)
        wait(12)
        assert page.run("return news") == ["New alert: Switchboard: 12 waiting"] * 2


def test_the_board_tells_what_is_new_as_the_wall_does(page: Page) -> None:
    with house(CALM, is_promised=False) as served:
        page.open(f"{served.url}/?lang=en", WALL)
        page.is_in("live")
        page.run(NEWS)
        for place in (SWITCHBOARD, RSA):
            served.worker.stocks(place, served.now(), waiting=12, agents_available=1)
        wait_until(lambda: page.driver.title.startswith("(2) "), "both of them")
        told_of = "; ".join(page.run("return news"))
        assert "Switchboard: 12 waiting" in told_of
        assert "Income support (RSA): 12 waiting" in told_of
        served.worker.stocks(SWITCHBOARD, served.now(), waiting=6, agents_available=1)
        page.shows("#rows tr:nth-child(2) .state", "▲ Attention")
        assert "; ".join(page.run("return news")) == told_of, "what is less pressing than it was is no news"


def test_a_view_that_has_nothing_to_show_is_left_out(page: Page) -> None:
    with house(WebOptions(brokers="", queues=OPTIONS.queues[:2]), is_promised=False) as served:
        open_wall(page, served, seconds=3600)
        seen = [page.run("return document.querySelector('.view:not([hidden])').classList[1]") for _ in turn_all(page)]
        assert seen == ["overview", "phone", "day", "sources"]
        mail = Dimensions("mail", "siege", "rsa", "")
        served.worker.count(mail, served.now(), "received")
        served.worker.stocks(mail, served.now() - timedelta(days=61), waiting=1)
        wait_until(lambda: "■ Courrier : le plus ancien a 61 j" in alerts(page), "the oldest letter to be told")
        views = [page.run("return document.querySelector('.view:not([hidden])').classList[1]") for _ in turn_all(page)]
        assert "written" in views


def test_who_comes_is_compared_with_the_same_weekdays(page: Page) -> None:
    with house(is_promised=False) as served:  # its clock has just begun
        fill(served.worker)
        remember(served.worker)
        open_wall(page, served, views="day", lang="en")
        shown = page.run("return [...document.querySelectorAll('.view.day .main')].map((box) => box.textContent)")
        usual = sum(6 * (18 - hour) + 2.5 for hour in range(8, 16)) - 0.4 * (6 * 3 + 2.5)
        assert f"{usual:.0f}Usually by now" in {text.replace("Usually by now", "") + "Usually by now" for text in shown}
        assert page.text(".series-usual .value") == f"{usual:.0f}"
        dashes = "return getComputedStyle(document.querySelector('.series-usual line')).strokeDasharray"
        assert page.run(dashes) != "none"


def test_where_there_is_no_history_it_is_said(page: Page) -> None:
    with house(is_promised=False) as served:
        fill(served.worker)
        legend = "return document.querySelector('#legend').innerText.replace(/\\s+/g, ' ').trim()"
        for language, told_so in {
            "fr": "(pas encore d’historique pour comparer)",
            "en": "(no history yet to compare with)",
        }.items():
            page.open(f"{served.url}/?lang={language}", WALL)
            page.is_in("live")
            today = {"fr": "aujourd’hui", "en": "today"}[language]
            assert re.search(rf" \d+ {re.escape(told_so)} {today}$", page.run(legend)), page.run(legend)
            open_wall(page, served, views="day", lang=language)
            assert page.run(legend).endswith(told_so)
        assert "no history yet" in page.text(".view.day .cards")


GREYS = """
const grey = getComputedStyle(document.querySelector("main h2")).color;
return [...document.querySelectorAll(".view:not([hidden]) .explains")]
  .filter((figure) => figure.textContent.endsWith("%"))
  .map((figure) => getComputedStyle(figure).color === grey);
"""
"""Of each share in sight whether it is grey."""


def test_a_share_of_few_is_grey_on_the_wall_as_on_the_board(page: Page) -> None:
    with house(CALM, is_promised=False) as served:
        for number, is_grey in ((9, True), (1, False)):
            for _ in range(number):
                served.worker.answered(SWITCHBOARD, served.now(), 5)
            for view, shares in {"overview": 1, "phone": 2, "day": 2}.items():
                open_wall(page, served, views=view, seconds=3600, lang="en")
                assert page.run(GREYS) == [is_grey] * shares, view


LAST_HOUR = """
const [chart, plot] = ["#chart canvas", "#chart .u-over"].map((box) => document.querySelector(box));
const pen = document.createElement("canvas").getContext("2d");
pen.font = `${getComputedStyle(document.querySelector("#chart")).fontSize} Inter`;
return chart.getBoundingClientRect().right - plot.getBoundingClientRect().right - pen.measureText("18:00").width / 2;
"""
"""How much room there is beside the last hour of the day's curve, which stands below its end."""


def test_the_last_hour_of_the_curve_is_whole(busy: Served, page: Page) -> None:
    for size in (WALL, LAPTOP, PHONE):
        open_wall(page, busy, size, views="day", seconds=3600)
        assert page.run(LAST_HOUR) >= 0, size
        page.open(busy.url, size)
        page.is_in("live")
        assert page.run(LAST_HOUR) >= 0, size


def test_that_history_is_read_is_marked_on_both_pages_alike(page: Page) -> None:
    colours = {}
    with house(CALM, is_promised=False) as served:
        fill(served.worker)
        served.worker.progress(served.now(), history={"mail": int(AFTERNOON.timestamp() - 86_400) * 1000})
        for address in ("/?lang=en", "/wall?lang=en"):
            page.open(f"{served.url}{address}", WALL)
            page.shows("#status .word", "Partly live")
            assert page.text("#status .symbol") == "▲"
            colours[address] = page.run("return getComputedStyle(document.querySelector('#status .symbol')).color")
    assert set(colours.values()) == {"rgb(230, 159, 0)"}


def test_a_measure_of_a_service_with_a_long_name_is_whole(page: Page) -> None:
    with house(CALM, is_promised=False) as served:
        for service in ("pmi", "mdph"):
            opinion = Dimensions("feedback", "siege", service, "call")
            served.worker.count(opinion, served.now(), given_jdma_0_10_8=12)
        open_wall(page, served, views="satisfaction", seconds=3600, lang="en")
        cut = "return [...document.querySelectorAll('.bars .name')].filter((one) => one.scrollWidth > one.clientWidth)"
        assert "Mother and child care (PMI) – JDMA, 8 to 10" in page.text(".bars")
        assert page.run(f"{cut}.map((one) => one.textContent)") == []
        bars = "return [...document.querySelectorAll('.bar')].map((one) => one.getBoundingClientRect().left)"
        assert len(set(page.run(bars))) == 1, "all of them stand below each other"
        assert page.run(BEYOND) == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_buttons_hold_their_words_on_a_telephone(busy: Served, page: Page, language: str) -> None:
    open_wall(page, busy, PHONE, views="phone,day", seconds=3600, lang=language)
    page.run("document.querySelector('#pause').click()")
    page.run("scrollTo(0, document.documentElement.scrollHeight)")
    page.picture(f"wall-phone-buttons-{language}")
    beyond = """return [...document.querySelectorAll("footer :is(button, p)")].filter((box) => box.checkVisibility())
      .filter((box) => box.scrollWidth > box.clientWidth + 1 || box.getBoundingClientRect().right > innerWidth)
      .map((box) => box.textContent)"""
    assert page.run(beyond) == []


UNDER_WAY = """
const canvas = document.querySelector("#chart canvas");
const [box, plot] = [canvas, document.querySelector("#chart .u-over")].map((one) => one.getBoundingClientRect());
const scale = canvas.width / box.width;
const left = Math.ceil((plot.right - box.left + 3) * scale);
const height = Math.floor((plot.bottom - box.top - 20) * scale);
const told = canvas.getContext("2d").getImageData(left, 0, canvas.width - left, height).data;
return told.filter((value, index) => index % 4 === 3 && value > 0).length;
"""
"""How much is drawn beside the curve."""


def test_after_the_last_hour_of_the_curve_nothing_is_under_way_in_it(page: Page) -> None:
    with serving(replace(CALM, stale_after_seconds=600), AFTERNOON + timedelta(hours=3)) as served:
        served.follow()
        fill(served.worker)
        open_wall(page, served, views="day", seconds=3600)
        wait_until(lambda: page.run("return document.querySelector('#chart canvas')?.width ?? 0") > 0, "the curve")
        assert page.run(UNDER_WAY) == 0
        page.picture("wall-day-is-over")


def test_a_telephone_has_no_heading_over_nothing(busy: Served, page: Page) -> None:
    open_wall(page, busy, PHONE, views="written", seconds=3600)
    nothing = """return [...document.querySelectorAll(".view.written td")]
      .filter((cell) => cell.checkVisibility() && !cell.textContent.trim()).length"""
    assert page.run(nothing) == 0
    assert page.run("return document.querySelectorAll('.view.written td').length") > 0


def test_the_next_deadlines_at_risk_are_listed_and_no_whole_number(busy: Served, page: Page) -> None:
    open_wall(page, busy, views="deadlines", seconds=3600)
    *_, last = turn_all(page)
    page.run("document.querySelector('#previous').click()")
    assert title(page) == last
    rows = page.run(
        "return [...document.querySelectorAll('.view:not([hidden]) tbody tr')].map((row) => row.textContent)"
    )
    assert [row[-5:] for row in rows] == [f"…{1000 + hour}" for hour in range(1, 8)], "as many as find room"
    assert re.search(r"5\d.min ouvréesCourrier .*16:37", rows[0]), "the working time that is left, and until when"
    assert "Et 29 de plus" in page.text(".view:not([hidden]) table + .note"), "of whom it is told no more"
    assert "2026-1001" not in page.run("return document.documentElement.outerHTML")


ONCE_TOLD = """
const notes = () => [...document.querySelectorAll(".view:not([hidden]) table + .note")].map((note) => note.textContent);
const isTold = () => [...document.querySelectorAll("#alert-list li")].some((alert) => /: 3$/.test(alert.textContent.trim()));
return new Promise((resolve) => {
  const look = () => (isTold() ? resolve(notes()) : setTimeout(look, 20));
  look();
});
"""
"""The notes at the moment at which three promises are told to be at risk."""


def test_figures_that_are_a_moment_ahead_of_warnings_are_no_old_warnings(page: Page) -> None:
    with house() as served:
        place = Dimensions(SLA, "siege", "rsa", "courrier:announced:mail")
        served.worker.count(place, served.now(), started=3)
        served.worker.stocks(place, running=1, at_risk=2)
        served.risks.begin([0])
        served.risks.apply_all(
            0, [told("at_risk", f"2026-{number}", AFTERNOON + timedelta(hours=2)) for number in (1001, 1002)]
        )
        served.risks.tell(Source.FOLLOWING)
        open_wall(page, served, views="deadlines", seconds=3600)
        page.run("document.querySelector('#previous').click()")
        note = (
            "return [...document.querySelectorAll('.view:not([hidden]) table + .note')].map((note) => note.textContent)"
        )
        assert page.run(note) == []
        served.worker.stocks(place, running=0, at_risk=3)
        assert page.run(ONCE_TOLD) == [], "not yet: the warning may be on its way"
        wait_until(lambda: len(page.run(note)) == 1, "it to last")
        assert page.run(note)[0].startswith("Et 1 de plus")


def test_a_click_on_a_figure_explains_it_and_the_keyboard_does_too(busy: Served, page: Page) -> None:
    open_wall(page, busy, views="phone", seconds=5, lang="en")
    page.driver.find_element(By.CSS_SELECTOR, ".view.phone tbody tr:first-child td:nth-child(6) .explains").click()
    panel = "#explained"
    assert page.text(f"{panel} h2") == "Switchboard – Service level"
    numerator, denominator = map(int, page.text(f"{panel} .made").split("÷"))
    assert page.text(f"{panel} .told") == f"{100 * numerator / denominator:.1f}%"
    assert "answered within 20" in page.text(f"{panel} .means")
    assert "▲ below 80.0%" in page.text(f"{panel} .levels")
    where = f"--channel call --site {SWITCHBOARD.site} --service {SWITCHBOARD.service} --queue {SWITCHBOARD.queue}"
    assert page.text(f"{panel} .commands") == f"accueil explain service_level {where}"
    axe.check(page)
    page.picture("wall-explained")
    key(page, Keys.ESCAPE)
    wait_until(lambda: not page.run("return document.querySelector('#explained').open"), "the panel to close")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_LEFT, Keys.ARROW_DOWN, Keys.ENTER)
    assert page.text(f"{panel} h2").endswith("Agents available"), "arrows move between figures"
    assert page.text(f"{panel} .rule").startswith("No contact is counted here")
    page.assert_quiet()


def test_what_a_card_counts_is_what_its_command_lists(busy: Served, page: Page) -> None:
    open_wall(page, busy, views="overview,satisfaction", seconds=3600, lang="en")

    def command(selector: str) -> str:
        page.run(f"document.querySelector({selector!r}).click()")
        told = page.text("#explained .commands")
        page.run("document.querySelector('#explained .close').click()")
        return told

    promises = ".view.overview .card:last-child .main .explains"
    assert command(promises) == (
        "accueil explain overdue --channel call --channel visit --channel mail --channel email --channel form"
    )
    list(zip(range(2), turn_all(page), strict=False))
    assert command(".view.satisfaction li .explains") == "accueil explain given_csat_1_5 --channel feedback --days 28"
    page.open(f"{busy.url}/?lang=en", WALL)
    page.is_in("live")
    recent = "accueil explain service_level --channel call .* --since 2026-.*T.* --until 2026-.*T.*"
    assert re.fullmatch(recent, command("#rows tr:not(.channel) .recent .explains"))


def test_the_figures_of_the_board_explain_themselves(busy: Served, page: Page) -> None:
    page.open(f"{busy.url}/?lang=en", WALL)
    page.is_in("live")
    assert re.match(r"\(\d+\) Live board", page.driver.title), "the tab counts what needs attention"
    for selector, name, command in (
        ("#tile-abandonment .explains", "Abandon rate", "accueil explain abandonment --channel call"),
        (
            "#services-rows tr:first-child td.number .explains",
            "All – Letters – Received",
            "accueil explain received --channel mail",
        ),
        (
            "#promises-rows tr:nth-child(4) .overdue .explains",
            "Letters – announced delay – Overdue",
            f"accueil explain overdue --channel {SLA} --queue courrier:announced:mail",
        ),
    ):
        page.run(f"document.querySelector({selector!r}).click()")
        assert page.text("#explained h2") == name
        assert page.text("#explained .commands") == command
        page.run("document.querySelector('#explained .close').click()")
    axe.check(page)


def test_a_worker_that_stops_makes_the_wall_stale_and_it_comes_back_by_itself(page: Page) -> None:
    with serving(replace(OPTIONS, stale_after_seconds=2), AFTERNOON) as served:
        served.follow()
        fill(served.worker)
        page.open(f"{served.url}/wall?seconds=3600", WALL)
        be_live(served, page)
        page.is_in("stale")
        assert page.run("return document.querySelector('#stale').checkVisibility()")
        assert page.run(BEYOND) == [], "the banner takes its room from the view"
        axe.check(page)
        page.picture("wall-stale")
        be_live(served, page)
        assert not page.run("return document.querySelector('#stale').checkVisibility()")


def test_a_wall_without_figures_says_what_it_waits_for(page: Page) -> None:
    with serving(OPTIONS, AFTERNOON) as served:
        page.open(f"{served.url}/wall", WALL)
        page.is_in("empty")
        assert not page.run(
            "return [...document.querySelectorAll('.view, #no-alert')].some((box) => box.checkVisibility())"
        )
        assert page.run(BEYOND) == []
        axe.check(page)


def test_the_wall_is_opened_by_an_address_or_from_the_board(busy: Served, page: Page) -> None:
    page.open(f"{busy.url}/?wall&views=day&lang=en", WALL)
    page.is_in("live")
    assert page.driver.current_url == f"{busy.url}/wall?views=day&lang=en"
    assert title(page) == "Calls today"
    page.open(f"{busy.url}/?lang=fr", WALL)
    page.driver.find_element(By.CSS_SELECTOR, "nav a[href='/wall']").click()
    page.is_in("live")
    assert page.run("return document.querySelector('#full-screen').checkVisibility()")
    page.run("document.querySelector('#full-screen').click()")


@pytest.mark.parametrize(("language", "size"), [("fr", WALL), ("en", PHONE)], ids=["fr", "en"])
def test_a_view_that_there_is_not_is_named_with_those_that_there_are(
    busy: Served, page: Page, language: str, size: tuple[int, int]
) -> None:
    told = "#unknown-views"
    wrong = {"fr": "▲ Inconnu dans views=\N{NO-BREAK SPACE}: ", "en": "▲ Unknown in views=: "}[language]
    there = {"fr": ". Vues possibles\N{NO-BREAK SPACE}: ", "en": ". Possible views: "}[language]
    open_wall(page, busy, size, views="telephone,%20day,<b>x</b>,phone", seconds=3600, lang=language)
    assert page.text(told) == f"{wrong}telephone, <b>x</b>{there}{', '.join(VIEWS)}."
    assert page.run(f"return document.querySelector('{told}').checkVisibility()")
    expected = {"fr": "Appels du jour", "en": "Calls today"}[language]
    assert title(page) == expected, "those that there are, in the order of the address"
    if size == WALL:
        assert page.run(BEYOND) == []
    assert page.run(CONTRASTS) == []
    axe.check(page)
    page.picture(f"wall-unknown-view-{language}")
    open_wall(page, busy, size, views="telephone", seconds=3600, lang=language)
    assert page.text(told) == f"{wrong}telephone{there}{', '.join(VIEWS)}."
    assert len(list(turn_all(page))) >= len(VIEWS), "none is known: those of the settings"
    for right in ({}, {"views": "phone,day"}, {"views": ""}):
        open_wall(page, busy, size, **right, lang=language)
        assert not page.run(f"return document.querySelector('{told}').checkVisibility()")
    page.assert_quiet()


def test_how_many_are_open_and_the_oldest_of_them_are_of_the_same_matters(page: Page) -> None:
    with house(CALM, is_promised=False) as served:
        mail = Dimensions("mail", "siege", "rsa", "")
        served.worker.count(mail, served.now(), received=3)
        served.worker.stocks(
            mail, served.now() - timedelta(days=3, hours=7), waiting=0, in_progress=3, pending_citizen=4
        )
        open_wall(page, served, views="overview,written", seconds=3600, lang="en")
        wait_until(lambda: "3Open" in page.text(".view.overview").replace("Open3", "3Open"), "what is in progress")
        list(zip(range(1), turn_all(page), strict=False))
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
