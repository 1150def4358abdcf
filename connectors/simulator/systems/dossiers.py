"""Online procedures: a server of Démarches simplifiées that tells of the département's dossiers."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final

from connectors.demarches.simulate.scenarios import PROCEDURES, DossierScenario
from connectors.demarches.simulate.server import PATH, TOKEN, SimulatedDossiers, create_app
from connectors.sdk.simulation.http_app import serving
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.organisation import HEADQUARTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import POLL_SECONDS, CurrentTime, System
from models.topics import Channel

NUMBERS: Final = {label: number for number, label in PROCEDURES.items()}
DECISIONS: Final = {"accepted": "accepte", "rejected": "refuse", "no_action": "classe_sans_suite"}


class Dossiers(System):
    """The connector asks; what it is told is what has happened by then."""

    instance = "demarches"
    connector = "demarches"
    channel = Channel.FORM
    action_kinds = frozenset(
        {
            ActionKind.FORM_SUBMITTED,
            ActionKind.FORM_TAKEN_UP,
            ActionKind.CORRECTION_REQUESTED,
            ActionKind.FORM_CORRECTED,
            ActionKind.FORM_DECIDED,
        }
    )

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._played = _Played()
        self._stack = ExitStack()

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "token": TOKEN,
            "url": f"{self.simulation_run.address(self.instance)}{PATH}",
            "poll_seconds": POLL_SECONDS,
            "sector": SECTOR,
            "site": HEADQUARTERS,
            "procedures": {str(number): {"label": label, "service": label} for label, number in NUMBERS.items()},
        }

    def open(self, now: CurrentTime) -> None:
        """Serve."""
        self._stack.enter_context(serving(create_app(self._played, now), self.simulation_run.port(self.instance)))

    def run(self, action: Action) -> None:
        """Let it happen to the dossier."""
        self._played.add(action)

    restore = run

    def close(self) -> None:
        """Serve no more."""
        self._stack.close()


class _Played(SimulatedDossiers):
    """The dossiers as deeds have made them."""

    def __init__(self) -> None:
        self._lives: dict[int, DossierScenario] = {}

    def scenarios(self, now: datetime) -> Iterator[DossierScenario]:
        """Yield those that have begun by `now`."""
        yield from (life for life in [*self._lives.values()] if life.changed_at(now))

    def add(self, action: Action) -> None:
        """Let a deed be part of its dossier's life."""
        number, at = action.citizen_case.number, action.at
        if action.kind is ActionKind.FORM_SUBMITTED:
            procedure, email = NUMBERS[action.citizen_case.place.service], action.citizen_case.citizen.email
            self._lives[number] = DossierScenario(number, procedure, email, (("depose", at),), None, None, None)
            return
        life = self._lives[number]
        match action.kind:
            case ActionKind.CORRECTION_REQUESTED:
                life = life._replace(asked_at=at)
            case ActionKind.FORM_CORRECTED:
                life = life._replace(resolved_at=at)
            case ActionKind.FORM_TAKEN_UP:
                life = life._replace(steps=(*life.steps, ("passe_en_instruction", at)))
            case ActionKind.FORM_DECIDED:
                life = life._replace(steps=(*life.steps, (DECISIONS[action.value], at)))
        self._lives[number] = life
