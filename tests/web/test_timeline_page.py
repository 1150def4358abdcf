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
from tests.web.timeline_ui import REFLOWED, TimelineUi

pytestmark = pytest.mark.browser


def test_page_is_operable_by_keyboard(ui: TimelineUi) -> None:
    ui.open()
    ui.press(Keys.TAB)
    assert ui.focused[2] == "Aller au contenu"
    ui.tab_to(lambda at: at[0] == "token")
    ui.press("camille", Keys.ENTER)
    ui.wait_for("#search")
    wait_until(lambda: ui.focused[0] == "value", "the focus in the search box")
    ui.press(NUMBER)
    ui.tab_to(lambda at: at[0] == "purpose")
    ui.press(Keys.ARROW_DOWN)
    ui.tab_to(lambda at: at[1] == "BUTTON" and at[2] == "Chercher")
    ui.press(Keys.ENTER)
    ui.wait_for("#story-title")
    wait_until(lambda: ui.focused[0] == "story-title", "the focus on the result")

    ui.tab_to(lambda at: at[1] == "g")
    assert ui.focused[2].startswith("Appel mis en file, RSA et insertion, ")
    ui.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert ui.focused[2].startswith("Rendez-vous pris\u00a0: ")
    ui.press(Keys.ARROW_UP)
    assert ui.focused[2].startswith("Pièce ou correction demandée") or "première réponse" in ui.focused[2]
    ui.press(Keys.HOME)
    assert ui.focused[2].startswith("Lettre arrivée, Autonomie, ")
    ui.press(Keys.ENTER)
    ui.wait_for("#life[open]")
    assert ui.focused[2] == "Fermer"
    assert "Délai tenu : délai annoncé" in ui.text
    for _ in range(4):
        ui.press(Keys.TAB)
        assert ui.page.run("return document.activeElement === document.body || life.contains(document.activeElement)")
    ui.press(Keys.ESCAPE)
    wait_until(lambda: not ui.is_shown("#life[open]"), "the panel to close")
    assert ui.focused[2].startswith("Lettre arrivée, Autonomie, "), "the focus returns"

    ui.press("t")
    assert ui.is_shown(".lanes table")
    assert not ui.is_shown(".picture")
    assert ui.page.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    ui.press("t")
    ui.wait_for(".picture svg")

    ui.tab_to(lambda at: at[0] == "sign-out", Keys.SHIFT + Keys.TAB)
    ui.press(Keys.ENTER)
    ui.wait_for("#door")
    assert ui.focused[0] == "token"
    assert "Les données affichées ont été retirées." in ui.text
    ui.page.assert_quiet()


def test_summary_and_cards_show_targets_and_appointments(ui: TimelineUi) -> None:
    ui.open().sign_in().search(NUMBER)
    short = ui.page.text(".short").replace("\N{NO-BREAK SPACE}", " ")
    assert "4 affaires en cours" in short
    assert re.search(r"Rendez-vous\d+ \S+ \d{4}, \d\d:\d\d \(dans 5 jours\)", short)
    assert "■ 1 dépassé (dont 1 en cours)" in short
    assert re.search(r"Prochaine échéance■ En retard : première réponse, \d+ \S+ \d{4} \(il y a 4 jours\)", short)
    assert re.search(r"1 donné \d / 5 \(satisfaction\)", short)
    cards = ui.page.run("return [...document.querySelectorAll('.card')].map((card) => card.innerText)")
    assert [card.splitlines()[0] for card in cards] == ["Courrier", "Téléphone", "Rendez-vous", "Démarche en ligne"]
    letter, form = (cards[at].replace("\N{NO-BREAK SPACE}", " ") for at in (0, 3))
    assert "■ En retard : première réponse" in letter
    assert "Délai dépassé" not in letter, "the overdue target is shown once"
    assert re.search(r"○ Échéance : traitement\n\d+ \S+ \d{4} \(dans 1[67] jours\)", letter), (
        "a target in days has no hour"
    )
    assert "● Délai tenu : accusé de réception" in letter
    assert re.search(r"tampon du \d+ \S+ \d{4} \(il y a 20 jours\)\ndepuis \d", letter)
    assert "◇ Délai suspendu : délai annoncé" in form
    assert "Aucun délai" in cards[1]
    assert "2 étapes" in cards[1]


def test_filtered_list_matches_diagram_and_table(ui: TimelineUi) -> None:
    ui.open().sign_in().search(NUMBER)
    rows = "return document.querySelectorAll('.facts tr[data-channel]').length"
    marks = "return document.querySelectorAll('.picture [data-id]').length"
    whole = ui.page.run(rows)
    assert ui.page.run(marks) == whole > 30
    numbers = "return [...document.querySelectorAll('.lanes td.number')].map((cell) => Number(cell.textContent))"
    assert sum(ui.page.run(numbers)) == whole
    ui.element("filter-channel").send_keys("Cour")
    wait_until(lambda: ui.page.run(rows) < whole, "fewer events")
    assert ui.page.run("return document.querySelectorAll('.lanes tbody tr').length") == 1
    assert sum(ui.page.run(numbers)) == ui.page.run(marks) == ui.page.run(rows)
    assert f"sur {whole} lues" in ui.text


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
def test_closure_is_shown_next_to_the_target_it_meets(ui: TimelineUi, size: tuple[int, int]) -> None:
    ui.open(size).sign_in().search(NUMBER)
    together, hidden = ui.page.run(HIDDEN)
    assert together > 0
    assert hidden == 0


