"""Systems with signed webhooks: the front desks of the centres, and a helpdesk for e-mail without a mailbox."""

import json
from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar

from pydantic import SecretStr

from connectors.sdk.webhook.sender import Sender
from connectors.simulator.actions import Action, ActionKind, CitizenCase
from connectors.simulator.organisation import (
    CONTACT_REASONS,
    EMAIL_SERVICES,
    HEADQUARTERS,
    SECTOR,
    SUBJECTS,
    VISITS,
)
from connectors.simulator.systems.base import PostingSystem
from models.ids import contact_id
from models.topics import Channel


class Webhooks(PostingSystem):
    """Base of systems read by the `webhook` connector. Subclasses define the messages."""

    connector = "webhook"
    senders = 4
    """Number of threads. Each waits until its event is stored."""
    types: ClassVar[dict[ActionKind, tuple[str, str]]]
    """Action kind → type of its message, and type of the event that the connector makes of it."""
    fields: ClassVar[dict[str, str]]
    """Fields of messages, by the name of the option of the mapping, besides the id of the contact and its place."""
    labels: ClassVar[dict[str, set[str]]]
    """Names of sites, services and queues in the messages, which are those of the events."""

    @abstractmethod
    def data(self, action: Action) -> dict[str, Any]:
        """Return the content of an action's message, without id, site and service, which every message has."""

    def options(self) -> dict[str, Any]:
        return super().options() | {
            "sector": SECTOR,
            "id": "data.id",
            "site": "data.site",
            "service": "data.service",
            **self.fields,
            "values": {name: {label: label for label in sorted(labels)} for name, labels in self.labels.items()},
            "events": [
                {"event": event, "time": "timestamp", "when": {"type": name}} for name, event in self.types.values()
            ],
        }

    def contact(self, citizen_case: CitizenCase) -> str:
        return contact_id(self.channel, self.source, _uuid(citizen_case))

    def open(self) -> None:
        self._sender = Sender(f"{self.url}/", SecretStr(self.secret))
        self.stack.callback(self._sender.close)
        super().open()

    def run(self, action: Action) -> None:
        (name, _), native, place = self.types[action.kind], _uuid(action.citizen_case), action.citizen_case.place
        data = {"id": native, "site": place.site, "service": place.service, **self.data(action)}
        body = json.dumps({"type": name, "timestamp": action.at.isoformat(), "data": data}).encode()
        self.outbox.put(partial(self._sender.send, f"{native}.{name}", body), action.citizen_case.number)


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
    fields: ClassVar = {
        "phone": "data.visitor.phone",
        "email": "data.visitor.email",
        "case": "data.visitor.case",
        "queue": "data.room",
    }
    labels: ClassVar = {
        name: {getattr(place, name) for place, _ in VISITS.places} for name in ("site", "service", "queue")
    }

    def data(self, action: Action) -> dict[str, Any]:
        """Return the visitor and the room for a new ticket; nothing for later messages, which identify nobody."""
        if action.kind is not ActionKind.TICKET_TAKEN:
            return {}
        citizen = action.citizen_case.citizen
        visitor = {"name": citizen.name, "phone": citizen.phone, "email": citizen.email or None, "case": citizen.case}
        return {"room": action.citizen_case.place.queue, "visitor": visitor}


class Helpdesk(Webhooks):
    """Application in which the services answer e-mail."""

    instance = "messagerie"
    channel = Channel.EMAIL
    types: ClassVar = {
        ActionKind.EMAIL_RECEIVED: ("mail.received", "email.received"),
        ActionKind.EMAIL_ACKNOWLEDGED: ("mail.acknowledged", "email.acknowledged"),
        ActionKind.EMAIL_ANSWERED: ("mail.answered", "email.answered"),
    }
    action_kinds = frozenset(types)
    fields: ClassVar = {"email": "data.from"}
    labels: ClassVar = {"site": {HEADQUARTERS}, "service": {*EMAIL_SERVICES}}

    def options(self) -> dict[str, Any]:
        options = super().options()
        reasons = {subject: name for name, reason in CONTACT_REASONS.items() for subject in reason.subjects}
        options["events"].append(
            {
                "event": "contact.reason_set",
                "time": "timestamp",
                "when": {"type": self.types[ActionKind.EMAIL_RECEIVED][0]},
                "contact_reason": {"field": "data.subject", "values": reasons},
            }
        )
        return options

    def data(self, action: Action) -> dict[str, Any]:
        case = action.citizen_case
        return {"from": case.citizen.email, "subject": SUBJECTS[case.place.service]}


def _uuid(citizen_case: CitizenCase) -> str:
    return f"00000000-0000-4000-8000-{citizen_case.number:012x}"
