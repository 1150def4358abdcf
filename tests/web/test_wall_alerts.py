"""Tests of the alerts on the wall in Chromium: above each view, as on the board, announced once."""
# ruff: noqa: RUF001 - the page writes dashes

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.options import QueueOptions
from tests.support.processes import wait_until
from tests.web.browser import WALL, Page
from tests.web.channels import OPTIONS, fill
from tests.web.live import AFTERNOON
from tests.web.wall import CALM, OVERFLOWING, RSA, SWITCHBOARD, alerts, open_wall, organisation, turn_pages

pytestmark = pytest.mark.browser


def test_alerts_are_above_each_view_and_counted_in_the_tab(page: Page) -> None:
    with organisation(CALM, has_targets=False) as served:
        fill(served.worker)
        open_wall(page, served, views="overview,phone,satisfaction", seconds=3600, lang="en")
        assert page.text("#no-alert") == "● Nothing needs attention"
        page.wait_for_title("Wall – Accueil du Département")
        waiting = ".card:first-child .main .explains"
        page.wait_for_text(waiting, "0")
        served.worker.stocks(SWITCHBOARD, served.now() - timedelta(seconds=20), waiting=12, agents_on_contact=1)
        page.wait_for_text(waiting, "12")
        page.wait_for_text("#alert-list li", "■ Switchboard: 12 waiting")
        page.wait_for_title("(1) Wall – Accueil du Département")
        assert page.text("#announce") == "New alert: Switchboard: 12 waiting"
        assert page.run("return document.querySelector('#announce').role") == "status", "a polite live region"
        for name in turn_pages(page):
            assert page.is_visible("#alert-list li"), name
        served.worker.stocks(SWITCHBOARD, waiting=0, agents_available=1)
        page.wait_for_text("#no-alert", "● Nothing needs attention")
        page.wait_for_title("Wall – Accueil du Département")
        assert page.run("return document.getAnimations().length") == 0, "nothing flashes"
        page.assert_no_errors()


def test_rate_marked_on_a_card_is_an_alert(page: Page) -> None:
    with organisation(replace(CALM, service_level=OPTIONS.service_level), has_targets=False) as served:
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        assert alerts(page) == []
        for wait in (5,) * 15 + (60,) * 5:
            served.worker.answered(SWITCHBOARD, served.now(), wait)
        wait_until(
            lambda: alerts(page) == [f"▲ Telephone: service level{half} 75.0%" for half in ("", " 30 min")],
            "the alerts of the marked rates",
        )
        marked = (
            "return [...document.querySelectorAll('.card .rest [data-level=attention]')].map((it) => it.textContent)"
        )
        assert page.run(marked) == ["Service level75.0%"]
        for wait in (5,) * 40:
            served.worker.answered(RSA, served.now(), wait)
        alone = [f"▲ Switchboard: service level{half} 75.0%" for half in ("", " 30 min")]
        wait_until(lambda: alerts(page) == alone, "the alert of the only marked queue")
        assert page.run(marked) == []
        assert page.text(".card .level") == "▲ Attention"


def test_alert_of_a_queue_is_shown_on_board_and_wall(page: Page) -> None:
    with organisation(replace(CALM, service_level=OPTIONS.service_level), has_targets=False) as served:
        for _ in range(400):
            served.worker.answered(RSA, AFTERNOON - timedelta(hours=3), 5)
            served.worker.answered(SWITCHBOARD, served.now(), 5)
        for wait in (5,) * 13 + (60,) * 20:
            served.worker.answered(RSA, served.now(), wait)
        served.worker.stocks(RSA, agents_available=1)
        words = "Income support (RSA): service level 30 min 39.4%"
        page.open(f"{served.url}/?lang=en", WALL)
        page.wait_for_title("(1) Live board – Accueil du Département")
        row = 1 + [queue.dimensions for queue in OPTIONS.queues].index(RSA) + 1  # below the heading of the channel
        cell = f"#rows tr:nth-child({row})"
        assert page.run(f"return document.querySelector('{cell} .recent').dataset.level") == "action"
        assert page.text(f"{cell} .state") == "■ Act"
        assert page.text("#tile-service_level .level") == "■ Act"
        assert page.text("#tile-service_level .detail") == "Income support (RSA): 30 min 39.4%", (
            "the queue with the mark"
        )
        open_wall(page, served, views="overview,phone", seconds=3600, lang="en")
        page.wait_for_title("(1) Wall – Accueil du Département")
        assert page.text(".card .level") == "■ Act"
        assert alerts(page) == [f"■ {words}"]
        list(zip(range(1), turn_pages(page), strict=False))
        page.run("document.querySelector('#next').click()")
        states = page.run("return [...document.querySelectorAll('.view.phone td.state')].map((one) => one.textContent)")
        assert states[[queue.dimensions for queue in OPTIONS.queues].index(RSA)] == "■ Act"


