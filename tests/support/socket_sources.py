"""Tests with connectors of live event sockets."""

import socket
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.simulation.event_server import EventServer
from connectors.sdk.testing import Conformance, ConnectorHarness, take_part
from models.events import Event
from tests.support.processes import wait_until


def listen(
    harness: ConnectorHarness, event_server: EventServer, act: Callable[[], object] = lambda: None
) -> list[Event]:
    """Return the events that `harness` publishes while `act` runs."""
    with harness.opened() as (flow, publisher):
        wait_until(lambda: flow.step() or event_server.listeners, "a connection")
        thread = threading.Thread(target=act)
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


class SocketConformance(Conformance):
    """Conformance of a connector with one simulated server for each directory."""

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        self._started: dict[Path, Any] = {}
        with ExitStack() as self._stack:
            yield

    @abstractmethod
    def serve(self, directory: Path) -> AbstractContextManager[Any]:
        pass

    @abstractmethod
    def send(self, server: Any, item: Any) -> None:
        pass

    @abstractmethod
    def items(self, directory: Path) -> Sequence[Any]:
        """Return a small day, with malformed messages and personal data in between."""

    def server(self, directory: Path) -> Any:
        if directory not in self._started:
            self._started[directory] = self._stack.enter_context(self.serve(directory))
        return self._started[directory]

    def supply(self, directory: Path, part: int, parts: int) -> None:
        server, items = self.server(directory), self.items(directory)
        wait_until_disconnected(server)
        for item in take_part(items, part, parts):
            self.send(server, item)


def wait_until_disconnected(event_server: EventServer) -> None:
    wait_until(lambda: not event_server.listeners, "all clients to disconnect")


def has_stored(listener: Path) -> bool:
    """Return whether the connector with the directory `listener` has stored any event."""
    return any(listener.rglob("*.spool")) or any(listener.rglob("cursor-*.json"))


@contextmanager
def greeting_server(greeting: bytes) -> Iterator[int]:
    """Send `greeting` to one client and disconnect it; yield the port."""

    def greet() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(greeting)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()
