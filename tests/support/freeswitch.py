"""Event sockets to listen to: a patient one, which waits with what happens until somebody is there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from connectors.freeswitch.simulate import CallcenterChange, EventSocket, tables
from tests.support.socket_sources import has_stored


class BufferingEventSocket(EventSocket):
    """Tells what happened while nobody was there to who comes, unlike FreeSWITCH: so a test can read all, in parts.

    And tells it again while nothing of it was kept below `listener`: whoever is killed with what he has just heard in his hands,
    and nowhere else, cannot have it told again by FreeSWITCH, and no test shows otherwise.
    """

    def __init__(self, at: float, listener: Path) -> None:
        self._safe: list[CallcenterChange] = []
        self._given: list[CallcenterChange] = []
        self._kept: list[CallcenterChange] = []
        self._is_open = False
        self._listener = listener
        super().__init__(tables(), lambda: at)

    def happen(self, happening: CallcenterChange) -> None:
        with self.lock:
            if self.listeners and self._is_open:
                self._give(happening)
            else:
                self._kept.append(happening)

    def subscribe(self, listener: Any) -> None:
        with self.lock:
            self._is_open = False
            if has_stored(self._listener):
                self._safe += self._given
            else:
                self._kept = [*self._given, *self._kept]
            self._given = []
            self.tables = tables()
            for happening in self._safe:
                self.tables.change(happening)
            super().subscribe(listener)

    def answered(self, listener: Any, asked: str) -> None:
        if asked == "callcenter_config agent list":  # the last of the lists that make a whole
            with self.lock:
                self._is_open, kept, self._kept = True, self._kept, []
                for happening in kept:
                    self._give(happening)

    def _give(self, happening: CallcenterChange) -> None:
        self._given.append(happening)
        super().happen(happening)


@contextmanager
def serving(at: float, *, listener: Path | None = None) -> Iterator[EventSocket]:
    """Have an event socket whose clock shows `at`, seconds since 1970; a patient one for `listener`."""
    with closing(BufferingEventSocket(at, listener) if listener else EventSocket(tables(), lambda: at)) as event_socket:
        yield event_socket
