"""Tests of the wall in Chromium: layout and rotation of views."""

from dataclasses import replace
from datetime import timedelta

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streams.core.figures.figure import Dimensions
from streams.web.options import WALL_VIEWS, WebOptions
from tests.support.processes import wait_until
from tests.web import axe
from tests.web.browser import PHONE, PORTRAIT, WALL, Page
from tests.web.channels import OPTIONS, fill
from tests.web.live import AFTERNOON, wait_until_live
from tests.web.served import Served, serving
from tests.web.wall import CALM, OVERFLOWING, SMALL, alerts, key, open_wall, organisation, title, turn_pages

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("language", "theme"), [("fr", "dark"), ("en", "light")])
@pytest.mark.parametrize("size", [WALL, PORTRAIT], ids=["lies", "stands"])
def test_each_view_fits_and_is_legible_and_accessible(
    full_wall: Served, page: Page, size: tuple[int, int], language: str, theme: str
) -> None:
    open_wall(page, full_wall, size, lang=language, theme=theme, seconds=3600)
    seen = []
    for number, name in enumerate(turn_pages(page)):
        seen.append(page.run("return document.querySelector('.view:not([hidden])').classList[1]"))
        assert page.run(OVERFLOWING) == [], name
        assert page.run(SMALL) == [], name
        if size == WALL or language == "fr":
            axe.check(page)
        assert page.run("return document.querySelectorAll('#alert-list li').length") == 6, name
        page.screenshot(f"wall-{size[0]}-{number:02}-{seen[-1]}-{language}-{theme}")
    assert list(dict.fromkeys(seen)) == list(WALL_VIEWS)
    page.assert_no_errors()


def test_phone_never_scrolls_sideways(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, PHONE, seconds=3600)
    for number, name in enumerate(turn_pages(page)):
        assert page.run("return document.documentElement.scrollWidth - innerWidth") == 0, name
        if number % 3 == 0:
            axe.check(page)


def let_pass(page: Page, seconds: int) -> None:
    """Advance the clock of a wall, which then turns its pages."""
    page.run(f"const now = performance.now.bind(performance); performance.now = () => now() + {1000 * seconds};")
    page.driver.execute_async_script("setTimeout(arguments[0], 900)")  # type: ignore[no-untyped-call]


def test_views_rotate_and_can_be_paused(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="phone,day", seconds=60)
    first = title(page)
    assert first == "Files du téléphone"
    let_pass(page, 60)
    wait_until(lambda: title(page) == "Appels du jour", "the next view")
    key(page, Keys.SPACE)
    assert page.text("#place").endswith("en pause")
    assert page.text("#pause") == "Reprendre"
    part = "return document.querySelector('#progress span').style.transform"
    stands = page.run(part)
    let_pass(page, 60)
    assert (page.run(part), title(page)) == (stands, "Appels du jour")
    key(page, Keys.ARROW_LEFT)
    assert title(page) == first, "keys turn pages while paused"
    page.run("document.querySelector('#pause').click()")
    assert page.text("#pause") == "Pause"
    let_pass(page, 6)
    wait_until(lambda: page.run(part) > "scaleX(0.05", "the rotation to resume")
    page.assert_no_errors()


def test_panel_left_open_closes_and_rotation_continues(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="phone,day", seconds=60, lang="en")
    first = title(page)
    page.driver.find_element(By.CSS_SELECTOR, ".view.phone tbody .explains").click()
    panel = "return document.querySelector('#explained').open"
    let_pass(page, 60)
    assert (page.run(panel), title(page)) == (True, first), "an open panel holds the view"
    let_pass(page, 181)
    wait_until(lambda: not page.run(panel), "the panel to close")
    wait_until(lambda: title(page) != first, "the next view")


def test_keyboard_focus_holds_a_view_and_survives_rotation(full_wall: Served, page: Page) -> None:
    open_wall(page, full_wall, views="phone,day", seconds=60, lang="en")
    first, focused = (
        title(page),
        "return document.activeElement.closest('.view')?.className ?? document.activeElement.id",
    )
    key(page, Keys.TAB)
    assert page.run(focused) == "view phone"
    let_pass(page, 60)
    assert title(page) == first, "the view does not change while in use"
    page.run("document.querySelector('#next').click()")
    assert (title(page) != first, page.run(focused)) == (True, "view-title")
    page.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert page.run(focused) == "view day", "the focus continues in the view"
    let_pass(page, 181)
    wait_until(lambda: title(page) == first, "the view to change after the timeout")
    assert page.run(focused) == "view-title"


