"""Accessibility tests of the timeline page in Chromium: screens, print, themes, languages, axe-core."""

import pytest

from tests.support.timeline_page import LANDLINE, NUMBER
from tests.web import axe
from tests.web.browser import LANGUAGES_AND_THEMES, LAPTOP, OUTSIDE_WINDOW, PHONE, TABLET, WALL
from tests.web.timeline import REFLOWED, ZOOMED, TimelineWindow

pytestmark = pytest.mark.browser


def test_narrow_screen_scrolls_to_the_result_and_shows_no_key_help(timeline: TimelineWindow) -> None:
    top = "return document.getElementById('story-title').getBoundingClientRect().top"
    timeline.open(LAPTOP).sign_in().search(NUMBER)
    assert timeline.page.run("return scrollY") == 0
    assert timeline.is_visible("#lanes-help")
    touch = {"enabled": True, "maxTouchPoints": 5}
    timeline.page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch)
    timeline.open(PHONE).sign_in().search(NUMBER)
    assert 0 <= timeline.page.run(top) < 40
    assert not timeline.is_visible("#lanes-help")
    timeline.page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch | {"enabled": False})


@LANGUAGES_AND_THEMES
def test_axe_finds_no_violation_in_any_state(timeline: TimelineWindow, language: str, theme: str) -> None:
    timeline.open(LAPTOP, language, theme)
    timeline.wait_for("#door")
    assert timeline.page.run("return document.documentElement.dataset.theme") == theme
    axe.check(timeline.page)
    timeline.sign_in("nobody")
    axe.check(timeline.page)
    timeline.sign_in()
    axe.check(timeline.page)
    timeline.search("01 99 00 77 77")
    axe.check(timeline.page)
    timeline.search(NUMBER)
    axe.check(timeline.page)
    timeline.page.run("document.querySelector('.lanes button').click()")
    axe.check(timeline.page)
    timeline.page.run("document.querySelector('.card[data-late=\"\"] button').click()")
    timeline.wait_for("#life[open]")
    axe.check(timeline.page)
    timeline.page.run("life.close(); document.querySelector('.links li button').click()")
    timeline.wait_for("#question[open]")
    axe.check(timeline.page)
    timeline.page.run("question.close()")
    timeline.search(LANDLINE)
    axe.check(timeline.page)
    timeline.open(LAPTOP, language, theme).sign_in("autonomie").search(NUMBER)
    axe.check(timeline.page)
    timeline.open(LAPTOP, language, theme).sign_in("chef")
    axe.check(timeline.page)
    assert timeline.page.run("return window.violations") == []


@pytest.mark.parametrize(
    ("size", "theme"),
    [(WALL, "light"), (LAPTOP, "dark"), (TABLET, "light"), (ZOOMED, "dark"), (PHONE, "light"), (REFLOWED, "dark")],
    ids=["1920", "1366", "820", "zoomed", "390", "320"],
)
def test_timeline_page_fits_the_width_of_each_screen(
    timeline: TimelineWindow, size: tuple[int, int], theme: str
) -> None:
    timeline.open(size, "fr", theme).sign_in().search(NUMBER)
    timeline.wait_for(".picture svg")
    for _ in range(2):
        assert timeline.page.run("return document.documentElement.scrollWidth") == size[0]
        assert timeline.page.run(OUTSIDE_WINDOW) == []
        timeline.page.run("document.querySelector('.lanes button').click()")
    edges = (
        "[...document.querySelectorAll('.cards, .cards > :last-child')].map((one) => one.getBoundingClientRect().right)"
    )
    assert timeline.page.run(f"const [all, last] = {edges}; return Math.abs(all - last) < 1"), "the last row is full"
    small = timeline.page.run(
        "return [...document.querySelectorAll('button, select, input, a, [data-id] .target')]"
        ".filter((one) => one.checkVisibility() && !one.closest('.skip')).map((one) => [one.outerHTML.slice(0, 80),"
        " one.getBoundingClientRect()]).filter(([, box]) => box.height < 23.9 || box.width < 23.9)"
    )
    assert small == []
    axe.check(timeline.page)


def test_theme_of_the_system_is_the_default(timeline: TimelineWindow) -> None:
    theme = "return document.documentElement.dataset.theme"
    timeline.open(theme="dark")
    assert timeline.page.run(theme) == "dark"
    timeline.element("theme").send_keys("claires")
    assert timeline.page.run(theme) == "light"
    timeline.page.driver.refresh()
    assert timeline.page.run(theme) == "light"
    assert timeline.page.run("return document.getElementById('theme').value") == "light"


def test_print_shows_the_timeline_without_buttons(timeline: TimelineWindow) -> None:
    timeline.open(theme="dark").sign_in().search(NUMBER)
    theme = "document.documentElement.dataset.theme"
    timeline.page.run(f"addEventListener('beforeprint', () => {{ window.printed = {theme}; }})")
    timeline.page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert timeline.page.run(f"return [window.printed, {theme}]") == ["light", "dark"]
    timeline.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not timeline.is_visible("#search")
    assert not timeline.is_visible("#older")
    assert timeline.is_visible(".facts")
    timeline.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
