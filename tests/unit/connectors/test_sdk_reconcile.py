"""What is found by asking a source that also pushes."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from connectors.sdk import reconcile
from connectors.sdk.errors import ConnectorError
from connectors.sdk.reconcile import Finding, Observation, PollScope, Reconciler, microseconds

UNTIL = datetime(2026, 3, 16, tzinfo=UTC)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Reconciler]:
    with closing(Reconciler(tmp_path)) as memory:
        yield memory


def found(memory: Reconciler) -> dict[Finding, int]:
    """What was found, whether kept or not."""
    return {finding: count for finding, count in memory.take_changes().reconcile_stats.counts.items() if count}


def test_what_is_pushed_and_then_found_the_same_is_nothing(memory: Reconciler) -> None:
    assert memory.record_pushed("a", 10, "open", UNTIL).before == ()
    before, after = memory.find("a", 20, "open", UNTIL)
    assert before == after == (Observation(10, "open", pushed=True),)
    assert found(memory) == {}


def test_what_nobody_pushed_is_missing_once_it_was_asked_to_the_end(memory: Reconciler) -> None:
    memory.find("before", 10, "open", UNTIL)
    assert memory.end_round(1.0).found == {}
    memory.find("before", 20, "open", UNTIL)
    before, after = memory.find("a", 20, "open", UNTIL)
    assert (before, after) == ((), (Observation(20, "open", pushed=False),))
    memory.find("a", 30, "open", UNTIL)
    assert memory.end_round(2.0).found == {Finding.MISSING: 1}
    assert memory.end_round(3.0).found == {}


def test_what_is_pushed_after_it_was_found_is_late_and_twice_a_duplicate(memory: Reconciler) -> None:
    memory.end_round(1.0)
    memory.find("a", 20, "open", UNTIL)
    assert memory.record_pushed("a", 10, "open", UNTIL).after[-1] == Observation(20, "open", pushed=False)
    assert memory.record_pushed("a", 10, "open", UNTIL).after == memory.record_pushed("a", 10, "open", UNTIL).before
    assert found(memory) == {Finding.MISSING: 1, Finding.LATE: 1, Finding.DUPLICATE: 2}


def test_what_is_found_otherwise_is_corrected(memory: Reconciler) -> None:
    memory.record_pushed("a", 10, "open", UNTIL)
    assert memory.find("a", 20, "closed", UNTIL).after[-1] == Observation(20, "closed", pushed=False)
    memory.find("a", 30, "closed", UNTIL)
    assert found(memory) == {Finding.CORRECTED: 1}


def test_an_answer_from_before_what_was_pushed_is_passed_over(memory: Reconciler) -> None:
    memory.record_pushed("a", 20, "closed", UNTIL)
    before, after = memory.find("a", 10, "open", UNTIL)
    assert before == after
    assert found(memory) == {}


def test_a_fact_that_never_changes_is_told_in_both_ways(memory: Reconciler) -> None:
    memory.end_round(1.0)
    memory.record_pushed("pushed", 0, "", UNTIL)
    memory.find("pushed", 0, "", UNTIL)
    memory.find("found", 0, "", UNTIL)
    memory.record_pushed("found", 0, "", UNTIL)
    memory.record_pushed("found", 0, "", UNTIL)
    assert found(memory) == {Finding.MISSING: 1, Finding.LATE: 1, Finding.DUPLICATE: 1}


def test_what_was_told_is_the_same_in_any_order(memory: Reconciler) -> None:
    told = [Observation(at, state, pushed=True) for at, state in ((10, "a"), (20, "b"), (30, "a"), (40, "c"))]
    for number, order in enumerate(permutations(told)):
        for one in order:
            after = memory.record_pushed(f"{number}", one.at, one.state, UNTIL).after
        assert after == tuple(told)


def test_of_the_same_time_what_comes_later_counts(memory: Reconciler) -> None:
    memory.record_pushed("a", 10, "z", UNTIL)
    assert [one.state for one in memory.record_pushed("a", 10, "a", UNTIL).after] == ["z", "a"]
    assert found(memory) == {}


def test_what_is_not_kept_is_learned_again_and_counted_once(tmp_path: Path) -> None:
    for _ in range(3):
        with closing(Reconciler(tmp_path)) as memory:
            memory.end_round(1.0)
            assert memory.find("a", 10, "open", UNTIL).before == ()
            assert memory.stored_stats.compared_at == 0
    with closing(Reconciler(tmp_path)) as memory:
        memory.end_round(2.0)
        memory.find("a", 10, "open", UNTIL)
        memory.keep(memory.take_changes())
        memory.record_pushed("b", 10, "open", UNTIL)
    with closing(Reconciler(tmp_path)) as memory:
        assert memory.stored_stats.compared_at == 2.0
        assert {finding: count for finding, count in memory.stored_stats.counts.items() if count} == {
            Finding.MISSING: 1
        }
        assert memory.find("a", 20, "open", UNTIL).before == (Observation(10, "open", pushed=False),)
        assert memory.record_pushed("b", 10, "open", UNTIL).before == ()


def test_what_is_learned_while_the_rest_is_not_kept_yet_is_not_lost(memory: Reconciler) -> None:
    memory.record_pushed("a", 10, "open", UNTIL)
    first = memory.take_changes()
    memory.record_pushed("a", 20, "closed", UNTIL)
    memory.keep(first)
    assert [one.state for one in memory.record_pushed("a", 30, "open", UNTIL).before] == ["open", "closed"]
    memory.keep(memory.take_changes())
    assert [one.state for one in memory.find("a", 30, "open", UNTIL).before] == ["open", "closed", "open"]


def whole(*groups: str) -> PollScope:
    """A round in which all that ends from a day before `UNTIL` on was told of."""
    return PollScope(groups or ("",), complete_from=UNTIL - timedelta(days=1))


def list_again(memory: Reconciler, keys: str, group: str = "") -> None:
    """Find each of `keys`, a letter each, as it was."""
    for key in keys:
        memory.see(key, group)
        memory.find(key, 10, "open", UNTIL)


def test_what_was_listed_and_is_no_more_in_two_whole_rounds_is_gone(tmp_path: Path) -> None:
    with closing(Reconciler(tmp_path)) as memory:
        list_again(memory, "abcd")
        memory.record_pushed("b", 20, "over", UNTIL - timedelta(days=2))
        memory.record_pushed("never listed", 10, "open", UNTIL)
        assert memory.end_round(1.0, whole()).gone == {}
        memory.keep(memory.take_changes())
    with closing(Reconciler(tmp_path)) as memory:
        gone = []
        for number in range(5):
            list_again(memory, "c")
            gone.append(memory.end_round(number, PollScope() if number == 1 else whole()).gone)
            if number == 3:
                memory.stop_tracking("d")
    assert gone == [{}, {}, {"": {"a": "open", "d": "open"}}, {"": {"a": "open", "d": "open"}}, {"": {"a": "open"}}]


def test_of_a_group_that_lists_nothing_nothing_is_gone_until_it_does(memory: Reconciler) -> None:
    list_again(memory, "ab", "lost")
    list_again(memory, "c", "there")
    gone = [memory.end_round(0, whole("lost", "there")).gone]
    for number in range(1, 5):
        list_again(memory, "c", "there")
        list_again(memory, "b" * (number > 3), "lost")
        gone.append(memory.end_round(number, whole("lost", "there")).gone)
    assert gone == [{}, {}, {}, {}, {"lost": {"a": "open"}}]


def test_in_a_round_that_could_not_be_read_whole_nothing_is_gone(memory: Reconciler) -> None:
    list_again(memory, "ab")
    memory.end_round(0, whole())
    gone = []
    for number in range(4):
        list_again(memory, "a")
        if number % 2:
            memory.mark_incomplete()
        gone.append(memory.end_round(number, whole()).gone)
    assert gone == [{}, {}, {"": {"b": "open"}}, {}]


def test_what_is_seen_is_there_though_nothing_could_be_learned_of_it(memory: Reconciler) -> None:
    list_again(memory, "ab")
    for number in range(4):
        list_again(memory, "a")
        memory.see("b")
        memory.see("c")
        assert memory.end_round(number, whole()).gone == {}
    memory.keep(memory.take_changes())
    assert memory.end_round(4, whole()).gone == {}


def test_missing_is_only_what_was_made_after_its_group_was_first_asked_to_the_end(tmp_path: Path) -> None:
    def find(memory: Reconciler, key: str, group: str, made_at: int) -> bool:
        memory.see(key, group)
        memory.find(key, 1_000, "open", UNTIL, made_at)
        return memory.end_round(0, PollScope({"old", group}, 200)).found == {Finding.MISSING: 1}

    with closing(Reconciler(tmp_path)) as memory:
        memory.end_round(0, PollScope({"old"}, 100))
        memory.keep(memory.take_changes())
    with closing(Reconciler(tmp_path)) as memory:
        assert [find(memory, f"old{at}", "old", at) for at in (50, 99, 100, 150)] == [False, False, True, True]
        assert not find(memory, "first", "new", 150)
        assert [find(memory, f"new{at}", "new", at) for at in (150, 250)] == [False, True]
        memory.end_round(0, PollScope({"old"}, 300))
        assert not find(memory, "back", "new", 250)
        memory.keep(memory.take_changes())
        assert memory.stored_stats.since == {"old": 100, "new": 200}


def test_it_forgets_first_what_ends_first(tmp_path: Path) -> None:
    with closing(Reconciler(tmp_path, most_keys=100)) as memory:
        for number in range(300):
            memory.record_pushed(f"{number}", 10, "open", UNTIL + timedelta(days=number % 150))
            memory.keep(memory.take_changes())
        known = [number for number in range(300) if memory.record_pushed(f"{number}", 11, "open", UNTIL).before]
    assert 95 <= len(known) <= 102
    assert min(number % 150 for number in known) >= 95


def test_of_one_key_it_remembers_the_first_and_the_latest(memory: Reconciler) -> None:
    for at in range(100):
        after = memory.record_pushed("a", at, str(at), UNTIL).after
    assert [one.at for one in after] == [0, *range(100 - reconcile.MAX_OBSERVATIONS + 1, 100)]


def test_what_was_only_told_again_is_forgotten_before_what_changed(memory: Reconciler) -> None:
    for at, state in enumerate("aba" + 50 * "a" + "b"):
        after = memory.record_pushed("a", at, state, UNTIL).after
    assert len(after) == reconcile.MAX_OBSERVATIONS
    assert [(one.at, one.state) for one in after[:3]] == [(0, "a"), (1, "b"), (2, "a")]
    assert [one.at for one in after[3:]] == [*range(53 - reconcile.MAX_OBSERVATIONS + 4, 54)]


def test_its_files_are_for_this_user_alone(tmp_path: Path, memory: Reconciler) -> None:
    memory.record_pushed("a", 10, "open", UNTIL)
    memory.keep(memory.take_changes())
    assert {path.name for path in tmp_path.iterdir()} >= {"told.sqlite"}
    assert not [path for path in tmp_path.iterdir() if path.stat().st_mode & 0o077]


def test_a_damaged_memory_is_named(tmp_path: Path) -> None:
    (tmp_path / "told.sqlite").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(ConnectorError, match=r"told\.sqlite is damaged: remove it"):
        Reconciler(tmp_path)


def test_a_memory_that_cannot_be_written_keeps_nothing_by_half(tmp_path: Path, memory: Reconciler) -> None:
    memory.record_pushed("a", 10, "open", UNTIL)
    changes = memory.take_changes()
    with closing(Reconciler(tmp_path)) as other:
        other._store._database.execute("BEGIN IMMEDIATE")
        memory._store._database.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(ConnectorError, match="locked"):
            memory.keep(changes)
        other._store._database.execute("COMMIT")
        assert other.record_pushed("a", 10, "open", UNTIL).before == ()
    memory.keep(changes)
    assert memory.record_pushed("a", 10, "open", UNTIL).before != ()


def test_times_are_in_microseconds() -> None:
    assert microseconds(datetime(2026, 3, 16, 8, 0, 0, 123_457, tzinfo=UTC)) == 1_773_648_000_123_457
