"""Random walks of dossiers over states, polled at random moments, and an oracle that knows what the polls could see."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from connectors.sdk.contract import Reject
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.record_sources import CONNECTOR, ListSource

STATES: Final = ("brouillon", "depose", "instruction", "attente", "complete", "accepte", "refuse", "sans suite")
EVENTS: Final[Mapping[str, str]] = {
    "depose": "form.submitted",
    "instruction": "form.taken_up",
    "attente": "form.correction_requested",
    "complete": "form.corrected",
    "accepte": "form.decided",
    "refuse": "form.decided",
}
"""Event that happens when a state begins. The other states have none."""
OPTIONS: Final[Mapping[str, Any]] = {
    "id": "number",
    "state": "state",
    "changed_at": "changed",
    "time_format": "epoch",
    "ignored": {"state": ["brouillon", "sans suite"]},
    "events": [
        {"event": "form.submitted", "state": "depose", "procedure": {"value": "transport"}},
        {"event": "form.taken_up", "state": "instruction"},
        {"event": "form.correction_requested", "state": "attente"},
        {"event": "form.corrected", "state": "complete"},
        {
            "event": "form.decided",
            "state": ["accepte", "refuse"],
            "decision": {"field": "state", "values": {"accepte": "accepted", "refuse": "rejected"}},
        },
    ],
}
BEGIN: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
Seen = tuple[str, str, datetime]
"""Type, dossier and time of an event."""


@dataclass(slots=True)
class Dossier:
    """A dossier, and the state in which a poll saw it last."""

    number: str
    state: str
    changed_at: datetime
    seen_state: str = ""

    def record(self, random: Random) -> dict[str, Any]:
        """Return its row in the source. A row in thirty has no usable time."""
        is_bad = random.random() < 1 / 30
        changed = random.choice(("", "hier", None)) if is_bad else int(self.changed_at.timestamp())
        return {"number": self.number, "state": self.state, "changed": changed, "visited": random.random()}


@dataclass(slots=True)
class Walk:
    """A number of dossiers over time."""

    random: Random
    dossiers: list[Dossier]
    now: datetime = BEGIN
    expected: Counter[Seen] = field(default_factory=Counter)
    """Events that the polls could see, each as often as it could be seen to begin."""

    @classmethod
    def of(cls, seed: int, count: int) -> "Walk":
        """Return `count` dossiers whose walk depends on `seed` only."""
        random = Random(seed)
        return cls(random, [Dossier(f"D{number}", random.choice(STATES[:2]), BEGIN) for number in range(count)])

    def go_on(self, share: float) -> None:
        """Let time pass, in which about `share` of the dossiers take one to three steps."""
        for dossier in self.dossiers:
            if self.random.random() < share:
                for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                    self.now += timedelta(seconds=1)
                    dossier.state = self.random.choice(STATES)
                    dossier.changed_at = self.now
        self.now += timedelta(minutes=5)

    def poll(self) -> list[dict[str, Any]]:
        """Return the rows that a poll of a part of the dossiers reads, and note what can be seen of them."""
        part = self.random.sample(self.dossiers, self.random.randint(1, len(self.dossiers)))
        records = [dossier.record(self.random) for dossier in part]
        for dossier, record in zip(part, records, strict=True):
            self._see(dossier, is_readable=isinstance(record["changed"], int))
        return records

    def _see(self, dossier: Dossier, *, is_readable: bool) -> None:
        if dossier.state == dossier.seen_state:
            return
        event = EVENTS.get(dossier.state)
        if event and not is_readable:
            return  # rejected: the next readable row shows the state
        if event:
            self.expected[event, dossier.number, dossier.changed_at] += 1
        dossier.seen_state = dossier.state


def run(walk: Walk, polls: int, share: float, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[Seen]:
    """Return the events that a source publishes of a walk, each counted once per id. It stops at random without confirmation."""
    harness = ConnectorHarness(CONNECTOR, dict(OPTIONS), directory / "data", directory / "keys")
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr(ListSource, "given", rows)
    monkeypatch.setattr(ListSource, "page_size", 500)
    events: dict[str, Event] = {}
    for _ in range(polls):
        walk.go_on(share)
        rows += walk.poll()
        for event in _read(harness, confirms=walk.random.random() < 0.7):
            assert events.setdefault(event.id, event).time == event.time
    for event in _read(harness, confirms=True):
        events[event.id] = event
    return Counter((event.type, event.subject.rpartition(":")[2], event.time) for event in events.values())


def _read(harness: ConnectorHarness, *, confirms: bool) -> Iterator[Event]:
    with closing(CONNECTOR.open(harness.config, harness._context())) as source:
        while outcomes := source.read(0.0):
            for outcome in outcomes:
                if not isinstance(outcome, Reject):
                    yield from outcome
            if confirms:
                source.acknowledge(source.position())
