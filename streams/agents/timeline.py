"""The timeline agent: entries from Kafka into the timeline's read model.

Thin: what is written is the store's. A batch is written there before its offsets are committed; told again after a crash, it
changes nothing.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from models import topics
from models.reasons import Reason
from streams.core.timeline import Entry, decode
from streams.engine.job import Job, Record, Step, Table

GROUP: Final = "timeline"


class Store(Protocol):
    """Where entries go. What it raises ends the process, which tries again in its next life."""

    def write(self, entries: Sequence[Entry]) -> object:
        """Write a batch in one transaction; what is there already is left as it is."""

    def tidy(self, now: int) -> None:
        """Drop some of what was kept long enough at `now`, milliseconds since 1970."""


def make_job(app_id: str, store: Store) -> Job:
    """Return the job of the timeline agent for the engine."""
    return Job(
        name=f"{app_id}-{GROUP}",
        sources=[topics.TIMELINE.name],
        states=[topics.TIMELINE_STATE.name],
        outputs=[],
        dead_letters=topics.DEAD_LETTERS.name,
        open=lambda partition: TimelineWriter(partition, store),
    )


class TimelineWriter:
    """The entries of one partition."""

    tables: Final[Sequence[Table[Any, Any]]] = ()

    def __init__(self, partition: int, store: Store) -> None:
        self._partition = partition
        self._store = store

    def restore(self) -> None:
        """Do nothing: all is in the store."""

    def undo(self) -> None:
        """Do nothing: what the store was given comes again."""

    def fold(self, topic: str, records: Sequence[Record], step: Step) -> None:
        """Write the entries of `records`; what is no entry is rejected."""
        entries = []
        for record in records:
            if record.value is None:
                step.reject(topic, record, Reason.NULL_VALUE.value)
                continue
            try:
                entries.append(decode(record.value))
            except msgspec.ValidationError:
                step.reject(topic, record, Reason.INVALID_FIELD.value)
            except msgspec.DecodeError:
                step.reject(topic, record, Reason.INVALID_JSON.value)
        if entries:
            self._store.write(entries)

    def set_aside(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        """Make a record that our own code fails on a dead letter."""
        step.reject(topic, record, Reason.INTERNAL_ERROR.value, type(error).__name__)

    def tick(self, step: Step) -> None:
        """Have who owns the first partition drop what was kept long enough."""
        if self._partition == 0:
            self._store.tidy(step.now)
