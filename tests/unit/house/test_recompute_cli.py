"""`accueil recompute`: what it says of what differs, and when it looks again."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import recompute
from streams.cli.main import main
from streams.core.figures.figure import Dimensions, Figure, new_figure
from streams.core.figures.figure_schemas import FEEDBACK, FIGURE_SCHEMAS, QUEUE_SCHEMA, SLA
from streams.core.figures.recompute_diff import ChangedVerdicts, Sums
from streams.recovery.recompute import Recount

CALLS = Dimensions("call", "siege", "accueil", "general")
PROMISED = Dimensions(SLA, "siege", "accueil", "telephone:answer:call")
OPINIONS = Dimensions("feedback", "siege", "accueil", "call")
DAY = date(2026, 3, 2)
AS_OF = 1_772_500_000_000
Ask = Callable[..., Result]


def figure(place: Dimensions, **numbers: int) -> Figure:
    layout = FIGURE_SCHEMAS[place.channel]
    made = new_figure(layout)
    for name, number in numbers.items():
        if name in layout.index:
            made.counts[layout.index[name]] = number
        else:
            made.stocks[layout.stock_index[name]] = number
    return made


def sums(place: Dimensions, **numbers: int) -> Sums:
    return {(day, place): figure(place, **numbers) for day in (None, DAY)}


def counted(known: Sums, again: Sums, without_ticks: Sums | None = None, *judged: ChangedVerdicts) -> Recount:
    return Recount(known, again, again, again if without_ticks is None else without_ticks, judged, 30_000, AS_OF, None)


RIGHT = counted(sums(CALLS, offered=3), sums(CALLS, offered=3))
WRONG = counted(sums(CALLS, offered=3), sums(CALLS, offered=2))
NOT_YET = counted(
    sums(CALLS, offered=1, waiting=1),
    sums(CALLS, offered=1, left_forgotten=1),
    sums(CALLS, offered=1, waiting=1),
)
BY_OTHERS = ChangedVerdicts(frozenset({DAY}), AS_OF - 60_000)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(recompute.time, "sleep", found.append)
    return found


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slept: list[float]) -> Ask:
    for name in [name for name in os.environ if name.startswith("ACCUEIL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ACCUEIL_BROKERS", "127.0.0.1:1")
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recompute, "wait_for_broker", lambda *_, **__: None)

    def run(*told: Recount, arguments: tuple[str, ...] = (), language: str = "C") -> Result:
        answers = iter(told)

        def count(*_: Any) -> Recount:
            return next(answers)

        monkeypatch.setattr(recompute, "recount", count)
        result = CliRunner().invoke(main, ["recompute", *arguments], env={"LC_ALL": language})
        assert next(answers, None) is None, "it did not look again"
        return result

    return run


def test_what_really_differs_is_told_at_once(ask: Ask, slept: list[float]) -> None:
    assert (ask(RIGHT).exit_code, ask(WRONG).exit_code, slept) == (0, 1, [])


def test_what_time_alone_tells_is_looked_at_again_once(ask: Ask, slept: list[float]) -> None:
    first = ask(NOT_YET, RIGHT)
    assert first.exit_code == 0, first.output
    assert "no number differs" in first.stdout
    assert "by what time alone tells, as that a call is forgotten: 4; workers that have just begun" in first.stderr
    assert "counted once more in 65 s" in first.stderr
    assert slept == [65]
    lasting = ask(NOT_YET, NOT_YET)
    assert (lasting.exit_code, "numbers that differ: 4" in lasting.stdout) == (1, True)
    french = ask(NOT_YET, RIGHT, language="fr_FR.UTF-8")
    assert "nouveau décompte dans 65 s" in french.stderr


def test_what_time_alone_tells_waits_for_history_that_is_being_read(ask: Ask, slept: list[float]) -> None:
    reading = NOT_YET._replace(history_at=AS_OF - 86_400_000)
    told = ask(reading)
    assert (told.exit_code, slept) == (0, [])
    assert "no number differs" in told.stdout
    assert "whose difference is only a matter of time: 4. A source's history is still being read" in told.stderr
    assert "up to 2026-03-02 02:06:40+01:00 so far" in told.stderr
    assert "qui en est au 2026-03-02" in ask(reading, language="fr_FR.UTF-8").stderr
    assert ask(WRONG._replace(history_at=AS_OF - 86_400_000)).exit_code == 1


def test_what_time_alone_tells_does_not_hold_up_what_is_wrong(ask: Ask, slept: list[float]) -> None:
    both = counted(NOT_YET.known | sums(OPINIONS, invited=1), NOT_YET.again, NOT_YET.without_ticks)
    assert "numbers that differ: 6" in ask(both).stdout
    assert slept == []


def test_what_was_judged_by_other_promises_is_left_out_and_counted(ask: Ask) -> None:
    verdict = "csat_promise_missed_satisfied"
    assert verdict in FEEDBACK.index
    known, again = sums(PROMISED, late=2, breached=2) | sums(OPINIONS, **{verdict: 1}), sums(PROMISED, met=2)
    told = ask(counted(known, again, None, BY_OTHERS))
    assert told.exit_code == 0, told.output
    assert "no number differs" in told.stdout
    assert "numbers left out, which differ but hang on promises: 8. " in told.stdout
    assert "contacts: 1, the last as of 2026-03-03 02:05:40+01:00" in told.stdout
    as_json = ask(counted(known, again, None, BY_OTHERS), arguments=("--json",))
    assert (as_json.exit_code, as_json.stdout, "left out" in as_json.stderr) == (0, "", True)
    french = ask(counted(known, again, None, BY_OTHERS), language="fr_FR.UTF-8")
    assert "nombres laissés de côté, qui diffèrent mais dépendent des promesses : 8. " in french.stdout


def test_of_promises_only_what_others_judged_is_left_out(ask: Ask) -> None:
    known, again = sums(PROMISED, late=1), sums(PROMISED, met=1)
    assert "numbers that differ: 4" in ask(counted(known, again)).stdout
    elsewhere = ask(counted(known, again, None, ChangedVerdicts(frozenset({date(2026, 3, 1)}), AS_OF)))
    assert elsewhere.exit_code == 1
    assert "numbers that differ: 2" in elsewhere.stdout  # of that day: the total is of all days
    assert "hang on promises: 2." in elsewhere.stdout
    other = ask(counted(known | WRONG.known, again | WRONG.again, None, BY_OTHERS))
    assert (other.exit_code, "numbers that differ: 2" in other.stdout) == (1, True)


def test_numbers_that_a_release_has_added_are_left_out_for_what_was_before(ask: Ask) -> None:
    known, again = sums(CALLS, offered=3), sums(CALLS, offered=3, answered=2)
    added = {"call": [(QUEUE_SCHEMA.index["answered"], AS_OF)]}
    told = ask(counted(known, again)._replace(added=added))
    assert told.exit_code == 0, told.output
    assert "no number differs" in told.stdout
    assert "which a release has added and the workers count since then (2026-03-03 02:06:40+01:00): 2" in told.stdout
    assert "which a release has added" in ask(counted(known, again)._replace(added=added), arguments=("--json",)).stderr
    older = {"call": [(QUEUE_SCHEMA.index["answered"], AS_OF - 3 * 86_400_000)]}
    assert "numbers that differ: 1" in ask(counted(known, again)._replace(added=older)).stdout  # of the day since
    other = sums(CALLS, offered=4, answered=2)
    assert "numbers that differ: 2" in ask(counted(known, other)._replace(added=added)).stdout


def test_it_says_how_far_back_the_proof_reaches(ask: Ask) -> None:
    since = RIGHT._replace(begins_at=AS_OF - 86_400_000)
    reach = "reaches back only as far as Kafka holds events (retention.events_days = 30): to those published since 2026-03-02 "
    told = ask(since)
    assert reach in told.stdout.splitlines()[-1]
    as_json = ask(since, arguments=("--json",))
    assert (as_json.stdout, reach in as_json.stderr) == ("", True)
    french = ask(since, language="fr_FR.UTF-8").stdout.splitlines()[-1]
    assert "(retention.events_days = 30) : à ceux publiés depuis le 2026-03-02 " in french
    assert "Kafka holds no event any more (retention.events_days = 30)" in ask(RIGHT).stdout


@pytest.mark.parametrize(
    ("language", "words"), [("C", "30 days unless set otherwise"), ("fr_FR.UTF-8", "30 jours sauf réglage contraire")]
)
def test_the_help_says_how_far_back_the_proof_reaches(language: str, words: str) -> None:
    command = [
        sys.executable,
        "-m",
        "streams.cli.main",
        "recompute",
        "--help",
    ]  # the language is chosen once for a process
    told = subprocess.run(command, env=os.environ | {"LC_ALL": language}, capture_output=True, text=True, check=True)
    assert words in " ".join(told.stdout.split())


def test_how_far_the_reading_is_is_told_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, clock = recompute._Progress(), iter(range(10))
    monkeypatch.setattr(recompute.time, "monotonic", lambda: next(clock))
    for second in range(10):
        shown(second // 5, 2, 500 * (second + 1))
    told = re.sub(r"(?<=\d)\s(?=\d)", "", capsys.readouterr().err)
    assert [int(number) for number in re.findall(r": (\d+) events read$", told, re.MULTILINE)] == [
        500,
        2000,
        3500,
        5000,
    ]
