"""Tests of the timeline page in Chromium on a real `accueil api`: contents and actions."""

import re
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from models.roles import Role
from tests.support.processes import wait_until
from tests.support.timeline_page import (
    CALLED_BACK,
    LANDLINE,
    MANY,
    NUMBER,
    SECTOR,
    days_from_now,
    serving,
    write_callback,
    write_many,
)
from tests.web import axe
from tests.web.browser import LAPTOP, OUTSIDE_WINDOW, Page
from tests.web.timeline import REFLOWED, WEB_SETTINGS, TimelineWindow

pytestmark = pytest.mark.browser


def test_agent_uses_the_whole_page_by_keyboard(timeline: TimelineWindow) -> None:
    timeline.open()
    timeline.press(Keys.TAB)
    assert timeline.focused[2] == "Aller au contenu"
    timeline.tab_to(lambda at: at[0] == "token")
    timeline.press("camille", Keys.ENTER)
    timeline.wait_for("#search")
    wait_until(lambda: timeline.focused[0] == "value", "the focus in the search box")
    timeline.press(NUMBER)
    timeline.tab_to(lambda at: at[0] == "purpose")
    timeline.press(Keys.ARROW_DOWN)
    timeline.tab_to(lambda at: at[1] == "BUTTON" and at[2] == "Chercher")
    timeline.press(Keys.ENTER)
    timeline.wait_for("#story-title")
    wait_until(lambda: timeline.focused[0] == "story-title", "the focus on the result")

    timeline.tab_to(lambda at: at[1] == "g")
    assert timeline.focused[2].startswith("Appel mis en file, RSA et insertion, ")
    timeline.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert timeline.focused[2].startswith("Rendez-vous pris\u00a0: ")
    timeline.press(Keys.ARROW_UP)
    assert timeline.focused[2].startswith("Pièce ou correction demandée") or "première réponse" in timeline.focused[2]
    timeline.press(Keys.HOME)
    assert timeline.focused[2].startswith("Lettre arrivée, Autonomie, ")
    timeline.press(Keys.ENTER)
    timeline.wait_for("#life[open]")
    assert timeline.focused[2] == "Fermer"
    assert "Délai tenu : délai annoncé" in timeline.text
    for _ in range(4):
        timeline.press(Keys.TAB)
        assert timeline.page.run(
            "return document.activeElement === document.body || life.contains(document.activeElement)"
        )
    timeline.press(Keys.ESCAPE)
    wait_until(lambda: not timeline.is_visible("#life[open]"), "the panel to close")
    assert timeline.focused[2].startswith("Lettre arrivée, Autonomie, "), "back where it was opened"

    timeline.press("t")
    assert timeline.is_visible(".lanes table")
    assert not timeline.is_visible(".picture")
    assert timeline.page.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    timeline.press("t")
    timeline.wait_for(".picture svg")

    timeline.tab_to(lambda at: at[0] == "sign-out", Keys.SHIFT + Keys.TAB)
    timeline.press(Keys.ENTER)
    timeline.wait_for("#door")
    assert timeline.focused[0] == "token"
    assert "Les données affichées ont été retirées." in timeline.text
    timeline.page.assert_no_errors()


