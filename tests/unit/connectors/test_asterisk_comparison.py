"""What the manager interface of an Asterisk should have told."""

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
    """A call that is told, of a channel that began at `began`."""
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


def test_what_both_tell_is_nothing_to_speak_of(comparing: InterfaceComparison) -> None:
    comparing.add_manager_outcome(queued(1))
    comparing.add_log_outcome(queued(1), since=T - 1)
    assert found(comparing) == {}


def test_what_only_the_log_tells_is_missing(comparing: InterfaceComparison) -> None:
    comparing.add_log_outcome(queued(1), since=T - 1)
    comparing.add_log_outcome(queued(2), since=T - 1)
    assert found(comparing) == {Finding.MISSING: 2}


def test_what_comes_in_the_end_was_late(comparing: InterfaceComparison) -> None:
    comparing.add_log_outcome(queued(1), since=T - 1)
    found(comparing)
    comparing.add_manager_outcome(queued(1))
    assert found(comparing) == {Finding.MISSING: 1, Finding.LATE: 1}


@pytest.mark.parametrize("since", [0, T, T + 1])
def test_what_began_before_somebody_listened_is_not_missing(comparing: InterfaceComparison, since: int) -> None:
    comparing.add_log_outcome(queued(1), since)
    assert found(comparing) == {}


def test_what_is_rejected_is_not_compared(comparing: InterfaceComparison) -> None:
    for take in (comparing.add_manager_outcome, lambda outcome: comparing.add_log_outcome(outcome, since=T - 1)):
        take(Reject(Reason.UNKNOWN_RECORD, b""))
    assert found(comparing) == {}


def test_there_is_time_for_it(tmp_path: Path) -> None:
    with closing(InterfaceComparison(tmp_path)) as made:
        made.keep(made.take_changes())
        made.add_log_outcome(queued(1), since=T - 1)
        assert found(made) == {}, "it was missing at once"
