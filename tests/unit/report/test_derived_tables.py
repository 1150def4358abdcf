"""Tests of the tables of reasons, lines, voice menus, callbacks and counted post in reports."""
# ruff: noqa: RUF001 - French has typographic apostrophes, and dashes between names

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.core.figures.figure import Dimensions
from streams.report.document import Chapter, build_document, format_value
from streams.report.history import History, HistoryView
from streams.report.period import PeriodKind, period_of
from streams.report.tables import make_report
from streams.report.writer import Format, write
from streams.web.options import QueueOptions, ReasonOptions, ServiceOptions, WebOptions
from tests.web.rows import Worker

PARIS = ZoneInfo("Europe/Paris")
DAY = period_of(PeriodKind.DAY, date(2026, 11, 25))
NOON = datetime(2026, 11, 25, 12, tzinfo=PARIS)
OPTIONS = WebOptions(
    brokers="",
    queues=(QueueOptions(Dimensions("call", "siege", "autonomie", "mdph"), "MDPH, handicap", "Disability office"),),
    services=(ServiceOptions("rsa", "RSA et insertion", "Income support"),),
    reasons=(ReasonOptions("suivi", "Suivi de dossier", "Follow-up"),),
)


def place(channel: str, queue: str, service: str = "", site: str = "siege") -> Dimensions:
    return Dimensions(channel, site, service, queue)


def history_of(worker: Worker) -> History:
    view = HistoryView(PARIS, DAY.first, DAY.last)
    view.begin([0])
    worker.progress(NOON)
    view.apply_all(0, worker.rows())
    return view.history()


def chapters(worker: Worker, language: str = "en") -> dict[str, Chapter]:
    history = history_of(worker)
    document = build_document(make_report(history, DAY, OPTIONS), history, OPTIONS, language)
    return {chapter.name: chapter for chapter in document.chapters}


def lines(chapter: Chapter, language: str = "en") -> list[list[str]]:
    rows: Sequence[list[str]] = [
        [line.name, *(format_value(value, language) for value in line.values)] for line in chapter.lines
    ]
    return [[text.replace("\u00a0", " ").replace("\u202f", " ") for text in row] for row in rows]


def reasons(rare: int) -> Worker:
    """Return a worker with the reasons of contacts, `rare` of them with the rarest reason."""
    worker = Worker()
    worker.count(place("reason", "call:suivi", "rsa"), NOON, reason_contacts=20)
    worker.count(place("reason", "call:suivi", "rsa", "nord"), NOON, reason_contacts=10)
    worker.count(place("reason", "email:suivi"), NOON, reason_contacts=6)
    worker.count(place("reason", "call:aides", "rsa"), NOON, reason_contacts=50)
    worker.count(place("reason", "call:rare", "rsa"), NOON, reason_contacts=rare)
    return worker


def test_reasons_below_the_minimum_are_combined() -> None:
    found = chapters(reasons(rare=4), "fr")
    assert (found["reasons"].title, found["reasons"].columns) == (
        "Motifs de contact",
        ("Contacts", "Courriels", "Téléphone"),
    )
    assert lines(found["reasons"], "fr") == [
        ["Total", "90", "6", "84"],
        ["aides", "50", "0", "50"],
        ["Autres, les plus petits réunis", "40", "6", "34"],
    ], "the smallest row is below the minimum, so that the next one joins it"


def test_reasons_are_counted_by_channel_then_by_service() -> None:
    found = chapters(reasons(rare=5))
    assert lines(found["reasons"])[1:] == [
        ["aides", "50", "0", "50"],
        ["Follow-up", "36", "6", "30"],
        ["rare", "5", "0", "5"],
    ]
    assert lines(found["reasons_by_service"])[1:] == [
        ["(no service) – Follow-up", "6", "6", "0"],
        ["Income support – aides", "50", "0", "50"],
        ["Income support – Follow-up", "30", "0", "30"],
        ["Income support – rare", "5", "0", "5"],
    ]


