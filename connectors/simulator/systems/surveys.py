"""Surveys: citizens are invited after a contact, and some answer."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import SecretStr

from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.organisation import SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import PostingSystem
from connectors.survey.reference import ContactReferences
from connectors.survey.simulate import TYPES, SurveyTool
from models.topics import Channel


class Surveys(PostingSystem):
    """Simulated survey tool. `contact_of` returns the contact id of a case; if it is empty, nothing is sent."""

    instance = "enquetes"
    connector = "survey"
    channel = Channel.FEEDBACK
    action_kinds = frozenset({ActionKind.INVITED, ActionKind.OPINION_GIVEN})

    def __init__(self, simulation_run: SimulationRun, contact_of: Callable[[CitizenCase], str]) -> None:
        super().__init__(simulation_run)
        self._contact_of = contact_of

    def options(self) -> dict[str, Any]:
        return super().options() | {
            "reference_secret_file": str(self.simulation_run.secret(f"{self.instance}-references")),
            "sector": SECTOR,
            "type": "event",
            "types": TYPES,
        }

    def accepts(self, action: Action) -> bool:
        return (
            super().accepts(action)
            and action.citizen_case.parent is not None
            and bool(self._contact_of(action.citizen_case.parent))
        )

    def open(self) -> None:
        key = self.simulation_run.secret(f"{self.instance}-references").read_text(encoding="ascii")
        self._tool = SurveyTool(f"{self.url}/", SecretStr(self.secret), ContactReferences([SecretStr(key)]))
        self.stack.callback(self._tool.close)
        super().open()

    def run(self, action: Action) -> None:
        assert action.citizen_case.parent is not None
        contact, native = self._contact_of(action.citizen_case.parent), action.citizen_case.reference
        if action.kind is ActionKind.INVITED:
            self.outbox.put(partial(self._tool.invite, contact, action.at, f"invitation-{native}"))
        else:
            self.outbox.put(partial(self._tool.answer, contact, action.at, f"reponse-{native}", action.amount))
