"""What is told of a visit: the messages that the `webhook` connector's README has as its example."""

from datetime import UTC
from typing import Final, NamedTuple

import msgspec

from connectors.webhook.desk.room import Action, Step

TYPES: Final = {
    Step.TAKE: "ticket.taken",
    Step.CALL: "ticket.called",
    Step.SERVE: "ticket.served",
    Step.LEAVE: "ticket.left",
}


class Told(NamedTuple):
    """A message as it is sent."""

    name: str
    """Its id: what is sent again under the same one counts once."""
    body: bytes


def tell(action: Action, site: str) -> Told:
    """Return the message that tells an action at `site`."""
    body = {
        "type": TYPES[action.step],
        "timestamp": action.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "data": {"ticket": {"id": action.ticket}, "office": site, "room": action.queue, "counter": action.counter},
    }
    return Told(action.id, msgspec.json.encode(body))