def test_missed_objective_is_an_alert_in_each_channel(page: Page) -> None:
    with organisation(CALM) as served:
        for name, channel, met, breached in (
            ("telephone", "call", 60, 40),
            ("guichets", "visit", 90, 0),
            ("courrier", "mail", 50, 0),
        ):
            clock = "acknowledge" if channel == "mail" else "answer"
            place = Dimensions(SLA, "siege", "rsa", f"{name}:{clock}:{channel}")
            served.worker.count(place, served.now(), started=met + breached, met=met, breached=breached)
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        assert alerts(page) == ["▲ Telephone – answer: 60.0% met"]
        card = page.text(".card:last-child")
        assert "▲ Attention" in card
        assert "83.3%" in card, "200 of 240, calls and visits among them"
        assert page.run("return document.querySelectorAll('.card:last-child .rest [data-level=attention]').length") == 1


def test_long_wait_is_one_alert_of_the_queue_and_none_of_sla_targets(page: Page) -> None:
    with organisation(CALM) as served:
        answer = Dimensions(SLA, RSA.site, RSA.service, "telephone:answer:call")
        letters = answer._replace(queue="courrier:announced:mail")
        served.worker.count(answer, served.now(), started=6)
        served.worker.count(letters, served.now(), started=6)
        served.worker.stocks(RSA, served.now() - timedelta(seconds=130), waiting=6, agents_available=1)
        served.worker.stocks(answer, served.now() - timedelta(seconds=70), running=1, at_risk=2, overdue=3)
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        assert alerts(page) == ["■ Income support (RSA): 6 waiting, overdue: 3"]
        page.wait_for_title("(1) Wall – Accueil du Département")
        served.worker.stocks(letters, served.now() - timedelta(days=1), overdue=2, at_risk=1)
        more = ["■ SLA targets overdue: 2", "▲ SLA targets at risk: 1"]
        wait_until(lambda: alerts(page)[1:] == more, "letters, e-mails and forms", otherwise=lambda: alerts(page))
        served.worker.stocks(RSA, served.now() - timedelta(seconds=70), waiting=1, agents_available=1)
        served.worker.stocks(answer, served.now() - timedelta(seconds=10), running=0, at_risk=0, overdue=1)
        wait_until(lambda: "Income support (RSA): wait " in alerts(page)[0], "the alert without other marks")
        assert alerts(page)[0].endswith(", overdue: 1")
        served.worker.stocks(RSA, waiting=0, agents_available=1)
        unknown = ["■ SLA targets overdue: 3", "▲ SLA targets at risk: 1"]
        wait_until(
            lambda: alerts(page) == unknown,
            "clocks without an alert of a queue are not lost",
            otherwise=lambda: alerts(page),
        )


def test_overdue_contacts_of_a_queue_do_not_exceed_its_waiting_contacts(page: Page) -> None:
    other = QueueOptions(RSA._replace(queue="rsa-2"), "Rappels", "Call-backs")
    with organisation(replace(CALM, queues=(*CALM.queues, other))) as served:
        answer = Dimensions(SLA, RSA.site, RSA.service, "telephone:answer:call")
        served.worker.count(answer, served.now(), started=6)
        served.worker.stocks(RSA, served.now() - timedelta(seconds=70), waiting=4, agents_available=1)
        served.worker.stocks(other.dimensions, served.now() - timedelta(hours=1), waiting=1, agents_available=1)
        served.worker.stocks(answer, served.now() - timedelta(minutes=59), overdue=3)
        open_wall(page, served, views="overview", seconds=3600, lang="en")
        announced = [re.sub(r"wait [\d:]+", "wait", alert) for alert in alerts(page)]
        assert announced == ["■ Income support (RSA): wait, overdue: 2", "■ Call-backs: wait, overdue: 1"]


def test_closed_queue_shows_its_waiting_contacts(page: Page) -> None:
    desk = OPTIONS.queues[-1].dimensions
    with organisation(CALM, hours=3) as served:
        state = f"#rows tr:nth-child({len(OPTIONS.queues) + 2}) .state"
        page.open_live(f"{served.url}/?lang=en", WALL)
        page.wait_for_text(state, "○ Closed")
        served.worker.stocks(desk, served.now(), waiting=1, in_progress=2)
        page.wait_for_text("#rows tr:last-child .waiting", "1")
        inside = "08:30, 1 waiting, 2 in progress"
        assert page.text("#openings").endswith(inside)
        assert page.run(f"return document.querySelector('{state}').title").endswith(inside)
        assert page.text(state) == "○ Closed", "the columns show the numbers"
        served.worker.stocks(desk, served.now() - timedelta(minutes=40), waiting=1)
        page.wait_for_text(state, "■ Act")
        open_wall(page, served, views="desk", seconds=3600, lang="en")
        assert "■ Act – closed" in page.text(".view.desk")
        assert page.run(OVERFLOWING) == []


