"""Accessibility tests of the timeline page in Chromium: screens, print, themes, languages, axe-core."""

import base64
from collections.abc import Callable

import httpx
import pytest

from tests.support.timeline_page import LANDLINE, NUMBER
from tests.web import axe
from tests.web.browser import ARTIFACTS, BESIDE, CONTRASTS, LAPTOP, LOOKS, PHONE, TABLET, WALL
from tests.web.timeline_ui import REFLOWED, ZOOMED, TimelineUi

pytestmark = pytest.mark.browser


def test_narrow_screen_scrolls_to_the_result_and_shows_no_key_help(ui: TimelineUi) -> None:
    top = "return document.getElementById('story-title').getBoundingClientRect().top"
    ui.open(LAPTOP).sign_in().search(NUMBER)
    assert ui.page.run("return scrollY") == 0
    assert ui.is_shown("#lanes-help")
    touch = {"enabled": True, "maxTouchPoints": 5}
    ui.page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch)
    ui.open(PHONE).sign_in().search(NUMBER)
    assert 0 <= ui.page.run(top) < 40
    assert not ui.is_shown("#lanes-help")
    ui.page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch | {"enabled": False})


@LOOKS
def test_axe_finds_no_violation_in_any_state(ui: TimelineUi, language: str, theme: str) -> None:
    def look(state: str, keep: Callable[[str], None] = ui.picture) -> None:
        axe.check(ui.page)
        assert ui.page.run(CONTRASTS) == []
        keep(f"{state}-{language}-{theme}")

    ui.open(LAPTOP, language, theme)
    ui.wait_for("#door")
    assert ui.page.run("return document.documentElement.dataset.theme") == theme
    look("door")
    ui.sign_in("unknown")
    look("wrong-token")
    ui.sign_in()
    look("search")
    ui.search("01 99 00 77 77")
    look("not-known")
    ui.search(NUMBER)
    look("story")
    ui.page.run("document.querySelector('.lanes button').click()")
    look("table")
    ui.page.run("document.querySelector('.card[data-late=\"\"] button').click()")
    ui.wait_for("#life[open]")
    look("life", ui.screenshot)
    ui.page.run("life.close(); document.querySelector('.links li button').click()")
    ui.wait_for("#question[open]")
    look("revoking", ui.screenshot)
    ui.page.run("question.close()")
    ui.search(LANDLINE)
    look("shared")
    ui.open(LAPTOP, language, theme).sign_in("autonomie").search(NUMBER)
    look("outline")
    ui.open(LAPTOP, language, theme).sign_in("chef")
    look("nothing")
    assert ui.page.run("return window.violations") == []


@pytest.mark.parametrize(
    ("size", "theme"),
    [(WALL, "light"), (LAPTOP, "dark"), (TABLET, "light"), (ZOOMED, "dark"), (PHONE, "light"), (REFLOWED, "dark")],
    ids=["1920", "1366", "820", "zoomed", "390", "320"],
)
def test_page_fits_the_width_of_each_screen(ui: TimelineUi, size: tuple[int, int], theme: str) -> None:
    ui.open(size, "fr", theme).sign_in().search(NUMBER)
    ui.wait_for(".picture svg")
    for _ in range(2):
        assert ui.page.run("return document.documentElement.scrollWidth") == size[0]
        assert ui.page.run(BESIDE) == []
        ui.picture(f"{size[0]}-{theme}" + ("-table" if ui.is_shown(".lanes table:not(.unseen table)") else ""))
        ui.page.run("document.querySelector('.lanes button').click()")
    edges = (
        "[...document.querySelectorAll('.cards, .cards > :last-child')].map((one) => one.getBoundingClientRect().right)"
    )
    assert ui.page.run(f"const [all, last] = {edges}; return Math.abs(all - last) < 1"), "the last row is full"
    small = ui.page.run(
        "return [...document.querySelectorAll('button, select, input, a, [data-id] .target')]"
        ".filter((one) => one.checkVisibility() && !one.closest('.skip')).map((one) => [one.outerHTML.slice(0, 80),"
        " one.getBoundingClientRect()]).filter(([, box]) => box.height < 23.9 || box.width < 23.9)"
    )
    assert small == []
    axe.check(ui.page)


def test_theme_of_the_system_is_the_default(ui: TimelineUi) -> None:
    theme = "return document.documentElement.dataset.theme"
    ui.open(theme="dark")
    assert ui.page.run(theme) == "dark"
    ui.element("theme").send_keys("claires")
    assert ui.page.run(theme) == "light"
    ui.page.driver.refresh()
    assert ui.page.run(theme) == "light"
    assert ui.page.run("return document.getElementById('theme').value") == "light"


def test_print_shows_the_timeline_without_buttons(ui: TimelineUi) -> None:
    ui.open(theme="dark").sign_in().search(NUMBER)
    theme = "document.documentElement.dataset.theme"
    ui.page.run(f"addEventListener('beforeprint', () => {{ window.printed = {theme}; }})")
    printed = ui.page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    (ARTIFACTS / "timeline-printed.pdf").write_bytes(base64.b64decode(printed["data"]))
    assert ui.page.run(f"return [window.printed, {theme}]") == ["light", "dark"]
    ui.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not ui.is_shown("#search")
    assert not ui.is_shown("#older")
    assert ui.is_shown(".facts")
    ui.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_page_has_no_animation(ui: TimelineUi) -> None:
    """WCAG 2.2, 2.3.3."""
    ui.open().sign_in().search(NUMBER)
    assert ui.page.run("return document.getAnimations().length") == 0
    css = "".join(httpx.get(f"{ui.served.url}/static/{name}.css").text for name in ("timeline", "story"))
    assert "animation" not in css
    assert "transition" not in css
