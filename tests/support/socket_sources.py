"""Tests with connectors of live event sockets."""

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
    """Return the events that `harness` publishes while `happen` runs."""
    with harness.opened() as (flow, publisher):
        wait_until(lambda: flow.step() or event_server.listeners, "a connection")
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
    """Wait until no client is connected."""
    wait_until(lambda: not event_server.listeners, "all clients to disconnect")


def has_stored(listener: Path) -> bool:
    """Return whether the connector with the directory `listener` has stored any event."""
    return any(listener.rglob("*.spool")) or any(listener.rglob("cursor-*.json"))
