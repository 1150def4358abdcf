"""The département at work: deeds in their order, each done in its system, and written to the ledger."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final
from zlib import crc32

from connectors.asterisk.simulate.call_profile import CallProfile
from connectors.simulator.actions import Action, CitizenCase
from connectors.simulator.ledger import Ledger
from connectors.simulator.office_hours import WORKING_DAYS_PER_YEAR, OfficeHours
from connectors.simulator.organisation import CALL_SHARE
from connectors.simulator.plan import Plan
from connectors.simulator.population import citizen_by_phone, draw
from connectors.simulator.scenarios import ScenarioBuilder
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.appointments import Appointments
from connectors.simulator.systems.base import System
from connectors.simulator.systems.calls import Calls, Conversation
from connectors.simulator.systems.dossiers import Dossiers
from connectors.simulator.systems.maarch_letters import MaarchLetters
from connectors.simulator.systems.opinions import Opinions
from connectors.simulator.systems.scanned_letters import ScannedLetters
from connectors.simulator.systems.surveys import Surveys
from connectors.simulator.systems.webhooks import FrontDesks, Helpdesk
from models.topics import Channel

SYSTEMS: Final[tuple[Callable[[SimulationRun], System], ...]] = (
    MaarchLetters,
    ScannedLetters,
    Dossiers,
    Appointments,
    FrontDesks,
    Opinions,
)
"""Those that need nothing but a stage."""
CALL_NUMBERS: Final = 1_500_000_000
"""From here on, matters are calls: far from those of plans."""
ASKED: Final = 0.08
"""Of those who had a conversation, so many are asked for an opinion."""


class Departement:
    """All systems on one stage, and the plan that is played in them. Use it from one thread.

    `mailbox` are options of the connector `imap`, for a mailbox made for this; if not given, e-mail is told by webhooks.
    `systems` stand in place of all but the switchboard, for who wants to know what was done without them.
    """

    def __init__(
        self,
        simulation_run: SimulationRun,
        plan: Plan,
        *,
        calls_per_day: float | None = None,
        mailbox: Mapping[str, Any] | None = None,
        systems: Sequence[System] | None = None,
    ) -> None:
        self.ledger = Ledger()
        self.completed = 0
        """How many deeds were done."""
        self.calls = Calls(simulation_run)
        self._plan = plan
        self._calls_per_day = calls_per_day or plan.per_year * CALL_SHARE / WORKING_DAYS_PER_YEAR
        self._systems: list[System] = [
            *(self._make_systems(simulation_run, mailbox) if systems is None else systems),
            self.calls,
        ]
        self._following: list[tuple[datetime, int, Action]] = []
        """What follows from calls."""
        self._order = count()
        self._deeds: Iterator[Action] = iter(())
        self._next: Action | None = None
        self._now = self._quickened_at = datetime.min.replace(tzinfo=UTC)
        self._speed = 1.0

    def connectors(self) -> dict[str, dict[str, Any]]:
        """Return the tables of the connectors that read the systems, by their names."""
        return {system.instance: {"connector": system.connector, **system.options()} for system in self._systems}

    @contextmanager
    def opened(
        self, since: datetime, resumed_at: datetime | None = None, calls_since: datetime | None = None
    ) -> Iterator[None]:
        """Let all systems stand, ready to play what begins at `since` or later, calls at `calls_since` if that is later.

        What happened until `resumed_at` was played already. Raises `OSError` if a system cannot stand.
        """
        with ExitStack() as stack:
            for system in self._systems:
                stack.callback(system.close)
                system.open(lambda: self._now)
            self._deeds = self._plan.actions(since)
            self._advance()
            if resumed_at:
                self._recall(resumed_at)
            self._now = resumed_at or since
            callers = Random(f"{self._plan.seed}|callers|{self._now}")  # noqa: S311 - a simulation
            self.calls.begin(
                max(self._now, calls_since or self._now),
                seed=self._plan.seed,
                profile=CallProfile(self._calls_per_day, always=self._plan.always),
                draw_caller=lambda: draw(self._plan.seed, callers).phone,
                on_ended=self._follow,
            )
            self.ledger.calls = self.calls.ledger
            yield

    @property
    def now(self) -> datetime:
        """Up to when all has happened."""
        return self._now

    @property
    def next_at(self) -> float:
        """When something happens next, seconds since 1970."""
        first = self._first()
        return min(self.calls.next_at, first.at.timestamp() if first else float("inf"))

    def run_until(self, until: datetime, keep_running: Callable[[], bool] = lambda: True) -> None:
        """Let all happen that happens until then, or as long as one is to `go_on`."""
        while keep_running():
            first = self._first()
            self.calls.advance(min(until, first.at) if first else until)
            action = self._first()  # a call may have led to one that comes before
            if action is None or action.at > until:
                self._now = until
                return
            self._take(action)
            self._now = action.at
            if system := self._system_of(action):
                system.run(action)
                self.ledger.record(action)
                self.completed += 1

    def set_speed(self, speed: float) -> None:
        """From now on, let all come so many times as often, and take as much less time."""
        self._speed, self._quickened_at = speed, self._now
        self.calls.set_speed(speed)
        if self._next:
            self._next = self._quickened(self._next)

    def drain(self) -> bool:
        """Let systems go on with what waits for connectors; return whether nothing waits any more."""
        settled = [system.drain() for system in self._systems]  # of each, whatever the others say
        return all(settled)

    def _make_systems(self, simulation_run: SimulationRun, mailbox: Mapping[str, Any] | None) -> list[System]:
        return [
            *(make(simulation_run) for make in SYSTEMS),
            Helpdesk(simulation_run) if mailbox is None else _make_mailboxes(simulation_run, mailbox),
            Surveys(simulation_run, self._contact_of),
        ]

    def _recall(self, until: datetime) -> None:
        while (action := self._first()) and action.at <= until:
            self._take(action)
            if system := self._system_of(action):
                system.restore(action)
                self.ledger.record(action)

    def _contact_of(self, citizen_case: CitizenCase) -> str:
        own = (system.contact(citizen_case) for system in self._systems if system.channel is citizen_case.channel)
        return next(own, "")

    def _system_of(self, action: Action) -> System | None:
        return next((system for system in self._systems if system.accepts(action)), None)

    # ------------------------------------------------------------------------------------------------- what comes next
    def _first(self) -> Action | None:
        if self._following and (self._next is None or self._following[0][0] < self._next.at):
            return self._following[0][2]
        return self._next

    def _take(self, action: Action) -> None:
        if action is self._next:
            self._advance()
        else:
            heapq.heappop(self._following)

    def _advance(self) -> None:
        action = next(self._deeds, None)
        self._next = self._quickened(action) if action else None

    def _quickened(self, action: Action) -> Action:
        return action._replace(
            at=self._sooner(action.at), effective_at=self._sooner(action.effective_at) if action.effective_at else None
        )

    def _sooner(self, at: datetime) -> datetime:
        wait = at - self._quickened_at
        if self._speed == 1 or wait < timedelta():
            return at
        return self._quickened_at + timedelta(seconds=int(wait.total_seconds() / self._speed))

    def _follow(self, over: Conversation) -> None:
        """Let who was talked to give an opinion, perhaps."""
        if not over.phone:
            return
        number = CALL_NUMBERS + crc32(over.call.encode()) % (2**31 - CALL_NUMBERS - 1)
        random = Random(f"{self._plan.seed}|{over.call}")  # noqa: S311 - has to be the same each time
        who = citizen_by_phone(self._plan.seed, over.phone)
        call = CitizenCase(number, Channel.CALL, over.place, who, native=over.call)
        teller = ScenarioBuilder(self._plan.seed, random, OfficeHours(self._plan.always), count(number + 1))
        for action in teller.opinion(over.ended_at, call, ASKED):
            heapq.heappush(self._following, (action.at, next(self._order), action))


def _make_mailboxes(simulation_run: SimulationRun, server: Mapping[str, Any]) -> System:
    from connectors.simulator.systems.mailboxes import Mailboxes  # noqa: PLC0415 - hardly anyone has one

    return Mailboxes(simulation_run, server)
