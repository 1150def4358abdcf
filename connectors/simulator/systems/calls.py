"""Calls: the switchboard of the `asterisk` connector's own simulation, whose callers are the département's citizens."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, BinaryIO, Final, NamedTuple

from connectors.asterisk.simulate import AmiEventWriter, Ledger, ManagerServer, configuration
from connectors.asterisk.simulate.ami_events import Event
from connectors.asterisk.simulate.call_profile import CallProfile
from connectors.asterisk.simulate.manager import USERNAME
from connectors.asterisk.simulate.switchboard import Switchboard, _Agent, _Call, _Desk
from connectors.sdk.simulation.cli_options import HOST
from connectors.simulator.actions import Action, ActionKind, CitizenCase, Place
from connectors.simulator.organisation import HEADQUARTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import CurrentTime, System
from models.ids import contact_id
from models.topics import Channel

QUEUES: Final = {"transport-adapte": "mdph", "arretes-voirie": "routes"}
"""Services without a queue of their own → whose answers for them; the first queue for all others."""


REMEMBERED: Final = 0.5
"""Of the calls that the switchboard forgets, so many end after all, as when it is told to drop what hangs."""
REMEMBERED_SECONDS: Final = (70 * 60, 3 * 3600)
"""How long they seemed to wait: longer than anybody believes."""
LIVE_SECONDS: Final = 60.0
"""What happened this long ago is past."""
LONGEST_LINE: Final = 1000
"""No line of the log has more bytes."""


class Conversation(NamedTuple):
    """One that is over."""

    ended_at: datetime
    call: str
    """What the switchboard calls it."""
    place: Place
    phone: str
    """The caller's number; empty if withheld."""


class Calls(System):
    """Calls come and go by themselves, as `advance` lets them. They are told by the log, and live by the manager interface."""

    instance = "standard"
    connector = "asterisk"
    channel = Channel.CALL
    action_kinds = frozenset({ActionKind.CALLED})

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._path = simulation_run.root / "queue_log"
        self._log: BinaryIO | None = None
        self._voice = _LiveVoice()
        self._manager: ManagerServer | None = None
        self._board: _Board | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        manager = {
            "host": HOST,
            "port": self.simulation_run.port(self.instance),
            "username": USERNAME,
            "secret_file": str(self.simulation_run.secret(self.instance)),
        }
        return configuration(self._path, manager) | {"sector": SECTOR, "site": HEADQUARTERS}

    def open(self, now: CurrentTime) -> None:  # noqa: ARG002 - calls tell what time it is
        """Open the log."""
        self._log = self._path.open("ab", buffering=0)

    def begin(
        self,
        at: datetime,
        *,
        seed: int,
        rhythm: CallProfile,
        callers: Callable[[], str],
        ended: Callable[[Conversation], None],
    ) -> None:
        """Begin to take calls, once it is open, and let the manager interface be asked: who asked before would hear of nobody.

        `callers` draws the numbers of those who call of their own accord.
        """
        self._board = _Board(seed, self._tell, rhythm, callers, ended)
        self._board.begin(max(at, self._written_until()).timestamp())
        secret = self.simulation_run.secret(self.instance).read_text(encoding="ascii")
        self._manager = ManagerServer(self._voice, port=self.simulation_run.port(self.instance), secret=secret)

    @property
    def board(self) -> "_Board":
        """The switchboard, once it has begun."""
        assert self._board is not None
        return self._board

    @property
    def manager(self) -> ManagerServer:
        """The manager interface, once calls have begun."""
        assert self._manager is not None
        return self._manager

    @property
    def ledger(self) -> Ledger:
        """What became of the calls."""
        return self.board.ledger

    @property
    def next_at(self) -> float:
        """When something happens next, seconds since 1970."""
        return self.board.next_at

    def set_speed(self, speed: float) -> None:
        """From now on, let calls come so many times as often, and everything take as much less time."""
        self.board.pace = 1 / speed

    def accepts(self, action: Action) -> bool:
        """Whether it is a call, and its time is yet to come: there are none before the first, and none after later ones."""
        return super().accepts(action) and self._board is not None and action.at.timestamp() >= self._board.now

    def contact(self, citizen_case: CitizenCase) -> str:
        """Return the contact that a call is."""
        return contact_id(self.channel, self.source, citizen_case.reference)

    def advance(self, until: datetime) -> None:
        """Let happen what happens by itself until then."""
        self.board.run_until(until.timestamp())

    def run(self, action: Action) -> None:
        """Let a citizen call about a matter."""
        service = action.citizen_case.place.service
        self.advance(action.at)
        self.board.call(action.at.timestamp(), QUEUES.get(service, service), action.citizen_case.citizen.phone)

    def end(self, at: datetime) -> None:
        """End all calls at once, as a switchboard does that is shut down."""
        self.advance(at)
        self.board.end(at.timestamp())

    def close(self) -> None:
        """Close the log, and cut who is connected."""
        if self._manager:
            self._manager.close()
        if self._log:
            self._log.close()

    def _written_until(self) -> datetime:
        """Return the second after the last that the log tells of: a log goes on in time, or its reader would take it for old."""
        *_, last = [b"0", *self._path.read_bytes()[-LONGEST_LINE:].splitlines()]
        return datetime.fromtimestamp(int(last.split(b"|")[0]) + 1, UTC)

    def _tell(self, line: str) -> None:
        assert self._log is not None
        self._log.write(line.encode("ascii"))
        if self._manager:
            self._manager.publish(line, self.board.now)
        else:
            self._voice.events_for(line, self.board.now)


