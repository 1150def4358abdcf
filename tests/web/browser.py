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
"""Script for the texts without enough contrast (WCAG 2.2, 1.4.3)."""


def save_screenshot(driver: webdriver.Chrome, name: str, **how: Any) -> None:
    """Store a screenshot; `how` are further options of the DevTools protocol."""
    ARTIFACTS.mkdir(exist_ok=True)
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"optimizeForSpeed": True, **how})
    (ARTIFACTS / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))


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

    def text(self, selector: str) -> str:
        return str(self.run(f"return document.querySelector({json.dumps(selector)}).textContent.trim()"))

    def state(self) -> str:
        return str(self.run("return document.body.dataset.state"))

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)  # type: ignore[no-untyped-call]

    def wait_for_text(self, selector: str, text: str) -> None:
        wait_until(lambda: self.text(selector) == text, f"{text!r} in {selector}")

    def wait_for_title(self, title: str) -> None:
        wait_until(lambda: self.driver.title == title, f"the title {title!r}")

    def wait_for_state(self, state: str) -> None:
        wait_until(lambda: self.state() == state, f"the state {state}")

    def screenshot(self, name: str) -> None:
        save_screenshot(self.driver, f"board-{name}")

    def requests(self) -> list[str]:
        """Return the URLs of all requests since `open`."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def assert_no_errors(self) -> None:
        assert self.driver.get_log("browser") == []
        assert self.run("return window.violations") == []
