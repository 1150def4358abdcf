"""What tells by signed webhooks: the front desks of the centres, and a helpdesk for e-mail where there is no mailbox to fill."""

import json
from abc import abstractmethod
from typing import Any, ClassVar, Final

from pydantic import SecretStr

from connectors.sdk.webhook.sender import Sender
from connectors.simulator.deeds import Deed, Matter, What
from connectors.simulator.house import EMAIL_SERVICES, HEADQUARTERS, SECTOR, VISITS
from connectors.simulator.stage import Stage
from connectors.simulator.systems.outbox import Outbox
from connectors.simulator.systems.system import Now, System
from models.ids import contact_id
from models.topics import Channel

SENDERS: Final = 4
"""How many messages are on their way at once: each waits until its event is safe."""


class Webhooks(System):
    """One sender, read by a `webhook` connector. A subclass says which messages there are, and what is in them."""

    connector = "webhook"
    types: ClassVar[dict[What, tuple[str, str]]]
    """The type of a deed's message, and the event that it is."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._outbox: Outbox[Sender] | None = None

    @abstractmethod
    def words(self) -> set[str]:
        """Return the words for places that messages have."""

    @abstractmethod
    def data(self, deed: Deed) -> dict[str, Any]:
        """Return what the message of a deed says, beside the contact's id."""

    def kind(self, event: str) -> dict[str, Any]:
        """Return how a message is understood."""
        return {"event": event, "id": "data.id", "site": "data.site", "service": "data.service"}

    def options(self) -> dict[str, Any]:
        """Return the options of the connector."""
        return {
            "port": self.stage.port(self.instance),
            "secret_file": str(self.stage.secret(self.instance)),
            "sector": SECTOR,
            "labels": {word: word for word in sorted(self.words())},
            "types": {name: self.kind(event) for name, event in self.types.values()},
        }

    def contact(self, matter: Matter) -> str:
        """Return the contact that a matter is."""
        return contact_id(self.channel, self.source, _uuid(matter))

    def open(self, now: Now) -> None:  # noqa: ARG002 - messages have their own time
        """Be ready to send."""
        secret = SecretStr(self.stage.secret(self.instance).read_text(encoding="ascii"))
        url = f"{self.stage.address(self.instance)}/"
        self._outbox = Outbox(lambda: Sender(url, secret), SENDERS)

    def play(self, deed: Deed) -> None:
        """Send the message of a deed."""
        assert self._outbox is not None
        (name, _), native, place = self.types[deed.what], _uuid(deed.matter), deed.matter.place
        data = {"id": native, "site": place.site, "service": place.service, **self.data(deed)}
        body = json.dumps({"type": name, "timestamp": deed.at.isoformat(), "data": data}).encode()
        self._outbox.put(lambda sender: sender.send(f"{native}.{name}", body), deed.matter.number)

    def settle(self) -> bool:
        """Return whether all was taken."""
        return self._outbox is None or self._outbox.settle()

    def close(self) -> None:
        """Send no more."""
        if self._outbox:
            self._outbox.close()


class FrontDesks(Webhooks):
    """Ticket machines and agents' screens of all centres."""

    instance = "guichets"
    channel = Channel.VISIT
    types: ClassVar = {
        What.TICKET_TAKEN: ("ticket.taken", "visit.arrived"),
        What.VISITOR_CALLED: ("ticket.called", "visit.called"),
        What.VISITOR_SERVED: ("ticket.served", "visit.served"),
        What.VISITOR_LEFT: ("ticket.left", "visit.left"),
    }
    whats = frozenset(types)

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

    def data(self, deed: Deed) -> dict[str, Any]:
        """Return who came, and where one waits."""
        if deed.what is not What.TICKET_TAKEN:
            return {}
        who = deed.matter.citizen
        visitor = {"name": who.name, "phone": who.phone, "email": who.email or None, "case": who.case}
        return {"room": deed.matter.place.queue, "visitor": visitor}


class Helpdesk(Webhooks):
    """A program in which the services answer e-mail."""

    instance = "messagerie"
    channel = Channel.EMAIL
    types: ClassVar = {
        What.EMAIL_RECEIVED: ("mail.received", "email.received"),
        What.EMAIL_ACKNOWLEDGED: ("mail.acknowledged", "email.acknowledged"),
        What.EMAIL_ANSWERED: ("mail.answered", "email.answered"),
    }
    whats = frozenset(types)

    def words(self) -> set[str]:
        """Return the names of site and services."""
        return {HEADQUARTERS, *EMAIL_SERVICES}

    def kind(self, event: str) -> dict[str, Any]:
        """Return how a message is understood."""
        return super().kind(event) | {"email": "data.from"}

    def data(self, deed: Deed) -> dict[str, Any]:
        """Return who wrote."""
        return {"from": deed.matter.citizen.email, "subject": "Une question"}


def _uuid(matter: Matter) -> str:
    """Return a matter's number in the form of a UUID, which says nothing about a person."""
    return f"00000000-0000-4000-8000-{matter.number:012x}"