class _LiveVoice(AmiEventWriter):
    """What is past, a manager interface does not tell: only how things are after it.

    That a queue is full, Asterisk itself tells here, as of one with `maxlen`, and in the log the dialplan.
    """

    def events_for(self, line: str, at: float) -> list[Event]:
        told = super().events_for(line, at)
        _, call, queue, _, event, *_ = line.split("|")
        if event == "FULL":
            told = [self._step(call, "queues", queue, "Queue", f"{queue},t"), self._set(call, "QUEUESTATUS", "FULL")]
        return told if time.time() - at < LIVE_SECONDS else []


class _Board(Switchboard):
    """A switchboard that citizens call who have a reason to, among the others, and that tells of conversations."""

    def __init__(
        self,
        seed: int,
        write: Callable[[str], object],
        rhythm: CallProfile,
        callers: Callable[[], str],
        ended: Callable[[Conversation], None],
    ) -> None:
        super().__init__(seed, write, rhythm)
        self._callers, self._ended = callers, ended
        self._dialling = ""
        self._late = Random(seed + 2)  # noqa: S311 - a simulation

    def call(self, at: float, queue: str, phone: str) -> None:
        """Let `phone` call now, at `at`."""
        self.now, self._dialling = at, phone
        self._arrive(next((desk for desk in self._desks if desk.service.label == queue), self._desks[0]))
        self._dialling = ""

    def _number(self) -> str:
        return self._dialling or self._callers()

    def _enter(self, desk: _Desk, call: _Call) -> None:
        """Let a call wait; of those whose end the switchboard forgets to log, it logs some at last."""
        forgotten = desk.tally.forgotten
        super()._enter(desk, call)
        if desk.tally.forgotten > forgotten and self._late.random() < REMEMBERED:
            self.after(self._late.uniform(*REMEMBERED_SECONDS), self._remember, desk, call)

    def _remember(self, desk: _Desk, call: _Call) -> None:
        desk.tally.forgotten -= 1
        desk.tally.waiting += 1
        desk.waiting.append(call)
        self._abandon(desk, call)

    def _complete(self, agent: _Agent, call: _Call) -> None:
        super()._complete(agent, call)
        label = agent.desk.service.label
        ended_at = datetime.fromtimestamp(int(self.now), UTC)
        self._ended(Conversation(ended_at, call.id, Place(HEADQUARTERS, label, label), call.number))
