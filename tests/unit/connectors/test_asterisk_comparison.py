"""Comparison of the manager interface with the log."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.asterisk import interface_comparison
from connectors.asterisk.interface_comparison import InterfaceComparison
from connectors.sdk.contract import Reject
from connectors.sdk.reconcile import Finding
from models.events import CallQueued, CallQueuedData, Event
from models.reasons import Reason

T = 1_773_650_000


def queued(number: int, began: int = T) -> list[Event]:
    """Return an event of a call whose channel began at `began`."""
    at = datetime.fromtimestamp(T + 10, UTC)
    subject = f"call:asterisk/essai:{began}.{number}"
    data = CallQueuedData(queue="accueil")
    return [CallQueued(id=f"{number}", source="asterisk/essai", subject=subject, time=at, data=data)]


@pytest.fixture
def comparing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InterfaceComparison]:
    monkeypatch.setattr(interface_comparison, "GRACE_SECONDS", 0.0)
    with closing(InterfaceComparison(tmp_path)) as made:
        made.keep(made.take_changes())
        yield made


def found(comparing: InterfaceComparison) -> dict[Finding, int]:
    comparing.keep(comparing.take_changes())
    return {finding: count for finding, count in comparing.reconcile_stats.counts.items() if count}


def test_event_from_both_interfaces_is_not_counted(comparing: InterfaceComparison) -> None:
    comparing.add_manager_outcome(queued(1))
    comparing.add_log_outcome(queued(1), since=T - 1)
    assert found(comparing) == {}


def test_event_only_in_the_log_is_missing(comparing: InterfaceComparison) -> None:
    comparing.add_log_outcome(queued(1), since=T - 1)
    comparing.add_log_outcome(queued(2), since=T - 1)
    assert found(comparing) == {Finding.MISSING: 2}


def test_event_after_the_comparison_is_late(comparing: InterfaceComparison) -> None:
    comparing.add_log_outcome(queued(1), since=T - 1)
    found(comparing)
    comparing.add_manager_outcome(queued(1))
    assert found(comparing) == {Finding.MISSING: 1, Finding.LATE: 1}


@pytest.mark.parametrize("since", [0, T, T + 1])
def test_call_from_before_the_connection_is_not_missing(comparing: InterfaceComparison, since: int) -> None:
    comparing.add_log_outcome(queued(1), since)
    assert found(comparing) == {}


def test_rejects_are_not_compared(comparing: InterfaceComparison) -> None:
    for take in (comparing.add_manager_outcome, lambda outcome: comparing.add_log_outcome(outcome, since=T - 1)):
        take(Reject(Reason.UNKNOWN_RECORD, b""))
    assert found(comparing) == {}


def test_event_is_not_missing_during_the_grace_period(tmp_path: Path) -> None:
    with closing(InterfaceComparison(tmp_path)) as made:
        made.keep(made.take_changes())
        made.add_log_outcome(queued(1), since=T - 1)
        assert found(made) == {}, "it counted as missing during the grace period"
