"""Contact rows as the worker folds them, and erasure events as Kafka accepts them."""

from collections.abc import Callable, Sequence

from models.events import Event
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.core.timeline import entries
from streams.privacy.citizen_finder import KafkaUnavailable
from streams.timeline.store import Timeline


class WorkerState:
    """The worker's rows by contact, and the published erasure events. After `room` events, Kafka is unavailable."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.rows: dict[bytes, Contact] = {}
        self.erased: list[Event] = []
        self.room = room

    def read(self, wanted: Callable[[bytes, bytes], bool]) -> dict[bytes, bytes]:
        """Return the encoded rows that are `wanted`."""
        return {key: value for key, row in self.rows.items() if wanted(key, value := contact.encode(row))}

    def fold(self, events: Sequence[Event]) -> None:
        """Fold events into the rows."""
        for event in events:
            key = event.subject.encode()
            self.rows[key] = contact.fold(self.rows.get(key), event)

    def publish(self, events: Sequence[Event]) -> None:
        """Accept erasure events."""
        self.erased += events[: self.room]
        self.room -= len(events)
        if self.room < 0:
            raise KafkaUnavailable("stopped")

    def apply_erasures(self, timeline: Timeline) -> None:
        """Fold the accepted erasure events, and write their entries like the timeline process."""
        self.fold(self.erased)
        rows = self.rows
        timeline.write(
            [entries.decode(entries.record(event, rows[event.subject.encode()])[1]) for event in self.erased]
        )
