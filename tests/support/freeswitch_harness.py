"""Simulated FreeSWITCH with a connector."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import connectors.freeswitch as freeswitch
from connectors.freeswitch.simulate import Callcenter, CallSimulation, EventSocket, configuration
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.socket_sources import listen

NINE = datetime(2026, 3, 16, 8, tzinfo=UTC).timestamp()


def simulate_calls(callcenter: Callcenter, *, seed: int = 3, calls_per_hour: float, hours: float = 1) -> CallSimulation:
    """Simulate `hours` of calls, and end them."""
    simulation = CallSimulation(callcenter, seed=seed, calls_per_hour=calls_per_hour)
    simulation.begin(NINE)
    simulation.run_until(NINE + 3_600 * hours)
    simulation.end(NINE + 3_600 * hours)
    return simulation


class FreeswitchHarness:
    """A simulated callcenter, controlled by the test, and a connector."""

    def __init__(self, directory: Path, event_socket: EventSocket, **more: Any) -> None:
        self.event_socket = event_socket
        self.callcenter = Callcenter(event_socket.apply)
        self.harness = ConnectorHarness(
            freeswitch.CONNECTOR, configuration(event_socket.port) | more, directory / "data", directory / "keys"
        )

    def listen(self, happen: Any = lambda: None) -> list[Event]:
        return listen(self.harness, self.event_socket, happen)

    def waiting(self, queue: str = "accueil", *, at: float = NINE + 10) -> str:
        """Put a call into a queue and return its id."""
        call = self.callcenter.arrive(at, caller="0639980012", dialled="0199000010")
        self.callcenter.enter(at + 8, call, queue)
        return call
