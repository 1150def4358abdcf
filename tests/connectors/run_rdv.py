"""A process that runs one rdv connector, whose broker is a file: `python run_rdv.py OPTIONS DIRECTORY TOPIC`."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.sdk.runner import Runner, configure
from models.codec import encode
from models.events import Event


class Topic:
    """Confirms what is on disk, at the next poll."""

    ready = True

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._unconfirmed: list[Callable[[], None]] = []

    @property
    def pending(self) -> bool:
        return bool(self._unconfirmed)

    def publish(self, events: Sequence[Event], confirmed: Callable[[], None]) -> None:
        self._file.writelines(f"{event.id} {event.type} {encode(event).decode()}\n" for event in events)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._unconfirmed.append(confirmed)

    def poll(self, wait_seconds: float) -> None:
        while self._unconfirmed:
            self._unconfirmed.pop(0)()

    def close(self) -> None:
        self._file.close()


if __name__ == "__main__":
    options, directory, topic = (Path(argument) for argument in sys.argv[1:])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    instance = configure("essai", "rdv", json.loads(options.read_text()))
    Runner([instance], brokers="", directory=directory, open_publisher=lambda *_: Topic(topic)).run(stop)
