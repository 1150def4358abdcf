import json
from pathlib import Path

import pytest

from tests.bench.measuring import describe_machine, live_bytes, percentile, slope_per_hour
from tests.bench.report import Goal, goals_table, group, medians, number, table, write_json


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def test_medians_of_numbers_and_all_words() -> None:
    runs = [
        {"peer": "Faust", "rate": 4, "correct": "exact"},
        {"peer": "Faust", "rate": 100, "correct": "2 contacts missing"},
        {"peer": "Faust", "rate": 5, "correct": "exact"},
    ]
    assert medians(runs) == {"peer": "Faust", "rate": 5, "correct": "exact / 2 contacts missing"}
    assert medians(runs[:2])["rate"] == 52


def test_runs_are_grouped_in_the_order_in_which_they_came() -> None:
    runs = [{"peer": peer, "round": turn} for turn in (1, 2) for peer in ("b", "a")]
    assert [[run["round"] for run in same] for same in group(runs, "peer")] == [[1, 2], [1, 2]]
    assert [same[0]["peer"] for same in group(runs, "peer")] == ["b", "a"]


def test_a_table_is_markdown_and_in_line() -> None:
    lines = table(["peer", "events/s"], [["Faust", "4,300"], ["Kafka Streams", "80,000"]]).splitlines()
    assert lines == [
        "| peer          | events/s |",
        "| ------------- | -------: |",
        "| Faust         |    4,300 |",
        "| Kafka Streams |   80,000 |",
    ]


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (1_234_567.8, "1,234,568", "1\u202f234\u202f568"),
        (12.345, "12.3", "12,3"),
        (2.5, "2.50", "2,50"),
        (3.0, "3", "3"),
        (0, "0", "0"),
        (-0.126, "-0.13", "-0,13"),
    ],
)
def test_numbers_are_written_as_people_write_them(
    value: float, english: str, french: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert number(value) == english
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert number(value) == french


def test_goals_say_whether_they_are_met() -> None:
    fast, slow = Goal("a", "events/s", 50_000, 50_000), Goal("b", "delay", 201, 200, at_least=False)
    assert fast.met
    assert not slow.met
    assert slow.to_json() == {"goal": "b", "measured": 201, "wanted": "<= 200", "met": False}
    assert [line.split()[-2] for line in goals_table([fast, slow]).splitlines()[2:]] == ["yes", "NO"]


def test_json_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    write_json(path, describe_machine() | {"engine": {"left_out": {"kstreams": "pas de Maven, désolé"}}})
    read = json.loads(path.read_text(encoding="utf-8"))
    assert read["engine"] == {"left_out": {"kstreams": "pas de Maven, désolé"}}
    assert set(read) == {"date", "machine", "engine"}
    assert read["machine"]["cores"] >= 1
    assert read["machine"]["memory_gib"] > 0
    assert read["machine"]["python"].count(".") == 2


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.9, 0.99, 1)] == [100, 180, 198, 200]
    assert percentile([7], 0.01) == 7


def test_the_slope_is_of_the_second_half() -> None:
    samples = [(seconds, 500 - seconds if seconds < 1800 else 100 + seconds / 360) for seconds in range(0, 3601, 10)]
    assert slope_per_hour(samples) == pytest.approx(10)


def test_memory_that_is_held_shows() -> None:
    before = live_bytes()
    held = bytearray(b"\x01") * (8 << 20)
    assert live_bytes() - before > 7 << 20
    del held
