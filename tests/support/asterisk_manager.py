"""Manager interfaces to listen to: a patient one, which waits with what happens until somebody is there."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from connectors.asterisk.simulate.manager import HOST, SECRET, USERNAME, ManagerServer
from connectors.asterisk.simulate.voice import Event, Voice
from connectors.sdk.testing import Bench
from models.events import Event as Told
from tests.support.processes import wait_until


class PatientManager(ManagerServer):
    """Tells what happened while nobody was there first of all to who comes, unlike Asterisk: so a test can read all, in parts.

    And tells it again while nothing of it was kept below `listener`: whoever is killed with what he has just heard in his hands,
    and nowhere else, cannot have it told again by Asterisk, and no test shows otherwise.
    """

    def __init__(self, voice: Voice, listener: Path) -> None:
        self._kept: list[Event] = []
        self._given: list[Event] = []
        self._listener = listener
        super().__init__(voice)

    def say(self, event: Event) -> None:
        """Tell an event as it is."""
        with self._lock:
            self._tell(event)

    def welcome(self, listener: Any) -> None:
        super().welcome(listener)
        with self._lock:
            lost = [] if self._is_kept() else self._given
            kept, self._kept, self._given = [*lost, *self._kept], [], []
            for event in kept:
                self._tell(event)

    def _is_kept(self) -> bool:
        return any(self._listener.rglob("*.spool")) or any(self._listener.rglob("cursor-*.json"))

    def _tell(self, event: Event) -> None:
        if self.listeners:
            self._given.append(event)
            super()._tell(event)
        else:
            self._kept.append(event)


def options(manager: ManagerServer, **more: Any) -> dict[str, Any]:
    """Return how to reach it."""
    return {"host": HOST, "port": manager.port, "username": USERNAME, "secret": SECRET, **more}


@contextmanager
def serving(at: float, *, listener: Path | None = None, **how: Any) -> Iterator[ManagerServer]:
    """Have a manager interface whose clock shows `at`, seconds since 1970, at first; a patient one for `listener`."""
    voice = Voice()
    voice.be_at(at)
    with closing(PatientManager(voice, listener) if listener else ManagerServer(voice, **how)) as manager:
        yield manager


def alone(manager: ManagerServer) -> None:
    """Return once nobody listens any more."""
    wait_until(lambda: not manager.listeners, "all who listened to have left", 10)


def listen(bench: Bench, manager: ManagerServer, happen: Any) -> list[Told]:
    """Return what `bench` tells of what happens while it listens: `happen()` lets it."""
    with bench.opened() as (flow, publisher):
        wait_until(lambda: flow.turn() or manager.listeners, "somebody to listen", 10)
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
    alone(manager)
    return events


def make_certificate(directory: Path) -> Path:
    """Return a file with the key and the certificate of 127.0.0.1, which it signed itself."""
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run([*make, *names], cwd=directory, check=True, capture_output=True)
    both = directory / "both.pem"
    both.write_bytes((directory / "key.pem").read_bytes() + (directory / "certificate.pem").read_bytes())
    return both
