"""Manager interfaces to listen to: a patient one, which waits with what happens until somebody is there."""

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
    """Tells what happened while nobody was there first of all to who comes, unlike Asterisk: so a test can read all, in parts.

    And tells it again while nothing of it was kept below `listener`: whoever is killed with what he has just heard in his hands,
    and nowhere else, cannot have it told again by Asterisk, and no test shows otherwise.
    """

    def __init__(self, voice: AmiEventWriter, listener: Path) -> None:
        self._kept: list[Event] = []
        self._given: list[Event] = []
        self._listener = listener
        super().__init__(voice)

    def send_event(self, event: Event) -> None:
        """Tell an event as it is."""
        with self.lock:
            if self.listeners:
                self._given.append(event)
                super().send_event(event)
            else:
                self._kept.append(event)

    def subscribe(self, listener: Any) -> None:
        with self.lock:
            super().subscribe(listener)
            lost = [] if has_stored(self._listener) else self._given
            kept, self._kept, self._given = [*lost, *self._kept], [], []
            for event in kept:
                self.send_event(event)


def options(manager: ManagerServer, **more: Any) -> dict[str, Any]:
    """Return how to reach it."""
    return {"host": HOST, "port": manager.port, "username": USERNAME, "secret": SECRET, **more}


@contextmanager
def serving(at: float, *, listener: Path | None = None, **how: Any) -> Iterator[ManagerServer]:
    """Have a manager interface whose clock shows `at`, seconds since 1970, at first; a patient one for `listener`."""
    voice = AmiEventWriter()
    voice.advance_to(at)
    with closing(BufferingManager(voice, listener) if listener else ManagerServer(voice, **how)) as manager:
        yield manager


def make_certificate(directory: Path) -> Path:
    """Return a file with the key and the certificate of 127.0.0.1, which it signed itself."""
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run([*make, *names], cwd=directory, check=True, capture_output=True)
    both = directory / "both.pem"
    both.write_bytes((directory / "key.pem").read_bytes() + (directory / "certificate.pem").read_bytes())
    return both
