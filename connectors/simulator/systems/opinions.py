"""Opinions about online procedures: a server of JeDonneMonAvis that tells those that citizens gave."""

from contextlib import ExitStack
from typing import Any, Final

from connectors.demarches.simulate.lives import PROCEDURES
from connectors.jdma.simulate.server import BASE, TOKEN, Jdma, served
from connectors.simulator.deeds import Deed, What
from connectors.simulator.house import HEADQUARTERS
from connectors.simulator.stage import Stage
from connectors.simulator.systems.system import POLL_SECONDS, Now, System
from models.topics import Channel

FORMS: Final = {label: 7_000 + place for place, label in enumerate(PROCEDURES.values(), start=1)}
BUTTON: Final = 900
SMILEYS: Final = {0: "bad", 5: "medium", 10: "good"}
"""What the connector makes of them."""


class Opinions(System):
    """A form for each procedure; nobody is invited, and what somebody thinks is tied to no dossier."""

    instance = "avis"
    connector = "jdma"
    channel = Channel.FEEDBACK
    whats = frozenset({What.OPINION_GIVEN})

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._jdma = Jdma(*FORMS.values())
        self._stack = ExitStack()

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "token": TOKEN,
            "url": f"{self.stage.address(self.instance)}{BASE}",
            "poll_seconds": 2 * POLL_SECONDS,  # it refuses who asks more than once a second
            "settle_seconds": 0,
            "site": HEADQUARTERS,
            "forms": {str(number): {"service": service} for service, number in FORMS.items()},
        }

    def takes(self, deed: Deed) -> bool:
        """Whether an opinion is about a procedure."""
        about = deed.matter.about
        return super().takes(deed) and about is not None and about.channel is Channel.FORM

    def open(self, now: Now) -> None:  # noqa: ARG002 - it tells all that was given
        """Serve."""
        self._stack.enter_context(served(self._jdma, self.stage.port(self.instance)))

    def play(self, deed: Deed) -> None:
        """Give an opinion."""
        assert deed.matter.about is not None
        self._jdma.give_opinion(FORMS[deed.matter.about.place.service], BUTTON, deed.at, SMILEYS[deed.amount])

    recall = play

    def close(self) -> None:
        """Serve no more."""
        self._stack.close()
