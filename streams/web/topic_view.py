"""Base of the views: state that is built from the rows of a topic."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Generic, Protocol, TypeVar


class ReaderState(StrEnum):
    """State of the thread that reads a topic."""

    NO_BROKER = "no_broker"
    """No broker answers."""
    REFUSED = "refused"
    """Kafka refuses the login, or read access to the topic."""
    NO_TOPIC = "no_topic"
    """The topic does not exist."""
    LOADING = "loading"
    """Reading the existing rows."""
    FOLLOWING = "following"
    """All existing rows are read; new rows follow after each commit."""


RawRows = Iterable[tuple[bytes | None, bytes | None]]
"""Keys and values of rows; a value of None removes a row."""


class Rows(Protocol):
    """State of one reading of a topic; not thread-safe."""

    def put_all(self, partition: int, rows: RawRows, written_at: int) -> None:
        """Apply rows of one partition. Unreadable rows are skipped."""


State = TypeVar("State", bound=Rows)


class TopicView(ABC, Generic[State]):
    """Thread-safe view of a topic.

    A new reading of the topic replaces the previous one only when it is complete. Restarting the reader therefore never
    lowers the counts.
    """

    def __init__(self, empty: State) -> None:
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change of the rows or of `reader_state`, by the thread that made it."""
        self._lock = threading.Lock()
        self._reader_state = ReaderState.NO_BROKER
        self._current = empty
        self._loading: State | None = None

    @property
    def reader_state(self) -> ReaderState:
        """State of the reader that feeds this view."""
        return self._reader_state

    def set_state(self, reader_state: ReaderState) -> None:
        """Record the state of the reader, and call `on_change`. At `FOLLOWING`, the rows since `begin` replace earlier ones."""
        with self._lock:
            self._reader_state = reader_state
            if reader_state is ReaderState.FOLLOWING and self._loading is not None:
                self._current, self._loading = self._loading, None
        self.on_change()

    def begin(self, partitions: Iterable[int]) -> None:
        """Start a new reading, from the beginning of a topic with these partitions."""
        with self._lock:
            self._loading = self._new_reading(partitions)

    def apply_all(self, partition: int, rows: RawRows, written_at: int = 0) -> None:
        """Apply rows of one partition, and call `on_change`. They become visible together, or with the end of a new reading.

        The last row was written at `written_at` (milliseconds since 1970, 0 if unknown).
        """
        with self._lock:
            target = self._current if self._loading is None else self._loading
            target.put_all(partition, rows, written_at)
        self.on_change()

    @abstractmethod
    def _new_reading(self, partitions: Iterable[int]) -> State:
        """Return the empty state of a new reading of a topic with these partitions."""
