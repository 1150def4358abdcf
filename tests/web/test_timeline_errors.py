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
from tests.web.timeline_ui import TimelineUi

pytestmark = pytest.mark.browser


def test_wrong_token_is_reported_and_not_stored(ui: TimelineUi) -> None:
    ui.open().sign_in("unknown")
    assert "Ce jeton n’est pas, ou n’est plus, valable" in ui.trouble
    assert ui.is_shown("#door")
    assert ui.page.run("return sessionStorage.length") == 0


def test_revoked_token_ends_the_session(ui: TimelineUi) -> None:
    ui.served.add("leaver")
    ui.open().sign_in("leaver").search(NUMBER)
    ui.served.tokens.revoke("leaver", 1)
    wait_until(lambda: httpx.get(f"{ui.served.url}/v1/me", headers={"authorization": "Bearer leaver"}).status_code == 401,
               "the token to end", 10)  # fmt: skip
    ui.search(NUMBER)
    assert "n’est plus, valable" in ui.trouble
    assert not ui.is_shown("#story")


def test_refused_and_unknown_requests_are_reported(ui: TimelineUi) -> None:
    ui.open().sign_in("elsewhere").search("mail:ged:1201", "contact")
    assert ui.trouble == "■ Ce n'est pas dans un secteur de ce jeton. Ce refus est enregistré."
    assert not ui.is_shown("#story")
    ui.open().sign_in("chef")
    assert "Votre rôle ne donne accès à aucun historique." in ui.text
    assert not ui.is_shown("#search")
    ui.open().sign_in("agent").search("01 99 00 77 77")
    assert "Rien n’est connu sous cet identifiant" in ui.trouble
    ui.search("abc")
    assert "n’a pas la forme attendue pour « Téléphone »" in ui.trouble
    ui.search(NUMBER)
    assert not ui.is_shown("#trouble")


def test_missing_input_is_reported_without_a_request(ui: TimelineUi) -> None:
    ui.open().sign_in("agent")
    ui.element("value").send_keys(Keys.ENTER)
    assert (ui.trouble, ui.focused[0]) == ("▲ Saisissez un identifiant.", "value")
    ui.element("value").send_keys(NUMBER + Keys.ENTER)
    wait_until(lambda: ui.focused[0] == "purpose", "the focus on the purpose")
    assert ui.trouble == "▲ Choisissez le motif de votre recherche : il est enregistré."
    assert not ui.is_shown("#story")
    reasons = ui.page.run("return [...purpose.options].map((option) => option.value)")
    assert reasons == ["", *PURPOSES[Role.AGENT]]


def test_rate_limit_shows_the_time_to_wait(ui: TimelineUi) -> None:
    ui.open().sign_in("slow").search(NUMBER).search(NUMBER)
    assert "Trop de demandes avec ce jeton. Réessayez dans " in ui.trouble
    assert 0 < int("".join(filter(str.isdigit, ui.trouble))) <= 60
    assert "4 affaires" not in ui.text


def test_data_is_not_shown_if_the_audit_fails(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.add("camille")
        ui = TimelineUi(page, served).open().sign_in()
        headers = {"authorization": "Bearer camille"}
        body = {"kind": "phone", "value": NUMBER, "purpose": "contact"}
        audit = served.data / "audit" / "000001.jsonl"
        for _ in range(30):  # longer than the log, which needs space too
            assert httpx.post(f"{served.url}/v1/look-up", json=body, headers=headers).status_code == 200
        limit_bytes = audit.stat().st_size + 10
        assert limit_bytes > served.child.log.stat().st_size + 2000
        resource.prlimit(served.child.pid, resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
        ui.search(NUMBER)
        assert "L’enregistrement des accès est impossible : rien n’est montré." in ui.trouble
        assert not ui.is_shown("#story")
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
        ui = TimelineUi(page, served).open().sign_in().search(NUMBER)
        assert "La base des historiques ne répond pas." in ui.trouble
        served.child.kill()
        served.child.wait()
        ui.search(NUMBER)
        assert "Le serveur ne répond pas." in ui.trouble
        page.run("document.getElementById('sign-out').click()")
        ui.sign_in()
        assert "Le serveur ne répond pas." in ui.trouble
        assert ui.is_shown("#door")
