"""Online procedures: a simulated Démarches simplifiées server with the département's dossiers."""

from typing import Any, Final

from connectors.demarches.simulate import PATH, TOKEN, SimulatedDossiers
from connectors.sdk.simulation.http_app import serving
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.organisation import HEADQUARTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import POLL_SECONDS, System
from models.topics import Channel

PROCEDURES: Final = {"aides-logement": 48210, "agrements": 48211, "subventions-associations": 48212}
"""Label of a procedure, and of its service → its number."""
DECISIONS: Final = {"accepted": "accepte", "rejected": "refuse", "no_action": "classe_sans_suite"}


class Dossiers(System):
    """Simulated server, polled by the connector."""

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
        self._dossiers = SimulatedDossiers([*PROCEDURES.values()])

    def options(self) -> dict[str, Any]:
        return {
            "token": TOKEN,
            "url": f"{self.url}{PATH}",
            "poll_seconds": POLL_SECONDS,
            "sector": SECTOR,
            "site": HEADQUARTERS,
            "procedures": {str(number): {"label": label, "service": label} for label, number in PROCEDURES.items()},
        }

    def accepts(self, action: Action) -> bool:
        return super().accepts(action) and action.citizen_case.place.service in PROCEDURES

    def open(self) -> None:
        self.stack.enter_context(serving(self._dossiers.app, self.port))

    def run(self, action: Action) -> None:
        case = action.citizen_case
        dossier = PROCEDURES[case.place.service], case.number, action.at
        match action.kind:
            case ActionKind.FORM_SUBMITTED:
                self._dossiers.submit(*dossier, case.citizen.email)
            case ActionKind.CORRECTION_REQUESTED:
                self._dossiers.request_correction(*dossier)
            case ActionKind.FORM_CORRECTED:
                self._dossiers.correct(*dossier)
            case ActionKind.FORM_TAKEN_UP:
                self._dossiers.add_step(*dossier, "passe_en_instruction")
            case ActionKind.FORM_DECIDED:
                self._dossiers.add_step(*dossier, DECISIONS[action.value])

    restore = run
