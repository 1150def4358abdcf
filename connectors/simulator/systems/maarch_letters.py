"""Letters of services that use Maarch Courrier: a simulated server that returns the current state of each letter."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.maarch.local_time import to_local, write_local
from connectors.maarch.simulate.database import Database, Row
from connectors.maarch.simulate.server import LOGIN, PASSWORD, MaarchRestApi
from connectors.sdk.simulation.http_app import serving
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.office_hours import PARIS
from connectors.simulator.organisation import HEADQUARTERS, MAARCH_LETTERS, SECTOR
from connectors.simulator.population import Citizen
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
"""Number of the custom field for the price of the postage; `CLASS_FIELD` is that for its class."""
INCOMING: Final[Row] = {"category_id": "incoming", "type_id": 101, "status": "NEW"}
OUTGOING: Final[Row] = {"category_id": "outgoing", "type_id": 102, "status": "ENVDONE"}
CHRONO_CHARS: Final = {"incoming": "A", "outgoing": "D"}
CLOSED_STATUS: Final = "SSUITE"
"""Status of letters closed without action."""


class MaarchLetters(System):
    """Simulated Maarch. It reports only the last status of a letter, so `drain` returns False until the connector has read it."""

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
        self._database = Database()
        self._requests = _RequestCounter(MaarchRestApi(self._database).app())
        self._required = 0
        self._numbers: dict[int, int] = {}
        """Case number → `res_id` of the letter."""
        self._contacts: dict[Citizen, int] = {}
        self._chronos: Counter[str] = Counter()

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
        self.stack.callback(self._database.close)
        self.stack.enter_context(serving(self._requests, self.port))

    def run(self, action: Action) -> None:
        """Apply an action; `drain` then returns False until a new request for the letters is answered."""
        self.restore(action)
        self._required = self._requests.started + 1

    def restore(self, action: Action) -> None:
        """Apply an action, of this or an earlier run. Repeating all actions in order gives letters the same ids."""
        at, letter = action.at, action.citizen_case
        number, local = self._numbers.get(letter.number, 0), _local(at)
        match action.kind:
            case ActionKind.LETTER_REGISTERED:
                received = {"admission_date": _local(action.effective_at or at)}
                number = self._numbers[letter.number] = self._write(INCOMING | received, letter, at)
                sender = {"item_id": self._contact(letter.citizen), "type": "contact", "mode": "sender"}
                self._database.insert("resource_contacts", {"res_id": number, **sender})
            case ActionKind.LETTER_ASSIGNED if action.place:
                self._change(number, at, destination=ENTITIES[action.place.service])
            case ActionKind.LETTER_ACKNOWLEDGED:
                receipt = {"format": "html", "creation_date": local, "send_date": local}
                self._database.insert("acknowledgement_receipts", {"res_id": number, **receipt})
                self._change(number, at)
            case ActionKind.LETTER_ANSWERED:
                self._change(number, at, status="ENVDONE")
            case ActionKind.LETTER_CLOSED:
                self._change(number, at + timedelta(milliseconds=3), closing_date=local, status=CLOSED_STATUS)
            case ActionKind.LETTER_SENT:
                fields = {str(CLASS_FIELD): POSTAGE[action.value], str(COST_FIELD): f"{action.amount / 100:.2f}"}
                self._write(OUTGOING | {"departure_date": local, "custom_fields": json.dumps(fields)}, letter, at)

    def drain(self) -> bool:
        """Return whether a request for the list of letters, begun after the last action, was answered; True before any action."""
        return self._requests.completed >= self._required

    def _write(self, columns: Row, letter: CitizenCase, at: datetime) -> int:
        local = _local(at)
        series = f"{local[:4]}{CHRONO_CHARS[columns['category_id']]}"
        self._chronos[series] += 1
        row = {
            "model_id": 1,
            "subject": "Courrier fictif",
            "destination": ENTITIES[letter.place.service],
            "alt_identifier": f"MAARCH/{series}/{self._chronos[series]}",
            "creation_date": local,
            "modification_date": local,
            "doc_date": local,
            "custom_fields": "{}",
            "linked_resources": "[]",
        }
        return self._database.insert("res_view_letterbox", row | columns)

    def _change(self, number: int, at: datetime, **columns: str) -> None:
        """Update a letter like an action of a user, which also sets the time of the change."""
        self._database.update(number, {**columns, "modification_date": _local(at)})

    def _contact(self, citizen: Citizen) -> int:
        if citizen not in self._contacts:
            first, _, last = citizen.name.partition(" ")
            names = {"firstname": first, "lastname": last}
            row = {**names, "email": citizen.email or None, "phone": citizen.phone}
            self._contacts[citizen] = self._database.insert("contacts", row)
        return self._contacts[citizen]


def _local(at: datetime) -> str:
    return write_local(to_local(at.astimezone(UTC), PARIS))


class _RequestCounter:
    """Application that passes requests to `app`, and counts those for the list of letters."""

    def __init__(self, app: ASGIApp) -> None:
        self.started = self.completed = 0
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_list = scope["type"] == "http" and scope["path"].endswith("/res/list")
        self.started += is_list
        await self._app(scope, receive, send)
        self.completed += is_list
