"""`accueil recompute`: reported differences, and the second attempt for transient ones."""

from collections.abc import Callable
from datetime import date

import pytest
from click.testing import Result

from streams.cli import recompute as recompute_cli
from streams.core.figures.figure import Dimensions, Figure, new_figure
from streams.core.figures.figure_schemas import FEEDBACK, FIGURE_SCHEMAS, QUEUE_SCHEMA, SLA
from streams.core.figures.recompute_diff import ChangedVerdicts, Sums
from streams.recovery.recompute import Recount
from tests.support.commands import run

CALLS = Dimensions("call", "siege", "accueil", "general")
SLA_TARGET = Dimensions(SLA, "siege", "accueil", "telephone:answer:call")
OPINIONS = Dimensions("feedback", "siege", "accueil", "call")
DAY = date(2026, 3, 2)
AS_OF = 1_772_500_000_000
Recompute = Callable[..., Result]


def figure(dimensions: Dimensions, **numbers: int) -> Figure:
    schema = FIGURE_SCHEMAS[dimensions.channel]
    new = new_figure(schema)
    for name, number in numbers.items():
        if name in schema.index:
            new.counts[schema.index[name]] = number
        else:
            new.stocks[schema.stock_index[name]] = number
    return new


def sums(dimensions: Dimensions, **numbers: int) -> Sums:
    return {(day, dimensions): figure(dimensions, **numbers) for day in (None, DAY)}


def counted(known: Sums, again: Sums, without_ticks: Sums | None = None, *judged: ChangedVerdicts) -> Recount:
    return Recount(known, again, again, again if without_ticks is None else without_ticks, judged, 30_000, AS_OF, None)


RIGHT = counted(sums(CALLS, offered=3), sums(CALLS, offered=3))
WRONG = counted(sums(CALLS, offered=3), sums(CALLS, offered=2))
NOT_YET = counted(
    sums(CALLS, offered=1, waiting=1),
    sums(CALLS, offered=1, left_forgotten=1),
    sums(CALLS, offered=1, waiting=1),
)
JUDGED_EARLIER = ChangedVerdicts(frozenset({DAY}), AS_OF - 60_000)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(recompute_cli.time, "sleep", found.append)
    return found


