"""Comparison of engines: ratios, goals, peers left out, and the check of a peer's output."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.bench import engine
from tests.bench.peers.check import CONTACT, Row, compute_truth, differences
from tests.bench.peers.generate import generate
from tests.bench.peers.job import Tally, fold


def run(peer: str, rate: int, turn: int = 1, **more: Any) -> dict[str, Any]:
    usual = {
        "round": turn,
        "peer": peer,
        "configuration": "memory",
        "events": 1000,
        "events_per_second": rate,
        "events_per_cpu_second": rate // 2,
        "cpu_seconds": 12.5,
        "broker_cpu_seconds": 3.0,
        "peak_rss_mib": 150,
        "rows_written": 900,
        "correct": "exact",
    }
    return usual | more


def result(*runs: dict[str, Any], **left_out: str) -> dict[str, Any]:
    middle = [engine.medians(same) for same in engine.group(runs, "peer", "configuration", "events")]
    return {"runs": runs, "medians": middle, "ratios": engine.ratios(middle), "left_out": left_out}


def test_ratios_compare_the_medians_of_all_rounds() -> None:
    ours = [run("Accueil", rate, turn) for turn, rate in enumerate((90_000, 10, 100_000), 1)]
    theirs = [run("Faust 0.15.3", rate, turn) for turn, rate in enumerate((1, 4_000, 5_000), 1)]
    measured = result(*[one for pair in zip(ours, theirs, strict=True) for one in pair])
    assert measured["ratios"] == [
        {"peer": "Faust 0.15.3", "configuration": "memory", "events_per_second": 22.5, "events_per_cpu_second": 22.5}
    ]
    [goal] = engine.goals(measured)
    assert (goal.name, goal.measured, goal.wanted, goal.met) == ("engine.times_faust", 22.5, 15, True)


def test_goal_compares_with_the_best_configuration() -> None:
    peer = "Kafka Streams 4.1.1"
    measured = result(run("Accueil", 90), run(peer, 80), run(peer, 100, configuration="rocksdb"))
    [goal] = engine.goals(measured)
    assert (goal.measured, goal.met) == (0.9, False)


def test_one_inexact_run_makes_the_result_inexact() -> None:
    assert engine.is_exact(result(run("Accueil", 1), run("Accueil", 2)))
    inexact = result(run("Accueil", 1), run("Accueil", 2, correct="1 contacts missing"))
    assert not engine.is_exact(inexact)
    assert "exact / 1 contacts missing" in engine.show(inexact)


def test_kafka_streams_is_left_out_without_a_jdk_and_the_remedy_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(engine, "CACHE", tmp_path)
    messages: list[str] = []
    ready, left_out = engine._prepare(["accueil", "kstreams"], messages.append)
    assert ready == ["accueil"]
    assert list(left_out) == ["kstreams"]
    assert "no JDK and no Maven" in left_out["kstreams"]
    assert "apt install openjdk-17-jdk-headless maven" in left_out["kstreams"]
    assert [line.startswith("kstreams is LEFT OUT") for line in messages] == [True]


def rows_of(events: int, seed: int) -> tuple[dict[bytes, Row], Tally]:
    """Return the result of the common job of all peers."""
    rows: dict[str, Any] = {}
    tally = Tally(events)
    for event in generate(events, seed):
        tally.arrive()
        content = msgspec.json.decode(event.value)
        row = fold(rows.get(content["subject"]), content)
        if row is not None:
            rows[content["subject"]] = row
            tally.count(content["service"], content["type"])
    return {key.encode(): msgspec.convert(row, Row) for key, row in rows.items()}, tally


def test_check_accepts_the_exact_output_and_finds_each_difference() -> None:
    truth = compute_truth(2000, seed=3)
    rows, tally = rows_of(2000, seed=3)
    figures = {f"{service}/{kind}": count for (service, kind), count in tally.counts.items()}
    assert tally.folded
    assert sum(figures.values()) == 1979  # about one in a hundred comes twice
    assert differences(truth, rows, figures) == []

    first, *_ = rows
    assert CONTACT.fullmatch(first)
    without = {key: row for key, row in rows.items() if key != first}
    assert differences(truth, without, figures) == ["1 contacts missing"]
    assert differences(truth, rows | {b"call:x:1.0": rows[first]}, figures) == ["1 unknown contacts"]
    late = msgspec.structs.replace(rows[first], milestones={"call.queued": "2026-11-02T08:00:00.001Z"}, state="new")
    assert differences(truth, rows | {first: late}, figures) == ["1 wrong milestones", "1 wrong state"]
    some = next(iter(figures))
    assert differences(truth, rows, figures | {some: figures[some] + 1}) == [
        "figures count 1980 events instead of 1979"
    ]
