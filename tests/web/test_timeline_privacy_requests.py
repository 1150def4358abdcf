"""Tests of export, erasure and language on the timeline page in Chromium."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import json
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from selenium.webdriver.common.keys import Keys

from models.identities import IdentityKind
from models.roles import Role
from streams.api.app import create_app
from streams.web.http_server import listen
from tests.support.api_harness import NUMBER, ApiHarness, call, form, letter, token
from tests.support.processes import wait_until
from tests.web import axe
from tests.web.browser import CONTRASTS, PHONE, Page
from tests.web.timeline_ui import TimelineUi

pytestmark = pytest.mark.browser


class ServedHarness(ApiHarness):
    """An API on its own port."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        app = create_app(self.api, CollectorRegistry(), ["127.0.0.1"])
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        self._thread = Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        super().close()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ServedHarness]:
    api = ServedHarness(tmp_path)
    api.add(token(), token("agent", Role.AGENT), token("narrow", services=("rsa",)))
    phone, case = api.pseudonym(IdentityKind.PHONE, NUMBER), api.pseudonym(IdentityKind.CASE, "D-2026-17")
    api.write([*letter("1", 0, f"{case} {phone}"), *form("2", 90, case), *call("3", 200, phone)])
    yield api
    api.close()


@pytest.fixture
def ui(page: Page, api: ServedHarness) -> TimelineUi:
    return TimelineUi(page, api)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_export_is_downloaded_as_a_file(ui: TimelineUi, api: ServedHarness, tmp_path: Path, theme: str) -> None:
    files = tmp_path / "downloads"
    files.mkdir()
    ui.page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(files)})
    ui.open(theme=theme).sign_in().search(NUMBER)
    axe.check(ui.page)
    ui.picture(f"rights-{theme}")
    ui.tab_to(lambda at: at[0] == "export-button")
    ui.press(Keys.ENTER)
    ui.wait_for("#question[open]")
    assert ui.focused[0] == "export-format"
    assert "Il est enregistré sur cet ordinateur, hors d’Accueil, sous votre responsabilité." in ui.text
    axe.check(ui.page)
    assert ui.page.run(CONTRASTS) == []
    ui.screenshot(f"export-{theme}")
    assert api.recorded()[-1]["operation"] == "look_up", "nothing is exported yet"
    ui.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    ui.tab_to(lambda at: at[1:] == ["BUTTON", "Exporter"])
    ui.press(Keys.ENTER)
    wait_until(lambda: [*files.glob("export-social-*.json")], "the file", 20, lambda: ui.text)
    (file,) = files.glob("export-social-*.json")
    export = json.loads(file.read_text())
    assert {one["contact"] for one in export["contacts"]} == {"mail:ged:1", "form:demarches:2", "call:standard:3"}
    wait_until(lambda: f"Fichier {file.name} téléchargé." in ui.text, "the announcement")
    assert api.recorded()[-1]["operation"] == "export"
    ui.page.assert_quiet()


def test_erasure_explains_its_effects_and_needs_confirmation(
    ui: TimelineUi, api: ServedHarness, tmp_path: Path
) -> None:
    files = tmp_path / "downloads"
    files.mkdir()
    ui.page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(files)})
    ui.open().sign_in().search(NUMBER)
    ui.tab_to(lambda at: at[0] == "erase-button")
    ui.press(Keys.ENTER)
    ui.wait_for("#question[open]")
    assert "Cette action est irréversible. Les chiffres ne changent pas." in ui.text
    why = ui.page.run("return document.getElementById('question-why').textContent")
    assert re.match(r"3 contacts, du \d.+ au \d.+\. 1 affaire en cours\. Toutes les données de l’usager", why), why
    assert ui.focused[0] == "erase-sure"
    axe.check(ui.page)
    ui.screenshot("erase")
    ui.press(Keys.ENTER)
    assert ui.is_shown("#question[open]"), "the confirmation is missing"
    ui.press(Keys.ESCAPE)
    assert ui.focused[0] == "erase-button"
    assert api.recorded()[-1]["operation"] == "look_up"
    ui.press(Keys.ENTER, Keys.SPACE, Keys.ENTER)
    ui.wait_for(".erasure")
    assert ui.focused[0] == "erasure-title"
    assert "Effacement en cours" in ui.text
    assert "3 contacts. Tout n’est pas encore effacé." in ui.text
    assert not ui.is_shown(".facts")
    axe.check(ui.page)
    assert ui.is_shown("#look-at-erasure")
    ui.tab_to(lambda at: at[0] == "list-erasures")
    ui.press(Keys.ENTER)
    wait_until(
        lambda: "3 contacts" in ui.text and ui.is_shown("#erasures-title"), "the contacts and the open erasures", 20
    )
    axe.check(ui.page)
    ui.tab_to(lambda at: "Où en est-il" in at[2])
    ui.press(Keys.ENTER)
    ui.wait_for("#look-at-erasure")
    api.state.apply_erasures(api.timeline)
    wait_until(lambda: "Effacement prouvé" in ui.text, "the proof", 60, lambda: ui.text)
    assert ui.focused[0] == "erasure-title"
    assert "les numéros de ses contacts, pour qu" in ui.text
    assert ui.page.run("return document.querySelectorAll('.erasure li').length") == 6
    ui.tab_to(lambda at: at[0] == "save-proof")
    ui.press(Keys.ENTER)
    wait_until(lambda: [*files.glob("erasure-*.json")], "the proof as a file", 20, lambda: ui.text)
    (file,) = files.glob("erasure-*.json")
    assert json.loads(file.read_text())["proof"]["remains"]
    assert "Étapes\n8, désormais 0" in ui.text
    assert not ui.is_shown("#look-at-erasure")
    axe.check(ui.page)
    assert ui.page.run(CONTRASTS) == []
    ui.picture("erased")
    ui.page.assert_quiet()
    ui.page.driver.refresh()
    ui.wait_for("#find-erasure:not([hidden])")
    axe.check(ui.page)
    ui.page.run("document.getElementById('erasure-id').focus()")
    ui.press(file.stem.removeprefix("erasure-"), Keys.ENTER)
    wait_until(lambda: "Effacement prouvé" in ui.text, "the erasure by its number", 20, lambda: ui.text)
    ui.search(NUMBER)
    assert "Rien n’est connu sous cet identifiant" in ui.trouble


