"""The timeline page as people use it: a real Chromium on a real `accueil api`. Pictures are kept under tests/artifacts."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import base64
import json
import re
import resource
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from models.grounds import Ground
from models.identities import IdentityKind
from models.instants import milliseconds
from streams.access.permissions import Role
from streams.access.purposes import PURPOSES
from streams.core.links import Link
from tests.support.events import make
from tests.support.personal import found
from tests.support.processes import wait_until
from tests.support.timeline_page import (
    CASE,
    EMAIL,
    HOSTILE,
    LANDLINE,
    MANY,
    NUMBER,
    SECTOR,
    Served,
    serving,
    write_many,
)
from tests.web import axe
from tests.web.browser import ARTIFACTS, BESIDE, CONTRASTS, LAPTOP, LOOKS, PHONE, TABLET, WALL, Page, keep

pytestmark = pytest.mark.browser

HOUSE = {
    "title": "Accueil du Département",
    "title_en": "Welcome to the Département",
    "services": {
        "rsa": {"label_fr": "RSA et insertion", "label_en": "Income support"},
        "autonomie": {"label_fr": "Autonomie", "label_en": "Elderly care"},
        "accueil": {"label_fr": "Accueil général", "label_en": "Switchboard"},
    },
}
ZOOMED, REFLOWED = (683, 384), (320, 640)
"""A laptop at 200 %, and the narrowest that WCAG asks for (1.4.10)."""
FOCUSED = (
    "const at = document.activeElement; return [at.id, at.tagName, at.getAttribute('aria-label') ?? at.textContent]"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API, with a token of each kind."""
    with serving(tmp_path_factory.mktemp("api"), web=HOUSE, api={"other_services": "outline"}) as served:
        served.add("camille")
        served.add("agent", Role.AGENT)
        served.add("autonomie", Role.AGENT, services=("autonomie",))
        served.add("elsewhere", Role.AGENT, sectors=("routes",))
        served.add("chef", Role.SUPERVISOR)
        served.add("slow", rate_per_minute=2)
        yield served


class Desk:
    """A page on which somebody works."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page, self.served = page, served

    def open(self, size: tuple[int, int] = LAPTOP, language: str = "fr", theme: str = "light") -> "Desk":
        self.page.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        self.page.open(f"{self.served.url}/?lang={language}", size)
        self.page.run("sessionStorage.clear(); localStorage.clear()")
        self.page.driver.refresh()
        return self

    def element(self, name: str) -> Any:
        return self.page.driver.find_element(By.ID, name)

    def is_there(self, selector: str) -> bool:
        return bool(self.page.run(f"return document.querySelector({json.dumps(selector)})?.checkVisibility() ?? false"))

    def wait_for(self, selector: str) -> None:
        wait_until(
            lambda: self.is_there(selector), selector, 10, lambda: self.page.run("return document.body.innerText")
        )

    def sign_in(self, secret: str = "camille") -> "Desk":
        self.wait_for("#token")
        self.element("token").send_keys(secret + Keys.ENTER)
        wait_until(lambda: self.is_there("#me") or self.is_there("#trouble"), "an answer")
        return self

    def ask(self, value: str, kind: str = "phone", purpose: str = "contact") -> "Desk":
        """Search, and wait for what comes of it."""
        self.page.run(
            f"kind.value = '{kind}'; purpose.value = '{purpose}'; document.getElementById('value').value = ''"
        )
        self.page.run("document.getElementById('story').replaceChildren()")
        self.element("value").send_keys(value + Keys.ENTER)
        wait_until(lambda: self.is_there("#story-title") or self.is_there("#trouble"), "an answer")
        return self

    @property
    def trouble(self) -> str:
        self.wait_for("#trouble")
        return self.page.text("#trouble").replace("\N{NO-BREAK SPACE}", " ")

    @property
    def text(self) -> str:
        return str(self.page.run("return document.body.innerText")).replace("\N{NO-BREAK SPACE}", " ")

    def press(self, *keys: str) -> None:
        ActionChains(self.page.driver).send_keys(*keys).perform()

    def tab_to(self, is_it: Callable[[list[str]], bool], key: str = Keys.TAB) -> None:
        """Press Tab until the focus is where it is wanted."""
        for _ in range(80):
            if is_it(self.focused):
                return
            self.press(key)
        raise AssertionError(f"never reached; at last {self.focused}")

    @property
    def focused(self) -> list[str]:
        return [str(part) for part in self.page.run(FOCUSED)]

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page, however high it is."""
        wide, high = self.page.run(
            "const page = document.documentElement; return [page.clientWidth, page.scrollHeight]"
        )
        clip = {"x": 0, "y": 0, "width": wide, "height": min(high, 2400), "scale": 1}
        keep(self.page.driver, f"timeline-{name}", captureBeyondViewport=True, clip=clip)

    def screenshot(self, name: str) -> None:
        """Keep a picture of what is in sight: of dialogs."""
        keep(self.page.driver, f"timeline-{name}")


