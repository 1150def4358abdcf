"""Accessibility tests of the timeline page in Chromium: screens, print, themes, languages, axe-core."""

import base64
from collections.abc import Callable

import httpx
import pytest

from tests.support.timeline_page import LANDLINE, NUMBER
from tests.web import axe
from tests.web.browser import ARTIFACTS, BESIDE, CONTRASTS, LAPTOP, LOOKS, PHONE, TABLET, WALL
from tests.web.timeline import REFLOWED, ZOOMED, Desk

pytestmark = pytest.mark.browser


def test_narrow_screen_scrolls_to_the_result_and_shows_no_key_help(desk: Desk) -> None:
    top = "return document.getElementById('story-title').getBoundingClientRect().top"
    desk.open(LAPTOP).sign_in().ask(NUMBER)
    assert desk.page.run("return scrollY") == 0
    assert desk.is_there("#lanes-help")
    touch = {"enabled": True, "maxTouchPoints": 5}
    desk.page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch)
    desk.open(PHONE).sign_in().ask(NUMBER)
    assert 0 <= desk.page.run(top) < 40
    assert not desk.is_there("#lanes-help")
    desk.page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch | {"enabled": False})


@LOOKS
def test_axe_finds_no_violation_in_any_state(desk: Desk, language: str, theme: str) -> None:
    def look(state: str, keep: Callable[[str], None] = desk.picture) -> None:
        axe.check(desk.page)
        assert desk.page.run(CONTRASTS) == []
        keep(f"{state}-{language}-{theme}")

    desk.open(LAPTOP, language, theme)
    desk.wait_for("#door")
    assert desk.page.run("return document.documentElement.dataset.theme") == theme
    look("door")
    desk.sign_in("nobody")
    look("wrong-token")
    desk.sign_in()
    look("search")
    desk.ask("01 99 00 77 77")
    look("not-known")
    desk.ask(NUMBER)
    look("story")
    desk.page.run("document.querySelector('.lanes button').click()")
    look("table")
    desk.page.run("document.querySelector('.card[data-late=\"\"] button').click()")
    desk.wait_for("#life[open]")
    look("life", desk.screenshot)
    desk.page.run("life.close(); document.querySelector('.links li button').click()")
    desk.wait_for("#question[open]")
    look("revoking", desk.screenshot)
    desk.page.run("question.close()")
    desk.ask(LANDLINE)
    look("shared")
    desk.open(LAPTOP, language, theme).sign_in("autonomie").ask(NUMBER)
    look("outline")
    desk.open(LAPTOP, language, theme).sign_in("chef")
    look("nothing")
    assert desk.page.run("return window.violations") == []


@pytest.mark.parametrize(
    ("size", "theme"),
    [(WALL, "light"), (LAPTOP, "dark"), (TABLET, "light"), (ZOOMED, "dark"), (PHONE, "light"), (REFLOWED, "dark")],
    ids=["1920", "1366", "820", "zoomed", "390", "320"],
)
def test_no_screen_is_scrolled_sideways(desk: Desk, size: tuple[int, int], theme: str) -> None:
    desk.open(size, "fr", theme).sign_in().ask(NUMBER)
    desk.wait_for(".picture svg")
    for _ in range(2):
        assert desk.page.run("return document.documentElement.scrollWidth") == size[0]
        assert desk.page.run(BESIDE) == []
        desk.picture(f"{size[0]}-{theme}" + ("-table" if desk.is_there(".lanes table:not(.unseen table)") else ""))
        desk.page.run("document.querySelector('.lanes button').click()")
    edges = (
        "[...document.querySelectorAll('.cards, .cards > :last-child')].map((one) => one.getBoundingClientRect().right)"
    )
    assert desk.page.run(f"const [all, last] = {edges}; return Math.abs(all - last) < 1"), "the last row is full"
    small = desk.page.run(
        "return [...document.querySelectorAll('button, select, input, a, [data-id] .target')]"
        ".filter((one) => one.checkVisibility() && !one.closest('.skip')).map((one) => [one.outerHTML.slice(0, 80),"
        " one.getBoundingClientRect()]).filter(([, box]) => box.height < 23.9 || box.width < 23.9)"
    )
    assert small == []
    axe.check(desk.page)


def test_theme_of_the_system_is_the_default(desk: Desk) -> None:
    theme = "return document.documentElement.dataset.theme"
    desk.open(theme="dark")
    assert desk.page.run(theme) == "dark"
    desk.element("theme").send_keys("claires")
    assert desk.page.run(theme) == "light"
    desk.page.driver.refresh()
    assert desk.page.run(theme) == "light"
    assert desk.page.run("return document.getElementById('theme').value") == "light"


def test_print_shows_the_timeline_without_buttons(desk: Desk) -> None:
    desk.open(theme="dark").sign_in().ask(NUMBER)
    theme = "document.documentElement.dataset.theme"
    desk.page.run(f"addEventListener('beforeprint', () => {{ window.printed = {theme}; }})")
    printed = desk.page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    (ARTIFACTS / "timeline-printed.pdf").write_bytes(base64.b64decode(printed["data"]))
    assert desk.page.run(f"return [window.printed, {theme}]") == ["light", "dark"]
    desk.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not desk.is_there("#search")
    assert not desk.is_there("#older")
    assert desk.is_there(".facts")
    desk.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_no_motion_is_made(desk: Desk) -> None:
    """The page has no motion to reduce (WCAG 2.2, 2.3.3)."""
    desk.open().sign_in().ask(NUMBER)
    assert desk.page.run("return document.getAnimations().length") == 0
    css = "".join(httpx.get(f"{desk.served.url}/static/{name}.css").text for name in ("timeline", "story"))
    assert "animation" not in css
    assert "transition" not in css