@pytest.fixture
def recompute(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Recompute:
    """Return a function that runs the command with the given results of `recount`."""
    monkeypatch.setenv("ACCUEIL_BROKERS", "127.0.0.1:1")
    monkeypatch.setattr("streams.runtime.instance_lock.wait_for_broker", lambda *_, **__: None)

    def run_recompute(*recounts: Recount, arguments: tuple[str, ...] = ()) -> Result:
        left = iter(recounts)
        monkeypatch.setattr(recompute_cli, "recount", lambda *_: next(left))
        result = run("recompute", *arguments)
        assert next(left, None) is None, "it did not recompute"
        return result

    return run_recompute


def test_lasting_differences_are_reported_immediately(recompute: Recompute, pauses: list[float]) -> None:
    assert (recompute(RIGHT).exit_code, recompute(WRONG).exit_code, pauses) == (0, 1, [])


def test_transient_differences_are_recomputed_once(recompute: Recompute, pauses: list[float]) -> None:
    first = recompute(NOT_YET, RIGHT)
    assert first.exit_code == 0, first.output
    assert "no number differs" in first.stdout
    assert "only by timeouts, such as forgotten calls: 4; workers that have just started" in first.stderr
    assert "recomputing in 65 s" in first.stderr
    assert pauses == [65]
    lasting = recompute(NOT_YET, NOT_YET)
    assert (lasting.exit_code, "numbers that differ: 4" in lasting.stdout) == (1, True)


def test_transient_differences_are_ignored_while_history_is_read(recompute: Recompute, pauses: list[float]) -> None:
    reading = NOT_YET._replace(history_at=AS_OF - 86_400_000)
    result = recompute(reading)
    assert (result.exit_code, pauses) == (0, [])
    assert "no number differs" in result.stdout
    assert "which differ only by timeouts: 4. The history of a source is still being read" in result.stderr
    assert "up to 2026-03-02 02:06:40+01:00 so far" in result.stderr
    assert recompute(WRONG._replace(history_at=AS_OF - 86_400_000)).exit_code == 1


def test_lasting_differences_are_not_delayed_by_transient_ones(recompute: Recompute, pauses: list[float]) -> None:
    both = counted(NOT_YET.known | sums(OPINIONS, invited=1), NOT_YET.again, NOT_YET.without_ticks)
    assert "numbers that differ: 6" in recompute(both).stdout
    assert pauses == []


def test_differences_from_earlier_policies_are_only_counted(recompute: Recompute) -> None:
    verdict = "csat_promise_missed_satisfied"
    assert verdict in FEEDBACK.index
    known, again = sums(SLA_TARGET, late=2, breached=2) | sums(OPINIONS, **{verdict: 1}), sums(SLA_TARGET, met=2)
    result = recompute(counted(known, again, None, JUDGED_EARLIER))
    assert result.exit_code == 0, result.output
    assert "no number differs" in result.stdout
    assert "SLA figures not compared, though they differ: 8. " in result.stdout
    last = "the last one at 2026-03-03 02:05:40+01:00"
    assert f"judged 1 contacts by others than those in force (none), {last}" in result.stdout
    as_json = recompute(counted(known, again, None, JUDGED_EARLIER), arguments=("--json",))
    assert (as_json.exit_code, as_json.stdout, "not compared" in as_json.stderr) == (0, "", True)


def test_only_days_judged_by_earlier_policies_are_left_out(recompute: Recompute) -> None:
    known, again = sums(SLA_TARGET, late=1), sums(SLA_TARGET, met=1)
    assert "numbers that differ: 4" in recompute(counted(known, again)).stdout
    elsewhere = recompute(counted(known, again, None, ChangedVerdicts(frozenset({date(2026, 3, 1)}), AS_OF)))
    assert elsewhere.exit_code == 1
    assert "numbers that differ: 2" in elsewhere.stdout  # of that day: the total is of all days
    assert "though they differ: 2." in elsewhere.stdout
    other = recompute(counted(known | WRONG.known, again | WRONG.again, None, JUDGED_EARLIER))
    assert (other.exit_code, "numbers that differ: 2" in other.stdout) == (1, True)


def test_figures_added_by_a_release_are_left_out_for_earlier_days(recompute: Recompute) -> None:
    known, again = sums(CALLS, offered=3), sums(CALLS, offered=3, answered=2)
    added = {"call": [(QUEUE_SCHEMA.index["answered"], AS_OF)]}
    result = recompute(counted(known, again)._replace(added=added))
    assert result.exit_code == 0, result.output
    assert "no number differs" in result.stdout
    assert "of figures that a release added at 2026-03-03 02:06:40+01:00: 2" in result.stdout
    older = {"call": [(QUEUE_SCHEMA.index["answered"], AS_OF - 3 * 86_400_000)]}
    assert "numbers that differ: 1" in recompute(counted(known, again)._replace(added=older)).stdout  # of the day since
    other = sums(CALLS, offered=4, answered=2)
    assert "numbers that differ: 2" in recompute(counted(known, other)._replace(added=added)).stdout


def test_checked_period_is_printed(recompute: Recompute) -> None:
    since = RIGHT._replace(begins_at=AS_OF - 86_400_000)
    period = "checked: figures of the events published since 2026-03-02 "
    assert period in recompute(since).stdout.splitlines()[-1]
    as_json = recompute(since, arguments=("--json",))
    assert (as_json.stdout, period in as_json.stderr) == ("", True)
    assert "Kafka holds no events any more (retention.events_days = 30)" in recompute(RIGHT).stdout
