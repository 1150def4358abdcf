"""Surveys: citizens are invited after a contact, and some answer."""

from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.organisation import SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import CurrentTime, System
from connectors.simulator.systems.outbox import Outbox
from connectors.survey.reference import ContactReferences
from connectors.survey.simulate import TYPES, SurveyTool
from models.topics import Channel


class Surveys(System):
    """Simulated survey tool. `contact_of` returns the contact id of a case; without one, citizens are not invited."""

    instance = "enquetes"
    connector = "survey"
    channel = Channel.FEEDBACK
    action_kinds = frozenset({ActionKind.INVITED, ActionKind.OPINION_GIVEN})

    def __init__(self, simulation_run: SimulationRun, contact_of: Callable[[CitizenCase], str]) -> None:
        super().__init__(simulation_run)
        self._contact_of = contact_of
        self._outbox: Outbox[SurveyTool] | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "port": self.simulation_run.port(self.instance),
            "secret_file": str(self.simulation_run.secret(self.instance)),
            "reference_secret_file": str(self.simulation_run.secret(f"{self.instance}-references")),
            "sector": SECTOR,
            "type": "event",
            "types": TYPES,
        }

    def accepts(self, action: Action) -> bool:
        """Return whether an action is feedback about a contact with a known id."""
        return (
            super().accepts(action)
            and action.citizen_case.parent is not None
            and bool(self._contact_of(action.citizen_case.parent))
        )

    def open(self, now: CurrentTime) -> None:  # noqa: ARG002 - messages have their own time
        """Prepare the webhooks."""
        secret, references = (
            self._secret(self.instance),
            ContactReferences([self._secret(f"{self.instance}-references")]),
        )
        url = f"{self.simulation_run.address(self.instance)}/"
        self._outbox = Outbox(lambda: SurveyTool(url, secret, references))

    def run(self, action: Action) -> None:
        """Send an invitation or an answer."""
        assert self._outbox is not None
        assert action.citizen_case.parent is not None
        contact, native = self._contact_of(action.citizen_case.parent), action.citizen_case.reference
        if action.kind is ActionKind.INVITED:
            self._outbox.put(lambda tool: tool.invite(contact, action.at, f"invitation-{native}"))
        else:
            self._outbox.put(lambda tool: tool.answer(contact, action.at, f"reponse-{native}", action.amount))

    def drain(self) -> bool:
        """Return whether all messages were accepted."""
        return self._outbox is None or self._outbox.drain()

    def close(self) -> None:
        """Stop sending."""
        if self._outbox:
            self._outbox.close()

    def _secret(self, name: str) -> SecretStr:
        return SecretStr(self.simulation_run.secret(name).read_text(encoding="ascii"))
