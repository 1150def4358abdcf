"""Tests of `accueil report` from a real topic to a page in Chromium and in print."""

import base64
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unicodedata import normalize
from zoneinfo import ZoneInfo

import pytest
import time_machine
from click.testing import CliRunner, Result
from pypdf import PdfReader

from models.topics import FIGURES
from streams.cli.main import main
from streams.core.figures.figure import day_key, encode_figure, new_day
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from tests.support import kafka_io
from tests.web import axe
from tests.web.browser import DESK, OUTSIDE_WINDOW, PHONE, Page
from tests.web.rows import MAIL, OPINION, SOCIAL, Worker

WEEKS = 6
pytestmark = [pytest.mark.broker, pytest.mark.browser]
PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 17, 14, tzinfo=PARIS)
"""A Tuesday; it and the `WEEKS` before have neither public holidays nor clock changes."""


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)


def report(*arguments: str) -> Result:
    return run("report", *arguments)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def write_rows(brokers: str, day: date) -> None:
    """Write the buckets of a day, and earlier days of the same weekday as the next one."""
    noon = datetime.combine(day, datetime.min.time(), PARIS) + timedelta(hours=12)
    worker = Worker()
    for wait in (5, 15, 30):
        for _ in range(4):
            worker.answered(SOCIAL, noon, wait, handle_seconds=150)
    worker.abandoned(SOCIAL, noon, 60)
    worker.count(OPINION, noon, invited=20, given_csat_1_5_5=9, given_csat_1_5_2=1)
    worker.count(MAIL, noon, received=8)
    worker.progress(datetime.now(UTC))
    row = new_day(QUEUE_SCHEMA)
    for name, number in {"offered": 240, "answered": 240, "ended": 240, "handle_milliseconds": 240 * 180_000}.items():
        row.counts[QUEUE_SCHEMA.index[name]] = number
    row.by_hour = [10] * 24
    days = [day + timedelta(days=1) - timedelta(weeks=number) for number in range(1, WEEKS)]
    before = [(day_key(one, SOCIAL), encode_figure(row)) for one in days]
    kafka_io.produce(brokers, [(FIGURES.name, key, value) for key, value in [*worker.rows(), *before]])


@time_machine.travel(NOW)
def test_yesterday_is_written_and_shown(
    own_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch, page: Page, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACCUEIL_BROKERS", own_kafka.bootstrap)
    refused = report()
    assert (refused.exit_code, "accueil topics apply" in refused.output) == (70, True), refused.output
    apply_specs(own_kafka.bootstrap, [TopicSpec(FIGURES.name, 1, config=COMPACTED)])
    yesterday = NOW.date() - timedelta(days=1)
    write_rows(own_kafka.bootstrap, yesterday)

    assert report("--day", yesterday.isoformat(), "--format", "csv", "--output", "english").exit_code == 0
    text = (tmp_path / "english" / f"accueil-{yesterday}.csv").read_text(encoding="utf-8-sig")
    assert "Telephone,Total,,,,Received,13,count,,,,\n" in text.replace("\r", ""), "as the locale is"
    piped = report("--day", yesterday.isoformat(), "--format", "csv", "--output", "-")
    assert piped.stdout_bytes == (tmp_path / "english" / f"accueil-{yesterday}.csv").read_bytes()
    assert not (tmp_path / "-").exists()
    done = report("--day", yesterday.isoformat(), "--output", "reports", "--lang", "fr")
    assert done.exit_code == 0, done.output
    names = [f"accueil-{yesterday}.{kind}" for kind in ("html", "xlsx", "csv")]
    assert done.output.split() == [f"reports/{name}" for name in names]
    text = (tmp_path / "reports" / names[2]).read_text(encoding="utf-8-sig")
    assert "Téléphone;Total;;;;Reçus;13;nombre;;;;\n" in text.replace("\r", "")
    assert "Téléphone;social – aide-sociale;siege;social;aide-sociale;Répondus;12;nombre" in text  # noqa: RUF001

    for size in (DESK, PHONE):
        page.open((tmp_path / "reports" / names[0]).as_uri(), size)
        axe.check(page)
        assert page.run("return document.documentElement.scrollWidth") <= size[0]
    page.open((tmp_path / "reports" / names[0]).as_uri(), DESK)
    assert page.run(OUTSIDE_WINDOW) == []
    assert page.run("return document.querySelectorAll('.bars rect').length") == 2 * 24
    assert "90,0" in page.text("#csat ~ .wide")
    page.assert_no_errors()
    printed = page.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    paper = PdfReader(io.BytesIO(base64.b64decode(printed["data"])))
    assert len(paper.pages) <= 3
    assert "Définitions" in normalize("NFKC", "".join(sheet.extract_text() for sheet in paper.pages))

    wider = report("--year", str(yesterday), "--format", "csv", "--lang", "en")
    assert wider.exit_code == 0, wider.output
    received = 13 + 240 * (WEEKS - 1)
    assert f"Telephone,Total,,,,Received,{received},count" in Path(f"accueil-{yesterday:%Y}.csv").read_text("utf-8-sig")

    result = run("forecast")
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("aide-sociale siege"))
    _, _, so_far, by_now, rest, *_ = line.split()
    assert so_far == "0"
    assert int(by_now) + int(rest) in {239, 240, 241}
    assert line.split()[-2] in {"1", "2", "3"}, "half an erlang needs one to three agents"
    assert "to answer 80% within 20 s" in result.output
    assert "no Erlang A" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--day", "yesterday"), "use 2026-11-25\n"),
        (("--week", "2026-11"), "use 2026-W48, or a day of it"),
        (("--day", "2020-01-01", "--month", "2020-01"), "use only one of --day, --week, --month, --year"),
        (("--year", "9998"), "9998 is in the future"),
        (("--output", "-"), "--output - writes a single file: choose it with --format"),
        (("--output", "-", "--format", "csv", "--format", "html"), "--output - writes a single file"),
    ],
)
def test_invalid_period_is_refused(arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCUEIL_BROKERS", "127.0.0.1:1")
    refused = report(*arguments)
    assert refused.exit_code == 2
    assert message in refused.output
