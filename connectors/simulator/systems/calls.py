"""Simulated switchboard of the département: the `asterisk` simulation, with the département's citizens as callers."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from random import Random
from typing import Any, BinaryIO, Final, NamedTuple

from connectors.asterisk.simulate import AmiEventWriter, ManagerServer, configuration
from connectors.asterisk.simulate.ami_events import Event
from connectors.asterisk.simulate.log import LogSwitchboard
from connectors.asterisk.simulate.manager import USERNAME
from connectors.sdk.simulation import HOST
from connectors.sdk.simulation.call_profile import CallProfile
from connectors.sdk.simulation.switchboard import Agent, Call, Queue
from connectors.simulator.actions import Action, ActionKind, CitizenCase, Place
from connectors.simulator.organisation import HEADQUARTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import System
from models.ids import contact_id
from models.topics import Channel

QUEUES: Final = {
    "agrements": "pmi",
    "aides-logement": "rsa",
    "arretes-voirie": "routes",
    "transport-adapte": "mdph",
}
"""Service without its own queue → service whose queue takes its calls. Other services without a queue use the first one."""


CLOSED_LATE_SHARE: Final = 0.5
"""Share of the calls without a logged end that are closed late, as when an operator drops hung calls."""
CLOSED_LATE_SECONDS: Final = (70 * 60, 3 * 3600)
"""Delay of late ends, in seconds: longer than any real wait."""
RECENT_SECONDS: Final = 60.0
"""Age in seconds of events that are no longer sent on the manager interface."""
LONGEST_LINE: Final = 1000
"""Upper bound for the length of a log line, in bytes."""


class Conversation(NamedTuple):
    """An ended conversation."""

    ended_at: datetime
    call: str
    """Id of the call in the switchboard."""
    place: Place
    phone: str
    """The caller's number; empty if withheld."""


class Calls(System):
    """Simulated calls, written to the log and sent on the manager interface. They run as `advance` advances the time."""

    instance = "standard"
    connector = "asterisk"
    channel = Channel.CALL
    action_kinds = frozenset({ActionKind.CALLED})

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._path = simulation_run.root / "queue_log"
        self._log: BinaryIO | None = None
        self._event_writer = _LiveEventWriter()
        self._manager: ManagerServer | None = None
        self._switchboard: _CitizenSwitchboard | None = None

    def options(self) -> dict[str, Any]:
        manager = {
            "host": HOST,
            "port": self.port,
            "username": USERNAME,
            "secret_file": str(self.simulation_run.secret(self.instance)),
        }
        return configuration(self._path, manager) | {"sector": SECTOR, "site": HEADQUARTERS}

    def open(self) -> None:
        self._log = self.stack.enter_context(self._path.open("ab", buffering=0))

    def begin(
        self,
        at: datetime,
        *,
        seed: int,
        profile: CallProfile,
        draw_caller: Callable[[], str],
        on_ended: Callable[[Conversation], None],
    ) -> None:
        """Start the calls at `at`, or after the last log line if that is later, then the manager interface.

        `draw_caller` returns the phone number of a random caller. `on_ended` gets each conversation that ends without a transfer.
        """
        self._switchboard = _CitizenSwitchboard(seed, self._write_line, profile, draw_caller, on_ended)
        self._switchboard.begin(max(at, self._written_until()).timestamp())
        self._manager = ManagerServer(self._event_writer, port=self.port, secret=self.secret)
        self.stack.callback(self._manager.close)

    @property
    def switchboard(self) -> "_CitizenSwitchboard":
        """The switchboard; only after `begin`."""
        assert self._switchboard is not None
        return self._switchboard

    @property
    def manager(self) -> ManagerServer:
        """The manager interface; only after `begin`."""
        assert self._manager is not None
        return self._manager

    def clients_waiting(self) -> AbstractContextManager[object]:
        """Let new clients of the manager interface wait during the returned context; without `begin`, it does nothing."""
        return self._manager.lock if self._manager else nullcontext()

    @property
    def next_at(self) -> float:
        """Time of the next action, in seconds since 1970; infinite without calls."""
        return self._switchboard.next_at if self._switchboard else math.inf

    def accepts(self, action: Action) -> bool:
        """Return whether an action is a call that can still happen: the switchboard has started and has not passed its time."""
        return (
            super().accepts(action) and self._switchboard is not None and action.at.timestamp() >= self._switchboard.now
        )

    def contact(self, citizen_case: CitizenCase) -> str:
        return contact_id(self.channel, self.source, citizen_case.reference)

    def advance(self, until: datetime) -> None:
        """Run the planned actions of the switchboard up to `until`; without `begin`, do nothing."""
        if self._switchboard:
            self._switchboard.run_until(until.timestamp())

    def run(self, action: Action) -> None:
        """Advance to the time of an action, and start the citizen's call."""
        service = action.citizen_case.place.service
        self.advance(action.at)
        self.switchboard.call(action.at.timestamp(), QUEUES.get(service, service), action.citizen_case.citizen.phone)

    def end(self, at: datetime) -> None:
        """Advance to `at`, then end all calls and log all agents out, like a shutdown; without `begin`, do nothing."""
        self.advance(at)
        if self._switchboard:
            self._switchboard.end(at.timestamp())

    def _written_until(self) -> datetime:
        """Return the second after the last log line: times in the log must not go back, or lines would be late."""
        *_, last = [b"0", *self._path.read_bytes()[-LONGEST_LINE:].splitlines()]
        return datetime.fromtimestamp(int(last.split(b"|")[0]) + 1, UTC)

    def _write_line(self, line: str) -> None:
        assert self._log is not None
        self._log.write(line.encode("ascii"))
        if self._manager:
            self._manager.publish(line, self.switchboard.now)
        else:
            self._event_writer.events_for(line, self.switchboard.now)