@pytest.fixture
def desk(page: Page, served: Served) -> Desk:
    return Desk(page, served)


# ------------------------------------------------------------------------------------------------------------------ keyboard
def test_a_day_at_the_desk_by_keyboard_alone(desk: Desk) -> None:
    desk.open()
    desk.press(Keys.TAB)
    assert desk.focused[2] == "Aller au contenu"
    desk.tab_to(lambda at: at[0] == "token")
    desk.press("camille", Keys.ENTER)
    desk.wait_for("#search")
    wait_until(lambda: desk.focused[0] == "value", "the focus in the search box")
    desk.press(NUMBER)
    desk.tab_to(lambda at: at[0] == "purpose")
    desk.press(Keys.ARROW_DOWN)
    desk.tab_to(lambda at: at[1] == "BUTTON" and at[2] == "Chercher")
    desk.press(Keys.ENTER)
    desk.wait_for("#story-title")
    wait_until(lambda: desk.focused[0] == "story-title", "the focus on what was found")

    desk.tab_to(lambda at: at[1] == "g")
    assert desk.focused[2].startswith("Appel mis en file, RSA et insertion, ")
    desk.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert desk.focused[2].startswith("Rendez-vous pris\u00a0: ")
    desk.press(Keys.ARROW_UP)
    assert desk.focused[2].startswith("Pièce ou correction demandée") or "première réponse" in desk.focused[2]
    desk.press(Keys.HOME)
    assert desk.focused[2].startswith("Lettre arrivée, Autonomie, ")
    desk.press(Keys.ENTER)
    desk.wait_for("#life[open]")
    assert desk.focused[2] == "Fermer"
    assert "Délai tenu : délai annoncé" in desk.text
    for _ in range(4):
        desk.press(Keys.TAB)
        assert desk.page.run("return document.activeElement === document.body || life.contains(document.activeElement)")
    desk.press(Keys.ESCAPE)
    wait_until(lambda: not desk.is_there("#life[open]"), "the panel to close")
    assert desk.focused[2].startswith("Lettre arrivée, Autonomie, "), "back where it was opened"

    desk.press("t")
    assert desk.is_there(".lanes table")
    assert not desk.is_there(".picture")
    assert desk.page.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    desk.press("t")
    desk.wait_for(".picture svg")

    desk.tab_to(lambda at: at[0] == "sign-out", Keys.SHIFT + Keys.TAB)
    desk.press(Keys.ENTER)
    desk.wait_for("#door")
    assert desk.focused[0] == "token"
    assert "Rien ne reste" in desk.text
    desk.page.assert_quiet()


def test_what_matters_is_said_in_one_line_and_what_is_not_known_too(desk: Desk) -> None:
    desk.open().sign_in().ask(NUMBER)
    short = desk.page.text(".short").replace("\N{NO-BREAK SPACE}", " ")
    assert "4 affaires en cours" in short
    assert re.search(r"Rendez-vous\d+ \S+ \d{4}, \d\d:\d\d \(dans 5 jours\)", short)
    assert "■ 1 dépassé (dont 1 en cours)" in short
    assert re.search(r"Prochaine échéance■ En retard : première réponse, \d+ \S+ \d{4} \(il y a 4 jours\)", short)
    assert re.search(r"1 donné \d / 5 \(satisfaction\)", short)
    cards = desk.page.run("return [...document.querySelectorAll('.card')].map((card) => card.innerText)")
    assert [card.splitlines()[0] for card in cards] == ["Courrier", "Téléphone", "Rendez-vous", "Démarche en ligne"]
    letter, form = (cards[at].replace("\N{NO-BREAK SPACE}", " ") for at in (0, 3))
    assert "■ En retard : première réponse" in letter
    assert "Délai dépassé" not in letter, "which is the same"
    assert re.search(r"○ Échéance : traitement\n\d+ \S+ \d{4} \(dans 1[67] jours\)", letter), "in days: without an hour"
    assert "● Délai tenu : accusé de réception" in letter
    assert re.search(r"tampon du \d+ \S+ \d{4} \(il y a 20 jours\)\ndepuis \d", letter)
    assert "◇ Délai suspendu : délai annoncé" in form
    assert "Aucun délai connu" in cards[1]
    assert "2 faits" in cards[1]