def test_summary_line_shows_the_essentials_and_missing_data(timeline: TimelineWindow) -> None:
    deadlines = timeline.served.deadlines
    before = [*map(days_from_now, deadlines)]
    timeline.open().sign_in().search(NUMBER)
    late, left = (f"({one}|{days_from_now(at)})" for one, at in zip(before, deadlines, strict=True))
    short = timeline.page.text(".short")
    assert "4 affaires en cours" in short
    assert re.search(r"Rendez-vous\d+ \S+ \d{4}, \d\d:\d\d \(dans 5 jours\)", short)
    assert "■ 1 dépassé (dont 1 en cours)" in short
    missed = rf"Prochaine échéance■ En retard : première réponse, \d+ \S+ \d{{4}} \(il y a {late} jours\)"
    assert re.search(missed, short)
    assert re.search(r"1 donné \d / 5 \(satisfaction\)", short)
    cards = timeline.page.run("return [...document.querySelectorAll('.card')].map((card) => card.innerText)")
    assert [card.splitlines()[0] for card in cards] == ["Courrier", "Téléphone", "Rendez-vous", "Démarche en ligne"]
    letter, form = (cards[at].replace("\N{NO-BREAK SPACE}", " ") for at in (0, 3))
    assert "■ En retard : première réponse" in letter
    assert "Délai dépassé" not in letter, "which is the same"
    following = rf"○ Échéance : traitement\n\d+ \S+ \d{{4}} \(dans {left} jours\)"
    assert re.search(following, letter), "in days: without an hour"
    assert "● Délai tenu : accusé de réception" in letter
    assert re.search(r"tampon du \d+ \S+ \d{4} \(il y a 20 jours\)\ndepuis \d", letter)
    assert "◇ Délai suspendu : délai annoncé" in form
    assert "Aucun délai" in cards[1]
    assert "2 étapes" in cards[1]


def test_list_is_filtered_and_equals_the_table_of_lanes(timeline: TimelineWindow) -> None:
    timeline.open().sign_in().search(NUMBER)
    rows = "return document.querySelectorAll('.facts tr[data-channel]').length"
    marks = "return document.querySelectorAll('.picture [data-id]').length"
    whole = timeline.page.run(rows)
    assert timeline.page.run(marks) == whole > 30
    numbers = "return [...document.querySelectorAll('.lanes td.number')].map((cell) => Number(cell.textContent))"
    assert sum(timeline.page.run(numbers)) == whole
    timeline.element("filter-channel").send_keys("Cour")
    wait_until(lambda: timeline.page.run(rows) < whole, "fewer facts")
    assert timeline.page.run("return document.querySelectorAll('.lanes tbody tr').length") == 1
    assert sum(timeline.page.run(numbers)) == timeline.page.run(marks) == timeline.page.run(rows)
    assert f"sur {whole} lues" in timeline.text


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
def test_closure_is_shown_next_to_the_target_it_meets(timeline: TimelineWindow, size: tuple[int, int]) -> None:
    timeline.open(size).sign_in().search(NUMBER)
    together, hidden = timeline.page.run(HIDDEN)
    assert together > 0
    assert hidden == 0


def test_shared_identifiers_are_shown_with_links(timeline: TimelineWindow) -> None:
    timeline.open().sign_in().search(NUMBER)
    assert "Partagé, donc non montré" in timeline.text
    assert timeline.page.run("return document.querySelectorAll('.links li').length") == 4
    timeline.page.run("[...document.querySelectorAll('.links button')].at(-1).click()")
    wait_until(lambda: "appartient à plusieurs personnes" in timeline.text, "the shared number")
    assert timeline.page.run("return document.querySelectorAll('.links li').length") == 3
    assert timeline.page.text(".links h2") == "Usagers qui le partagent"
    assert not timeline.is_visible(".facts")


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


def test_late_response_to_an_earlier_request_is_not_shown(timeline: TimelineWindow) -> None:
    timeline.open().sign_in()
    timeline.page.run(HOLD)
    timeline.page.run("purpose.value = 'contact'")
    for value in (NUMBER, LANDLINE):
        timeline.element("value").clear()
        timeline.element("value").send_keys(value + Keys.ENTER)
    timeline.wait_for("#story-title")
    timeline.page.run("await new Promise((go) => setTimeout(go))")
    assert timeline.page.run("return document.querySelectorAll('#story-title').length") == 1
    assert "appartient à plusieurs personnes" in timeline.text
    assert not timeline.is_visible(".card")


