"""The timeline page in a Chromium window."""

from collections.abc import Callable
from typing import Any

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.processes import wait_until
from tests.support.timeline_page import Served
from tests.web.browser import LAPTOP, Page

WEB_SETTINGS = {
    "title": "Accueil du Département",
    "title_en": "Welcome to the Département",
    "services": {
        "rsa": {"label_fr": "RSA et insertion", "label_en": "Income support"},
        "autonomie": {"label_fr": "Autonomie", "label_en": "Elderly care"},
        "accueil": {"label_fr": "Accueil général", "label_en": "Switchboard"},
    },
}
ZOOMED, REFLOWED = (683, 384), (320, 640)
"""A laptop at 200 %, and the narrowest width required by WCAG (1.4.10)."""
FOCUSED = (
    "const at = document.activeElement; return [at.id, at.tagName, at.getAttribute('aria-label') ?? at.textContent]"
)


class TimelineWindow:
    """The page with the actions of an agent."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page, self.served = page, served

    def open(self, size: tuple[int, int] = LAPTOP, language: str = "fr", theme: str = "light") -> "TimelineWindow":
        self.page.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        self.page.open(f"{self.served.url}/?lang={language}", size)
        self.page.run("sessionStorage.clear(); localStorage.clear()")
        self.page.driver.refresh()
        return self

    def element(self, name: str) -> Any:
        return self.page.driver.find_element(By.ID, name)

    def is_visible(self, selector: str) -> bool:
        return self.page.is_visible(selector)

    def wait_for(self, selector: str) -> None:
        wait_until(lambda: self.is_visible(selector), selector, otherwise=lambda: self.text)

    def sign_in(self, secret: str = "camille") -> "TimelineWindow":
        self.wait_for("#token")
        self.element("token").send_keys(secret + Keys.ENTER)
        wait_until(lambda: self.is_visible("#me") or self.is_visible("#trouble"), "an answer")
        return self

    def search(self, value: str, kind: str = "phone", purpose: str = "contact") -> "TimelineWindow":
        """Search, and wait for the result."""
        self.page.run(
            f"kind.value = '{kind}'; purpose.value = '{purpose}'; document.getElementById('value').value = ''"
        )
        self.page.run("document.getElementById('story').replaceChildren()")
        self.element("value").send_keys(value + Keys.ENTER)
        wait_until(lambda: self.is_visible("#story-title") or self.is_visible("#trouble"), "an answer")
        return self

    @property
    def error_text(self) -> str:
        self.wait_for("#trouble")
        return self.page.text("#trouble")

    @property
    def text(self) -> str:
        return str(self.page.run("return document.body.innerText")).replace("\N{NO-BREAK SPACE}", " ")

    def press(self, *keys: str) -> None:
        ActionChains(self.page.driver).send_keys(*keys).perform()

    def tab_to(self, condition: Callable[[list[str]], bool], key: str = Keys.TAB) -> None:
        """Press Tab until the element has the focus."""
        for _ in range(80):
            if condition(self.focused):
                return
            self.press(key)
        raise AssertionError(f"never reached; at last {self.focused}")

    @property
    def focused(self) -> list[str]:
        return [str(part) for part in self.page.run(FOCUSED)]
