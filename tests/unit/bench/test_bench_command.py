"""The command of the benchmarks, and the delays that they measure."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from models.topics import SOURCES
from streams.kafka.partitioner import partition_of
from tests.bench import __main__ as program
from tests.bench import latency
from tests.bench.contact_load import ContactGenerator
from tests.bench.report import Goal
from tests.bench.shown_counts import SHOWN, delays_of, read_board, read_metrics


def fake(rate: float, correct: str) -> program.Bench:
    def measure(*, size: int, progress: Any) -> dict[str, Any]:
        progress("measured")
        return {"size": size, "rate": rate, "correct": correct}

    module = SimpleNamespace(
        measure=measure,
        show=lambda result: f"table of {result['size']}",
        goals=lambda result: [Goal("rate", "events/s", result["rate"], 50)],
        is_exact=lambda result: result["correct"] == "exact",
    )
    return program.Bench("A title", module, full={"size": 1000}, quick={"size": 10})


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "benches", lambda _: {"engine": fake(60, "exact"), "phone": fake(40, "1 lost")})


@pytest.mark.usefixtures("fakes")
def test_results_are_printed_and_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    done = CliRunner().invoke(program.main, ["--only", "engine", "--json", str(path)])
    assert done.exit_code == 0, done.output
    assert "table of 1000" in done.output
    assert "≥ 50" in done.output
    written = json.loads(path.read_text())
    assert written["engine"] == {"size": 1000, "rate": 60, "correct": "exact"}
    assert written["goals"] == [{"goal": "rate", "measured": 60, "wanted": ">= 50", "met": True}]
    assert written["quick"] is False
    assert {"date", "machine"} <= written.keys()
    assert "phone" not in written


@pytest.mark.usefixtures("fakes")
def test_inexact_result_fails_but_a_missed_goal_does_not(tmp_path: Path) -> None:
    done = CliRunner().invoke(program.main, ["--json", str(tmp_path / "results.json")])
    assert done.exit_code == 1
    assert "not exact: phone" in done.output
    assert [goal["met"] for goal in json.loads((tmp_path / "results.json").read_text())["goals"]] == [True, False]


def test_lines_of_the_latency_benchmark_are_counted_in_the_board() -> None:
    board = {
        "queues": [
            {"queue": "bench", "today": {"received": 5, "abandoned": 4}},
            {"queue": "accueil", "today": {"received": 70, "abandoned": 7}},
        ]
    }
    assert latency._lines_in(json.dumps({"board": board}).encode()) == 9


def test_delay_of_an_event_ends_when_its_count_is_shown() -> None:
    sent = {("mdph", "received"): [1.0, 2.0, 2.5], ("rsa", "closed"): [2.0]}
    seen = [(1.25, b"1 0"), (3.0, b"3 0"), (3.5, b"3 1"), (4.0, b"3 1")]

    def read(raw: bytes) -> dict[tuple[str, str], int]:
        mdph, rsa = map(int, raw.split())
        return {("mdph", "received"): mdph, ("rsa", "closed"): rsa, ("another", "received"): 7}

    assert delays_of(sent, seen, read) == [250, 1000, 500, 1500]
    with pytest.raises(ValueError, match="never shown"):
        delays_of(sent, seen[:2], read)
    with pytest.raises(ValueError, match="4 shown, 3 sent"):
        delays_of(sent, [(5.0, b"4 0")], read)


def test_counts_of_board_and_metrics_are_read_by_service() -> None:
    board = {
        "queues": [{"service": "mdph", "waiting": 3, "today": {"received": 5, "answered": 2, "left": 1}}],
        "services": [{"service": "rsa", "mail": {"received": 4, "closed": 1}, "feedback": {"invited": 2, "given": 0}}],
    }
    assert read_board(json.dumps({"board": board}).encode()) == {
        ("mdph", "received"): 5,
        ("mdph", "answered"): 2,
        ("rsa", "received"): 4,
        ("rsa", "closed"): 1,
        ("rsa", "invited"): 2,
    }
    line = b'contact_closed_total{channel="mail",site="bench",service="rsa",queue="",outcome="%s"} %d.0'
    assert read_metrics(b"\n".join([line % (b"answered", 2), line % (b"resolved", 3)])) == {
        ("rsa", "contact_closed_total"): 5
    }


def test_load_has_all_channels_an_even_rate_and_one_partition_per_service() -> None:
    planned = ContactGenerator(1, 4).plan(datetime(2026, 3, 10, tzinfo=UTC), 200, 10)
    assert [one.due for one in planned] == pytest.approx([number / 200 for number in range(2000)])
    assert {one.kind for one in planned} == SHOWN.keys()
    assert {one.topic for one in planned} == {topic.name for topic in SOURCES.values()}
    places = {(one.service, partition_of(one.key, 4)) for one in planned}
    assert len(places) == len({service for service, _ in places}) == 30
