"""Online procedures: a simulated Démarches simplifiées server with the département's dossiers."""

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
    """Simulated server, polled by the connector. It returns dossiers as of the simulated time."""

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
        self._dossiers = _ScriptedDossiers()
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
        """Start the server."""
        self._stack.enter_context(serving(create_app(self._dossiers, now), self.simulation_run.port(self.instance)))

    def run(self, action: Action) -> None:
        """Apply an action to its dossier."""
        self._dossiers.add(action)

    restore = run

    def close(self) -> None:
        """Stop the server."""
        self._stack.close()


class _ScriptedDossiers(SimulatedDossiers):
    """Dossiers built from actions."""

    def __init__(self) -> None:
        self._scenarios: dict[int, DossierScenario] = {}

    def scenarios(self, now: datetime) -> Iterator[DossierScenario]:
        """Yield the dossiers that exist at `now`."""
        yield from (scenario for scenario in [*self._scenarios.values()] if scenario.changed_at(now))

    def add(self, action: Action) -> None:
        """Add an action to its dossier."""
        number, at = action.citizen_case.number, action.at
        if action.kind is ActionKind.FORM_SUBMITTED:
            procedure, email = NUMBERS[action.citizen_case.place.service], action.citizen_case.citizen.email
            self._scenarios[number] = DossierScenario(number, procedure, email, (("depose", at),), None, None, None)
            return
        scenario = self._scenarios[number]
        match action.kind:
            case ActionKind.CORRECTION_REQUESTED:
                scenario = scenario._replace(asked_at=at)
            case ActionKind.FORM_CORRECTED:
                scenario = scenario._replace(resolved_at=at)
            case ActionKind.FORM_TAKEN_UP:
                scenario = scenario._replace(steps=(*scenario.steps, ("passe_en_instruction", at)))
            case ActionKind.FORM_DECIDED:
                scenario = scenario._replace(steps=(*scenario.steps, (DECISIONS[action.value], at)))
        self._scenarios[number] = scenario
