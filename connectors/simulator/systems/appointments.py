"""Appointments: a RDV Service Public that sends its webhooks, and answers by its API for those that got lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, Final

from connectors.rdv.simulate.server import EMAIL, PASSWORD, RdvServer, Sender
from connectors.rdv.simulate.service import Citizen, RdvService
from connectors.sdk.simulating.serving import serving
from connectors.sdk.webhook.sender import NotTakenError
from connectors.simulator.deeds import Deed, Matter, What
from connectors.simulator.house import APPOINTMENTS, CENTRES, SECTOR
from connectors.simulator.stage import Stage
from connectors.simulator.systems.outbox import Outbox
from connectors.simulator.systems.system import Now, System
from models.ids import contact_id
from models.topics import Channel

ORGANISATION: Final = 11
LIEUX: Final = {site: 31 + place for place, site in enumerate(CENTRES)}
SERVICES: Final = {
    service: 1 + place for place, service in enumerate(sorted({place.service for place, _ in APPOINTMENTS.places}))
}
SENDERS: Final = 4
ROUND_SECONDS: Final = 300
"""How often the connector asks the API."""


class Appointments(System):
    """Numbers of appointments follow from those of matters, so that they are the same after a restart."""

    instance = "rendez-vous"
    connector = "rdv"
    channel = Channel.APPOINTMENT
    whats = frozenset(
        {
            What.APPOINTMENT_BOOKED,
            What.APPOINTMENT_MOVED,
            What.APPOINTMENT_CANCELLED,
            What.CHECKED_IN,
            What.APPOINTMENT_ATTENDED,
            What.APPOINTMENT_MISSED,
        }
    )

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._numbers: Iterator[int] = iter(())
        self._service = RdvService(_numbers=lambda: next(self._numbers))
        self._lock = Lock()
        self._stack = ExitStack()
        self._outbox: Outbox[_Webhooks] | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "port": self.stage.port(self.instance),
            "secret_file": str(self.stage.secret(self.instance)),
            "sector": SECTOR,
            "lieux": {str(number): {"site": site} for site, number in LIEUX.items()},
            "services": {str(number): {"service": service} for service, number in SERVICES.items()},
            "organisations": {str(ORGANISATION): {}},
            "api": {
                "url": self.stage.address(f"{self.instance}-api"),
                "email": EMAIL,
                "password": PASSWORD,
                "round_seconds": ROUND_SECONDS,
            },
        }

    def contact(self, matter: Matter) -> str:
        """Return the contact that an appointment is."""
        participation, rdv = _numbers_of(matter)
        return contact_id(self.channel, self.source, f"{rdv}-{participation}")

    def open(self, now: Now) -> None:  # noqa: ARG002 - it is told what time it is by what happens
        """Serve, and be ready to send."""
        server = RdvServer(self._service, [ORGANISATION])
        self._stack.enter_context(serving(server.app, self.stage.port(f"{self.instance}-api"), date_header=False))
        url = f"{self.stage.address(self.instance)}/"
        secret = self.stage.secret(self.instance).read_text(encoding="ascii")
        self._outbox = Outbox(lambda: _Webhooks(url, secret), SENDERS)
        self._stack.callback(self._outbox.close)

    def play(self, deed: Deed) -> None:
        """Let it happen when what that makes the service tell can be sent: the API is not to know it long before."""
        assert self._outbox is not None
        self._outbox.put(_Message(partial(self._happen, deed)), deed.matter.number)

    def recall(self, deed: Deed) -> None:
        """Let it have happened."""
        self._happen(deed)

    def settle(self) -> bool:
        """Return whether all was taken."""
        return self._outbox is None or self._outbox.settle()

    def close(self) -> None:
        """Serve and send no more."""
        self._stack.close()

    def _happen(self, deed: Deed) -> list[bytes]:
        """Let a deed be done, and return what the service tells of it."""
        with self._lock:
            self._act(deed)
            told = [*self._service.outbox]
            self._service.outbox.clear()
            return told

    def _act(self, deed: Deed) -> None:
        _, rdv = _numbers_of(deed.matter)
        match deed:
            case Deed(what=What.APPOINTMENT_BOOKED, when=slot) if slot:
                self._book(deed, slot)
            case Deed(what=What.APPOINTMENT_MOVED, when=slot) if slot:
                self._service.move(deed.at, rdv, slot)
            case Deed(what=What.APPOINTMENT_CANCELLED):
                self._service.cancel(deed.at, rdv, deed.value)
            case Deed(what=What.CHECKED_IN):
                self._service.check_in(deed.at, rdv)
            case Deed(what=What.APPOINTMENT_ATTENDED):
                self._service.attend(deed.at, rdv)
            case Deed(what=What.APPOINTMENT_MISSED):
                self._service.miss(deed.at, rdv)

    def _book(self, deed: Deed, slot: datetime) -> None:
        who, place = deed.matter.citizen, deed.matter.place
        first, _, last = who.name.partition(" ")
        self._numbers = iter(_numbers_of(deed.matter))
        self._service.book(
            deed.at,
            slot,
            [Citizen(who.rdv_user, first, last, who.email or None, who.phone)],
            organisation=ORGANISATION,
            motif=100 + SERVICES[place.service],
            service=SERVICES[place.service],
            lieu=LIEUX[place.site],
            by="User" if deed.value == "citizen" else "Agent",
        )


class _Message:
    """What is told of a deed, which is done the first time that it is to be sent."""

    def __init__(self, happen: Callable[[], list[bytes]]) -> None:
        self._happen = happen
        self._bodies: list[bytes] | None = None

    def __call__(self, webhooks: "_Webhooks") -> None:
        if self._bodies is None:
            self._bodies = self._happen()
        while self._bodies:
            webhooks.send(self._bodies[0])
            del self._bodies[0]


class _Webhooks:
    """The sender of the simulated service, which leaves it to others to send again."""

    def __init__(self, url: str, secret: str) -> None:
        self._sender = Sender(url, secret)
        self._url = url

    def send(self, body: bytes) -> None:
        """Send a webhook. Raises `NotTakenError`."""
        if not self._sender.send(body):
            self._sender.backlog.clear()
            raise NotTakenError(f"{self._url} takes nothing now")

    def close(self) -> None:
        """Nothing is open."""


def _numbers_of(matter: Matter) -> tuple[int, int]:
    """Return the number of the participation, and of the appointment."""
    return 2 * matter.number, 2 * matter.number + 1
