"""Tests of export, erasure and language on the timeline page in Chromium."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import json
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from prometheus_client import CollectorRegistry
from selenium.webdriver.common.keys import Keys

from connectors.sdk.http_server import Server
from models.identities import IdentityKind
from models.roles import Role
from streams.api.app import create_app
from streams.web.http_server import listen
from tests.support.api_harness import NUMBER, ApiHarness, call, form, letter, token
from tests.support.processes import wait_until
from tests.web import axe
from tests.web.browser import PHONE, Page
from tests.web.timeline import TimelineWindow

pytestmark = pytest.mark.browser


class ApiServer(ApiHarness):
    """An API on its own port."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        app = create_app(self.api, CollectorRegistry(), ["127.0.0.1"])
        self._server = Server(app)
        self._thread = Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        super().close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path)
    server.add(token(), token("agent", Role.AGENT), token("narrow", services=("rsa",)))
    phone, case = server.pseudonym(IdentityKind.PHONE, NUMBER), server.pseudonym(IdentityKind.CASE, "D-2026-17")
    server.write([*letter("1", 0, f"{case} {phone}"), *form("2", 90, case), *call("3", 200, phone)])
    yield server
    server.close()


@pytest.fixture
def timeline(page: Page, server: ApiServer) -> TimelineWindow:
    return TimelineWindow(page, server)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_export_is_downloaded_as_a_file(
    timeline: TimelineWindow, server: ApiServer, tmp_path: Path, theme: str
) -> None:
    files = tmp_path / "downloads"
    files.mkdir()
    timeline.page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(files)}
    )
    timeline.open(theme=theme).sign_in().search(NUMBER)
    axe.check(timeline.page)
    timeline.tab_to(lambda at: at[0] == "export-button")
    timeline.press(Keys.ENTER)
    timeline.wait_for("#question[open]")
    assert timeline.focused[0] == "export-format"
    assert "Il est enregistré sur cet ordinateur, hors d’Accueil, sous votre responsabilité." in timeline.text
    axe.check(timeline.page)
    assert server.recorded()[-1]["operation"] == "look_up", "nothing was handed out yet"
    timeline.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    timeline.tab_to(lambda at: at[1:] == ["BUTTON", "Exporter"])
    timeline.press(Keys.ENTER)
    wait_until(lambda: [*files.glob("export-social-*.json")], "the file", otherwise=lambda: timeline.text)
    (file,) = files.glob("export-social-*.json")
    held = json.loads(file.read_text())
    assert {one["contact"] for one in held["contacts"]} == {"mail:ged:1", "form:demarches:2", "call:standard:3"}
    wait_until(lambda: f"Fichier {file.name} téléchargé." in timeline.text, "the message")
    assert server.recorded()[-1]["operation"] == "export"
    timeline.page.assert_no_errors()


def test_erasure_explains_its_effects_and_needs_confirmation(
    timeline: TimelineWindow, server: ApiServer, tmp_path: Path
) -> None:
    files = tmp_path / "downloads"
    files.mkdir()
    timeline.page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(files)}
    )
    timeline.open().sign_in().search(NUMBER)
    timeline.tab_to(lambda at: at[0] == "erase-button")
    timeline.press(Keys.ENTER)
    timeline.wait_for("#question[open]")
    assert "Cette action est irréversible. Les chiffres ne changent pas." in timeline.text
    why = timeline.page.run("return document.getElementById('question-why').textContent")
    assert re.match(r"3 contacts, du \d.+ au \d.+\. 1 affaire en cours\. Toutes les données de l’usager", why), why
    assert timeline.focused[0] == "erase-sure"
    axe.check(timeline.page)
    timeline.press(Keys.ENTER)
    assert timeline.is_visible("#question[open]"), "nothing was confirmed"
    timeline.press(Keys.ESCAPE)
    assert timeline.focused[0] == "erase-button"
    assert server.recorded()[-1]["operation"] == "look_up"
    timeline.press(Keys.ENTER, Keys.SPACE, Keys.ENTER)
    timeline.wait_for(".erasure")
    assert timeline.focused[0] == "erasure-title"
    assert "Effacement en cours" in timeline.text
    assert "3 contacts. Tout n’est pas encore effacé." in timeline.text
    assert not timeline.is_visible(".facts")
    axe.check(timeline.page)
    assert timeline.is_visible("#look-at-erasure")
    timeline.tab_to(lambda at: at[0] == "list-erasures")
    timeline.press(Keys.ENTER)
    wait_until(
        lambda: "3 contacts" in timeline.text and timeline.is_visible("#erasures-title"),
        "the contacts and the open erasures",
        20,
    )
    axe.check(timeline.page)
    timeline.tab_to(lambda at: "Où en est-il" in at[2])
    timeline.press(Keys.ENTER)
    timeline.wait_for("#look-at-erasure")
    server.state.apply_erasures(server.timeline)
    wait_until(lambda: "Effacement prouvé" in timeline.text, "the proof", otherwise=lambda: timeline.text)
    assert timeline.focused[0] == "erasure-title"
    assert "les numéros de ses contacts, pour qu" in timeline.text
    assert timeline.page.run("return document.querySelectorAll('.erasure li').length") == 6
    timeline.tab_to(lambda at: at[0] == "save-proof")
    timeline.press(Keys.ENTER)
    wait_until(lambda: [*files.glob("erasure-*.json")], "the proof as a file", otherwise=lambda: timeline.text)
    (file,) = files.glob("erasure-*.json")
    assert json.loads(file.read_text())["proof"]["remains"]
    assert "Étapes\n8, désormais 0" in timeline.text
    assert not timeline.is_visible("#look-at-erasure")
    axe.check(timeline.page)
    timeline.page.assert_no_errors()
    timeline.page.driver.refresh()
    timeline.wait_for("#find-erasure:not([hidden])")
    axe.check(timeline.page)
    timeline.page.run("document.getElementById('erasure-id').focus()")
    timeline.press(file.stem.removeprefix("erasure-"), Keys.ENTER)
    wait_until(lambda: "Effacement prouvé" in timeline.text, "the same by its number", otherwise=lambda: timeline.text)
    timeline.search(NUMBER)
    assert "Rien n’est connu sous cet identifiant" in timeline.error_text