def test_the_list_is_filtered_and_the_table_of_lanes_says_the_same(desk: Desk) -> None:
    desk.open().sign_in().ask(NUMBER)
    rows = "return document.querySelectorAll('.facts tr[data-channel]').length"
    marks = "return document.querySelectorAll('.picture [data-id]').length"
    whole = desk.page.run(rows)
    assert desk.page.run(marks) == whole > 30
    numbers = "return [...document.querySelectorAll('.lanes td.number')].map((cell) => Number(cell.textContent))"
    assert sum(desk.page.run(numbers)) == whole
    desk.element("filter-channel").send_keys("Cour")
    wait_until(lambda: desk.page.run(rows) < whole, "fewer facts")
    assert desk.page.run("return document.querySelectorAll('.lanes tbody tr').length") == 1
    assert sum(desk.page.run(numbers)) == desk.page.run(marks) == desk.page.run(rows)
    assert f"sur {whole} lus" in desk.text


def test_a_deadline_is_a_bare_day_at_the_very_end_of_one_only(desk: Desk) -> None:
    desk.open()
    midnight = milliseconds(datetime.fromisoformat("2026-12-03T23:00:00Z"))
    told = desk.page.run(
        "const { deadline } = await import('/static/say.js');"
        f"return [0, 1, 30_000, -1, 3_600_000].map((later) => deadline({midnight} + later)[0].textContent);"
    )
    assert told == ["3 déc. 2026", *["4 déc. 2026, 00:00"] * 2, "3 déc. 2026, 23:59", "4 déc. 2026, 01:00"]


HIDDEN = """
const middles = [...document.querySelectorAll(".picture [data-id] > :last-child")].map((shape) => {
  const { x, y, width, height } = shape.getBoundingClientRect();
  return { x: x + width / 2, y: y + height / 2, label: shape.parentElement.getAttribute("aria-label"), kind: shape.classList[0] };
});
const near = (one, other) => Math.hypot(one.x - other.x, one.y - other.y) < 12;
const kept = middles.filter(({ label }) => label.startsWith("Délai tenu"));
const together = middles.filter(({ kind, x }) => kind === "end" && kept.some((other) => Math.abs(other.x - x) < 1));
return [together.length, middles.filter(({ kind }) => kind === "end").filter((end) => kept.some((one) => near(one, end))).length];
"""
"""How many closures happened with a promise that was kept, and how many of them are hidden by it."""


@pytest.mark.parametrize("size", [LAPTOP, REFLOWED], ids=["laptop", "narrow"])
def test_a_closure_is_seen_beside_the_promise_that_it_keeps(desk: Desk, size: tuple[int, int]) -> None:
    desk.open(size).sign_in().ask(NUMBER)
    together, hidden = desk.page.run(HIDDEN)
    assert together > 0
    assert hidden == 0


def test_what_is_shared_is_said_and_leads_on(desk: Desk) -> None:
    desk.open().sign_in().ask(NUMBER)
    assert "Partagé, donc non montré" in desk.text
    assert desk.page.run("return document.querySelectorAll('.links li').length") == 4
    desk.page.run("[...document.querySelectorAll('.links button')].at(-1).click()")
    wait_until(lambda: "mène à plusieurs personnes" in desk.text, "the shared number")
    assert desk.page.run("return document.querySelectorAll('.links li').length") == 3
    assert desk.page.text(".links h2") == "À qui il mène"
    assert not desk.is_there(".facts")


HOLD = """
const ask = window.fetch;
let held;
window.fetch = async (...asked) => {
  const answer = await ask(...asked);
  if (held) held();
  else await new Promise((go) => { held = go; });
  return answer;
};
"""


