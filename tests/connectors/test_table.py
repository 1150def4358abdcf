"""Connector `table`: the conformance tests, private columns, kills, and the examples of the README."""

import os
import re
import signal
import time
import tomllib
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any

import pytest
import structlog

from connectors import table
from connectors.sdk import rejects
from connectors.sdk.contract import Reject
from connectors.sdk.flow import map_or_reject
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.testing import Conformance, ConnectorHarness, run_until_idle, take_part
from connectors.sdk.testing.hostile import hostile_fields
from connectors.table.config import TableConfig
from models.codec import encode
from models.identities import PseudonymKey
from tests.support.tables import (
    COLUMNS,
    OPTIONS,
    calls_of,
    expected,
    lines,
    read,
    row,
    rows,
    stored,
    table_harness,
    write_xlsx,
)
from tests.support.topic_file import Topic

PERSONAL = ("Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11")


class TestConformance(Conformance):
    connector = table.CONNECTOR
    readme = Path(table.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return {**OPTIONS, "files": str(directory / "*.csv")}

    def supply(self, directory: Path, part: int, parts: int) -> None:
        name, address, phone = PERSONAL
        whole = rows(range(60))
        whole[7] = row(7, phone=phone, comment=f"{name} {address}")
        whole[20:20] = [
            (name,),
            row(900, queue=address),
            row(901, at=phone),
            row(902, wait=phone),
            row(903, result=name),
            row(904, call=""),
            row(905, result="Essai"),
            (*row(906), phone),
        ]
        with (directory / "appels.csv").open("a", encoding="utf-8", newline="") as file:
            if file.tell() == 0:
                file.write(lines([COLUMNS]))
            file.write(lines(take_part(whole, part, parts)))

    def supply_hostile(self, directory: Path) -> None:
        line = ";".join(row(999)).encode()
        with (directory / "appels.csv").open("ab") as file:
            for hostile in hostile_fields(line, b";"):
                file.write(hostile.replace(b"\n", b" ") + b"\r\n")

    def filled(self, raw: Any, value: str) -> Iterator[Any]:
        options = {**OPTIONS, "files": "/srv/*.csv"}
        config = TableConfig.model_validate(options)
        mapping = RecordMapping("table/essai", config, PseudonymKey("general", b"k" * 32))
        now = datetime.now(UTC)
        for number in (1, 3):
            record = dict(zip(COLUMNS, row(number), strict=True))
            for name in COLUMNS:
                yield map_or_reject(
                    lambda item: mapping.map(item, now),
                    lambda _, reason, detail: Reject(reason, b"", detail),
                    mapping.prepare(record | {name: value}),
                    now,
                )


def test_columns_that_are_not_named_stay_inside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    harness = table_harness(tmp_path)
    canary = "Mireille Exemple"
    (tmp_path / "in/a.csv").write_text(
        lines([COLUMNS, row(1, comment=canary), (canary,), row(2, queue=canary)]), "utf-8"
    )
    (tmp_path / "in/b.csv").write_text(lines([row(3, comment=canary), row(4, comment=canary)]), "utf-8")
    (tmp_path / "in/c.csv").write_text(f'"{canary}\n' * 300, "utf-8")
    with structlog.testing.capture_logs() as logs, harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        outside = [flow.trouble, str(logs), caplog.text, *(encode(event).decode() for event in publisher.events)]
    outside += [detail + place for _, detail, place in stored(harness)]
    assert len(stored(harness)) == 2
    assert "Mireille" not in "\n".join(outside)


# ------------------------------------------------------------------------------------------------------------------ kills
def _run_and_kill(harness: ConnectorHarness, topic: Path, after_seconds: float | None) -> bool:
    """Run the connector in a child process, with a file as its topic, and kill it; without `after_seconds`, let it end.

    Return whether it was killed before its end.
    """
    child = os.fork()
    if child == 0:
        try:
            with harness.opened_with(Topic(topic)) as flow:
                for _ in range(5):  # a page of known rows looks idle
                    run_until_idle(flow, harness.records_read)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must not continue as a second pytest
            traceback.print_exc()
            os._exit(1)
    if after_seconds is not None:
        time.sleep(after_seconds)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, -signal.SIGKILL}
    assert after_seconds is not None or code == 0
    return code != 0


