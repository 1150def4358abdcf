"""A Chromium window on a board. Screenshots are stored under tests/artifacts."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from tests.support.processes import wait_until

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
WALL, DESK, PHONE = (1920, 1080), (1280, 800), (390, 844)
PORTRAIT = (1080, 1920)
LAPTOP, TABLET, SMALL_TABLET = (1366, 768), (820, 1180), (768, 1024)
LANGUAGES_AND_THEMES = pytest.mark.parametrize(("language", "theme"), [("fr", "dark"), ("en", "light")])
"""Combinations of theme and language. Colours do not depend on the language, so not all pairs are needed."""
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


OUTSIDE_WINDOW = """
const wide = document.documentElement.clientWidth;
return [...document.body.querySelectorAll("main *, header *, footer *")]
  .filter((element) => element.checkVisibility() && !element.closest("thead, .unseen, .skip, .u-wrap"))
  .filter((element) => element.getBoundingClientRect().right > wide || element.scrollWidth > element.clientWidth + 1
    && element.clientWidth && getComputedStyle(element).display !== "inline")
  .map((element) => element.outerHTML.slice(0, 80));
"""
"""Script for the elements that are cut off or outside the window."""


class Page:
    """A Chromium window."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str, size: tuple[int, int] = DESK) -> None:
        width, height = size
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(url)

    def open_live(self, url: str, size: tuple[int, int] = DESK) -> None:
        """Open a board or wall, and wait for the state "live" and the layout."""
        self.open(url, size)
        self.wait_for_state("live")
        self.wait_for_layout()

    def text(self, selector: str) -> str:
        """Return the text of an element, with plain spaces instead of no-break ones."""
        text = str(self.run("return document.querySelector(arguments[0]).textContent.trim()", selector))
        return text.replace("\N{NO-BREAK SPACE}", " ")

    def is_visible(self, selector: str) -> bool:
        return bool(self.run("return document.querySelector(arguments[0])?.checkVisibility() ?? false", selector))

    def state(self) -> str:
        return str(self.run("return document.body.dataset.state"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)  # type: ignore[no-untyped-call]

    def wait_for_text(self, selector: str, text: str) -> None:
        wait_until(lambda: self.text(selector) == text, f"{text!r} in {selector}")

    def wait_for_title(self, title: str) -> None:
        wait_until(lambda: self.driver.title == title, f"the title {title!r}")

    def wait_for_state(self, state: str) -> None:
        wait_until(lambda: self.state() == state, f"the state {state}")

    def wait_for_layout(self) -> None:
        """Wait for two frames: in the first, the chart takes the size of its box."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def screenshot(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"optimizeForSpeed": True})
        (ARTIFACTS / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))

    def requests(self) -> list[str]:
        """Return the URLs of all requests since `open`."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def assert_no_errors(self) -> None:
        assert self.driver.get_log("browser") == []
        assert self.run("return window.violations") == []
