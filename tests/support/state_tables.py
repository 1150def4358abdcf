"""State tables that are polled, and a plain account of what polls can see."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectors.sdk.contract import Context, Reject
from connectors.sdk.cursor import Cursor
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.fields import text_getter
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.record_source import Page, RecordSource
from connectors.sdk.samples import PlacedRecord
from models.events import Event
from models.identities import PseudonymKey
from tests.support.illisa_walk import Change

SINCE: Final = "since"
"""The only part of a polled table."""


Fetch = Callable[[str], Sequence[Mapping[str, Any]]]
"""Function that returns the rows changed since a time in UTC; all if it is empty."""


class PolledTable(RecordSource):
    """A source that reads the rows changed since the newest `changed_at` that it has read."""

    def __init__(self, config: MappedConfig, directory: Path, fetch: Fetch) -> None:
        def key(sector: str) -> PseudonymKey:
            return PseudonymKey(sector, b"k" * 32)

        super().__init__(config, Context("sql/illisa", directory, Cursor(directory), key))
        self._fetch = fetch
        assert config.changed_at is not None
        self._changed_at = text_getter(config.changed_at.field)

    def read_page(self) -> Page:
        since = self.positions.get(SINCE, b"").decode()
        rows = self._fetch(since)
        times = [(self._changed_at(row) or "").removesuffix("Z").replace("T", " ") for row in rows]
        return Page([PlacedRecord(row, "row") for row in rows], {SINCE: max((since, *times)).encode()})


def mapped(options: Mapping[str, Any]) -> MappedConfig:
    """Return the configuration of a mapping file, without the options of its connector."""
    return MappedConfig.model_validate(
        {name: value for name, value in options.items() if name in MappingOptions.model_fields}
    )


class Poller:
    """Polls a table, and keeps the events by id. Between polls the process may end, with or without their confirmation."""

    def __init__(self, config: MappedConfig, directory: Path, fetch: Fetch) -> None:
        self._open = lambda: PolledTable(config, directory, fetch)
        self._source = self._open()
        self.events: dict[str, Event] = {}
        self.rejects: list[Reject] = []

    def poll(self) -> None:
        """Read the table once, and confirm the events."""
        self._read()
        self._source.acknowledge(self._source.position())

    def poll_and_die(self) -> None:
        """Read the table once, and end before the events are confirmed; then begin again."""
        self._read()
        self._restart()
        self.poll()

    def restart_and_poll(self) -> None:
        """End the process, begin again, and read the table once."""
        self._restart()
        self.poll()

    def _restart(self) -> None:
        self._source.close()
        self._source = self._open()

    def close(self) -> None:
        self._source.close()

    def _read(self) -> None:
        for outcome in self._source.read(0.0):
            if isinstance(outcome, Reject):
                self.rejects.append(outcome)
                continue
            for event in outcome:
                known = self.events.setdefault(event.id, event)
                assert known.model_copy(update={"recordedtime": event.recordedtime}) == event


class Seen(NamedTuple):
    """A state of a case that a poll finds."""

    state: str
    changed_at: datetime


def find_changes(history: Sequence[Seen], polls: Iterable[datetime], hidden: Iterable[str] = ()) -> list[Seen]:
    """Return the states of one case whose beginning polls can notice, in order.

    A poll finds the last state that began at its time or before. It is a change if it differs from the state that the poll before
    found. States in `hidden` are passed over, as if the poll had not been.
    """
    passed_over, found = set(hidden), list[Seen]()
    for poll in polls:
        begun = [seen for seen in history if seen.changed_at <= poll]
        if begun and begun[-1].state not in passed_over and (not found or found[-1].state != begun[-1].state):
            found.append(begun[-1])
    return found


Fact = tuple[int, str, datetime, str]
"""Number of the case, event type, time, decision."""
STEP_EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "taken_up": ("form.taken_up", ""),
    "correction_requested": ("form.correction_requested", ""),
    "corrected": ("form.corrected", ""),
    "accepted": ("form.decided", "accepted"),
    "rejected": ("form.decided", "rejected"),
    "no_action": ("form.decided", "no_action"),
}
"""Event and decision by step of a case; other steps have none."""


def facts(events: Iterable[Event]) -> list[Fact]:
    """Return what events say, in order."""
    return sorted(
        (int(event.subject.rpartition(":")[2]), event.type, event.time, getattr(event.data, "decision", ""))
        for event in events
    )


def expected_facts(own: Iterable[Change], polls: Sequence[datetime]) -> list[Fact]:
    """Return the events that polls of a procedure at these times can give, from its changes alone."""
    histories: dict[int, list[Seen]] = {}
    for change in own:
        histories.setdefault(change.number, []).append(Seen(change.step, change.at))
    found: list[Fact] = []
    for number, history in histories.items():
        seen = find_changes(history, polls)
        if seen:
            found.append((number, "form.submitted", history[0].changed_at, ""))
        for state, at in seen:
            if state in STEP_EVENTS:
                kind, decision = STEP_EVENTS[state]
                found.append((number, kind, at, decision))
    return sorted(found)