def test_closed_queue_raises_no_alert_for_rates_of_the_day(page: Page) -> None:
    words = "○ Closed"
    telephone = replace(CALM, queues=OPTIONS.queues[:2], service_level=OPTIONS.service_level)
    evening = AFTERNOON + timedelta(hours=3)
    row = "#rows tr:nth-child(1)"
    with organisation(telephone, hours=3) as served:
        for wait in (5,) * 15 + (60,) * 5:
            served.worker.answered(SWITCHBOARD, evening - timedelta(hours=6), wait)
        served.worker.stocks(SWITCHBOARD, in_progress=1, agents_on_contact=1, agents_available=1)
        page.open_live(f"{served.url}/?lang=en", WALL)
        page.wait_for_text(f"{row} .state", words)
        level = f"return document.querySelector('{row}').dataset.level"
        assert page.run(level) == "normal"
        assert page.run(f"return document.querySelector('{row} .service').dataset.level") == "normal"
        why = page.run(f"return document.querySelector('{row} .service').title")
        assert why.endswith(f" – {words[2:].lower()}")
        assert page.run("return document.querySelector('#tile-service_level').dataset.level") == "normal"
        assert page.text("#tile-service_level .level") == words
        assert not page.driver.title.startswith("("), "no alert"
        open_wall(page, served, views="overview,phone", seconds=3600, lang="en")
        assert alerts(page) == []
        assert page.text(".card .level") == words
        marked = "return [...document.querySelectorAll('.view [data-level]:not([data-level=normal])')].length"
        assert page.run(marked) == 0, "on the wall as on the board"
        page.run("document.querySelector('#next').click()")
        state = page.text(".view.phone tbody tr:first-child .state")
        assert state.startswith(f"{words} – 1 "), "present contacts are shown"
        assert page.run(marked) == 0
        colours = (
            "return [...document.querySelectorAll('.view.phone .state')].map((box) => getComputedStyle(box).color)"
        )
        assert len(set(page.run(colours))) == 1, "with the colour of closed queues"
        served.worker.stocks(SWITCHBOARD, evening - timedelta(minutes=9), waiting=1, agents_available=1)
        wait_until(lambda: len(alerts(page)) == 1, "contacts that still wait")
        page.wait_for_text(".view.phone tbody tr:first-child .state", "■ Act – closed")
        page.assert_no_errors()


RECORD_ANNOUNCEMENTS = """
window.news = [];
new MutationObserver((changes) => changes.forEach(({ addedNodes: [words] }) => words && news.push(words.textContent)))
  .observe(document.querySelector("#announce"), { childList: true });
"""


def test_new_alert_is_announced_once_and_again_on_return(page: Page) -> None:
    with organisation(CALM, has_targets=False) as served:
        open_wall(page, served, views="phone", seconds=3600, lang="en")
        page.run(RECORD_ANNOUNCEMENTS)

        def wait(number: int) -> None:
            served.worker.stocks(SWITCHBOARD, served.now(), waiting=number, agents_available=1)
            shown = ["■ Switchboard: 12 waiting"] if number else []
            wait_until(lambda: alerts(page) == shown, f"{number} waiting")

        wait(12)
        served.worker.answered(RSA, served.now(), 5)  # another message without new alerts
        page.wait_for_text(".view.phone tbody tr:nth-child(3) td:nth-child(6)", "100%")
        wait(0)
        wait(12)
        assert page.run("return news") == ["New alert: Switchboard: 12 waiting"] * 2


def test_board_announces_new_alerts_like_the_wall(page: Page) -> None:
    with organisation(CALM, has_targets=False) as served:
        page.open_live(f"{served.url}/?lang=en", WALL)
        page.run(RECORD_ANNOUNCEMENTS)
        for place in (SWITCHBOARD, RSA):
            served.worker.stocks(place, served.now(), waiting=12, agents_available=1)
        wait_until(lambda: page.driver.title.startswith("(2) "), "two alerts")
        announced = "; ".join(page.run("return news"))
        assert "Switchboard: 12 waiting" in announced
        assert "Income support (RSA): 12 waiting" in announced
        served.worker.stocks(SWITCHBOARD, served.now(), waiting=6, agents_available=1)
        page.wait_for_text("#rows tr:nth-child(2) .state", "▲ Attention")
        assert "; ".join(page.run("return news")) == announced, "a lower level is not announced"
