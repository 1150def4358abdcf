"""Simulated switchboard with its manager interface, and a connector."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import connectors.asterisk as asterisk
from connectors.asterisk.simulate import AmiEventWriter, ManagerServer, configuration
from connectors.asterisk.simulate.ami_events import Event as AmiEvent
from connectors.asterisk.simulate.manager import SECRET, USERNAME
from connectors.sdk.simulation import HOST
from connectors.sdk.simulation.call_profile import ZONE
from connectors.sdk.testing import ConnectorHarness
from models.events import Event
from tests.support.socket_sources import has_stored, listen

MONDAY = date(2026, 3, 16)
NINE = datetime(2026, 3, 16, 9, tzinfo=ZONE).timestamp()


class BufferingManager(ManagerServer):
    """Buffers events while no client is connected, unlike Asterisk, so that a test can read all of them in parts.

    Also resends events that were not stored below `listener` yet. Asterisk cannot resend the events that a killed
    connector has received but not stored; without this, tests with kills would lose them.
    """

    def __init__(self, writer: AmiEventWriter, listener: Path) -> None:
        self._buffered: list[AmiEvent] = []
        self._sent: list[AmiEvent] = []
        self._listener = listener
        super().__init__(writer)

    def send_event(self, event: AmiEvent) -> None:
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


@dataclass
class _Call:
    queue: str = ""
    entered_at: int = 0
    agent: str = ""
    answered_at: int = 0


class ScriptedSwitchboard:
    """Writes each action to a `queue_log`, and sends it to the manager interface.

    Times are seconds since 1970 and must be in order. A call is identified by the value that `arrive` returned.
    """

    def __init__(self, write: Callable[[str], object], manager: ManagerServer) -> None:
        self._write = write
        self._manager = manager
        self._unique = count()
        self._calls: dict[str, _Call] = {}

    def arrive(self, at: float) -> str:
        """Start an incoming call and return its id."""
        call = f"{int(at)}.{next(self._unique)}"
        self._calls[call] = _Call()
        self._log(at, call, "NONE", "NONE", "DID", "0199000010")
        return call

    def enter(self, at: float, call: str, queue: str) -> None:
        self._calls[call] = _Call(queue, int(at))
        self._log(at, call, queue, "NONE", "ENTERQUEUE", "", "0639980001", 1)

    def answer(self, at: float, call: str, agent: str) -> None:
        state = self._calls[call]
        state.agent, state.answered_at = agent, int(at)
        wait = int(at) - state.entered_at
        self._log(at, call, state.queue, agent, "CONNECT", wait, f"{int(at)}.{next(self._unique)}", 3)

    def give_up(self, at: float, call: str) -> None:
        state = self._calls[call]
        self._log(at, call, state.queue, "NONE", "ABANDON", 1, 1, int(at) - state.entered_at)

    def hang_up(self, at: float, call: str) -> None:
        self._end_talk(at, call, "COMPLETECALLER")

    def transfer(self, at: float, call: str, extension: str) -> None:
        self._end_talk(at, call, "BLINDTRANSFER", extension, "internes")

    def log_in(self, at: float, queue: str, agent: str, *, paused: bool = False) -> None:
        self._log(at, "MANAGER", queue, agent, "ADDMEMBER", "PAUSED" if paused else "")

    def log_out(self, at: float, queue: str, agent: str) -> None:
        self._log(at, "MANAGER", queue, agent, "REMOVEMEMBER", "")

    def pause(self, at: float, queue: str, agent: str) -> None:
        self._log(at, "NONE", queue, agent, "PAUSE", "")

    def _end_talk(self, at: float, call: str, event: str, *details: object) -> None:
        state = self._calls[call]
        times = state.answered_at - state.entered_at, int(at) - state.answered_at, 1
        self._log(at, call, state.queue, state.agent, event, *details, *times)

    def _log(self, at: float, *fields: object) -> None:
        line = "|".join(map(str, (int(at), *fields))) + "\n"
        self._write(line)
        self._manager.publish(line, at)


class AsteriskHarness:
    def __init__(self, directory: Path, manager: ManagerServer, *, with_log: bool = False, **more: Any) -> None:
        self.log = directory / "queue_log"
        self.log.touch()
        self.manager = manager
        self.switchboard = ScriptedSwitchboard(self._write, manager)
        given = configuration(self.log if with_log else None, options(manager, **more))
        self.harness = ConnectorHarness(asterisk.CONNECTOR, given, directory / "data", directory / "keys")

    def _write(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(line)

    def listen(self, act: Any = lambda: None) -> list[Event]:
        return listen(self.harness, self.manager, act)


def queue_events(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    """Return type, queue and stay number of the queue events."""
    return [
        (event.type, event.data.queue, event.data.visit)
        for event in events
        if event.type.startswith("call.") and hasattr(event.data, "visit")
    ]


def call_in_two_queues(switchboard: ScriptedSwitchboard) -> str:
    """Simulate a call that was answered in one queue and waits in another."""
    call = switchboard.arrive(NINE + 1)
    switchboard.log_in(NINE + 2, "600", "PJSIP/31")
    switchboard.enter(NINE + 3, call, "600")
    switchboard.answer(NINE + 9, call, "PJSIP/31")
    switchboard.transfer(NINE + 60, call, "610")
    switchboard.enter(NINE + 60, call, "610")
    return call