def test_reasons_without_a_service_have_one_table() -> None:
    worker = Worker()
    worker.count(place("reason", "call:suivi"), NOON, reason_contacts=5)
    assert chapters(worker).keys() == {"reasons"}


def test_lines_show_calls_that_never_reached_a_queue() -> None:
    worker = Worker()
    worker.count(place("line", "accueil"), NOON, line_arrived=200, line_queued=150)
    worker.count(place("line", ""), NOON, line_arrived=10)
    worker.count(place("menu", "rsa"), NOON, menu_chosen=7)
    found = chapters(worker)
    assert found["lines"].columns == ("Arrived", "Reached a queue", "No queue", "Share without a queue")
    assert lines(found["lines"]) == [
        ["Total", "210", "150", "60", "28.6%"],
        ["accueil", "200", "150", "50", "25.0%"],
        ["Unknown line", "10", "0", "10", "100.0%"],
    ]
    assert lines(found["menu"]) == [["Total", "7"], ["rsa", "7"]]


def test_callbacks_have_the_labels_of_queues_and_mean_delays() -> None:
    worker = Worker()
    at = place("callback", "mdph", "autonomie")
    worker.count(at, NOON, message_left=6, callback_requested=2)
    worker.count(at, NOON, "message_heard", amount=600)
    worker.count(at, NOON, "called_back", amount=3900)
    worker.count(place("callback", "pmi"), NOON, callback_requested=5)
    (total, *rows) = lines(chapters(worker, "fr")["callbacks"], "fr")
    assert total == ["Total", "6", "1", "10 min", "7", "1", "1 h 05 min"]
    assert rows == [
        ["MDPH, handicap", "6", "1", "10 min", "2", "1", "1 h 05 min"],
        ["(sans service) – pmi", "0", "0", "–", "5", "0", "–"],
    ]


@pytest.mark.parametrize(("language", "title"), [("fr", "Plis comptés au départ"), ("en", "Outgoing post counted")])
def test_post_has_a_table_by_direction(language: str, title: str) -> None:
    worker = Worker()
    worker.count(place("post", "outgoing:lettre_verte", "rsa"), NOON, post_items=100, post_cost_cents=12_900)
    worker.count(place("post", "outgoing:colis"), NOON, post_items=8, post_cost_cents=8000)
    worker.count(place("post", "incoming:courrier_ordinaire"), NOON, post_items=900)
    found = chapters(worker, language)
    assert list(found) == ["post_incoming", "post_outgoing"]
    assert found["post_outgoing"].title == title
    first = {"fr": ["Total", "108", "209,00 €"], "en": ["Total", "108", "€209.00"]}[language]
    assert lines(found["post_outgoing"], language)[0] == first
    names = [name for name, *_ in lines(found["post_outgoing"], language)[1:]]
    assert (
        names
        == {
            "fr": ["RSA et insertion – Lettre verte", "(sans service) – Colis"],
            "en": ["Income support – Lettre verte", "(no service) – Parcels"],
        }[language]
    )


def test_files_contain_these_tables() -> None:
    worker = Worker()
    worker.count(place("line", "accueil"), NOON, line_arrived=20, line_queued=15)
    worker.count(place("post", "outgoing:lettre_verte"), NOON, post_items=100, post_cost_cents=12_900)
    history = history_of(worker)
    document = build_document(make_report(history, DAY, OPTIONS), history, OPTIONS, "fr")
    html = write(document, DAY, Format.HTML).decode()
    assert '<h2 id="lines">Appels par ligne</h2>' in html
    rows = list(csv.reader(io.StringIO(write(document, DAY, Format.CSV).decode("utf-8-sig")), delimiter=";"))
    assert ["Plis comptés au départ", "Lettre verte", "", "", "outgoing:lettre_verte", "Affranchissement", "129"] in [
        row[2:9] for row in rows
    ]
    assert write(document, DAY, Format.XLSX).startswith(b"PK")
