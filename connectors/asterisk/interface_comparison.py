"""What the manager interface should have told, and only the log did: how far it can be relied on."""

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
"""So much later than the log the manager interface may tell the same."""
ROUND_SECONDS: Final = 60.0
"""How often it is said that all was compared until then."""
MENTIONED_FOR: Final = timedelta(hours=6)
"""How long after an event either may still tell it."""
ALWAYS: Final = 0
"""An event is the same whenever it is told."""


class _Due(NamedTuple):
    at: float
    """When it is to be compared, by the monotonic clock."""
    id: str
    until: datetime


class InterfaceComparison:
    """The events of calls that both tell, kept in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._reconciler = Reconciler(directory)
        self._due = deque[_Due]()
        self._ended_at = float("-inf")

    @property
    def reconcile_stats(self) -> ReconcileStats:
        """What was found, as far as it is kept."""
        return self._reconciler.stored_stats

    def add_manager_outcome(self, outcome: Outcome) -> None:
        """Take note of what the manager interface told."""
        for event in _of_calls(outcome):
            self._reconciler.record_pushed(event.id, ALWAYS, "", event.time + MENTIONED_FOR)

    def read(self, outcome: Outcome, since: int) -> None:
        """Take note of what the log told; of calls that began after `since` the manager interface should tell it too."""
        at = time.monotonic() + GRACE_SECONDS
        for event in _of_calls(outcome):
            made = UNIQUE_ID.fullmatch(event.subject.rpartition(":")[2])
            if made and int(made["second"]) > since > 0:
                self._due.append(_Due(at, event.id, event.time + MENTIONED_FOR))

    def take_changes(self) -> ReconcileChanges:
        """Compare what it is time for, and return what was learned since this was called last."""
        now = time.monotonic()
        while self._due and self._due[0].at <= now:
            due = self._due.popleft()
            self._reconciler.find(due.id, ALWAYS, "", due.until)
        if now - self._ended_at > ROUND_SECONDS:
            self._ended_at = now
            self._reconciler.end_round(time.time())
        return self._reconciler.take_changes()

    def keep(self, changes: ReconcileChanges) -> None:
        """Keep what was learned."""
        self._reconciler.keep(changes)

    def close(self) -> None:
        """Close the memory."""
        self._reconciler.close()


def _of_calls(outcome: Outcome) -> Iterator[Event]:
    if not isinstance(outcome, Reject):
        yield from (event for event in outcome if event.type.startswith(f"{Channel.CALL.value}."))
