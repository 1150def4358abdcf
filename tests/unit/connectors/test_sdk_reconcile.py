"""Comparison of pushed messages with polling."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from connectors.sdk import reconcile
from connectors.sdk.reconcile import Finding, Observation, PollScope, Reconciler

UNTIL = datetime(2026, 3, 16, tzinfo=UTC)


@pytest.fixture
def reconciler(tmp_path: Path) -> Iterator[Reconciler]:
    with closing(Reconciler(tmp_path)) as reconciler:
        yield reconciler


def found(reconciler: Reconciler) -> dict[Finding, int]:
    """Return all findings, saved or not."""
    return {finding: count for finding, count in reconciler.take_changes().reconcile_stats.counts.items() if count}


def test_polled_state_equal_to_the_pushed_one_is_no_finding(reconciler: Reconciler) -> None:
    assert reconciler.record_pushed("a", 10, "open", UNTIL).before == ()
    before, after = reconciler.find("a", 20, "open", UNTIL)
    assert before == after == (Observation(10, "open", pushed=True),)
    assert found(reconciler) == {}


def test_unpushed_key_is_missing_after_the_first_complete_poll(reconciler: Reconciler) -> None:
    reconciler.find("before", 10, "open", UNTIL)
    assert reconciler.end_round(1.0).found == {}
    reconciler.find("before", 20, "open", UNTIL)
    before, after = reconciler.find("a", 20, "open", UNTIL)
    assert (before, after) == ((), (Observation(20, "open", pushed=False),))
    reconciler.find("a", 30, "open", UNTIL)
    assert reconciler.end_round(2.0).found == {Finding.MISSING: 1}
    assert reconciler.end_round(3.0).found == {}


def test_message_after_the_poll_is_late_and_a_repeated_one_is_a_duplicate(reconciler: Reconciler) -> None:
    reconciler.end_round(1.0)
    reconciler.find("a", 20, "open", UNTIL)
    assert reconciler.record_pushed("a", 10, "open", UNTIL).after[-1] == Observation(20, "open", pushed=False)
    assert (
        reconciler.record_pushed("a", 10, "open", UNTIL).after
        == reconciler.record_pushed("a", 10, "open", UNTIL).before
    )
    assert found(reconciler) == {Finding.MISSING: 1, Finding.LATE: 1, Finding.DUPLICATE: 2}


def test_polled_state_older_than_the_pushed_one_is_ignored(reconciler: Reconciler) -> None:
    reconciler.record_pushed("a", 20, "closed", UNTIL)
    before, after = reconciler.find("a", 10, "open", UNTIL)
    assert before == after
    assert found(reconciler) == {}


def test_constant_fact_is_recognised_in_both_inputs(reconciler: Reconciler) -> None:
    reconciler.end_round(1.0)
    reconciler.record_pushed("pushed", 0, "", UNTIL)
    reconciler.find("pushed", 0, "", UNTIL)
    reconciler.find("found", 0, "", UNTIL)
    reconciler.record_pushed("found", 0, "", UNTIL)
    reconciler.record_pushed("found", 0, "", UNTIL)
    assert found(reconciler) == {Finding.MISSING: 1, Finding.LATE: 1, Finding.DUPLICATE: 1}


def test_observations_are_the_same_in_any_order_of_arrival(reconciler: Reconciler) -> None:
    expected = [Observation(at, state, pushed=True) for at, state in ((10, "a"), (20, "b"), (30, "a"), (40, "c"))]
    for number, order in enumerate(permutations(expected)):
        for one in order:
            after = reconciler.record_pushed(f"{number}", one.at, one.state, UNTIL).after
        assert after == tuple(expected)


def test_of_equal_times_the_later_arrival_counts(reconciler: Reconciler) -> None:
    reconciler.record_pushed("a", 10, "z", UNTIL)
    assert [one.state for one in reconciler.record_pushed("a", 10, "a", UNTIL).after] == ["z", "a"]
    assert found(reconciler) == {}


def test_unsaved_observation_is_observed_again_and_counted_once(tmp_path: Path) -> None:
    for _ in range(3):
        with closing(Reconciler(tmp_path)) as reconciler:
            reconciler.end_round(1.0)
            assert reconciler.find("a", 10, "open", UNTIL).before == ()
            assert reconciler.stored_stats.compared_at == 0
    with closing(Reconciler(tmp_path)) as reconciler:
        reconciler.end_round(2.0)
        reconciler.find("a", 10, "open", UNTIL)
        reconciler.keep(reconciler.take_changes())
        reconciler.record_pushed("b", 10, "open", UNTIL)
    with closing(Reconciler(tmp_path)) as reconciler:
        assert reconciler.stored_stats.compared_at == 2.0
        assert {finding: count for finding, count in reconciler.stored_stats.counts.items() if count} == {
            Finding.MISSING: 1
        }
        assert reconciler.find("a", 20, "open", UNTIL).before == (Observation(10, "open", pushed=False),)
        assert reconciler.record_pushed("b", 10, "open", UNTIL).before == ()


def test_observation_between_take_changes_and_keep_is_not_lost(reconciler: Reconciler) -> None:
    reconciler.record_pushed("a", 10, "open", UNTIL)
    first = reconciler.take_changes()
    reconciler.record_pushed("a", 20, "closed", UNTIL)
    reconciler.keep(first)
    assert [one.state for one in reconciler.record_pushed("a", 30, "open", UNTIL).before] == ["open", "closed"]
    reconciler.keep(reconciler.take_changes())
    assert [one.state for one in reconciler.find("a", 30, "open", UNTIL).before] == ["open", "closed", "open"]


def whole(*groups: str) -> PollScope:
    """Return the scope of a poll that is complete from one day before `UNTIL`."""
    return PollScope(groups or ("",), complete_from=UNTIL - timedelta(days=1))


def list_again(reconciler: Reconciler, keys: str, group: str = "") -> None:
    """Poll each of `keys`, one letter each, in an unchanged state."""
    for key in keys:
        reconciler.see(key, group)
        reconciler.find(key, 10, "open", UNTIL)


def test_key_missing_in_two_complete_polls_is_gone(tmp_path: Path) -> None:
    with closing(Reconciler(tmp_path)) as reconciler:
        list_again(reconciler, "abcd")
        reconciler.record_pushed("b", 20, "over", UNTIL - timedelta(days=2))
        reconciler.record_pushed("never listed", 10, "open", UNTIL)
        assert reconciler.end_round(1.0, whole()).gone == {}
        reconciler.keep(reconciler.take_changes())
    with closing(Reconciler(tmp_path)) as reconciler:
        gone = []
        for number in range(5):
            list_again(reconciler, "c")
            gone.append(reconciler.end_round(number, PollScope() if number == 1 else whole()).gone)
            if number == 3:
                reconciler.stop_tracking("d")
    assert gone == [{}, {}, {"": {"a": "open", "d": "open"}}, {"": {"a": "open", "d": "open"}}, {"": {"a": "open"}}]


def test_key_seen_in_an_incomplete_poll_between_two_others_is_not_gone(reconciler: Reconciler) -> None:
    list_again(reconciler, "ab")
    reconciler.end_round(1.0, whole())
    gone = []
    for number, keys in enumerate(("b", "ab", "b"), 2):
        list_again(reconciler, keys)
        gone.append(reconciler.end_round(float(number), PollScope() if keys == "ab" else whole()).gone)
    assert gone == [{}, {}, {}]


def test_seen_key_is_not_gone_even_if_its_state_is_unreadable(reconciler: Reconciler) -> None:
    list_again(reconciler, "ab")
    for number in range(4):
        list_again(reconciler, "a")
        reconciler.see("b")
        reconciler.see("c")
        assert reconciler.end_round(number, whole()).gone == {}
    reconciler.keep(reconciler.take_changes())
    assert reconciler.end_round(4, whole()).gone == {}


def test_only_objects_created_after_the_first_complete_poll_of_their_group_are_missing(tmp_path: Path) -> None:
    def find(reconciler: Reconciler, key: str, group: str, made_at: int) -> bool:
        reconciler.see(key, group)
        reconciler.find(key, 1_000, "open", UNTIL, made_at)
        return reconciler.end_round(0, PollScope({"old", group}, 200)).found == {Finding.MISSING: 1}

    with closing(Reconciler(tmp_path)) as reconciler:
        reconciler.end_round(0, PollScope({"old"}, 100))
        reconciler.keep(reconciler.take_changes())
    with closing(Reconciler(tmp_path)) as reconciler:
        assert [find(reconciler, f"old{at}", "old", at) for at in (50, 99, 100, 150)] == [False, False, True, True]
        assert not find(reconciler, "first", "new", 150)
        assert [find(reconciler, f"new{at}", "new", at) for at in (150, 250)] == [False, True]
        reconciler.end_round(0, PollScope({"old"}, 300))
        assert not find(reconciler, "back", "new", 250)
        reconciler.keep(reconciler.take_changes())
        assert reconciler.stored_stats.since == {"old": 100, "new": 200}


def test_keys_that_end_first_are_dropped_first(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "MOST_KEYS", 100)
    for number in range(300):
        reconciler.record_pushed(f"{number}", 10, "open", UNTIL + timedelta(days=number % 150))
        reconciler.keep(reconciler.take_changes())
    known = [number for number in range(300) if reconciler.record_pushed(f"{number}", 11, "open", UNTIL).before]
    assert 95 <= len(known) <= 102
    assert min(number % 150 for number in known) >= 95


def test_first_and_latest_observations_of_a_key_are_kept(reconciler: Reconciler) -> None:
    for at in range(100):
        after = reconciler.record_pushed("a", at, str(at), UNTIL).after
    assert [one.at for one in after] == [0, *range(100 - reconcile.MAX_OBSERVATIONS + 1, 100)]


def test_repetitions_are_dropped_before_changes(reconciler: Reconciler) -> None:
    for at, state in enumerate("aba" + 50 * "a" + "b"):
        after = reconciler.record_pushed("a", at, state, UNTIL).after
    assert len(after) == reconcile.MAX_OBSERVATIONS
    assert [(one.at, one.state) for one in after[:3]] == [(0, "a"), (1, "b"), (2, "a")]
    assert [one.at for one in after[3:]] == [*range(53 - reconcile.MAX_OBSERVATIONS + 4, 54)]
