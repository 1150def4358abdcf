"""Messages about visits, in the format of the example in the `webhook` connector's README."""

from datetime import UTC
from typing import Final

import msgspec

from connectors.kiosk.waiting_room import Action, ActionKind

TYPES: Final = {
    ActionKind.TAKE: "ticket.taken",
    ActionKind.CALL: "ticket.called",
    ActionKind.SERVE: "ticket.served",
    ActionKind.LEAVE: "ticket.left",
}


def message_for(action: Action, site: str) -> tuple[str, bytes]:
    """Return the id, which is the action's, and the JSON body of the message about an action at the site labelled `site`."""
    body = {
        "type": TYPES[action.step],
        "timestamp": action.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "data": {"ticket": {"id": action.ticket}, "office": site, "room": action.queue, "counter": action.counter},
    }
    return action.id, msgspec.json.encode(body)