def test_reduced_motion_is_respected(full_wall: Served, page: Page) -> None:
    media = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        open_wall(page, full_wall, seconds=3600)
        assert not page.is_visible("#progress")
        assert page.run("return document.getAnimations().length") == 0
        assert "1 sur" in page.text("#place"), "the position is shown in words"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_view_without_content_is_skipped(page: Page) -> None:
    with organisation(WebOptions(brokers="", queues=OPTIONS.queues[:2]), has_targets=False) as served:
        open_wall(page, served, seconds=3600)
        seen = [page.run("return document.querySelector('.view:not([hidden])').classList[1]") for _ in turn_pages(page)]
        assert seen == ["overview", "phone", "day", "sources"]
        mail = Dimensions("mail", "siege", "rsa", "")
        served.worker.count(mail, served.now(), "received")
        served.worker.stocks(mail, served.now() - timedelta(days=61), waiting=1)
        wait_until(lambda: "■ Courrier : le plus ancien a 61 j" in alerts(page), "the alert of the oldest letter")
        views = [
            page.run("return document.querySelector('.view:not([hidden])').classList[1]") for _ in turn_pages(page)
        ]
        assert "written" in views


def test_history_being_read_is_marked_on_both_pages(page: Page) -> None:
    colours = {}
    with organisation(CALM, has_targets=False) as served:
        fill(served.worker)
        served.worker.progress(served.now(), history={"mail": int(AFTERNOON.timestamp() - 86_400) * 1000})
        for address in ("/?lang=en", "/wall?lang=en"):
            page.open(f"{served.url}{address}", WALL)
            page.wait_for_text("#status .word", "Partly live")
            assert page.text("#status .symbol") == "▲"
            colours[address] = page.run("return getComputedStyle(document.querySelector('#status .symbol')).color")
    assert set(colours.values()) == {"rgb(230, 159, 0)"}


def test_wall_is_stale_while_the_worker_is_stopped(page: Page) -> None:
    with serving(replace(OPTIONS, stale_after_seconds=2), AFTERNOON) as served:
        served.follow()
        fill(served.worker)
        page.open(f"{served.url}/wall?seconds=3600", WALL)
        wait_until_live(served, page)
        page.wait_for_state("stale")
        assert page.is_visible("#stale")
        assert page.run(OVERFLOWING) == [], "the banner takes its room from the view"
        axe.check(page)
        wait_until_live(served, page)
        assert not page.is_visible("#stale")


def test_wall_without_figures_shows_the_missing_part(page: Page) -> None:
    with serving(OPTIONS, AFTERNOON) as served:
        page.open(f"{served.url}/wall", WALL)
        page.wait_for_state("empty")
        assert not page.run(
            "return [...document.querySelectorAll('.view, #no-alert')].some((box) => box.checkVisibility())"
        )
        assert page.run(OVERFLOWING) == []
        axe.check(page)


def test_wall_opens_from_the_board(full_wall: Served, page: Page) -> None:
    page.open(f"{full_wall.url}/?lang=fr", WALL)
    page.driver.find_element(By.CSS_SELECTOR, "nav a[href='/wall']").click()
    wait_until(lambda: page.is_visible("#full-screen"), "the wall")
    page.wait_for_state("live")
    page.run("document.querySelector('#full-screen').click()")


@pytest.mark.parametrize("size", [WALL, PHONE], ids=["wall", "phone"])
def test_unknown_view_is_reported_with_the_known_ones(full_wall: Served, page: Page, size: tuple[int, int]) -> None:
    selector, known = "#unknown-views", f". Possible views: {', '.join(WALL_VIEWS)}."
    open_wall(page, full_wall, size, views="telephone,%20day,<b>x</b>,phone", seconds=3600, lang="en")
    assert page.text(selector) == f"▲ Unknown in views=: telephone, <b>x</b>{known}"
    assert page.is_visible(f"{selector}")
    assert title(page) == "Calls today", "known views in the order of the address"
    if size == WALL:
        assert page.run(OVERFLOWING) == []
    axe.check(page)
    open_wall(page, full_wall, size, views="telephone", seconds=3600, lang="en")
    assert page.text(selector) == f"▲ Unknown in views=: telephone{known}"
    assert len(list(turn_pages(page))) >= len(WALL_VIEWS), "without known views: those of the settings"
    open_wall(page, full_wall, size, views="phone,day", lang="en")
    assert not page.is_visible(f"{selector}")
    page.assert_no_errors()
