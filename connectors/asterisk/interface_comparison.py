"""Comparison of the two interfaces: call events in the log that the manager interface did not report."""

import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from connectors.asterisk.name_resolver import UNIQUE_ID
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.reconcile import ReconcileChanges, Reconciler, ReconcileStats
from models.events import Event
from models.topics import Channel

GRACE_SECONDS: Final = 10.0
"""Longest delay of the manager interface behind the log before an event counts as missing, in seconds."""
ROUND_SECONDS: Final = 60.0
"""Interval between the ends of comparison rounds, in seconds."""
MENTIONED_FOR: Final = timedelta(hours=6)
"""Time after an event during which either interface may still report it."""
ALWAYS: Final = 0
"""Constant version of every event: call events do not change once reported."""


class _Due(NamedTuple):
    at: float
    """When to compare it, by the monotonic clock."""
    id: str
    until: datetime


class InterfaceComparison:
    """Compares the call events of both interfaces. Its state is in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._reconciler = Reconciler(directory)
        self._due = deque[_Due]()
        self._ended_at = float("-inf")

    @property
    def reconcile_stats(self) -> ReconcileStats:
        """Stored totals of the comparison."""
        return self._reconciler.stored_stats

    def add_manager_outcome(self, outcome: Outcome) -> None:
        """Record the call events from the manager interface."""
        for event in _call_events(outcome):
            self._reconciler.record_pushed(event.id, ALWAYS, "", event.time + MENTIONED_FOR)

    def add_log_outcome(self, outcome: Outcome, since: int) -> None:
        """Schedule the comparison of call events from the log.

        Only calls that began after `since`, the start of the manager connection in seconds since 1970, are compared;
        none if it is 0.
        """
        at = time.monotonic() + GRACE_SECONDS
        for event in _call_events(outcome):
            made = UNIQUE_ID.fullmatch(event.subject.rpartition(":")[2])
            if made and int(made["second"]) > since > 0:
                self._due.append(_Due(at, event.id, event.time + MENTIONED_FOR))

    def take_changes(self) -> ReconcileChanges:
        """Compare the log's events that are due, and return the results since the previous call, for `keep`.

        Also end the comparison round if it has lasted `ROUND_SECONDS`.
        """
        now = time.monotonic()
        while self._due and self._due[0].at <= now:
            due = self._due.popleft()
            self._reconciler.find(due.id, ALWAYS, "", due.until)
        if now - self._ended_at > ROUND_SECONDS:
            self._ended_at = now
            self._reconciler.end_round(time.time())
        return self._reconciler.take_changes()

    def keep(self, changes: ReconcileChanges) -> None:
        """Store the results that `take_changes` returned."""
        self._reconciler.keep(changes)

    def close(self) -> None:
        """Close the database."""
        self._reconciler.close()


def _call_events(outcome: Outcome) -> Iterator[Event]:
    if not isinstance(outcome, Reject):
        yield from (event for event in outcome if event.type.startswith(f"{Channel.CALL.value}."))