class _LiveEventWriter(AmiEventWriter):
    """Event writer that drops events older than `RECENT_SECONDS`; clients get the queue status instead.

    A full queue is reported by Asterisk itself, as with `maxlen`. In the log, the dialplan reports it.
    """

    def events_for(self, line: str, at: float) -> list[Event]:
        events = super().events_for(line, at)
        _, call, queue, _, event, *_ = line.split("|")
        if event == "FULL":
            events = [self._step(call, "queues", queue, "Queue", f"{queue},t"), self._set(call, "QUEUESTATUS", "FULL")]
        return events if time.time() - at < RECENT_SECONDS else []


class _CitizenSwitchboard(LogSwitchboard):
    """Switchboard with additional calls by given citizens. It passes each ended conversation to `on_ended`."""

    def __init__(
        self,
        seed: int,
        write: Callable[[str], object],
        profile: CallProfile,
        draw_caller: Callable[[], str],
        on_ended: Callable[[Conversation], None],
    ) -> None:
        super().__init__(seed, write, profile)
        self._draw_caller, self._on_ended = draw_caller, on_ended
        self._caller = ""
        self._late = Random(seed + 2)  # noqa: S311 - a simulation

    def call(self, at: float, label: str, phone: str) -> None:
        """Set the time to `at`, and start a call from `phone`, perhaps withheld, to the queue of this label or the first one."""
        self.now, self._caller = at, phone
        self._arrive(next((queue for queue in self._queues if queue.service.label == label), self._queues[0]))
        self._caller = ""

    def _number(self) -> str:
        return self._caller or self._draw_caller()

    def _enter(self, queue: Queue, call: Call) -> None:
        forgotten = queue.totals.forgotten
        super()._enter(queue, call)
        if queue.totals.forgotten > forgotten and self._late.random() < CLOSED_LATE_SHARE:
            self.after(self._late.uniform(*CLOSED_LATE_SECONDS), self._end_forgotten, queue, call)

    def _end_forgotten(self, queue: Queue, call: Call) -> None:
        queue.totals.forgotten -= 1
        queue.totals.waiting += 1
        queue.waiting.append(call)
        self._abandon(queue, call)

    def _complete(self, agent: Agent, call: Call) -> None:
        super()._complete(agent, call)
        label = agent.queue.service.label
        ended_at = datetime.fromtimestamp(int(self.now), UTC)
        self._on_ended(Conversation(ended_at, call.id, Place(HEADQUARTERS, label, label), call.number))
