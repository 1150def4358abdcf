"""Messages about visits, in the format of the example in the `webhook` connector's README."""

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
    """A message to send."""

    name: str
    """Id of the message: messages sent again with the same id count once."""
    body: bytes


def message_for(action: Action, site: str) -> KioskMessage:
    """Return the message about an action at `site`."""
    body = {
        "type": TYPES[action.step],
        "timestamp": action.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "data": {"ticket": {"id": action.ticket}, "office": site, "room": action.queue, "counter": action.counter},
    }
    return KioskMessage(action.id, msgspec.json.encode(body))
