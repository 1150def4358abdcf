"""`accueil recompute`: reported differences, and the second attempt for transient ones."""

import os
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
SLA_PLACE = Dimensions(SLA, "siege", "accueil", "telephone:answer:call")
OPINIONS = Dimensions("feedback", "siege", "accueil", "call")
DAY = date(2026, 3, 2)
AS_OF = 1_772_500_000_000
Ask = Callable[..., Result]


def figure(place: Dimensions, **numbers: int) -> Figure:
    schema = FIGURE_SCHEMAS[place.channel]
    made = new_figure(schema)
    for name, number in numbers.items():
        if name in schema.index:
            made.counts[schema.index[name]] = number
        else:
            made.stocks[schema.stock_index[name]] = number
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
    monkeypatch.setattr("streams.runtime.instance_lock.wait_for_broker", lambda *_, **__: None)

    def run(*recounts: Recount, arguments: tuple[str, ...] = ()) -> Result:
        answers = iter(recounts)

        def count(*_: Any) -> Recount:
            return next(answers)

        monkeypatch.setattr(recompute, "recount", count)
        result = CliRunner().invoke(main, ["recompute", *arguments], env={"LC_ALL": "C"})
        assert next(answers, None) is None, "it did not recompute"
        return result

    return run


def test_lasting_differences_are_reported_immediately(ask: Ask, slept: list[float]) -> None:
    assert (ask(RIGHT).exit_code, ask(WRONG).exit_code, slept) == (0, 1, [])


def test_transient_differences_are_recomputed_once(ask: Ask, slept: list[float]) -> None:
    first = ask(NOT_YET, RIGHT)
    assert first.exit_code == 0, first.output
    assert "no number differs" in first.stdout
    assert "only by timeouts, such as forgotten calls: 4; workers that have just started" in first.stderr
    assert "recomputing in 65 s" in first.stderr
    assert slept == [65]
    lasting = ask(NOT_YET, NOT_YET)
    assert (lasting.exit_code, "numbers that differ: 4" in lasting.stdout) == (1, True)


def test_transient_differences_are_ignored_while_history_is_read(ask: Ask, slept: list[float]) -> None:
    reading = NOT_YET._replace(history_at=AS_OF - 86_400_000)
    result = ask(reading)
    assert (result.exit_code, slept) == (0, [])
    assert "no number differs" in result.stdout
    assert "which differ only by timeouts: 4. The history of a source is still being read" in result.stderr
    assert "up to 2026-03-02 02:06:40+01:00 so far" in result.stderr
    assert ask(WRONG._replace(history_at=AS_OF - 86_400_000)).exit_code == 1


def test_lasting_differences_are_not_delayed_by_transient_ones(ask: Ask, slept: list[float]) -> None:
    both = counted(NOT_YET.known | sums(OPINIONS, invited=1), NOT_YET.again, NOT_YET.without_ticks)
    assert "numbers that differ: 6" in ask(both).stdout
    assert slept == []


def test_differences_from_earlier_policies_are_only_counted(ask: Ask) -> None:
    verdict = "csat_promise_missed_satisfied"
    assert verdict in FEEDBACK.index
    known, again = sums(SLA_PLACE, late=2, breached=2) | sums(OPINIONS, **{verdict: 1}), sums(SLA_PLACE, met=2)
    result = ask(counted(known, again, None, BY_OTHERS))
    assert result.exit_code == 0, result.output
    assert "no number differs" in result.stdout
    assert "SLA figures not compared, though they differ: 8. " in result.stdout
    assert (
        "judged 1 contacts by others than those in force (none), the last one at 2026-03-03 02:05:40+01:00"
        in result.stdout
    )
    as_json = ask(counted(known, again, None, BY_OTHERS), arguments=("--json",))
    assert (as_json.exit_code, as_json.stdout, "not compared" in as_json.stderr) == (0, "", True)


def test_only_days_judged_by_earlier_policies_are_left_out(ask: Ask) -> None:
    known, again = sums(SLA_PLACE, late=1), sums(SLA_PLACE, met=1)
    assert "numbers that differ: 4" in ask(counted(known, again)).stdout
    elsewhere = ask(counted(known, again, None, ChangedVerdicts(frozenset({date(2026, 3, 1)}), AS_OF)))
    assert elsewhere.exit_code == 1
    assert "numbers that differ: 2" in elsewhere.stdout  # of that day: the total is of all days
    assert "though they differ: 2." in elsewhere.stdout
    other = ask(counted(known | WRONG.known, again | WRONG.again, None, BY_OTHERS))
    assert (other.exit_code, "numbers that differ: 2" in other.stdout) == (1, True)


def test_figures_added_by_a_release_are_left_out_for_earlier_days(ask: Ask) -> None:
    known, again = sums(CALLS, offered=3), sums(CALLS, offered=3, answered=2)
    added = {"call": [(QUEUE_SCHEMA.index["answered"], AS_OF)]}
    result = ask(counted(known, again)._replace(added=added))
    assert result.exit_code == 0, result.output
    assert "no number differs" in result.stdout
    assert "of figures that a release added at 2026-03-03 02:06:40+01:00: 2" in result.stdout
    assert (
        "of figures that a release added"
        in ask(counted(known, again)._replace(added=added), arguments=("--json",)).stderr
    )
    older = {"call": [(QUEUE_SCHEMA.index["answered"], AS_OF - 3 * 86_400_000)]}
    assert "numbers that differ: 1" in ask(counted(known, again)._replace(added=older)).stdout  # of the day since
    other = sums(CALLS, offered=4, answered=2)
    assert "numbers that differ: 2" in ask(counted(known, other)._replace(added=added)).stdout


def test_the_checked_period_is_printed(ask: Ask) -> None:
    since = RIGHT._replace(begins_at=AS_OF - 86_400_000)
    period = "checked: figures of the events published since 2026-03-02 "
    assert period in ask(since).stdout.splitlines()[-1]
    as_json = ask(since, arguments=("--json",))
    assert (as_json.stdout, period in as_json.stderr) == ("", True)
    assert "Kafka holds no events any more (retention.events_days = 30)" in ask(RIGHT).stdout