def test_an_answer_that_comes_after_the_next_was_asked_for_is_shown_to_nobody(desk: Desk) -> None:
    desk.open().sign_in()
    desk.page.run(HOLD)
    desk.page.run("purpose.value = 'contact'")
    for value in (NUMBER, LANDLINE):
        desk.element("value").clear()
        desk.element("value").send_keys(value + Keys.ENTER)
    desk.wait_for("#story-title")
    desk.page.run("await new Promise((go) => setTimeout(go))")
    assert desk.page.run("return document.querySelectorAll('#story-title').length") == 1
    assert "mène à plusieurs personnes" in desk.text
    assert not desk.is_there(".card")


def test_whoever_may_look_into_several_sectors_chooses_one(page: Page, tmp_path: Path) -> None:
    reason = "convention du 3 mars 2026, article 4"
    across = [{"from_sector": "routes", "to_sector": SECTOR, "reason": reason}]
    with serving(tmp_path, api={"across": across}) as served:
        served.add("both", Role.AGENT, sectors=("routes", "voirie"))
        desk = Desk(page, served).open().sign_in("both")
        options = page.run("return [...document.querySelectorAll('#sector option')].map((one) => one.textContent)")
        assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in options] == [
            "routes",
            "voirie",
            f"{SECTOR}, par exception : {reason}",
        ]
        desk.element("sector").send_keys(SECTOR)
        desk.ask(NUMBER)
        assert f"secteur {SECTOR}" in page.text("#story-title")
        axe.check(page)


def test_a_link_is_revoked_with_a_ground_and_restored(desk: Desk) -> None:
    desk.open().sign_in("agent").ask(NUMBER)
    assert "Rompre ce lien" not in desk.text, "for a data protection officer alone"
    desk.open().sign_in().ask(NUMBER)
    desk.page.run("document.querySelector('.links li button').click()")
    desk.wait_for("#question[open]")
    assert desk.focused[0] == "ground"
    desk.press(Keys.ARROW_DOWN)
    desk.page.run("question.querySelector('.first').click()")
    wait_until(lambda: "Lien rompu" in desk.text, "the two stories to be apart", 10, lambda: desk.text)
    assert "Courrier" not in desk.page.text(".lanes")
    assert desk.page.run("return document.querySelectorAll('.links li').length") == 1
    desk.page.run("document.querySelector('.undone button').click()")
    wait_until(lambda: "Courrier" in desk.page.text("#story"), "the story to be whole again")
    wait_until(lambda: "Lien rétabli" in desk.page.text("#announce"), "that to be said")


# -------------------------------------------------------------------------------------------------------- ten thousand entries
def test_a_number_whose_only_link_was_revoked_says_so_and_who_may_restores_it(page: Page, tmp_path: Path) -> None:
    lone = "+33199000088"
    with serving(tmp_path, web=HOUSE) as served:
        served.add("camille")
        served.add("agent", Role.AGENT)
        phone, case = served.pseudonym(IdentityKind.PHONE, lone), served.pseudonym(IdentityKind.CASE, "D-2026-77")
        told = {"subject": "mail:ged:77", "service": "rsa", "sector": SECTOR, "identities": f"{case} {phone}"}
        served.write([make("letter.arrived", 0, **told)])
        served.timeline.revoke(Link(case, phone), 1_790_000_000_000, Ground.MISTAKEN)
        desk = Desk(page, served).open().sign_in("agent").ask(lone)
        assert "1 contact donnait cet identifiant avec un autre" in desk.text
        assert "Lien rompu le 21 sept. 2026 : Erreur de saisie." in desk.text
        assert not desk.is_there(".undone button")
        assert "Pourquoi ces faits" not in desk.text, "there are none"
        desk.open().sign_in().ask(lone)
        axe.check(page)
        desk.picture("revoked")
        page.run("document.querySelector('.undone button').click()")
        wait_until(lambda: "Courrier" in page.text("#story"), "the letter to be shown again", 10, lambda: desk.text)
        page.assert_quiet()