def test_killed_at_random_moments_gives_each_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.attempts.MOST_ATTEMPTS", 1_000)  # else a row killed three times is set aside
    count, kills = 8_000, 20
    table_rows = [
        row(number, queue="Inconnue") if number % 1000 == 500 else row(number, comment='"a\nb"')
        for number in range(count)
    ]
    good = [number for number in range(count) if number % 1000 != 500]
    content = lines([COLUMNS, *table_rows]).encode()
    plain = table_harness(tmp_path / "plain", settle_seconds=3600)
    (tmp_path / "plain/in/a.csv").write_bytes(content)
    whole = plain.read_all(confirm=True)
    assert calls_of(whole) == expected(good)
    harness, random, killed = table_harness(tmp_path, settle_seconds=3600), Random(8), 0
    for run in range(kills + 1):
        size = len(content) if run == kills else random.randrange(len(content) * run // kills, len(content))
        (tmp_path / "in/a.csv").write_bytes(content[:size])  # also shorter than before: rewritten from its beginning
        topic = tmp_path / f"topic-{run}"
        killed += _run_and_kill(harness, topic, None if run == kills else random.uniform(0.05, 0.4))
    assert killed > kills / 2
    events = dict[str, str]()
    for topic in sorted(tmp_path.glob("topic-*")):
        for line in topic.read_text("utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                event = line.split(" ", 1)[0]
                assert events.setdefault(event, line) == line
    assert events.keys() == {event.id for event in whole}
    bad = {item.reject.record for item in rejects.read(harness.directory)}
    assert bad == {item.reject.record for item in rejects.read(plain.directory)}
    assert len(bad) == 8
    assert read(harness) == expected([])


# ----------------------------------------------------------------------------------------------------------------- README
def readme_examples(page: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the table in the README, and its settings by instance."""
    text = Path(table.__file__).with_name(page).read_text(encoding="utf-8")
    (content,) = re.findall(r"^```csv\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    settings: dict[str, dict[str, Any]] = {}
    for block in re.findall(r"^ *```toml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        settings.update(tomllib.loads(dedent(block))["connectors"])
    for options in settings.values():
        assert options.pop("connector") == "table"
    return content, settings


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
def test_example_of_the_readme_gives_its_events(tmp_path: Path, page: str) -> None:
    content, settings = readme_examples(page)
    options = settings["cdr"] | {"files": str(tmp_path / "*.csv"), "settle_seconds": 0}
    harness = ConnectorHarness(table.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    assert [event.type for event in harness.read_all(confirm=True)] == [
        "call.queued",
        "call.answered",
        "call.ended",
        "call.queued",
        "call.abandoned",
    ]
    assert harness.rejected() == {}


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
def test_fixed_width_and_spreadsheet_examples_of_the_readme_give_their_events(tmp_path: Path, page: str) -> None:
    _, settings = readme_examples(page)
    options = settings["taxation"] | {"files": str(tmp_path / "*.txt"), "settle_seconds": 0}
    harness = ConnectorHarness(table.CONNECTOR, options, tmp_path / "data", tmp_path / "keys")
    (tmp_path / "a.txt").write_text("20260316090005    4711  7001   30  215\n20260316090100    4712  7001  150    0\n")
    assert [event.type for event in harness.read_all(confirm=True)] == ["call.queued", "call.answered", "call.queued"]
    options = settings["registre"] | {"files": str(tmp_path / "*.xlsx"), "settle_seconds": 0}
    harness = ConnectorHarness(table.CONNECTOR, options, tmp_path / "sheets", tmp_path / "keys")
    header = ("N°", "Reçu le", "Service", "Répondu le")
    received, answered = datetime(2026, 3, 2, 9), datetime(2026, 3, 9, 10)  # noqa: DTZ001 - cells have local times
    letters = [("Registre",), (), header, (17, received, "Action sociale", answered), (18, received, "Autre", "")]
    write_xlsx(tmp_path / "a.xlsx", letters, "Arrivée")
    events = harness.read_all(confirm=True)
    assert [(event.type, event.service) for event in events] == [
        ("letter.arrived", "social"),
        ("letter.answered", "social"),
        ("letter.arrived", "autres"),
    ]
