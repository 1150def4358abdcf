"""What is told of a visit: the messages that the `webhook` connector's README has as its example."""

from datetime import UTC
from typing import Final, NamedTuple

import msgspec

from connectors.kiosk.waiting_room import Action, ActionKind

TYPES: Final = {
    ActionKind.TAKE: "ticket.taken",
    ActionKind.CALL: "ticket.called",
    ActionKind.SERVE: "ticket.served",
    ActionKind.LEAVE: "ticket.left",
}


class KioskMessage(NamedTuple):
    """A message as it is sent."""

    name: str
    """Its id: what is sent again under the same one counts once."""
    body: bytes


def message_for(action: Action, site: str) -> KioskMessage:
    """Return the message that tells an action at `site`."""
    body = {
        "type": TYPES[action.step],
        "timestamp": action.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "data": {"ticket": {"id": action.ticket}, "office": site, "room": action.queue, "counter": action.counter},
    }
    return KioskMessage(action.id, msgspec.json.encode(body))