def test_ten_thousand_facts_are_read_page_by_page(desk: Desk) -> None:
    write_many(desk.served, 3334)
    desk.open().sign_in().ask(MANY)
    assert "portent sur les 200 faits les plus récents" in desk.text
    rows = "return document.querySelectorAll('.facts tr[data-channel]').length"
    assert desk.page.run(rows) == 50
    for read in (250, 450, 650):
        if desk.focused[0] != "older":
            desk.tab_to(lambda at: at[2] == "Aller à la suite de la liste")
            desk.press(Keys.ENTER)
        desk.press(Keys.ENTER)
        wait_until(lambda read=read: desk.page.run(rows) == read, f"{read} facts")
        assert f"{read} faits lus ; il y en a de plus anciens" in desk.text
    assert desk.page.run("return document.querySelectorAll('.picture [data-id]').length") == 500
    assert desk.page.run("return new Set([...document.querySelectorAll('.facts time')]"
                         ".map((one) => one.dateTime)).size") > 600  # fmt: skip
    assert desk.page.run(BESIDE) == []
    desk.page.assert_quiet()


# ------------------------------------------------------------------------------------------------------------------- discretion
def test_an_identifier_is_nowhere_but_in_its_box(desk: Desk) -> None:
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


def test_without_a_token_nothing_of_anybody_is_there(desk: Desk) -> None:
    desk.open()
    for name in ("me", "search", "story", "sign-out"):
        assert not desk.is_there(f"#{name}")
    assert desk.page.run("return [document.forms.length, document.querySelectorAll('#kind option').length]") == [3, 0]


def test_who_does_nothing_is_forgotten_also_by_a_tab_that_slept(desk: Desk) -> None:
    desk.open().sign_in().ask(NUMBER)

    def is_forgotten() -> bool:
        desk.page.run("if (sessionStorage.length) sessionStorage.setItem('accueil.touched_at', Date.now() - 900_000)")
        return desk.is_there("#door")

    wait_until(is_forgotten, "the end of the session")
    assert "Déconnexion après 15 min sans activité." in desk.text
    assert desk.page.run("return [sessionStorage.length, document.getElementById('story').childNodes.length]") == [0, 0]


def test_names_that_are_markup_are_text(page: Page, tmp_path: Path) -> None:
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


# ---------------------------------------------------------------------------------------------------------------- what goes wrong
def test_a_wrong_token_is_said_and_not_kept(desk: Desk) -> None:
    desk.open().sign_in("nobody")
    assert "Ce jeton n’est pas, ou n’est plus, valable" in desk.trouble
    assert desk.is_there("#door")
    assert desk.page.run("return sessionStorage.length") == 0


def test_a_token_that_ends_ends_the_session(desk: Desk) -> None:
    desk.served.add("leaver")
    desk.open().sign_in("leaver").ask(NUMBER)
    desk.served.tokens.revoke("leaver", 1)
    wait_until(lambda: httpx.get(f"{desk.served.url}/v1/me", headers={"authorization": "Bearer leaver"}).status_code == 401,
               "the token to end", 10)  # fmt: skip
    desk.ask(NUMBER)
    assert "n’est plus, valable" in desk.trouble
    assert not desk.is_there("#story")


def test_what_is_refused_or_not_known_is_said(desk: Desk) -> None:
    desk.open().sign_in("elsewhere").ask("mail:ged:1201", "contact")
    assert desk.trouble == "■ Ce n'est pas dans un secteur de ce jeton. Ce refus est enregistré."
    assert not desk.is_there("#story")
    desk.open().sign_in("chef")
    assert "Votre rôle ne donne accès au fil de personne." in desk.text
    assert not desk.is_there("#search")
    desk.open().sign_in("agent").ask("01 99 00 77 77")
    assert "Rien n’est connu sous cet identifiant" in desk.trouble
    desk.ask("abc")
    assert "n’a pas la forme attendue pour « Téléphone »" in desk.trouble
    desk.ask(NUMBER)
    assert not desk.is_there("#trouble")


def test_what_is_missing_is_said_by_the_page_and_nothing_is_asked(desk: Desk) -> None:
    desk.open().sign_in("agent")
    desk.element("value").send_keys(Keys.ENTER)
    assert (desk.trouble, desk.focused[0]) == ("▲ Saisissez un identifiant.", "value")
    desk.element("value").send_keys(NUMBER + Keys.ENTER)
    wait_until(lambda: desk.focused[0] == "purpose", "the reason's box")
    assert desk.trouble == "▲ Choisissez pour quelle raison vous cherchez : elle est enregistrée."
    assert not desk.is_there("#story")
    reasons = desk.page.run("return [...purpose.options].map((option) => option.value)")
    assert reasons == ["", *PURPOSES[Role.AGENT]]


