"""Simulated switchboard of the département: the `asterisk` simulation, with the département's citizens as callers."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from itertools import count
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
from connectors.simulator.organisation import DIRECT_LINES, HEADQUARTERS, SECTOR
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
DIRECT_SHARE: Final = 0.08
"""Calls on direct lines, per call on the line of a queue."""
FIRST_DIRECT_NUMBER: Final = 90_000_000
"""First number in the ids of calls on direct lines, far above those of other calls."""
ASKS_FOR_CALLBACK: Final = 0.6
"""Share of the callers who leave a queue by a key that ask to be called back."""
HEARD_SHARE: Final = 0.9
"""Share of voice messages that an agent listens to."""
CALLED_BACK_SHARE: Final = 0.7
"""Share of the messages heard, and of the requests, after which an agent calls back."""
FOLLOW_UP_SECONDS: Final = (600, 4 * 3600)
"""Time until an agent listens to a message, and from then or from a request until the callback, in open hours only."""
CALLBACK_EVENTS: Final = {"VOICEMAIL_HEARD": "voicemail_heard", "CALLBACK": "callback", "CALLED_BACK": "called_back"}
"""Events of the dialplan about voice messages and callbacks, and their meaning for the connector."""
ENTERS: Final = frozenset({"ENTERQUEUE", "CLOSED", "DIVERTED", "FULL"})
"""Events at the start of a queue stay."""
CLOSED_STEP_SECONDS: Final = 900
"""Interval of the check whether a closed service has opened."""


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
        options = configuration(self._path, manager)
        options["dids"] |= {line.number: {"line": name, "service": line.service} for name, line in DIRECT_LINES.items()}
        options["custom_events"] |= CALLBACK_EVENTS
        return options | {"sector": SECTOR, "site": HEADQUARTERS}

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
    """Switchboard with calls by given citizens and on direct lines, and with callbacks.

    It passes each ended conversation to `on_ended`.
    """

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
        self._follow_up = Random(seed + 3)  # noqa: S311 - a simulation; separate, so that follow-ups do not change the calls
        self._direct_numbers = count(FIRST_DIRECT_NUMBER)

    def call(self, at: float, label: str, phone: str) -> None:
        """Set the time to `at`, and start a call from `phone`, perhaps withheld, to the queue of this label or the first one."""
        self.now, self._caller = at, phone
        self._arrive(next((queue for queue in self._queues if queue.service.label == label), self._queues[0]))
        self._caller = ""

    def record(
        self, call: Call | None, queue: Queue | None, agent: Agent | None, event: str, *parameters: object
    ) -> None:
        """Write a line, and count the last queue of calls through the menu."""
        super().record(call, queue, agent, event, *parameters)
        menu_calls = self.ledger.menu_calls
        if call is not None and event == "MENU":
            menu_calls[call.id] = self._queues[int(str(parameters[0])) - 1].service.label, ""
        elif call is not None and queue is not None and event in ENTERS and call.id in menu_calls:
            menu_calls[call.id] = menu_calls[call.id][0], queue.service.label

    def _number(self) -> str:
        return self._caller or self._draw_caller()

    def _arrive(self, queue: Queue) -> None:
        super()._arrive(queue)
        if self._follow_up.random() < DIRECT_SHARE:
            self.after(self._follow_up.uniform(1, 60), self._call_directly)

    def _call_directly(self) -> None:
        """Let somebody call on a direct line. The switchboard reports nothing but the number dialled."""
        name = self._follow_up.choice([*DIRECT_LINES])
        self.ledger.direct_calls[name] = self.ledger.direct_calls.get(name, 0) + 1
        call = Call(f"{int(self.now)}.{next(self._direct_numbers)}", "")
        self.record(call, None, None, "DID", DIRECT_LINES[name].number)

    # ------------------------------------------------------------------------------------------------------ callbacks
    def _leave_message(self, queue: Queue, call: Call, seconds: int) -> None:
        super()._leave_message(queue, call, seconds)
        if self._follow_up.random() < HEARD_SHARE:
            self._plan_follow_up(self._hear, queue, call, int(self.now))

    def _press_key(self, queue: Queue, call: Call) -> None:
        super()._press_key(queue, call)
        if self._follow_up.random() < ASKS_FOR_CALLBACK:
            queue.totals.callback_requests += 1
            self.record(call, queue, None, "CALLBACK", "")
            self._maybe_call_back(queue, call, int(self.now))

    def _hear(self, queue: Queue, call: Call, left_at: int) -> None:
        queue.totals.heard += 1
        queue.totals.hearing_seconds += int(self.now) - left_at
        self.record(call, queue, None, "VOICEMAIL_HEARD", "")
        self._maybe_call_back(queue, call, left_at)

    def _maybe_call_back(self, queue: Queue, call: Call, asked_at: int) -> None:
        if self._follow_up.random() < CALLED_BACK_SHARE:
            self._plan_follow_up(self._call_back, queue, call, asked_at)

    def _call_back(self, queue: Queue, call: Call, asked_at: int) -> None:
        queue.totals.called_back += 1
        queue.totals.callback_seconds += int(self.now) - asked_at
        self.record(call, queue, None, "CALLED_BACK", "")

    def _plan_follow_up(
        self, action: Callable[[Queue, Call, int], None], queue: Queue, call: Call, asked_at: int
    ) -> None:
        at = self.now + self._follow_up.uniform(*FOLLOW_UP_SECONDS)
        while not self._profile.is_open(queue.service, at):
            at += CLOSED_STEP_SECONDS
        self.at(at, action, queue, call, asked_at)

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
