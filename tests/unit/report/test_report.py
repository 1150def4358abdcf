"""Tests of reports: exact days, named formulas, no small numbers, both languages."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from models.locale import LANGUAGES
from streams.core.figures.figure import Dimensions, day_key, encode_figure, new_day
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.report.document import Document, build_document, format_value
from streams.report.history import History, HistoryView
from streams.report.period import Period, PeriodKind, period_of
from streams.report.plots import Bar, draw_bars
from streams.report.rows import OTHERS, Table, TableRow, Value
from streams.report.tables import Report, make_report
from streams.report.texts import TEXTS, format_number, format_period, format_span
from streams.report.writer import Format, write
from streams.web.options import QueueOptions, ServiceOptions, WebOptions
from tests.web.rows import DESK, MAIL, OPINION, ROADS, SOCIAL, Worker

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 11, 25)
THE_DAY = period_of(PeriodKind.DAY, DAY)
NOON = datetime(2026, 11, 25, 12, tzinfo=PARIS)
KEPT = Dimensions("sla", "siege", "social", "courrier:first_response:mail")
OPTIONS = WebOptions(
    brokers="",
    title="Maison <essai>",
    title_en="House",
    queues=(QueueOptions(SOCIAL, "Aide sociale", "Social aid"),),
    services=(ServiceOptions("routes", "Routes", "Roads"),),
)


def history_of(
    worker: Worker, period: Period, more: Sequence[tuple[bytes, bytes]] = (), as_of: datetime | None = None
) -> History:
    view = HistoryView(PARIS, period.first, period.last)
    view.begin([0])
    worker.progress(as_of or datetime.combine(period.last + timedelta(days=2), datetime.min.time(), PARIS))
    view.apply_all(0, [*worker.rows(), *more])
    return view.history()


def report_of(worker: Worker, period: Period = THE_DAY, options: WebOptions = OPTIONS) -> Report:
    return make_report(history_of(worker, period), period, options)


def table(report: Report, name: str) -> Table:
    (found,) = (table for table in report.tables if table.name == name)
    return found


def cell(report_table: Table, dimensions: Dimensions | None, column: str) -> Value:
    (row,) = (row for row in report_table.rows if row.dimensions == dimensions)
    return row.values[report_table.columns.index(column)]


def busy_worker() -> Worker:
    worker = Worker()
    for wait in (5, 15, 30, 100):
        for _ in range(5):
            worker.answered(SOCIAL, NOON, wait, handle_seconds=120)
    for wait in (3, 40, 50):
        worker.abandoned(SOCIAL, NOON, wait)
    worker.left(SOCIAL, NOON, "full")
    for _ in range(7):
        worker.answered(ROADS, NOON, 10, handle_seconds=60)
        worker.answered(DESK, NOON, 600, handle_seconds=900)
    return worker


def test_scores_have_an_interval_and_need_five_answers() -> None:
    worker = Worker()
    worker.count(OPINION, NOON, invited=30, given_csat_1_5_5=9, given_csat_1_5_2=1)
    worker.count(OPINION._replace(service="routes"), NOON, invited=8, given_csat_1_5_1=4)
    worker.count(OPINION._replace(service="archives"), NOON, given_csat_1_5_4=6, given_nps_0_10_9=4)
    report = report_of(worker)
    report_table = table(report, "csat")
    assert [row.dimensions and row.dimensions.service for row in report_table.rows] == [None, "social", ""]
    value = cell(report_table, OPINION._replace(site=""), "score_csat")
    assert (value.value, value.denominator) == (0.9, 10)
    assert (value.low, value.high) == pytest.approx((0.5958, 0.9821), abs=1e-4)  # 9 of 10, by Wilson
    assert cell(report_table, OTHERS, "given").value == 10
    assert "nps" not in {table.name for table in report.tables}  # four answers are too few
    response = table(report, "feedback")
    assert cell(response, None, "response_rate")[:4] == (14 / 38, "share", 14, 38)


@pytest.mark.parametrize("sizes", [(4, 100), (1, 1, 100), (4, 4, 4, 5, 100), (3,), (2, 6, 7), (5, 5), (1, 2, 3, 4)])
def test_named_rows_count_five_contacts_and_reveal_no_smaller_one(sizes: tuple[int, ...]) -> None:
    worker = Worker()
    for number, size in enumerate(sizes):
        worker.count(MAIL._replace(service=f"s{number}"), NOON, received=size)
    total, *rows = table(report_of(worker), "mail").rows
    assert total.values[0].value == sum(sizes)
    assert sum(int(row.values[0].value or 0) for row in rows) == sum(sizes)
    for row in rows:
        assert (row.values[0].value or 0) >= 5 or (len(rows) == 1 and row.dimensions == OTHERS)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (DAY, 24)])
def test_day_is_the_civil_day_of_any_length(day: date, hours: int) -> None:
    midnight = datetime.combine(day, datetime.min.time(), PARIS).astimezone(UTC)
    worker = Worker()
    for hour in range(-2, hours + 2):
        worker.offered(SOCIAL, midnight + timedelta(hours=hour))
    report = report_of(worker, period_of(PeriodKind.DAY, day))
    (arrival_profile,) = report.arrival_profiles
    assert [(day.day, day.number) for day in arrival_profile.by_day] == [(day, hours)]
    assert sum(arrival_profile.by_hour) == hours
    assert arrival_profile.by_hour[2] == {23: 0, 24: 1, 25: 2}[hours]  # skipped or repeated by the clock change


def test_day_and_bucket_rows_of_one_day_add_up_over_partitions() -> None:
    period = period_of(PeriodKind.MONTH, DAY)
    row = new_day(FIGURE_SCHEMAS["call"])
    row.counts[0] = 3
    row.by_hour = [0] * 8 + [3] + [0] * 15
    before = [(day_key(day, SOCIAL), encode_figure(row)) for day in (date(2026, 10, 31), date(2026, 11, 1), DAY)]
    worker = Worker()
    worker.offered(SOCIAL, NOON)
    view = HistoryView(PARIS, period.first, period.last)
    view.begin([0, 1])
    worker.progress(NOON)
    rows = [*worker.rows(), *before]
    view.apply_all(0, rows)
    view.apply_all(1, rows)
    view.apply_all(1, [(day_key(DAY, SOCIAL), None), (b"no row", b"{}"), (None, b"")])
    history = view.history()
    (arrival_profile,) = make_report(history, period, OPTIONS).arrival_profiles
    assert {day.day: day.number for day in arrival_profile.by_day if day.number} == {
        date(2026, 11, 1): 6,
        DAY: 3 + 2,
    }
    assert (arrival_profile.by_hour[8], arrival_profile.by_hour[12]) == (9, 2)
    assert history.began_on == {"call": date(2026, 10, 31)}
    assert history.totals[SOCIAL].counts[0] == 2
    assert history.unreadable == 1


def test_report_notes_missing_data() -> None:
    period = period_of(PeriodKind.MONTH, DAY)
    worker = Worker()
    worker.offered(SOCIAL, NOON)
    worker.count(MAIL, NOON - timedelta(days=60), received=1)
    history = history_of(worker, period, [(b"{", b"")], as_of=NOON)
    document = build_document(make_report(history, period, OPTIONS), history, OPTIONS, "fr")
    assert document.notes[0] == "Chiffres à jour au 25\xa0novembre 2026, 12\xa0h\xa000 (Europe/Paris)."
    assert document.notes[1].startswith("La période n’est pas finie")
    assert document.notes[2].startswith("Sur certains canaux")
    assert document.notes[3].startswith("1 lignes de chiffres")
    known = {one.channel: (one.data, one.days) for one in document.known}
    assert known["Téléphone"] == (
        "commencent le 25\xa0novembre 2026 : la période n’est connue qu’en partie",
        "1 sur 30",
    )
    assert known["Courrier"] == ("commencent avant la période", "0 sur 30")
    reading = replace(history, history_read_until={"mail": NOON - timedelta(days=40), "call": NOON + timedelta(days=9)})
    document = build_document(make_report(reading, period, OPTIONS), reading, OPTIONS, "fr")
    assert TEXTS["fr"]["reads_history"] in document.notes
    known = {one.channel: one.data for one in document.known}
    assert known["Courrier"].endswith("historique en cours de lecture, on en est au 16\xa0octobre 2026, 12\xa0h\xa000")
    assert "historique" not in known["Téléphone"], "the history being read is of later days"
    empty = HistoryView(PARIS, DAY, DAY).history()
    document = build_document(make_report(empty, period_of(PeriodKind.DAY, DAY), OPTIONS), empty, OPTIONS, "en")
    assert document.notes == (TEXTS["en"]["not_told"], TEXTS["en"]["nothing"])


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    period = period_of(PeriodKind.DAY, DAY)
    worker = busy_worker()
    worker.count(MAIL._replace(service="=1+1"), NOON, received=6)
    worker.count(OPINION, NOON, invited=30, given_csat_1_5_5=9, given_csat_1_5_2=1)
    worker.count(KEPT, NOON, started=9, met=5, late=1)
    history = history_of(worker, period)
    report = make_report(history, period, OPTIONS)
    return {language: build_document(report, history, OPTIONS, language) for language in LANGUAGES}


def test_targets_with_the_same_name_show_their_policies() -> None:
    worker = busy_worker()
    other = KEPT._replace(queue="recours:first_response:mail")
    form = KEPT._replace(queue="demarches:acknowledge:form")
    for dimensions in (KEPT, other, form):
        worker.count(dimensions, NOON, started=9, met=5, late=1)
    history = history_of(worker, THE_DAY)
    document = build_document(make_report(history, THE_DAY, OPTIONS), history, OPTIONS, "fr")
    names = {chapter.name: {line.name for line in chapter.lines} for chapter in document.chapters}
    alike = "Courrier – première réponse"
    assert names["sla"] == {f"{alike} (courrier)", f"{alike} (recours)", "Démarches – accusé de réception"}


def test_html_is_self_contained_with_formula_and_definitions(documents: dict[str, Document]) -> None:
    period = period_of(PeriodKind.DAY, DAY)
    page = write(documents["fr"], period, Format.HTML).decode()
    assert not re.search(r"https?://|<script|<link|src=", page)
    assert "Maison &lt;essai&gt;" in page
    assert "<h1>Rapport d’activité – mercredi 25\xa0novembre 2026</h1>" in page
    assert (
        "Niveau de service\xa0: répondus en 20\xa0s ou moins\xa0÷ (répondus + abandonnés après plus de 10\xa0s)."
        in page
    )
    assert "Aux guichets\xa0: en 15\xa0min ou moins." in page
    assert "celle-ci est « net_of_short »" in page
    assert "45,5\xa0%" in page
    assert "90,0\xa0% [59,6\xa0; 98,2]" in page
    assert ">Aide sociale<" in page
    english = write(documents["en"], period, Format.HTML).decode()
    assert "Service level: answered within 20\xa0s\xa0÷ (answered + abandoned after more than 10\xa0s)." in english
    assert "90.0% [59.6, 98.2]" in english
    assert '<html lang="en">' in english


@pytest.mark.parametrize(("language", "delimiter", "level"), [("fr", ";", "0,454545"), ("en", ",", "0.454545")])
def test_csv_has_a_line_per_number_and_no_spreadsheet_formula(
    documents: dict[str, Document], language: str, delimiter: str, level: str
) -> None:
    text = write(documents[language], period_of(PeriodKind.DAY, DAY), Format.CSV).decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    t = TEXTS[language]
    (found,) = (line for line in lines if line[t["measure"]] == t["service_level"] and line[t["queue"]] == SOCIAL.queue)
    assert (found[t["value"]], found[t["numerator"]], found[t["denominator"]]) == (level, "10", "22")
    assert (found[t["from"]], found[t["to"]], found[t["site"]]) == ("2026-11-25", "2026-11-25", "siege")
    assert not any(re.match(r"[=+@]", value) for line in lines for value in line.values())
    assert len(lines) == sum(len(line.values) for chapter in documents[language].chapters for line in chapter.lines)


def test_workbook_has_a_sheet_per_table_with_numbers(documents: dict[str, Document]) -> None:
    book = zipfile.ZipFile(io.BytesIO(write(documents["fr"], period_of(PeriodKind.DAY, DAY), Format.XLSX)))
    names = [sheet.attrib["name"] for sheet in ET.fromstring(book.read("xl/workbook.xml")).iter()
             if sheet.tag.endswith("}sheet")]  # fmt: skip
    assert names == [
        *("En bref", "Courrier", "Téléphone", "Guichets", "Avis", "Satisfaction (CSAT)", "Délais promis"),
        *("Délais promis, par service", "Par jour", "Par heure", "Définitions"),
    ]
    sheet = book.read("xl/worksheets/sheet3.xml").decode()
    assert re.search(r'<c r="G3" s="\d+"><v>0\.4545', sheet)
    assert "<f>" not in "".join(book.read(name).decode() for name in book.namelist() if "worksheets" in name)


def test_numbers_use_the_format_of_the_language() -> None:
    assert [format_number(1234.5, language, 1) for language in LANGUAGES] == ["1\u202f234,5", "1,234.5"]
    assert [format_span(seconds, "fr") for seconds in (42, 192, 3900, 3599.6)] == [
        *("42\xa0s", "3\xa0min\xa012\xa0s", "1\xa0h\xa005\xa0min", "1\xa0h\xa000\xa0min"),
    ]
    assert format_value(Value(None, "share"), "fr") == "–"
    assert format_value(Value(-12.0, "points", None, 10, -40.0, 20.0), "en") == "-12 [-40, 20]"
    assert [format_value(Value(2.5, "days"), language) for language in LANGUAGES] == ["2,5\xa0j", "2.5\xa0d"]
    assert format_period(period_of(PeriodKind.WEEK, DAY), "en") == "Week 48, 23 to 29\xa0November 2026"
    assert format_period(period_of(PeriodKind.WEEK, date(2026, 12, 1)), "fr") == (
        "Semaine 49, du 30\xa0novembre au 6\xa0décembre 2026"
    )
    assert format_period(period_of(PeriodKind.WEEK, date(2026, 12, 31)), "fr") == (
        "Semaine 53, du 28\xa0décembre 2026 au 3\xa0janvier 2027"
    )
    assert format_period(period_of(PeriodKind.MONTH, DAY), "fr") == "novembre 2026"
    assert format_period(period_of(PeriodKind.YEAR, DAY), "fr") == "2026"


def test_plot_lists_its_numbers_as_text() -> None:
    plot = ET.fromstring(draw_bars("Par jour & nuit", [Bar("1", "<un>", 3), Bar("", "deux", 0)], "fr"))
    assert plot.attrib["aria-label"] == "Par jour & nuit. <un>: 3; deux: 0"
    heights = [float(bar.attrib["height"]) for bar in plot if bar.tag == "rect"]
    assert heights[0] > 80
    assert heights[1] == 0


def test_year_is_drawn_by_month() -> None:
    worker = Worker()
    worker.offered(SOCIAL, NOON, 5)
    worker.offered(SOCIAL, NOON - timedelta(days=200), 5)
    period = period_of(PeriodKind.YEAR, DAY)
    history = history_of(worker, period)
    (chapter,) = build_document(make_report(history, period, OPTIONS), history, OPTIONS, "fr").chapters
    assert chapter.plots[0][1].count("<rect") == 12
    assert isinstance(chapter.lines[0], tuple)
    assert TableRow(None, chapter.lines[0].values).values[0].value == 10