def test_on_a_narrow_screen_the_answer_comes_into_sight_and_fingers_need_no_help_with_keys(desk: Desk) -> None:
    top = "return document.getElementById('story-title').getBoundingClientRect().top"
    desk.open(LAPTOP).sign_in().ask(NUMBER)
    assert desk.page.run("return scrollY") == 0
    assert desk.is_there("#lanes-help")
    touch = {"enabled": True, "maxTouchPoints": 5}
    desk.page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch)
    desk.open(PHONE).sign_in().ask(NUMBER)
    assert 0 <= desk.page.run(top) < 40
    assert not desk.is_there("#lanes-help")
    desk.page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch | {"enabled": False})


def test_a_promise_says_nothing_of_how_things_stood_which_may_be_later(desk: Desk) -> None:
    desk.open().sign_in().ask(NUMBER)
    cells = "['.what', '.after'].map((cell) => row.querySelector(cell).innerText)"
    told = desk.page.run(f"return [...document.querySelectorAll('.facts tr[data-channel]')].map((row) => {cells})")
    assert {what.startswith(("Délai", "■ Délai")) for what, _ in told} == {True, False}
    assert all((state == "") == what.startswith(("Délai", "■ Délai")) for what, state in told)


def test_who_asks_too_often_is_told_for_how_long_to_wait(desk: Desk) -> None:
    desk.open().sign_in("slow").ask(NUMBER).ask(NUMBER)
    assert "Trop de demandes avec ce jeton. Réessayez dans " in desk.trouble
    assert 0 < int("".join(filter(str.isdigit, desk.trouble))) <= 60
    assert "4 affaires" not in desk.text


