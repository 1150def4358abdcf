"""Tests of the kiosk pages in Chromium, with a real kiosk and a real connector."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from selenium import webdriver

from connectors.kiosk import service as desks
from connectors.kiosk.app import STATIC
from connectors.sdk.ports import free_port
from models.events import Event
from tests.support.kiosk_harness import CHILDREN, GENERAL, kiosk_options, running_webhook_connector, serving_kiosk
from tests.support.processes import wait_until
from tests.support.webhooks import SECRET
from tests.web import axe
from tests.web.browser import LAPTOP, PHONE, PORTRAIT, Page

pytestmark = pytest.mark.browser

SMALL = """
const controls = [...document.querySelectorAll("button, select, input")].filter((one) => one.checkVisibility());
const box = (one) => (one.closest("label") ?? one).getBoundingClientRect();
return controls.filter((one) => Math.min(box(one).width, box(one).height) < 44).map((one) => one.outerHTML);
"""
"""Script for the controls that are too small for a finger."""
SIDEWAYS = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


class KioskPage(Page):
    """A browser window on the kiosk."""

    def wait_for_text(self, selector: str, text: str) -> None:
        wait_until(
            lambda: self.is_visible(selector) and self.text(selector) == text,
            f"{text!r} in {selector}",
            otherwise=lambda: self.run("return document.body.innerText"),
        )

    def click(self, selector: str, *, is_on: bool = True) -> None:
        state = "return document.querySelector(arguments[0]).ariaDisabled !== 'true'"
        wait_until(lambda: self.is_visible(selector) and self.run(state, selector) is is_on, selector)
        self.driver.find_element("css selector", selector).click()

    def audit(self) -> None:
        axe.check(self)
        assert self.run(SMALL) == []
        assert self.run(SIDEWAYS) == 0

    def assert_quiet_at(self, url: str) -> None:
        """Check for script errors, policy violations and requests to other hosts."""
        self.assert_no_errors()
        requested = self.requests()
        assert requested
        assert not [one for one in requested if not one.startswith(url)]


@pytest.fixture
def page(driver: webdriver.Chrome) -> Iterator[KioskPage]:
    yield KioskPage(driver)
    driver.get("about:blank")


class KioskStand:
    """A kiosk that can be stopped and restarted, and its connector."""

    def __init__(self, directory: Path) -> None:
        self._stack = ExitStack()
        self._port = free_port()
        self.events: list[Event]
        self._connector, self.events = self._stack.enter_context(running_webhook_connector(directory))
        self._options = kiosk_options(directory, self._connector)
        self._kiosk = ExitStack()
        self.start_kiosk()

    def start_kiosk(self) -> None:
        self.served = self._kiosk.enter_context(serving_kiosk(self._options, port=self._port))
        self.url = self.served.url

    def stop_kiosk(self) -> None:
        self._kiosk.close()

    def close(self) -> None:
        self._kiosk.close()
        self._stack.close()

    def published(self) -> Counter[str]:
        """Return the published events, once all are sent."""
        self.served.wait_until_sent()
        return Counter(event.type for event in self.events)


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KioskStand]:
    monkeypatch.setattr(desks, "PAUSES_SECONDS", (0.05,))
    stand = KioskStand(tmp_path)
    yield stand
    stand.close()


QUEUE = f'#queues button[data-queue="{GENERAL}"]'


def test_visitor_takes_a_ticket_and_is_called_and_served(stand: KioskStand, page: KioskPage) -> None:
    page.open(stand.url, PORTRAIT)
    page.wait_for_text(f"{QUEUE} strong", "Accueil général")
    page.audit()
    page.click(QUEUE)
    page.wait_for_text("#number", "A001")
    page.wait_for_text("#before", "Vous êtes le prochain.")
    assert page.run("return document.activeElement.id") == "taken", "screen readers announce the number"
    page.audit()
    page.click("#taken .back")
    page.wait_for_text(f"{QUEUE} span", "1 personne attend")
    page.assert_quiet_at(stand.url)

    page.open(f"{stand.url}/agent", LAPTOP)
    page.wait_for_text("#waiting th", "A001")
    page.audit()
    page.click("#call")
    page.wait_for_text(".current", "A001 Accueil général, depuis 0 min")
    page.audit()
    page.driver.refresh()
    page.wait_for_text(".current", "A001 Accueil général, depuis 0 min")
    page.click("#serve")
    page.wait_for_text(".current", "Personne à ce guichet")
    page.wait_for_text("#nobody", "Personne n'attend.")
    assert page.run("return document.activeElement.id") == "serve", "it is off, and the place is not lost"
    page.click("#serve", is_on=False)
    assert stand.published() == {"visit.arrived": 1, "visit.called": 1, "visit.served": 1}
    page.assert_quiet_at(stand.url)


def test_english_browser_gets_english_pages(stand: KioskStand, page: KioskPage) -> None:
    page.open(stand.url, PORTRAIT)
    page.click('[data-lang="en"]')
    page.wait_for_text("#welcome", "Welcome")
    page.wait_for_text(f"{QUEUE} strong", "General reception")
    assert page.run("return [document.documentElement.lang, document.title]") == ["en", "Reception"]
    page.audit()
    page.click(QUEUE)
    page.wait_for_text("#before", "You are next.")
    page.open(f"{stand.url}/agent", LAPTOP)
    page.click('[data-lang="en"]')
    page.wait_for_text("#call", "Call the next visitor")
    page.driver.refresh()
    page.wait_for_text("#call", "Call the next visitor")
    page.run("localStorage.clear()")


def test_agent_calls_for_selected_queues_and_marks_absent_visitors(stand: KioskStand, page: KioskPage) -> None:
    for queue in (GENERAL, CHILDREN, CHILDREN):
        stand.served.act("take", queue=queue)
    page.open(f"{stand.url}/agent", LAPTOP)
    page.wait_for_text("#count", "(3)")
    page.click(f'#queues input[value="{GENERAL}"]')
    page.run("const box = document.querySelector('#counter'); box.value = '3'; box.dispatchEvent(new Event('change'))")
    page.click("#call")
    wait_until(lambda: page.text(".current").startswith("P001 Protection"), "the ticket")
    page.click("#absent")
    page.wait_for_text(".current", "Personne à ce guichet")
    page.driver.refresh()
    page.wait_for_text("#count", "(2)")
    assert page.run("return document.querySelector('#counter').value") == "3"
    page.click("#call")
    wait_until(lambda: page.text(".current").startswith("P002"), "the ticket")
    page.click('#waiting button[aria-label="A001 est parti"]')
    page.wait_for_text("#nobody", "Personne n'attend.")
    assert stand.published() == {"visit.arrived": 3, "visit.called": 2, "visit.left": 2}
    page.run("localStorage.clear()")


def test_two_agents_do_not_call_the_same_visitor(stand: KioskStand, page: KioskPage) -> None:
    stand.served.act("take", queue=GENERAL)
    page.open(f"{stand.url}/agent", LAPTOP)
    page.wait_for_text("#count", "(1)")
    stand.served.act("call", counter="2")
    page.run("document.querySelector('#call').ariaDisabled = 'false'; document.querySelector('#call').click()")
    page.wait_for_text("#refusal", "Plus personne n'attend.")
    assert stand.published() == {"visit.arrived": 1, "visit.called": 1}


def test_actions_during_an_outage_are_kept_and_done_once(stand: KioskStand, page: KioskPage) -> None:
    """Also if the page is reloaded during the outage."""
    page.open(stand.url, PORTRAIT)
    page.wait_for_text(f"{QUEUE} strong", "Accueil général")
    stand.stop_kiosk()
    page.click(QUEUE)
    page.wait_for_text("#moment-title", "Un instant…")
    page.wait_for_text("#later-title", "Votre arrivée est notée")
    page.audit()
    page.click("#later .back")
    page.click(f'#queues button[data-queue="{CHILDREN}"]')
    kept = "return Object.keys(localStorage).filter((key) => key.startsWith('accueil.desk.kiosk.')).length"
    assert page.run(kept) == 2
    stand.start_kiosk()
    page.open(stand.url, PORTRAIT)
    wait_until(lambda: page.run(kept) == 0, "all to be sent")
    assert stand.published() == {"visit.arrived": 2}
    assert [one["number"] for one in stand.served.state()["waiting"]] == ["A001", "P001"]
    assert stand.events[0].time < stand.events[1].time


def test_agent_sees_an_outage_and_continues(stand: KioskStand, page: KioskPage) -> None:
    ticket = stand.served.act("take", queue=GENERAL)[1]["ticket"]["id"]
    stand.served.act("call", counter="1")
    page.open(f"{stand.url}/agent", LAPTOP)
    page.wait_for_text(".current", "A001 Accueil général, depuis 0 min")
    stand.stop_kiosk()
    wait_until(lambda: page.is_visible("#trouble"), "the notice")
    page.click("#serve")
    page.wait_for_text("#busy", "Envoi en cours…")
    page.audit()
    stand.start_kiosk()
    page.wait_for_text(".current", "Personne à ce guichet")
    wait_until(lambda: not page.is_visible("#trouble"), "no notice")
    assert stand.published() == {"visit.arrived": 1, "visit.called": 1, "visit.served": 1}
    assert stand.events[-1].subject.endswith(ticket)


def test_kiosk_and_agent_page_fit_a_phone(stand: KioskStand, page: KioskPage) -> None:
    for number in range(12):
        stand.served.act("take", queue=(GENERAL, CHILDREN)[number % 2])
    for path in ("/", "/agent"):
        page.open(stand.url + path, PHONE)
        wait_until(lambda: page.run("return document.querySelectorAll('#queues *').length > 1"), "the queues")
        page.audit()


def test_responses_have_a_content_security_policy_and_no_secret(stand: KioskStand) -> None:
    files = [f"/static/{path.name}" for path in STATIC.iterdir()]
    assert len(files) >= 7
    for path in ("/", "/agent", "/api/state", "/nowhere", *files):
        try:
            answer = urlopen(stand.url + path)  # the server of this test
        except HTTPError as error:
            answer = error
            assert path == "/nowhere"
        with answer:
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert SECRET.removeprefix("whsec_").encode() not in answer.read()


def test_texts_of_the_kiosk_exist_in_both_languages() -> None:
    names = {
        name
        for file in STATIC.glob("*.*")
        for name in re.findall(r'(?:data-(?:text|label|title)="|say\(")(\w+)', file.read_text())
    }
    texts = (STATIC / "texts.js").read_text(encoding="utf-8")
    french, english = (re.findall(r"^    (\w+):", block, re.MULTILINE) for block in texts.split("\n  en: {"))
    assert french == english
    assert len(names) > 25
    assert names <= {*french}
