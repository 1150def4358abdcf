"""Online procedures: a server of Démarches simplifiées that tells of the département's dossiers."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final

from connectors.demarches.simulate.lives import PROCEDURES, Life
from connectors.demarches.simulate.server import PATH, TOKEN, Simulation, create_app
from connectors.sdk.simulating.serving import serving
from connectors.simulator.deeds import Deed, What
from connectors.simulator.house import HEADQUARTERS, SECTOR
from connectors.simulator.stage import Stage
from connectors.simulator.systems.system import POLL_SECONDS, Now, System
from models.topics import Channel

NUMBERS: Final = {label: number for number, label in PROCEDURES.items()}
DECISIONS: Final = {"accepted": "accepte", "rejected": "refuse", "no_action": "classe_sans_suite"}


class Dossiers(System):
    """The connector asks; what it is told is what has happened by then."""

    instance = "demarches"
    connector = "demarches"
    channel = Channel.FORM
    whats = frozenset(
        {
            What.FORM_SUBMITTED,
            What.FORM_TAKEN_UP,
            What.CORRECTION_REQUESTED,
            What.FORM_CORRECTED,
            What.FORM_DECIDED,
        }
    )

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._played = _Played()
        self._stack = ExitStack()

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "token": TOKEN,
            "url": f"{self.stage.address(self.instance)}{PATH}",
            "poll_seconds": POLL_SECONDS,
            "sector": SECTOR,
            "site": HEADQUARTERS,
            "procedures": {str(number): {"label": label, "service": label} for label, number in NUMBERS.items()},
        }

    def open(self, now: Now) -> None:
        """Serve."""
        self._stack.enter_context(serving(create_app(self._played, now), self.stage.port(self.instance)))

    def play(self, deed: Deed) -> None:
        """Let it happen to the dossier."""
        self._played.add(deed)

    recall = play

    def close(self) -> None:
        """Serve no more."""
        self._stack.close()


class _Played(Simulation):
    """The dossiers as deeds have made them."""

    def __init__(self) -> None:
        self._lives: dict[int, Life] = {}

    def lives(self, now: datetime) -> Iterator[Life]:
        """Yield those that have begun by `now`."""
        yield from (life for life in [*self._lives.values()] if life.changed_at(now))

    def add(self, deed: Deed) -> None:
        """Let a deed be part of its dossier's life."""
        number, at = deed.matter.number, deed.at
        if deed.what is What.FORM_SUBMITTED:
            procedure, email = NUMBERS[deed.matter.place.service], deed.matter.citizen.email
            self._lives[number] = Life(number, procedure, email, (("depose", at),), None, None, None)
            return
        life = self._lives[number]
        match deed.what:
            case What.CORRECTION_REQUESTED:
                life = life._replace(asked_at=at)
            case What.FORM_CORRECTED:
                life = life._replace(resolved_at=at)
            case What.FORM_TAKEN_UP:
                life = life._replace(steps=(*life.steps, ("passe_en_instruction", at)))
            case What.FORM_DECIDED:
                life = life._replace(steps=(*life.steps, (DECISIONS[deed.value], at)))
        self._lives[number] = life
