"""Simulated FreeSWITCH, and a connector."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import connectors.freeswitch as freeswitch
from connectors.freeswitch.simulate import (
    Callcenter,
    CallcenterChange,
    CallSimulation,
    EventSocket,
    configuration,
    tables,
)
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.socket_sources import has_stored, listen

NINE = datetime(2026, 3, 16, 8, tzinfo=UTC).timestamp()


class BufferingEventSocket(EventSocket):
    """Buffers events while no client is connected, unlike FreeSWITCH, so that a test can read all of them in parts.

    Also resends events that were not stored below `listener` yet. FreeSWITCH cannot resend the events that a killed
    connector has received but not stored; without this, tests with kills would lose them.
    """

    def __init__(self, at: float, listener: Path) -> None:
        self._stored: list[CallcenterChange] = []
        self._sent: list[CallcenterChange] = []
        self._buffered: list[CallcenterChange] = []
        self._is_open = False
        self._listener = listener
        super().__init__(tables(), lambda: at)

    def apply(self, change: CallcenterChange) -> None:
        with self.lock:
            if self.listeners and self._is_open:
                self._send(change)
            else:
                self._buffered.append(change)

    def subscribe(self, client: Any) -> None:
        with self.lock:
            self._is_open = False
            if has_stored(self._listener):
                self._stored += self._sent
            else:
                self._buffered = [*self._sent, *self._buffered]
            self._sent = []
            self.tables = tables()
            for change in self._stored:
                self.tables.change(change)
            super().subscribe(client)

    def answered(self, client: Any, command: str) -> None:
        if command == "callcenter_config agent list":  # the last list at the start of a connection
            with self.lock:
                self._is_open, buffered, self._buffered = True, self._buffered, []
                for change in buffered:
                    self._send(change)

    def _send(self, change: CallcenterChange) -> None:
        self._sent.append(change)
        super().apply(change)


@contextmanager
def serving(at: float, *, listener: Path | None = None) -> Iterator[EventSocket]:
    """Serve an event socket whose clock shows `at`, in seconds since 1970; with `listener`, one that buffers."""
    with closing(BufferingEventSocket(at, listener) if listener else EventSocket(tables(), lambda: at)) as event_socket:
        yield event_socket


def simulate_calls(callcenter: Callcenter, *, seed: int = 3, calls_per_hour: float, hours: float = 1) -> CallSimulation:
    simulation = CallSimulation(callcenter, seed=seed, calls_per_hour=calls_per_hour)
    simulation.begin(NINE)
    simulation.run_until(NINE + 3_600 * hours)
    simulation.end(NINE + 3_600 * hours)
    return simulation


class FreeswitchHarness:
    def __init__(self, directory: Path, event_socket: EventSocket, **more: Any) -> None:
        self.event_socket = event_socket
        self.callcenter = Callcenter(event_socket.apply)
        self.harness = ConnectorHarness(
            freeswitch.CONNECTOR, configuration(event_socket.port) | more, directory / "data", directory / "keys"
        )

    def listen(self, act: Any = lambda: None) -> list[Event]:
        return listen(self.harness, self.event_socket, act)

    def waiting(self, queue: str = "accueil", *, at: float = NINE + 10) -> str:
        """Put a call into a queue and return its id."""
        call = self.callcenter.arrive(at, caller="0639980012", dialled="0199000010")
        self.callcenter.enter(at + 8, call, queue)
        return call
