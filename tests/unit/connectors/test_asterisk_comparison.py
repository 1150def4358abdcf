"""What the manager interface of an Asterisk should have told."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.asterisk import comparison
from connectors.asterisk.comparison import Comparison
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
def comparing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Comparison]:
    monkeypatch.setattr(comparison, "GRACE_SECONDS", 0.0)
    with closing(Comparison(tmp_path)) as made:
        made.keep(made.seal())
        yield made


def found(comparing: Comparison) -> dict[Finding, int]:
    comparing.keep(comparing.seal())
    return {finding: count for finding, count in comparing.tally.counts.items() if count}


def test_what_both_tell_is_nothing_to_speak_of(comparing: Comparison) -> None:
    comparing.hear(queued(1))
    comparing.read(queued(1), since=T - 1)
    assert found(comparing) == {}


def test_what_only_the_log_tells_is_missing(comparing: Comparison) -> None:
    comparing.read(queued(1), since=T - 1)
    comparing.read(queued(2), since=T - 1)
    assert found(comparing) == {Finding.MISSING: 2}


def test_what_comes_in_the_end_was_late(comparing: Comparison) -> None:
    comparing.read(queued(1), since=T - 1)
    found(comparing)
    comparing.hear(queued(1))
    assert found(comparing) == {Finding.MISSING: 1, Finding.LATE: 1}


@pytest.mark.parametrize("since", [0, T, T + 1])
def test_what_began_before_somebody_listened_is_not_missing(comparing: Comparison, since: int) -> None:
    comparing.read(queued(1), since)
    assert found(comparing) == {}


def test_what_is_rejected_is_not_compared(comparing: Comparison) -> None:
    for take in (comparing.hear, lambda outcome: comparing.read(outcome, since=T - 1)):
        take(Reject(Reason.UNKNOWN_RECORD, b""))
    assert found(comparing) == {}


def test_there_is_time_for_it(tmp_path: Path) -> None:
    with closing(Comparison(tmp_path)) as made:
        made.keep(made.seal())
        made.read(queued(1), since=T - 1)
        assert found(made) == {}, "it was missing at once"
