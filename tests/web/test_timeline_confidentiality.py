"""Tests of the confidentiality of the timeline page in Chromium: identifiers, ended sessions, markup in names."""

from pathlib import Path

import pytest

from tests.support.phone_leaks import found
from tests.support.processes import wait_until
from tests.support.timeline_page import CASE, EMAIL, HOSTILE, NUMBER, serving
from tests.web.browser import Page
from tests.web.timeline_ui import TimelineUi

pytestmark = pytest.mark.browser


def test_identifier_is_only_in_its_field(ui: TimelineUi) -> None:
    ui.open()
    before = ui.page.run("return history.length")
    ui.sign_in()
    for value, kind in ((NUMBER, "phone"), (EMAIL, "email"), (CASE, "case")):
        ui.search(value, kind)
        ui.wait_for("#story-title")
    kept = ui.page.run(
        "return JSON.stringify([location.href, document.title, history.state, {...sessionStorage}, {...localStorage},"
        " document.cookie, document.getElementById('story').innerHTML])"
    )
    for value in (EMAIL, CASE):
        assert value not in kept
    assert found(NUMBER, kept.encode()) == []
    assert ui.page.run("return history.length") == before
    assert ui.page.run("return [...document.querySelectorAll('input')].map((box) => box.autocomplete)") == ["off"] * 3
    urls = ui.page.requests()
    assert len(urls) > 15
    assert [url for url in urls if not url.startswith(f"{ui.served.url}/")] == []
    assert found(NUMBER, "\n".join(urls).encode()) == []
    assert (
        ui.page.run("return performance.getEntriesByType('resource').some(({ name }) => /\\d{8}|@/.test(name))")
        is False
    )
    for log in (ui.served.child.text.encode(), ui.served.written):
        assert found(NUMBER, log) == []
        assert EMAIL.encode() not in log
    ui.page.run("document.getElementById('sign-out').click()")
    assert ui.element("value").get_attribute("value") == ""
    assert ui.page.run("return [sessionStorage.length, document.getElementById('story').childNodes.length]") == [0, 0]
    ui.page.assert_quiet()


def test_page_without_token_shows_no_data(ui: TimelineUi) -> None:
    ui.open()
    for name in ("me", "search", "story", "sign-out"):
        assert not ui.is_shown(f"#{name}")
    assert ui.page.run("return [document.forms.length, document.querySelectorAll('#kind option').length]") == [3, 0]


def test_idle_session_ends_even_in_a_sleeping_tab(ui: TimelineUi) -> None:
    ui.open().sign_in().search(NUMBER)

    def is_forgotten() -> bool:
        ui.page.run("if (sessionStorage.length) sessionStorage.setItem('accueil.touched_at', Date.now() - 900_000)")
        return ui.is_shown("#door")

    wait_until(is_forgotten, "the end of the session")
    assert "Déconnexion après 15 min sans activité." in ui.text
    assert ui.page.run("return [sessionStorage.length, document.getElementById('story').childNodes.length]") == [0, 0]


def test_markup_in_names_is_escaped(page: Page, tmp_path: Path) -> None:
    hostile = {"label_fr": HOSTILE, "label_en": HOSTILE}
    with serving(tmp_path, web={"title": HOSTILE, "services": {"rsa": hostile, "autonomie": hostile}}) as served:
        served.add("camille", services=("rsa", "autonomie"))
        ui = TimelineUi(page, served).open().sign_in().search(NUMBER)
        ui.page.run("document.querySelector('.card button').click()")
        ui.wait_for("#life[open]")
        assert ui.text.count(HOSTILE) > 10
        assert page.run("return typeof window.hostile") == "undefined"
        assert page.run("return document.querySelectorAll('main img, main script').length") == 0
        ui.page.assert_quiet()
