"""Letters of services that work in Maarch Courrier: a server that tells how each letter stands when it is asked."""

from contextlib import ExitStack
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.maarch.simulate.maarch import SimulatedMaarch
from connectors.maarch.simulate.scenarios import CLASS_FIELD, COST_FIELD
from connectors.maarch.simulate.server import LOGIN, PASSWORD, MaarchRestApi
from connectors.sdk.simulation.http_app import serving
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.organisation import HEADQUARTERS, MAARCH_LETTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import POLL_SECONDS, CurrentTime, System
from models.topics import Channel

ENTITIES: Final = {place.service: place.service.upper().replace("-", "_") for place, _ in MAARCH_LETTERS.places}
POSTAGE: Final = {
    "lettre_verte": "Lettre verte",
    "economique": "Écopli",
    "lettre_recommandee": "Recommandé",
    "lettre_recommandee_avec_avis": "Recommandé avec avis",
}
DROPPED: Final = "SSUITE"
"""The status of what nothing is done about."""


class MaarchLetters(System):
    """What happens to a letter between two questions is never told but by its last status: so `settle` waits for the next one."""

    instance = "ged"
    connector = "maarch"
    channel = Channel.MAIL
    action_kinds = frozenset(
        {
            ActionKind.LETTER_REGISTERED,
            ActionKind.LETTER_ASSIGNED,
            ActionKind.LETTER_ACKNOWLEDGED,
            ActionKind.LETTER_ANSWERED,
            ActionKind.LETTER_CLOSED,
            ActionKind.LETTER_SENT,
        }
    )

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._maarch = SimulatedMaarch()
        self._asked = _Asked(MaarchRestApi(self._maarch.database).app())
        self._needed = 0
        self._numbers: dict[int, int] = {}
        self._stack = ExitStack()

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "url": self.simulation_run.address(self.instance),
            "login": LOGIN,
            "password": PASSWORD,
            "poll_seconds": POLL_SECONDS,
            "sector": SECTOR,
            "site": HEADQUARTERS,
            "entities": {entity: {"service": service} for service, entity in ENTITIES.items()},
            "postage": {
                "class_field": CLASS_FIELD,
                "cost_field": COST_FIELD,
                "classes": {name: word for word, name in POSTAGE.items()},
            },
        }

    def accepts(self, action: Action) -> bool:
        """Whether a letter is of a service that works in Maarch."""
        return super().accepts(action) and action.citizen_case.place.service in ENTITIES

    def open(self, now: CurrentTime) -> None:  # noqa: ARG002 - it tells how things stand after what was done last
        """Serve."""
        self._stack.callback(self._maarch.stop)
        self._stack.enter_context(serving(self._asked, self.simulation_run.port(self.instance)))

    def run(self, action: Action) -> None:
        """Let it happen."""
        self.restore(action)
        self._needed = self._asked.begun + 1

    def restore(self, action: Action) -> None:
        """Let it have happened: letters have the same numbers if all happens again in its order."""
        at, letter = action.at, action.citizen_case
        number = self._numbers.get(letter.number, 0)
        match action.kind:
            case ActionKind.LETTER_REGISTERED:
                self._numbers[letter.number] = self._maarch.register(
                    at,
                    ENTITIES[letter.place.service],
                    admitted_at=action.effective_at,
                    name=letter.citizen.name,
                    email=letter.citizen.email,
                    phone=letter.citizen.phone,
                    subject="Courrier fictif",
                )
            case ActionKind.LETTER_ASSIGNED if action.place:
                self._maarch.assign(number, at, ENTITIES[action.place.service])
            case ActionKind.LETTER_ACKNOWLEDGED:
                self._maarch.acknowledge(number, at)
            case ActionKind.LETTER_ANSWERED:
                self._maarch.answer(number, at)
            case ActionKind.LETTER_CLOSED:
                self._maarch.close(number, at, DROPPED)
            case ActionKind.LETTER_SENT:
                fields = {str(CLASS_FIELD): POSTAGE[action.value], str(COST_FIELD): f"{action.amount / 100:.2f}"}
                self._maarch.send(at, destination=ENTITIES[letter.place.service], custom_fields=fields)

    def drain(self) -> bool:
        """Return whether it was asked since something happened last."""
        return self._asked.ended >= self._needed

    def close(self) -> None:
        """Serve no more."""
        self._stack.close()


class _Asked:
    """Counts how often it was asked for letters."""

    def __init__(self, app: ASGIApp) -> None:
        self.begun = self.ended = 0
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["path"].endswith("/res/list")
        self.begun += asks
        await self._app(scope, receive, send)
        self.ended += asks
