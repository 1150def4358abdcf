"""Appointments: a simulated RDV Service Public with webhooks, and an API to find lost ones."""

from collections.abc import Iterator
from datetime import datetime
from threading import Lock
from typing import Any, Final

from connectors.rdv.simulate.server import EMAIL, PASSWORD, RdvServer, post_webhook
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.sdk.simulation.http_app import serving
from connectors.sdk.webhook.sender import NotAcceptedError
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.organisation import APPOINTMENTS, CENTRES, SECTOR
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import PostingSystem
from models.ids import contact_id
from models.topics import Channel

ORGANISATION: Final = 11
LIEUX: Final = {site: 31 + place for place, site in enumerate(CENTRES)}
SERVICES: Final = {
    service: 1 + place for place, service in enumerate(sorted({place.service for place, _ in APPOINTMENTS.places}))
}
ROUND_SECONDS: Final = 300
"""Interval of the connector's polls of the API, in seconds."""


class Appointments(PostingSystem):
    """Simulated appointment system. Appointment ids are derived from case numbers, so they survive a restart."""

    instance = "rendez-vous"
    connector = "rdv"
    channel = Channel.APPOINTMENT
    senders = 4
    action_kinds = frozenset(
        {
            ActionKind.APPOINTMENT_BOOKED,
            ActionKind.APPOINTMENT_MOVED,
            ActionKind.APPOINTMENT_CANCELLED,
            ActionKind.CHECKED_IN,
            ActionKind.APPOINTMENT_ATTENDED,
            ActionKind.APPOINTMENT_MISSED,
        }
    )

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._numbers: Iterator[int] = iter(())
        self._service = RdvService(_numbers=lambda: next(self._numbers))
        self._lock = Lock()

    def options(self) -> dict[str, Any]:
        return super().options() | {
            "sector": SECTOR,
            "lieux": {str(number): {"site": site} for site, number in LIEUX.items()},
            "services": {str(number): {"service": service} for service, number in SERVICES.items()},
            "organisations": {str(ORGANISATION): {}},
            "api": {
                "url": self.simulation_run.address(f"{self.instance}-api"),
                "email": EMAIL,
                "password": PASSWORD,
                "round_seconds": ROUND_SECONDS,
            },
        }

    def contact(self, citizen_case: CitizenCase) -> str:
        participation, rdv = _numbers_of(citizen_case)
        return contact_id(self.channel, self.source, f"{rdv}-{participation}")

    def open(self) -> None:
        app = RdvServer(self._service, [ORGANISATION]).app
        self.stack.enter_context(serving(app, self.simulation_run.port(f"{self.instance}-api"), date_header=False))
        super().open()

    def run(self, action: Action) -> None:
        """Let the outbox execute an action once it can send its webhooks, so that the API does not report it long before."""
        bodies: list[bytes] | None = None

        def send() -> None:
            nonlocal bodies
            if bodies is None:
                bodies = self._apply(action)
            while bodies:
                if not post_webhook(self.port, bodies[0], self.secret):
                    raise NotAcceptedError(f"{self.url} does not accept webhooks now")
                del bodies[0]

        self.outbox.put(send, action.citizen_case.number)

    def restore(self, action: Action) -> None:
        self._apply(action)

    def _apply(self, action: Action) -> list[bytes]:
        """Execute an action, and return the bodies of its webhooks in order."""
        with self._lock:
            self._apply_action(action)
            bodies = [*self._service.outbox]
            self._service.outbox.clear()
            return bodies

    def _apply_action(self, action: Action) -> None:
        _, rdv = _numbers_of(action.citizen_case)
        match action:
            case Action(kind=ActionKind.APPOINTMENT_BOOKED, effective_at=slot) if slot:
                self._book(action, slot)
            case Action(kind=ActionKind.APPOINTMENT_MOVED, effective_at=slot) if slot:
                self._service.move(action.at, rdv, slot)
            case Action(kind=ActionKind.APPOINTMENT_CANCELLED):
                self._service.cancel(action.at, rdv, action.value)
            case Action(kind=ActionKind.CHECKED_IN):
                self._service.check_in(action.at, rdv)
            case Action(kind=ActionKind.APPOINTMENT_ATTENDED):
                self._service.attend(action.at, rdv)
            case Action(kind=ActionKind.APPOINTMENT_MISSED):
                self._service.miss(action.at, rdv)

    def _book(self, action: Action, slot: datetime) -> None:
        citizen, place = action.citizen_case.citizen, action.citizen_case.place
        first, _, last = citizen.name.partition(" ")
        self._numbers = iter(_numbers_of(action.citizen_case))
        self._service.book(
            action.at,
            slot,
            [Citizen(citizen.rdv_user, first, last, citizen.email or None, citizen.phone)],
            organisation=ORGANISATION,
            motif=100 + SERVICES[place.service],
            service=SERVICES[place.service],
            lieu=LIEUX[place.site],
            by="User" if action.value == "citizen" else "Agent",
        )


def _numbers_of(citizen_case: CitizenCase) -> tuple[int, int]:
    """Return the ids of the participation and of the appointment."""
    return 2 * citizen_case.number, 2 * citizen_case.number + 1
