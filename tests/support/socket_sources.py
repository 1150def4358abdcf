"""Helpers for connectors that listen to a simulated event server."""

import threading
from collections.abc import Callable
from pathlib import Path

from connectors.sdk.simulation.event_server import EventServer
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.processes import wait_until


def listen(
    harness: ConnectorHarness, event_server: EventServer, happen: Callable[[], object] = lambda: None
) -> list[Event]:
    """Return the events that the connector publishes while `happen` runs in a thread."""
    with harness.opened() as (flow, publisher):
        wait_until(lambda: flow.step() or event_server.listeners, "a listener")
        thread = threading.Thread(target=happen)
        thread.start()
        while True:
            over, before = not thread.is_alive(), harness.records_read()
            flow.step()
            if over and harness.records_read() == before:
                break
        thread.join()
        publisher.confirm()
        events = publisher.events
    wait_until_disconnected(event_server)
    return events


def wait_until_disconnected(event_server: EventServer) -> None:
    """Wait until all listeners have disconnected."""
    wait_until(lambda: not event_server.listeners, "the end of all connections")


def has_stored(listener: Path) -> bool:
    """Return whether the connector with the directory `listener` has stored events or a position."""
    return any(listener.rglob("*.spool")) or any(listener.rglob("cursor-*.json"))
