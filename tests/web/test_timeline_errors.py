"""Tests of failures on the timeline page in Chromium: errors are shown, and no data without an audit record."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import resource
from pathlib import Path

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from models.roles import Role
from streams.access.audit_records import PURPOSES
from tests.support.processes import wait_until
from tests.support.timeline_page import NUMBER, serving
from tests.web.browser import Page
from tests.web.timeline import TimelineWindow

pytestmark = pytest.mark.browser


def test_wrong_token_is_reported_and_not_stored(timeline: TimelineWindow) -> None:
    timeline.open().sign_in("nobody")
    assert "Ce jeton n’est pas, ou n’est plus, valable" in timeline.error_text
    assert timeline.is_visible("#door")
    assert timeline.page.run("return sessionStorage.length") == 0


def test_revoked_token_ends_the_session(timeline: TimelineWindow) -> None:
    timeline.served.add("leaver")
    timeline.open().sign_in("leaver").search(NUMBER)
    timeline.served.tokens.revoke("leaver", 1)
    wait_until(lambda: httpx.get(f"{timeline.served.url}/v1/me", headers={"authorization": "Bearer leaver"}).status_code == 401,
               "the token to end")  # fmt: skip
    timeline.search(NUMBER)
    assert "n’est plus, valable" in timeline.error_text
    assert not timeline.is_visible("#story")


def test_refused_and_unknown_requests_are_reported(timeline: TimelineWindow) -> None:
    timeline.open().sign_in("elsewhere").search("mail:ged:1201", "contact")
    assert timeline.error_text == "■ Ce n'est pas dans un secteur de ce jeton. Ce refus est enregistré."
    assert not timeline.is_visible("#story")
    timeline.open().sign_in("chef")
    assert "Votre rôle ne donne accès à aucun historique." in timeline.text
    assert not timeline.is_visible("#search")
    timeline.open().sign_in("agent").search("01 99 00 77 77")
    assert "Rien n’est connu sous cet identifiant" in timeline.error_text
    timeline.search("abc")
    assert "n’a pas la forme attendue pour « Téléphone »" in timeline.error_text
    timeline.search(NUMBER)
    assert not timeline.is_visible("#trouble")


def test_missing_input_is_reported_without_a_request(timeline: TimelineWindow) -> None:
    timeline.open().sign_in("agent")
    timeline.element("value").send_keys(Keys.ENTER)
    assert (timeline.error_text, timeline.focused[0]) == ("▲ Saisissez un identifiant.", "value")
    timeline.element("value").send_keys(NUMBER + Keys.ENTER)
    wait_until(lambda: timeline.focused[0] == "purpose", "the reason's box")
    assert timeline.error_text == "▲ Choisissez le motif de votre recherche : il est enregistré."
    assert not timeline.is_visible("#story")
    reasons = timeline.page.run("return [...purpose.options].map((option) => option.value)")
    assert reasons == ["", *PURPOSES[Role.AGENT]]


def test_rate_limit_shows_the_time_to_wait(timeline: TimelineWindow) -> None:
    timeline.open().sign_in("slow").search(NUMBER).search(NUMBER)
    assert "Trop de demandes avec ce jeton. Réessayez dans " in timeline.error_text
    assert 0 < int("".join(filter(str.isdigit, timeline.error_text))) <= 60
    assert "4 affaires" not in timeline.text


def test_data_is_not_shown_if_the_audit_fails(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.add("camille")
        timeline = TimelineWindow(page, served).open().sign_in()
        headers = {"authorization": "Bearer camille"}
        body = {"kind": "phone", "value": NUMBER, "purpose": "contact"}
        audit = served.data / "audit" / "000001.jsonl"
        for _ in range(30):  # longer than the log, which needs space too
            assert httpx.post(f"{served.url}/v1/look-up", json=body, headers=headers).status_code == 200
        room = audit.stat().st_size + 10
        assert room > served.child.log.stat().st_size + 2000
        resource.prlimit(served.child.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        timeline.search(NUMBER)
        assert "L’enregistrement des accès est impossible : rien n’est montré." in timeline.error_text
        assert not timeline.is_visible("#story")
        resource.prlimit(served.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_unavailable_database_and_server_are_reported(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.add("camille")
        assert served.child.stop() == 0
        served.timeline.close()
        for path in served.data.glob("timeline.db*"):
            path.unlink()
        (served.data / "timeline.db").mkdir()
        served.start()
        timeline = TimelineWindow(page, served).open().sign_in().search(NUMBER)
        assert "La base des historiques ne répond pas." in timeline.error_text
        served.child.kill()
        served.child.wait()
        timeline.search(NUMBER)
        assert "Le serveur ne répond pas." in timeline.error_text
        page.run("document.getElementById('sign-out').click()")
        timeline.sign_in()
        assert "Le serveur ne répond pas." in timeline.error_text
        assert timeline.is_visible("#door"), "to try again"
