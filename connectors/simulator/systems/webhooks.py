"""What tells by signed webhooks: the front desks of the centres, and a helpdesk for e-mail where there is no mailbox to fill."""

import json
from abc import abstractmethod
from typing import Any, ClassVar, Final

from pydantic import SecretStr

from connectors.sdk.webhook.sender import Sender
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.organisation import EMAIL_SERVICES, HEADQUARTERS, SECTOR, VISITS
from connectors.simulator.simulation_run import SimulationRun
from connectors.simulator.systems.base import CurrentTime, System
from connectors.simulator.systems.outbox import Outbox
from models.ids import contact_id
from models.topics import Channel

SENDERS: Final = 4
"""How many messages are on their way at once: each waits until its event is safe."""


class Webhooks(System):
    """One sender, read by a `webhook` connector. A subclass says which messages there are, and what is in them."""

    connector = "webhook"
    types: ClassVar[dict[ActionKind, tuple[str, str]]]
    """The type of a deed's message, and the event that it is."""

    def __init__(self, simulation_run: SimulationRun) -> None:
        super().__init__(simulation_run)
        self._outbox: Outbox[Sender] | None = None

    @abstractmethod
    def words(self) -> set[str]:
        """Return the words for places that messages have."""

    @abstractmethod
    def data(self, action: Action) -> dict[str, Any]:
        """Return what the message of a deed says, beside the contact's id."""

    def kind(self, event: str) -> dict[str, Any]:
        """Return how a message is understood."""
        return {"event": event, "id": "data.id", "site": "data.site", "service": "data.service"}

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "port": self.simulation_run.port(self.instance),
            "secret_file": str(self.simulation_run.secret(self.instance)),
            "sector": SECTOR,
            "labels": {word: word for word in sorted(self.words())},
            "types": {name: self.kind(event) for name, event in self.types.values()},
        }

    def contact(self, citizen_case: CitizenCase) -> str:
        """Return the contact that a matter is."""
        return contact_id(self.channel, self.source, _uuid(citizen_case))

    def open(self, now: CurrentTime) -> None:  # noqa: ARG002 - messages have their own time
        """Be ready to send."""
        secret = SecretStr(self.simulation_run.secret(self.instance).read_text(encoding="ascii"))
        url = f"{self.simulation_run.address(self.instance)}/"
        self._outbox = Outbox(lambda: Sender(url, secret), SENDERS)

    def run(self, action: Action) -> None:
        """Send the message of a deed."""
        assert self._outbox is not None
        (name, _), native, place = self.types[action.kind], _uuid(action.citizen_case), action.citizen_case.place
        data = {"id": native, "site": place.site, "service": place.service, **self.data(action)}
        body = json.dumps({"type": name, "timestamp": action.at.isoformat(), "data": data}).encode()
        self._outbox.put(lambda sender: sender.send(f"{native}.{name}", body), action.citizen_case.number)

    def drain(self) -> bool:
        """Return whether all was taken."""
        return self._outbox is None or self._outbox.drain()

    def close(self) -> None:
        """Send no more."""
        if self._outbox:
            self._outbox.close()


class FrontDesks(Webhooks):
    """Ticket machines and agents' screens of all centres."""

    instance = "guichets"
    channel = Channel.VISIT
    types: ClassVar = {
        ActionKind.TICKET_TAKEN: ("ticket.taken", "visit.arrived"),
        ActionKind.VISITOR_CALLED: ("ticket.called", "visit.called"),
        ActionKind.VISITOR_SERVED: ("ticket.served", "visit.served"),
        ActionKind.VISITOR_LEFT: ("ticket.left", "visit.left"),
    }
    action_kinds = frozenset(types)

    def words(self) -> set[str]:
        """Return the names of sites, services and rooms."""
        return {word for place, _ in VISITS.places for word in place}

    def kind(self, event: str) -> dict[str, Any]:
        """Return how a message is understood: the first of a visit tells who came."""
        visitor = {
            "phone": "data.visitor.phone",
            "email": "data.visitor.email",
            "case": "data.visitor.case",
            "data": {"queue": "data.room"},
        }
        return super().kind(event) | (visitor if event == "visit.arrived" else {})

    def data(self, action: Action) -> dict[str, Any]:
        """Return who came, and where one waits."""
        if action.kind is not ActionKind.TICKET_TAKEN:
            return {}
        who = action.citizen_case.citizen
        visitor = {"name": who.name, "phone": who.phone, "email": who.email or None, "case": who.case}
        return {"room": action.citizen_case.place.queue, "visitor": visitor}


class Helpdesk(Webhooks):
    """A program in which the services answer e-mail."""

    instance = "messagerie"
    channel = Channel.EMAIL
    types: ClassVar = {
        ActionKind.EMAIL_RECEIVED: ("mail.received", "email.received"),
        ActionKind.EMAIL_ACKNOWLEDGED: ("mail.acknowledged", "email.acknowledged"),
        ActionKind.EMAIL_ANSWERED: ("mail.answered", "email.answered"),
    }
    action_kinds = frozenset(types)

    def words(self) -> set[str]:
        """Return the names of site and services."""
        return {HEADQUARTERS, *EMAIL_SERVICES}

    def kind(self, event: str) -> dict[str, Any]:
        """Return how a message is understood."""
        return super().kind(event) | {"email": "data.from"}

    def data(self, action: Action) -> dict[str, Any]:
        """Return who wrote."""
        return {"from": action.citizen_case.citizen.email, "subject": "Une question"}


def _uuid(citizen_case: CitizenCase) -> str:
    """Return a matter's number in the form of a UUID, which says nothing about a person."""
    return f"00000000-0000-4000-8000-{citizen_case.number:012x}"
