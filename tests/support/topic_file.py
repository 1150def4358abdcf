"""Publisher that writes to a file instead of a topic."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from models.codec import encode
from models.events import Event


class Topic:
    """Publisher with one line per event (id, type and value). It confirms each batch with the next one."""

    ready, trouble = True, ""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._unconfirmed: list[Callable[[], None]] = []

    @property
    def pending(self) -> bool:
        return bool(self._unconfirmed)

    def publish(self, events: Sequence[Event], confirmed: Callable[[], None]) -> None:
        self.poll(0)
        self._file.writelines(f"{event.id} {event.type} {encode(event).decode()}\n" for event in events)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._unconfirmed.append(confirmed)

    def poll(self, wait_seconds: float) -> None:
        while self._unconfirmed:
            self._unconfirmed.pop(0)()

    def close(self) -> None:
        self._file.close()


def ids_in(path: Path) -> list[str]:
    """Return the event ids in a topic file in order, including duplicates."""
    return [line.partition(" ")[0] for line in path.read_text(encoding="utf-8").splitlines()]


def counted_in(path: Path) -> Counter[str]:
    """Return the number of distinct events in a topic file by type."""
    rows = (line.split(" ", 2) for line in path.read_text(encoding="utf-8").splitlines())
    return Counter({name: kind for name, kind, _ in rows}.values())