def test_shared_identifiers_are_shown_with_links(ui: TimelineUi) -> None:
    ui.open().sign_in().search(NUMBER)
    assert "Partagé, donc non montré" in ui.text
    assert ui.page.run("return document.querySelectorAll('.links li').length") == 4
    ui.page.run("[...document.querySelectorAll('.links button')].at(-1).click()")
    wait_until(lambda: "appartient à plusieurs personnes" in ui.text, "the shared number")
    assert ui.page.run("return document.querySelectorAll('.links li').length") == 3
    assert ui.page.text(".links h2") == "Usagers qui le partagent"
    assert not ui.is_shown(".facts")


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


def test_late_response_to_an_earlier_request_is_not_shown(ui: TimelineUi) -> None:
    ui.open().sign_in()
    ui.page.run(HOLD)
    ui.page.run("purpose.value = 'contact'")
    for value in (NUMBER, LANDLINE):
        ui.element("value").clear()
        ui.element("value").send_keys(value + Keys.ENTER)
    ui.wait_for("#story-title")
    ui.page.run("await new Promise((go) => setTimeout(go))")
    assert ui.page.run("return document.querySelectorAll('#story-title').length") == 1
    assert "appartient à plusieurs personnes" in ui.text
    assert not ui.is_shown(".card")


def test_agent_of_several_sectors_selects_one(page: Page, tmp_path: Path) -> None:
    reason = "convention du 3 mars 2026, article 4"
    across = [{"from_sector": "routes", "to_sector": SECTOR, "reason": reason}]
    with serving(tmp_path, api={"across": across}) as served:
        served.add("both", Role.AGENT, sectors=("routes", "voirie"))
        ui = TimelineUi(page, served).open().sign_in("both")
        options = page.run("return [...document.querySelectorAll('#sector option')].map((one) => one.textContent)")
        assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in options] == [
            "routes",
            "voirie",
            f"{SECTOR}, par exception : {reason}",
        ]
        ui.element("sector").send_keys(SECTOR)
        ui.search(NUMBER)
        assert f"secteur {SECTOR}" in page.text("#story-title")
        axe.check(page)


def test_link_is_revoked_with_a_reason_and_restored(ui: TimelineUi) -> None:
    ui.open().sign_in("agent").search(NUMBER)
    assert "Révoquer ce lien" not in ui.text, "only a data protection officer may revoke"
    ui.open().sign_in().search(NUMBER)
    ui.page.run("document.querySelector('.links li button').click()")
    ui.wait_for("#question[open]")
    assert ui.focused[0] == "ground"
    ui.press(Keys.ARROW_DOWN)
    ui.page.run("question.querySelector('.first').click()")
    wait_until(lambda: "Lien révoqué" in ui.text, "the separate timelines", 10, lambda: ui.text)
    axe.check(ui.page)
    assert "Courrier" not in ui.page.text(".lanes")
    assert ui.page.run("return document.querySelectorAll('.links li').length") == 1
    ui.page.run("document.querySelector('.undone button').click()")
    wait_until(lambda: "Courrier" in ui.page.text("#story"), "the whole timeline")
    wait_until(lambda: "Lien rétabli" in ui.page.text("#announce"), "the announcement")


def test_ten_thousand_events_are_read_page_by_page(ui: TimelineUi) -> None:
    write_many(ui.served, 3334)
    ui.open().sign_in().search(MANY)
    assert "portent sur les 200 étapes les plus récentes" in ui.text
    rows = "return document.querySelectorAll('.facts tr[data-channel]').length"
    assert ui.page.run(rows) == 50
    for read in (250, 450, 650):
        if ui.focused[0] != "older":
            ui.tab_to(lambda at: at[2] == "Aller à la suite de la liste")
            ui.press(Keys.ENTER)
        ui.press(Keys.ENTER)
        wait_until(lambda read=read: ui.page.run(rows) == read, f"{read} events")
        assert f"{read} étapes lues ; il y en a de plus anciennes" in ui.text
    assert ui.page.run("return document.querySelectorAll('.picture [data-id]').length") == 500
    assert ui.page.run("return new Set([...document.querySelectorAll('.facts time')]"
                         ".map((one) => one.dateTime)).size") > 600  # fmt: skip
    assert ui.page.run(BESIDE) == []
    ui.page.assert_quiet()
