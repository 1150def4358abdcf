"""Event sockets to listen to: a patient one, which waits with what happens until somebody is there."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from connectors.freeswitch.simulate import EventSocket, Happening, tables
from connectors.sdk.testing import Bench
from models.events import Event
from tests.support.processes import wait_until


class PatientSocket(EventSocket):
    """Tells what happened while nobody was there to who comes, unlike FreeSWITCH: so a test can read all, in parts.

    And tells it again while nothing of it was kept below `listener`: whoever is killed with what he has just heard in his hands,
    and nowhere else, cannot have it told again by FreeSWITCH, and no test shows otherwise.
    """

    def __init__(self, at: float, listener: Path) -> None:
        self._safe: list[Happening] = []
        self._given: list[Happening] = []
        self._kept: list[Happening] = []
        self._is_open = False
        self._listener = listener
        super().__init__(tables(), lambda: at)

    def happen(self, happening: Happening) -> None:
        with self.lock:
            if self.listeners and self._is_open:
                self._give(happening)
            else:
                self._kept.append(happening)

    def welcome(self, listener: Any) -> None:
        with self.lock:
            self._is_open = False
            if any(self._listener.rglob("*.spool")) or any(self._listener.rglob("cursor-*.json")):
                self._safe += self._given
            else:
                self._kept = [*self._given, *self._kept]
            self._given = []
            self.tables = tables()
            for happening in self._safe:
                self.tables.change(happening)
            super().welcome(listener)

    def answered(self, listener: Any, asked: str) -> None:
        if asked == "callcenter_config agent list":  # the last of the lists that make a whole
            with self.lock:
                self._is_open, kept, self._kept = True, self._kept, []
                for happening in kept:
                    self._give(happening)

    def _give(self, happening: Happening) -> None:
        self._given.append(happening)
        super().happen(happening)


@contextmanager
def serving(at: float, *, listener: Path | None = None) -> Iterator[EventSocket]:
    """Have an event socket whose clock shows `at`, seconds since 1970; a patient one for `listener`."""
    with closing(PatientSocket(at, listener) if listener else EventSocket(tables(), lambda: at)) as event_socket:
        yield event_socket


def alone(event_socket: EventSocket) -> None:
    """Return once nobody listens any more."""
    wait_until(lambda: not event_socket.listeners, "all who listened to have left", 10)


def listen(bench: Bench, event_socket: EventSocket, happen: Callable[[], object] = lambda: None) -> list[Event]:
    """Return what `bench` tells of what happens while it listens: `happen()` lets it."""
    with bench.opened() as (flow, publisher):
        wait_until(lambda: flow.turn() or event_socket.listeners, "somebody to listen", 10)
        thread = threading.Thread(target=happen)
        thread.start()
        while True:
            over, before = not thread.is_alive(), bench.records_read()
            flow.turn()
            if over and bench.records_read() == before:
                break
        thread.join()
        publisher.confirm()
        events = publisher.events
    alone(event_socket)
    return events