def test_what_cannot_be_recorded_is_not_shown(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.add("camille")
        desk = Desk(page, served).open().sign_in()
        headers = {"authorization": "Bearer camille"}
        body = {"kind": "phone", "value": NUMBER, "purpose": "contact"}
        audit = served.data / "audit" / "000001.jsonl"
        for _ in range(30):  # so that it is longer than the log, which needs room too
            assert httpx.post(f"{served.url}/v1/look-up", json=body, headers=headers).status_code == 200
        room = audit.stat().st_size + 10
        assert room > served.child.log.stat().st_size + 2000
        resource.prlimit(served.child.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        desk.ask(NUMBER)
        assert "L’enregistrement des accès est impossible : rien n’est montré." in desk.trouble
        assert not desk.is_there("#story")
        resource.prlimit(served.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_database_and_a_server_that_are_away_are_said(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.add("camille")
        assert served.child.stop() == 0
        served.timeline.close()
        for path in served.data.glob("timeline.db*"):
            path.unlink()
        (served.data / "timeline.db").mkdir()
        served.start()
        desk = Desk(page, served).open().sign_in().ask(NUMBER)
        assert "La base des fils ne répond pas." in desk.trouble
        served.child.kill()
        served.child.wait()
        desk.ask(NUMBER)
        assert "Le serveur ne répond pas." in desk.trouble
        page.run("document.getElementById('sign-out').click()")
        desk.sign_in()
        assert "Le serveur ne répond pas." in desk.trouble
        assert desk.is_there("#door"), "to try again"


# ------------------------------------------------------------------------------------------------- for everybody, on every screen
@LOOKS
def test_axe_finds_no_violation_in_any_state(desk: Desk, language: str, theme: str) -> None:
    def look(state: str, keep: Callable[[str], None] = desk.picture) -> None:
        axe.check(desk.page)
        assert desk.page.run(CONTRASTS) == []
        keep(f"{state}-{language}-{theme}")

    desk.open(LAPTOP, language, theme)
    desk.wait_for("#door")
    assert desk.page.run("return document.documentElement.dataset.theme") == theme
    look("door")
    desk.sign_in("nobody")
    look("wrong-token")
    desk.sign_in()
    look("search")
    desk.ask("01 99 00 77 77")
    look("not-known")
    desk.ask(NUMBER)
    look("story")
    desk.page.run("document.querySelector('.lanes button').click()")
    look("table")
    desk.page.run("document.querySelector('.card[data-late=\"\"] button').click()")
    desk.wait_for("#life[open]")
    look("life", desk.screenshot)
    desk.page.run("life.close(); document.querySelector('.links li button').click()")
    desk.wait_for("#question[open]")
    look("revoking", desk.screenshot)
    desk.page.run("question.close()")
    desk.ask(LANDLINE)
    look("shared")
    desk.open(LAPTOP, language, theme).sign_in("autonomie").ask(NUMBER)
    look("outline")
    desk.open(LAPTOP, language, theme).sign_in("chef")
    look("nothing")
    assert desk.page.run("return window.violations") == []


@pytest.mark.parametrize(
    ("size", "theme"),
    [(WALL, "light"), (LAPTOP, "dark"), (TABLET, "light"), (ZOOMED, "dark"), (PHONE, "light"), (REFLOWED, "dark")],
    ids=["1920", "1366", "820", "zoomed", "390", "320"],
)
def test_no_screen_is_scrolled_sideways(desk: Desk, size: tuple[int, int], theme: str) -> None:
    desk.open(size, "fr", theme).sign_in().ask(NUMBER)
    desk.wait_for(".picture svg")
    for _ in range(2):
        assert desk.page.run("return document.documentElement.scrollWidth") == size[0]
        assert desk.page.run(BESIDE) == []
        desk.picture(f"{size[0]}-{theme}" + ("-table" if desk.is_there(".lanes table:not(.unseen table)") else ""))
        desk.page.run("document.querySelector('.lanes button').click()")
    edges = (
        "[...document.querySelectorAll('.cards, .cards > :last-child')].map((one) => one.getBoundingClientRect().right)"
    )
    assert desk.page.run(f"const [all, last] = {edges}; return Math.abs(all - last) < 1"), "the last row is full"
    small = desk.page.run(
        "return [...document.querySelectorAll('button, select, input, a, [data-id] .target')]"
        ".filter((one) => one.checkVisibility() && !one.closest('.skip')).map((one) => [one.outerHTML.slice(0, 80),"
        " one.getBoundingClientRect()]).filter(([, box]) => box.height < 23.9 || box.width < 23.9)"
    )
    assert small == []
    axe.check(desk.page)


def test_colours_are_the_systems_until_others_are_chosen(desk: Desk) -> None:
    theme = "return document.documentElement.dataset.theme"
    desk.open(theme="dark")
    assert desk.page.run(theme) == "dark"
    desk.element("theme").send_keys("claires")
    assert desk.page.run(theme) == "light"
    desk.page.driver.refresh()
    assert desk.page.run(theme) == "light"
    assert desk.page.run("return document.getElementById('theme').value") == "light"


def test_english_is_spoken_throughout(desk: Desk) -> None:
    desk.open(language="en").sign_in().ask(NUMBER)
    assert "4 open matters" in desk.text
    assert "Income support" in desk.text
    french = ("affaire", "Courrier", "Délai", "usager", "Rendez", "dernier", "depuis")
    assert [word for word in french if word in desk.text.replace("Département", "")] == []


def test_on_paper_there_is_the_story_and_nothing_to_press(desk: Desk) -> None:
    desk.open(theme="dark").sign_in().ask(NUMBER)
    theme = "document.documentElement.dataset.theme"
    desk.page.run(f"addEventListener('beforeprint', () => {{ window.printed = {theme}; }})")
    printed = desk.page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    (ARTIFACTS / "timeline-printed.pdf").write_bytes(base64.b64decode(printed["data"]))
    assert desk.page.run(f"return [window.printed, {theme}]") == ["light", "dark"]
    desk.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not desk.is_there("#search")
    assert not desk.is_there("#older")
    assert desk.is_there(".facts")
    desk.page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_no_motion_is_made(desk: Desk) -> None:
    """There is none to be reduced (WCAG 2.2, 2.3.3)."""
    desk.open().sign_in().ask(NUMBER)
    assert desk.page.run("return document.getAnimations().length") == 0
    css = "".join(httpx.get(f"{desk.served.url}/static/{name}.css").text for name in ("timeline", "story"))
    assert "animation" not in css
    assert "transition" not in css