def test_agent_of_several_sectors_selects_one(page: Page, tmp_path: Path) -> None:
    reason = "convention du 3 mars 2026, article 4"
    across = [{"from_sector": "routes", "to_sector": SECTOR, "reason": reason}]
    with serving(tmp_path, api={"across": across}) as served:
        served.add("both", Role.AGENT, sectors=("routes", "voirie"))
        timeline = TimelineWindow(page, served).open().sign_in("both")
        options = page.run("return [...document.querySelectorAll('#sector option')].map((one) => one.textContent)")
        assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in options] == [
            "routes",
            "voirie",
            f"{SECTOR}, par exception : {reason}",
        ]
        timeline.element("sector").send_keys(SECTOR)
        timeline.search(NUMBER)
        assert f"secteur {SECTOR}" in page.text("#story-title")
        axe.check(page)


def test_link_is_revoked_with_a_reason_and_restored(timeline: TimelineWindow) -> None:
    timeline.open().sign_in("agent").search(NUMBER)
    assert "Révoquer ce lien" not in timeline.text, "for a data protection officer alone"
    timeline.open().sign_in().search(NUMBER)
    timeline.page.run("document.querySelector('.links li button').click()")
    timeline.wait_for("#question[open]")
    assert timeline.focused[0] == "ground"
    timeline.press(Keys.ARROW_DOWN)
    timeline.page.run("question.querySelector('.first').click()")
    wait_until(lambda: "Lien révoqué" in timeline.text, "the revoked link", otherwise=lambda: timeline.text)
    axe.check(timeline.page)
    assert "Courrier" not in timeline.page.text(".lanes")
    assert timeline.page.run("return document.querySelectorAll('.links li').length") == 1
    timeline.page.run("document.querySelector('.undone button').click()")
    wait_until(lambda: "Courrier" in timeline.page.text("#story"), "the letters")
    wait_until(lambda: "Lien rétabli" in timeline.page.text("#announce"), "the announcement")


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "fr",
            ["Message vocal écouté", "Rappel demandé", "Usager rappelé", "Motif de contact indiqué : Aides sociales"],
        ),
        ("en", ["Voicemail heard", "Callback requested", "Called back", "Reason for contact set: Social aid"]),
    ],
)
def test_callbacks_and_reasons_are_readable(page: Page, tmp_path: Path, language: str, lines: list[str]) -> None:
    reasons = {"aides": {"label_fr": "Aides sociales", "label_en": "Social aid"}}
    with serving(tmp_path, web=WEB_SETTINGS, contact_reasons=reasons) as served:
        served.add("camille")
        write_callback(served)
        window = TimelineWindow(page, served)
        window.open(language=language).sign_in().search(CALLED_BACK)
        shown = window.text.replace("\N{NO-BREAK SPACE}", " ")
        assert [line for line in lines if line not in shown] == []
        page.assert_no_errors()


def test_ten_thousand_events_are_read_page_by_page(timeline: TimelineWindow) -> None:
    write_many(timeline.served, 3334)
    timeline.open().sign_in().search(MANY)
    assert "portent sur les 200 étapes les plus récentes" in timeline.text
    rows = "return document.querySelectorAll('.facts tr[data-channel]').length"
    assert timeline.page.run(rows) == 50
    for read in (250, 450, 650):
        if timeline.focused[0] != "older":
            timeline.tab_to(lambda at: at[2] == "Aller à la suite de la liste")
            timeline.press(Keys.ENTER)
        timeline.press(Keys.ENTER)
        wait_until(lambda read=read: timeline.page.run(rows) == read, f"{read} facts")
        assert f"{read} étapes lues ; il y en a de plus anciennes" in timeline.text
    assert timeline.page.run("return document.querySelectorAll('.picture [data-id]').length") == 500
    assert timeline.page.run("return new Set([...document.querySelectorAll('.facts time')]"
                         ".map((one) => one.dateTime)).size") > 600  # fmt: skip
    assert timeline.page.run(OUTSIDE_WINDOW) == []
    timeline.page.assert_no_errors()
