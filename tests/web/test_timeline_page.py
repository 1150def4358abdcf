"""Tests of the timeline page in Chromium on a real `accueil api`: contents and actions."""

import re
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from models.roles import Role
from tests.support.processes import wait_until
from tests.support.timeline_page import LANDLINE, MANY, NUMBER, SECTOR, serving, write_many
from tests.web import axe
from tests.web.browser import BESIDE, LAPTOP, Page
from tests.web.timeline import REFLOWED, Desk

pytestmark = pytest.mark.browser


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


def test_summary_line_shows_the_essentials_and_missing_data(desk: Desk) -> None:
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


def test_list_is_filtered_and_equals_the_table_of_lanes(desk: Desk) -> None:
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
"""Script for the number of closures with a met target, and of those hidden by it."""


@pytest.mark.parametrize("size", [LAPTOP, REFLOWED], ids=["laptop", "narrow"])
def test_closure_is_shown_next_to_the_target_it_meets(desk: Desk, size: tuple[int, int]) -> None:
    desk.open(size).sign_in().ask(NUMBER)
    together, hidden = desk.page.run(HIDDEN)
    assert together > 0
    assert hidden == 0


def test_shared_identifiers_are_shown_with_links(desk: Desk) -> None:
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


def test_late_response_to_an_earlier_request_is_not_shown(desk: Desk) -> None:
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


def test_agent_of_several_sectors_selects_one(page: Page, tmp_path: Path) -> None:
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


def test_link_is_revoked_with_a_reason_and_restored(desk: Desk) -> None:
    desk.open().sign_in("agent").ask(NUMBER)
    assert "Rompre ce lien" not in desk.text, "for a data protection officer alone"
    desk.open().sign_in().ask(NUMBER)
    desk.page.run("document.querySelector('.links li button').click()")
    desk.wait_for("#question[open]")
    assert desk.focused[0] == "ground"
    desk.press(Keys.ARROW_DOWN)
    desk.page.run("question.querySelector('.first').click()")
    wait_until(lambda: "Lien rompu" in desk.text, "the two stories to be apart", 10, lambda: desk.text)
    axe.check(desk.page)
    assert "Courrier" not in desk.page.text(".lanes")
    assert desk.page.run("return document.querySelectorAll('.links li').length") == 1
    desk.page.run("document.querySelector('.undone button').click()")
    wait_until(lambda: "Courrier" in desk.page.text("#story"), "the story to be whole again")
    wait_until(lambda: "Lien rétabli" in desk.page.text("#announce"), "that to be said")


def test_ten_thousand_events_are_read_page_by_page(desk: Desk) -> None:
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
