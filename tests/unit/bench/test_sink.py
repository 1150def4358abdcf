"""The bench of the sink on few entries: it writes what it says, and finds each once."""

from tests.bench import sink


def test_all_that_is_written_beside_what_is_there_is_counted_once() -> None:
    run = sink.measure("sqlite", entries=10_450, citizens=100, write=250, step_entries=100)
    assert (run["correct"], run["entries_before"]) == ("exact", 10_450)
    (goal,) = sink.goals(run)
    assert (goal.measured, goal.wanted) == (run["into_database_per_second"], 30_000)
