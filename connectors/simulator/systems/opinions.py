"""Opinions about online procedures: a simulated JeDonneMonAvis server."""

from typing import Any, Final

from connectors.jdma.simulate import BASE, TOKEN, JdmaServer, served
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.organisation import HEADQUARTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import POLL_SECONDS, System
from connectors.simulator.systems.dossiers import PROCEDURES
from models.topics import Channel

FORMS: Final = {label: 7_000 + place for place, label in enumerate(PROCEDURES, start=1)}
BUTTON: Final = 900
SMILEYS: Final = {0: "bad", 5: "medium", 10: "good"}
"""Score in the ledger → smiley that the connector converts to it."""


class Opinions(System):
    """One form per procedure. Citizens are not invited, and opinions are not linked to dossiers."""

    instance = "avis"
    connector = "jdma"
    channel = Channel.FEEDBACK
    action_kinds = frozenset({ActionKind.OPINION_GIVEN})

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._jdma = JdmaServer(*FORMS.values())

    def options(self) -> dict[str, Any]:
        return {
            "token": TOKEN,
            "url": f"{self.url}{BASE}",
            "poll_seconds": 2 * POLL_SECONDS,  # the server refuses more than one request per second
            "settle_seconds": 0,
            "site": HEADQUARTERS,
            "sector": SECTOR,
            "forms": {str(number): {"service": service} for service, number in FORMS.items()},
        }

    def accepts(self, action: Action) -> bool:
        parent = action.citizen_case.parent
        return super().accepts(action) and parent is not None and parent.channel is Channel.FORM

    def open(self) -> None:
        self.stack.enter_context(served(self._jdma, self.port))

    def run(self, action: Action) -> None:
        assert action.citizen_case.parent is not None
        self._jdma.give_opinion(
            FORMS[action.citizen_case.parent.place.service], BUTTON, action.at, SMILEYS[action.amount]
        )

    restore = run
