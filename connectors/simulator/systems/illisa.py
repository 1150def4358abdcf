"""Illisa, the département's own procedures platform: state tables for the connector `sql`, and an API for `http`."""

import time
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Final

from connectors.sdk.simulation.http_app import serving
from connectors.simulator import illisa
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.illisa.platform import PATH, TOKEN, Illisa
from connectors.simulator.illisa.procedures import PROCEDURES, Step
from connectors.simulator.organisation import HEADQUARTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import System
from models.topics import Channel

MAPPINGS: Final = Path(illisa.__file__).parent
"""Directory of the mapping files."""
DATABASE: Final = "illisa.db"
ILLISA_POLL_SECONDS: Final = 4
"""Poll interval of the connectors, in seconds."""
SEEN_SECONDS: Final = 2 * ILLISA_POLL_SECONDS
"""Time after which all connectors have read a change, in seconds. A database does not show who has read it."""
STEPS: Final = {
    ActionKind.FORM_TAKEN_UP: Step.TAKEN_UP,
    ActionKind.CORRECTION_REQUESTED: Step.CORRECTION_REQUESTED,
    ActionKind.FORM_CORRECTED: Step.CORRECTED,
    ActionKind.FORM_IN_COMMITTEE: Step.IN_COMMITTEE,
}
"""Steps by action. The submission creates the case; the value of a decision is the name of its step."""


class IllisaSystem(System):
    """Procedures of Illisa that are read in the same way, each by a connector of its own.

    Polls see only the last state of a case, so `drain` returns False until the connectors have read it.
    """

    instance = "illisa"
    channel = Channel.FORM
    action_kinds = frozenset({ActionKind.FORM_SUBMITTED, *STEPS, ActionKind.FORM_DECIDED})
    is_api: ClassVar[bool]

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self.path = simulation_run.root / DATABASE
        self.names = [name for name, procedure in PROCEDURES.items() if procedure.is_listed_by_api is self.is_api]
        self._seen_at = 0.0

    def options(self) -> dict[str, Any]:
        return {"poll_seconds": ILLISA_POLL_SECONDS, "sector": SECTOR, "site": {"value": HEADQUARTERS}}

    @abstractmethod
    def access(self, name: str) -> dict[str, Any]:
        """Return the options with which the connector of a procedure reaches it."""

    def connectors(self) -> dict[str, dict[str, Any]]:
        return {
            name: {
                "connector": self.connector,
                "mapping": str(MAPPINGS / f"{name}.toml"),
                **self.access(name),
                **self.options(),
            }
            for name in self.names
        }

    def accepts(self, action: Action) -> bool:
        return super().accepts(action) and action.citizen_case.place.service in self.names

    def open(self) -> None:
        self.platform = Illisa(self.path)
        self.stack.callback(self.platform.close)
        self.platform.clear(self.names)

    def run(self, action: Action) -> None:
        """Apply an action; `drain` then returns False until the connectors have read it."""
        self.restore(action)
        self._seen_at = time.monotonic() + SEEN_SECONDS

    def restore(self, action: Action) -> None:
        case = action.citizen_case
        if action.kind is ActionKind.FORM_SUBMITTED:
            self.platform.submit(case.place.service, case.number, action.at, case.citizen)
        else:
            step = Step(action.value) if action.kind is ActionKind.FORM_DECIDED else STEPS[action.kind]
            self.platform.advance(case.place.service, case.number, step, action.at)

    def drain(self) -> bool:
        """Return whether the connectors have read the last action."""
        return time.monotonic() >= self._seen_at


class IllisaTables(IllisaSystem):
    """Procedures that are read from their state tables."""

    connector = "sql"
    is_api = False

    def access(self, name: str) -> dict[str, Any]:  # noqa: ARG002 - the mapping file names the table
        return {"url": f"sqlite:///{self.path}"}


class IllisaApi(IllisaSystem):
    """Procedures that are read from the API."""

    connector = "http"
    is_api = True

    def access(self, name: str) -> dict[str, Any]:
        return {"url": f"{self.url}{PATH.format(procedure=name)}", "auth": {"bearer": {"token": TOKEN}}}

    def open(self) -> None:
        super().open()
        self.stack.enter_context(serving(self.platform.app, self.port))
