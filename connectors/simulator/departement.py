"""Execution of planned actions in their systems, and their recording in the ledger."""

import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any, Final
from zlib import crc32

from connectors.sdk.simulation.call_profile import CallProfile
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
from connectors.simulator.systems.franking import FrankingMachine
from connectors.simulator.systems.illisa import IllisaApi, IllisaTables
from connectors.simulator.systems.maarch_letters import MaarchLetters
from connectors.simulator.systems.opinions import Opinions
from connectors.simulator.systems.scanned_letters import ScannedLetters
from connectors.simulator.systems.surveys import Surveys
from connectors.simulator.systems.webhooks import FrontDesks, Helpdesk
from models.topics import Channel

SYSTEMS: Final[tuple[Callable[[SimulationRun], System], ...]] = (
    MaarchLetters,
    ScannedLetters,
    FrankingMachine,
    Dossiers,
    IllisaTables,
    IllisaApi,
    Appointments,
    FrontDesks,
    Opinions,
    Helpdesk,
)
"""Classes of systems that need only the run directory."""
FIRST_CALL_NUMBER: Final = 1_500_000_000
"""First case number of ended conversations, far above the numbers of plans."""
SURVEY_SHARE: Final = 0.08
"""Share of ended conversations whose caller is invited to a survey."""


class Departement:
    """All systems in one run directory, and the plan executed in them. Use it from one thread.

    `calls_per_day` is by default the plan's share of calls. `only` names the connectors whose systems run; empty: all. `systems`
    replaces all systems except the switchboard, for tests.
    """

    def __init__(
        self,
        simulation_run: SimulationRun,
        plan: Plan,
        *,
        calls_per_day: float | None = None,
        only: Collection[str] = (),
        systems: Sequence[System] | None = None,
    ) -> None:
        self.ledger = Ledger()
        self.completed = 0
        """Number of actions executed in this run, without calls that the switchboard begins itself."""
        self.calls = Calls(simulation_run)
        self._plan = plan
        self._calls_per_day = calls_per_day or plan.per_year * CALL_SHARE / WORKING_DAYS_PER_YEAR
        if systems is None:
            systems = [*(make(simulation_run) for make in SYSTEMS), Surveys(simulation_run, self._contact_of)]
        self._systems = [*systems, self.calls]
        self._running = [system for system in self._systems if not only or system.connector in only]
        self._planned: list[tuple[datetime, int, Action]] = []
        """Heap of time, order and action: the next action of the plan (order -1), and actions that follow from calls."""
        self._order = count()
        self._actions: Iterator[Action] = iter(())
        self._now = datetime.min.replace(tzinfo=UTC)

    def connectors(self) -> dict[str, dict[str, Any]]:
        """Return the settings of the connectors that read the running systems, by instance name."""
        return {name: settings for system in self._running for name, settings in system.connectors().items()}

    @contextmanager
    def opened(
        self, since: datetime, resumed_at: datetime | None = None, calls_since: datetime | None = None
    ) -> Iterator[None]:
        """Open all systems, ready for actions from `since` on, and for calls from `calls_since` if later.

        Actions until `resumed_at` were executed by an earlier run: their effects and ledger counts are restored. At the end of
        the block, all systems are closed. Raises `OSError` or `SourceUnavailableError` if a system cannot be opened.
        """
        with ExitStack() as stack:
            for system in self._running:
                stack.callback(system.close)
                system.open()
            self._actions = self._plan.actions(since)
            self._advance()
            if resumed_at:
                self._restore(resumed_at)
            self._now = resumed_at or since
            if self.calls in self._running:
                self._begin_calls(max(self._now, calls_since or self._now))
            yield

    @property
    def now(self) -> datetime:
        """Simulated time; year 1 before `opened`."""
        return self._now

    @property
    def next_at(self) -> float:
        """Time of the next action or call, in seconds since 1970; infinite if none is planned."""
        first = self._peek()
        return min(self.calls.next_at, first.at.timestamp() if first else float("inf"))

    def run_until(self, until: datetime, keep_running: Callable[[], bool] = lambda: True) -> None:
        """Execute all actions and calls up to and including `until`, or as long as `keep_running` returns True."""
        while keep_running():
            first = self._peek()
            self.calls.advance(min(until, first.at) if first else until)
            action = self._peek()  # a call may have planned an earlier action
            if action is None or action.at > until:
                self._now = until
                return
            self._pop()
            self._now = action.at
            if system := self._system_of(action):
                system.run(action)
                self.ledger.record(action)
                self.completed += 1

    def drain(self) -> bool:
        """Let systems continue pending work; return whether none is left. Raises the error of a message that failed for good."""
        drained = [system.drain() for system in self._running]  # call each one, without short-circuit
        return all(drained)

    def _begin_calls(self, since: datetime) -> None:
        callers = Random(f"{self._plan.seed}|callers|{self._now}")  # noqa: S311 - a simulation
        self.calls.begin(
            since,
            seed=self._plan.seed,
            profile=CallProfile(self._calls_per_day, always=self._plan.always),
            draw_caller=lambda: draw(self._plan.seed, callers).phone,
            on_ended=self._add_feedback,
        )
        self.ledger.calls = self.calls.switchboard.ledger

    def _restore(self, until: datetime) -> None:
        while (action := self._peek()) and action.at <= until:
            self._pop()
            if system := self._system_of(action):
                system.restore(action)
                self.ledger.record(action)

    def _contact_of(self, citizen_case: CitizenCase) -> str:
        contacts = (system.contact(citizen_case) for system in self._systems if system.channel is citizen_case.channel)
        return next(contacts, "")

    def _system_of(self, action: Action) -> System | None:
        return next((system for system in self._running if system.accepts(action)), None)

    # ---------------------------------------------------------------------------------------------------- next action
    def _peek(self) -> Action | None:
        return self._planned[0][2] if self._planned else None

    def _pop(self) -> None:
        _, order, _ = heapq.heappop(self._planned)
        if order < 0:
            self._advance()

    def _advance(self) -> None:
        if action := next(self._actions, None):
            heapq.heappush(self._planned, (action.at, -1, action))

    def _add_feedback(self, conversation: Conversation) -> None:
        """Plan by chance a survey invitation, and its answer, after a conversation."""
        if not conversation.phone:
            return
        number = FIRST_CALL_NUMBER + crc32(conversation.call.encode()) % (2**31 - FIRST_CALL_NUMBER - 1)
        random = Random(f"{self._plan.seed}|{conversation.call}")  # noqa: S311 - must be reproducible
        citizen = citizen_by_phone(self._plan.seed, conversation.phone)
        call = CitizenCase(number, Channel.CALL, conversation.place, citizen, native=conversation.call)
        builder = ScenarioBuilder(self._plan.seed, random, OfficeHours(self._plan.always), count(number + 1))
        for action in builder.opinion(conversation.ended_at, call, SURVEY_SHARE):
            heapq.heappush(self._planned, (action.at, next(self._order), action))