OTHER = "+33199000002"
HOLD = """
const ask = window.fetch, held = "/v1/look-up";
window.fetch = (path, request) => path === held
    ? new Promise((go) => { window.letGo = () => go(ask(path, request)); }) : ask(path, request);
"""


def test_failed_lookup_keeps_the_session_and_the_last_request_is_shown(ui: TimelineUi, api: ServedHarness) -> None:
    busy = "#search[aria-busy]"
    ui.open().sign_in().search(NUMBER)
    ui.page.run("document.getElementById('erase-button').click()")
    ui.wait_for("#question[open]")
    ui.press(Keys.SPACE, Keys.ENTER)
    ui.wait_for("#look-at-erasure")
    ui.page.run("document.getElementById('erasure-id').focus()")
    ui.press("0" * 32, Keys.ENTER)
    ui.wait_for("#trouble[data-kind='not-known']")
    api.state.apply_erasures(api.timeline)
    wait_until(lambda: "Effacement prouvé" in ui.text, "the proof", 60, lambda: ui.text)
    ui.page.run(HOLD)
    ui.page.run(f"value.value = '{NUMBER}'; document.getElementById('search').requestSubmit()")
    ui.wait_for(busy)
    ui.page.run("document.getElementById('list-erasures').click()")
    ui.wait_for("#erasures-title")
    assert not ui.is_shown(busy)
    ui.page.run("window.letGo()")
    ui.page.run("document.getElementById('find-erasure').requestSubmit()")
    ui.page.run("document.getElementById('list-erasures').click()")
    wait_until(lambda: api.recorded()[-1]["operation"] == "erase", "the last answer")
    assert ui.is_shown("#erasures-title")


def test_citizen_looked_up_during_an_erasure_stays_on_the_page(ui: TimelineUi, api: ServedHarness) -> None:
    ui.open().sign_in().search(NUMBER)
    ui.page.run(HOLD.replace("/v1/look-up", "/v1/erasures"))
    ui.page.run("document.getElementById('erase-button').click()")
    ui.wait_for("#question[open]")
    ui.press(Keys.SPACE, Keys.ENTER)
    wait_until(lambda: ui.page.run("return Boolean(window.letGo)"), "the pending erasure")
    other = api.pseudonym(IdentityKind.PHONE, OTHER)
    api.write(call("9", 300, other))
    ui.search(OTHER)
    ui.page.run(
        "window.seen = []; new MutationObserver(() => seen.push(Boolean(document.getElementById('erasure-title'))))"
        ".observe(document.getElementById('story'), { childList: true }); window.letGo()"
    )
    wait_until(lambda: api.recorded()[-1]["operation"] == "erase", "the answer")
    for _ in range(2):
        ui.search(OTHER)
    assert not any(ui.page.run("return seen"))
    assert ui.is_shown("#story-title")


def test_page_hides_actions_without_permission(ui: TimelineUi) -> None:
    for who in ("agent", "narrow"):
        ui.open(PHONE).sign_in(who).search(NUMBER)
        assert ui.is_shown(".facts")
        assert not ui.is_shown(".rights")
        assert not ui.is_shown("#find-erasure")


@pytest.mark.parametrize(("value", "kind"), [(NUMBER, "phone"), ("mail:ged:1", "contact")])
def test_timeline_is_shown_again_in_the_other_language(ui: TimelineUi, value: str, kind: str) -> None:
    ui.open().sign_in().search(value, kind, "follow_up")
    ui.page.run("sessionStorage.setItem('accueil.purpose', 'follow_up')")  # as the submitted form does
    ui.tab_to(lambda at: at[0] == "other-language", Keys.SHIFT + Keys.TAB)
    ui.press(Keys.ENTER)
    wait_until(lambda: ui.is_shown("#story-title") and "open case" in ui.text, "the timeline in English")
    wait_until(lambda: ui.focused[0] == "story-title", "the focus")
    assert ui.page.run("return document.querySelectorAll('.facts tr[data-channel]').length") == 8
    assert ui.page.run("return purpose.value") == "follow_up"
    assert ui.page.run("return Object.keys(sessionStorage).sort()") == [
        "accueil.purpose",
        "accueil.token",
        "accueil.touched_at",
    ]
    ui.page.driver.refresh()
    ui.wait_for("#search")
    assert not ui.is_shown("#story-title")
    ui.page.assert_quiet()