OTHER = "+33199000002"
HOLD = """
const ask = window.fetch, held = "/v1/look-up";
window.fetch = (path, request) => path === held
    ? new Promise((go) => { window.letGo = () => go(ask(path, request)); }) : ask(path, request);
"""


def test_failed_lookup_keeps_the_session_and_the_last_request_is_shown(
    timeline: TimelineWindow, server: ApiServer
) -> None:
    busy = "#search[aria-busy]"
    timeline.open().sign_in().search(NUMBER)
    timeline.page.run("document.getElementById('erase-button').click()")
    timeline.wait_for("#question[open]")
    timeline.press(Keys.SPACE, Keys.ENTER)
    timeline.wait_for("#look-at-erasure")
    timeline.page.run("document.getElementById('erasure-id').focus()")
    timeline.press("0" * 32, Keys.ENTER)
    timeline.wait_for("#trouble[data-kind='not-known']")
    server.state.apply_erasures(server.timeline)
    wait_until(
        lambda: "Effacement prouvé" in timeline.text,
        "the proof of the one that is shown",
        otherwise=lambda: timeline.text,
    )
    timeline.page.run(HOLD)
    timeline.page.run(f"value.value = '{NUMBER}'; document.getElementById('search').requestSubmit()")
    timeline.wait_for(busy)
    timeline.page.run("document.getElementById('list-erasures').click()")
    timeline.wait_for("#erasures-title")
    assert not timeline.is_visible(busy), "no request is pending"
    timeline.page.run("window.letGo()")
    timeline.page.run("document.getElementById('find-erasure').requestSubmit()")
    timeline.page.run("document.getElementById('list-erasures').click()")
    wait_until(lambda: server.recorded()[-1]["operation"] == "erase", "the last answer")
    assert timeline.is_visible("#erasures-title")


def test_citizen_looked_up_during_an_erasure_stays_on_the_page(timeline: TimelineWindow, server: ApiServer) -> None:
    timeline.open().sign_in().search(NUMBER)
    timeline.page.run(HOLD.replace("/v1/look-up", "/v1/erasures"))
    timeline.page.run("document.getElementById('erase-button').click()")
    timeline.wait_for("#question[open]")
    timeline.press(Keys.SPACE, Keys.ENTER)
    wait_until(lambda: timeline.page.run("return Boolean(window.letGo)"), "the request for an erasure")
    other = server.pseudonym(IdentityKind.PHONE, OTHER)
    server.write(call("9", 300, other))
    timeline.search(OTHER)
    timeline.page.run(
        "window.seen = []; new MutationObserver(() => seen.push(Boolean(document.getElementById('erasure-title'))))"
        ".observe(document.getElementById('story'), { childList: true }); window.letGo()"
    )
    wait_until(lambda: server.recorded()[-1]["operation"] == "erase", "the answer")
    for _ in range(2):
        timeline.search(OTHER)
    assert not any(timeline.page.run("return seen"))
    assert timeline.is_visible("#story-title")


def test_actions_without_permission_are_not_offered(timeline: TimelineWindow) -> None:
    for token_name in ("agent", "narrow"):
        timeline.open(PHONE).sign_in(token_name).search(NUMBER)
        assert timeline.is_visible(".facts")
        assert not timeline.is_visible(".rights")
        assert not timeline.is_visible("#find-erasure")


@pytest.mark.parametrize(("value", "kind"), [(NUMBER, "phone"), ("mail:ged:1", "contact")])
def test_timeline_is_shown_again_in_the_other_language(timeline: TimelineWindow, value: str, kind: str) -> None:
    timeline.open().sign_in().search(value, kind, "follow_up")
    timeline.page.run("sessionStorage.setItem('accueil.purpose', 'follow_up')")  # as the submitted form does
    timeline.tab_to(lambda at: at[0] == "other-language", Keys.SHIFT + Keys.TAB)
    timeline.press(Keys.ENTER)
    wait_until(lambda: timeline.is_visible("#story-title") and "open case" in timeline.text, "the story in English")
    wait_until(lambda: timeline.focused[0] == "story-title", "the focus on it")
    assert timeline.page.run("return document.querySelectorAll('.facts tr[data-channel]').length") == 8
    assert timeline.page.run("return purpose.value") == "follow_up"
    assert timeline.page.run("return Object.keys(sessionStorage).sort()") == [
        "accueil.purpose",
        "accueil.token",
        "accueil.touched_at",
    ]
    timeline.page.driver.refresh()
    timeline.wait_for("#search")
    assert not timeline.is_visible("#story-title")
    timeline.page.assert_no_errors()
