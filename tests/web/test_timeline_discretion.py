"""Tests of the confidentiality of the timeline page in Chromium: identifiers, ended sessions, markup in names."""

from pathlib import Path

import pytest

from tests.support.phone_leaks import found
from tests.support.processes import wait_until
from tests.support.timeline_page import CASE, EMAIL, HOSTILE, NUMBER, serving
from tests.web.browser import Page
from tests.web.timeline import Desk

pytestmark = pytest.mark.browser


def test_identifier_is_only_in_its_field(desk: Desk) -> None:
    desk.open()
    before = desk.page.run("return history.length")
    desk.sign_in()
    for value, kind in ((NUMBER, "phone"), (EMAIL, "email"), (CASE, "case")):
        desk.ask(value, kind)
        desk.wait_for("#story-title")
    kept = desk.page.run(
        "return JSON.stringify([location.href, document.title, history.state, {...sessionStorage}, {...localStorage},"
        " document.cookie, document.getElementById('story').innerHTML])"
    )
    for value in (EMAIL, CASE):
        assert value not in kept
    assert found(NUMBER, kept.encode()) == []
    assert desk.page.run("return history.length") == before
    assert desk.page.run("return [...document.querySelectorAll('input')].map((box) => box.autocomplete)") == ["off"] * 3
    asked = desk.page.requests()
    assert len(asked) > 15
    assert [url for url in asked if not url.startswith(f"{desk.served.url}/")] == []
    assert found(NUMBER, "\n".join(asked).encode()) == []
    assert (
        desk.page.run("return performance.getEntriesByType('resource').some(({ name }) => /\\d{8}|@/.test(name))")
        is False
    )
    for log in (desk.served.child.text.encode(), desk.served.written):
        assert found(NUMBER, log) == []
        assert EMAIL.encode() not in log
    desk.page.run("document.getElementById('sign-out').click()")
    assert desk.element("value").get_attribute("value") == ""
    assert desk.page.run("return [sessionStorage.length, document.getElementById('story').childNodes.length]") == [0, 0]
    desk.page.assert_quiet()


def test_page_without_token_shows_no_data(desk: Desk) -> None:
    desk.open()
    for name in ("me", "search", "story", "sign-out"):
        assert not desk.is_there(f"#{name}")
    assert desk.page.run("return [document.forms.length, document.querySelectorAll('#kind option').length]") == [3, 0]


def test_idle_session_ends_even_in_a_sleeping_tab(desk: Desk) -> None:
    desk.open().sign_in().ask(NUMBER)

    def is_forgotten() -> bool:
        desk.page.run("if (sessionStorage.length) sessionStorage.setItem('accueil.touched_at', Date.now() - 900_000)")
        return desk.is_there("#door")

    wait_until(is_forgotten, "the end of the session")
    assert "Déconnexion après 15 min sans activité." in desk.text
    assert desk.page.run("return [sessionStorage.length, document.getElementById('story').childNodes.length]") == [0, 0]


def test_markup_in_names_is_escaped(page: Page, tmp_path: Path) -> None:
    hostile = {"label_fr": HOSTILE, "label_en": HOSTILE}
    with serving(tmp_path, web={"title": HOSTILE, "services": {"rsa": hostile, "autonomie": hostile}}) as served:
        served.add("camille", services=("rsa", "autonomie"))
        desk = Desk(page, served).open().sign_in().ask(NUMBER)
        desk.page.run("document.querySelector('.card button').click()")
        desk.wait_for("#life[open]")
        assert desk.text.count(HOSTILE) > 10
        assert page.run("return typeof window.hostile") == "undefined"
        assert page.run("return document.querySelectorAll('main img, main script').length") == 0
        desk.page.assert_quiet()
