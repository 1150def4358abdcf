"""Tests of the confidentiality of the timeline page in Chromium: identifiers, ended sessions, markup in names."""

from pathlib import Path

import pytest

from tests.support.phone_leaks import found
from tests.support.processes import wait_until
from tests.support.timeline_page import CASE, EMAIL, HOSTILE, NUMBER, serving
from tests.web.browser import Page
from tests.web.timeline import TimelineWindow

pytestmark = pytest.mark.browser


def test_identifier_is_only_in_its_field(timeline: TimelineWindow) -> None:
    timeline.open()
    before = timeline.page.run("return history.length")
    timeline.sign_in()
    for value, kind in ((NUMBER, "phone"), (EMAIL, "email"), (CASE, "case")):
        timeline.search(value, kind)
        timeline.wait_for("#story-title")
    kept = timeline.page.run(
        "return JSON.stringify([location.href, document.title, history.state, {...sessionStorage}, {...localStorage},"
        " document.cookie, document.getElementById('story').innerHTML])"
    )
    for value in (EMAIL, CASE):
        assert value not in kept
    assert found(NUMBER, kept.encode()) == []
    assert timeline.page.run("return history.length") == before
    assert (
        timeline.page.run("return [...document.querySelectorAll('input')].map((box) => box.autocomplete)")
        == ["off"] * 3
    )
    requests = timeline.page.requests()
    assert len(requests) > 15
    assert [url for url in requests if not url.startswith(f"{timeline.served.url}/")] == []
    assert found(NUMBER, "\n".join(requests).encode()) == []
    assert (
        timeline.page.run("return performance.getEntriesByType('resource').some(({ name }) => /\\d{8}|@/.test(name))")
        is False
    )
    for log in (timeline.served.child.text.encode(), timeline.served.all_files):
        assert found(NUMBER, log) == []
        assert EMAIL.encode() not in log
    timeline.page.run("document.getElementById('sign-out').click()")
    assert timeline.element("value").get_attribute("value") == ""
    assert timeline.page.run("return [sessionStorage.length, document.getElementById('story').childNodes.length]") == [
        0,
        0,
    ]
    timeline.page.assert_no_errors()


def test_timeline_page_without_token_shows_no_data(timeline: TimelineWindow) -> None:
    timeline.open()
    for name in ("me", "search", "story", "sign-out"):
        assert not timeline.is_visible(f"#{name}")
    assert timeline.page.run("return [document.forms.length, document.querySelectorAll('#kind option').length]") == [
        3,
        0,
    ]


def test_idle_session_ends_even_in_a_sleeping_tab(timeline: TimelineWindow) -> None:
    timeline.open().sign_in().search(NUMBER)

    def is_forgotten() -> bool:
        timeline.page.run(
            "if (sessionStorage.length) sessionStorage.setItem('accueil.touched_at', Date.now() - 900_000)"
        )
        return timeline.is_visible("#door")

    wait_until(is_forgotten, "the end of the session")
    assert "Déconnexion après 15 min sans activité." in timeline.text
    assert timeline.page.run("return [sessionStorage.length, document.getElementById('story').childNodes.length]") == [
        0,
        0,
    ]


def test_markup_in_names_is_escaped(page: Page, tmp_path: Path) -> None:
    hostile = {"label_fr": HOSTILE, "label_en": HOSTILE}
    with serving(tmp_path, web={"title": HOSTILE, "services": {"rsa": hostile, "autonomie": hostile}}) as served:
        served.add("camille", services=("rsa", "autonomie"))
        timeline = TimelineWindow(page, served).open().sign_in().search(NUMBER)
        timeline.page.run("document.querySelector('.card button').click()")
        timeline.wait_for("#life[open]")
        assert timeline.text.count(HOSTILE) > 10
        assert page.run("return typeof window.hostile") == "undefined"
        assert page.run("return document.querySelectorAll('main img, main script').length") == 0
        timeline.page.assert_no_errors()
