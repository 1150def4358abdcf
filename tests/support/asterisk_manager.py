"""Manager interfaces for tests, including one that buffers events until a client is connected."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from connectors.asterisk.simulate.ami_events import AmiEventWriter, Event
from connectors.asterisk.simulate.manager import SECRET, USERNAME, ManagerServer
from connectors.sdk.simulation.cli_options import HOST
from tests.support.socket_sources import has_stored


class BufferingManager(ManagerServer):
    """Buffers events while no client is connected, unlike Asterisk, so that a test can read all of them in parts.

    Also resends events that were not stored below `listener` yet. Asterisk cannot resend the events that a killed
    connector has received but not stored; without this, tests with kills would lose them.
    """

    def __init__(self, writer: AmiEventWriter, listener: Path) -> None:
        self._buffered: list[Event] = []
        self._sent: list[Event] = []
        self._listener = listener
        super().__init__(writer)

    def send_event(self, event: Event) -> None:
        """Send an event unchanged."""
        with self.lock:
            if self.listeners:
                self._sent.append(event)
                super().send_event(event)
            else:
                self._buffered.append(event)

    def subscribe(self, listener: Any) -> None:
        with self.lock:
            super().subscribe(listener)
            unstored = [] if has_stored(self._listener) else self._sent
            buffered, self._buffered, self._sent = [*unstored, *self._buffered], [], []
            for event in buffered:
                self.send_event(event)


def options(manager: ManagerServer, **more: Any) -> dict[str, Any]:
    """Return the connector options for the manager interface."""
    return {"host": HOST, "port": manager.port, "username": USERNAME, "secret": SECRET, **more}


@contextmanager
def serving(at: float, *, listener: Path | None = None, **server_options: Any) -> Iterator[ManagerServer]:
    """Serve a manager interface whose clock starts at `at`, in seconds since 1970; with `listener`, one that buffers."""
    writer = AmiEventWriter()
    writer.advance_to(at)
    with closing(
        BufferingManager(writer, listener) if listener else ManagerServer(writer, **server_options)
    ) as manager:
        yield manager


def make_certificate(directory: Path) -> Path:
    """Return a file with a key and a self-signed certificate for 127.0.0.1."""
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run([*make, *names], cwd=directory, check=True, capture_output=True)
    both = directory / "both.pem"
    both.write_bytes((directory / "key.pem").read_bytes() + (directory / "certificate.pem").read_bytes())
    return both
