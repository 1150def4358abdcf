"""Letters of services that use Maarch Courrier: a simulated server that returns the current state of each letter."""

from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.maarch.simulate.maarch import SimulatedMaarch
from connectors.maarch.simulate.server import LOGIN, PASSWORD, MaarchRestApi
from connectors.sdk.simulation.http_app import serving
from connectors.simulator.actions import Action, ActionKind
from connectors.simulator.organisation import HEADQUARTERS, MAARCH_LETTERS, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import POLL_SECONDS, System
from models.topics import Channel

ENTITIES: Final = {place.service: place.service.upper().replace("-", "_") for place, _ in MAARCH_LETTERS.places}
POSTAGE: Final = {
    "lettre_verte": "Lettre verte",
    "economique": "Écopli",
    "lettre_recommandee": "Recommandé",
    "lettre_recommandee_avec_avis": "Recommandé avec avis",
}
CLASS_FIELD: Final = 1
COST_FIELD: Final = 2
"""Numbers of the custom fields for the postage."""
CLOSED_STATUS: Final = "SSUITE"
"""Status of letters closed without action."""


class MaarchLetters(System):
    """Simulated Maarch. It reports only the last status of a letter, so `drain` waits for the next request."""

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
        self._requests = _RequestCounter(MaarchRestApi(self._maarch.database).app())
        self._required = 0
        self._numbers: dict[int, int] = {}

    def options(self) -> dict[str, Any]:
        return {
            "url": self.url,
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
        return super().accepts(action) and action.citizen_case.place.service in ENTITIES

    def open(self) -> None:
        self.stack.callback(self._maarch.stop)
        self.stack.enter_context(serving(self._requests, self.port))

    def run(self, action: Action) -> None:
        """Apply an action; `drain` then returns False until a new request for the letters is answered."""
        self.restore(action)
        self._required = self._requests.started + 1

    def restore(self, action: Action) -> None:
        """Apply an action of an earlier run. Repeating all actions in order gives letters the same ids."""
        at, letter = action.at, action.citizen_case
        number = self._numbers.get(letter.number, 0)
        match action.kind:
            case ActionKind.LETTER_REGISTERED:
                self._numbers[letter.number] = self._maarch.register(
                    at,
                    ENTITIES[letter.place.service],
                    admitted_at=action.effective_at or at,
                    name=letter.citizen.name,
                    email=letter.citizen.email,
                    phone=letter.citizen.phone,
                )
            case ActionKind.LETTER_ASSIGNED if action.place:
                self._maarch.assign(number, at, ENTITIES[action.place.service])
            case ActionKind.LETTER_ACKNOWLEDGED:
                self._maarch.acknowledge(number, at)
            case ActionKind.LETTER_ANSWERED:
                self._maarch.answer(number, at)
            case ActionKind.LETTER_CLOSED:
                self._maarch.close(number, at, CLOSED_STATUS)
            case ActionKind.LETTER_SENT:
                fields = {str(CLASS_FIELD): POSTAGE[action.value], str(COST_FIELD): f"{action.amount / 100:.2f}"}
                self._maarch.send(at, ENTITIES[letter.place.service], fields)

    def drain(self) -> bool:
        """Return whether a request for the letters was made and answered since the last action."""
        return self._requests.completed >= self._required


class _RequestCounter:
    """Counts requests for the list of letters."""

    def __init__(self, app: ASGIApp) -> None:
        self.started = self.completed = 0
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_list = scope["type"] == "http" and scope["path"].endswith("/res/list")
        self.started += is_list
        await self._app(scope, receive, send)
        self.completed += is_list
