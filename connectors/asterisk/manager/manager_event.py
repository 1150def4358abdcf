"""What a message says, with the names that events have, and records as the log would have them."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from connectors.asterisk.manager.ami_protocol import Message
from connectors.asterisk.name_resolver import NameResolver, ResolvedName
from connectors.asterisk.queue_log import NO_CALL, QueueLogRecord
from connectors.sdk.telephony import LAST_POSITION, LONGEST_SECONDS, whole

TRANSFERS: Final = frozenset({"BlindTransfer", "AttendedTransfer"})
HIGHEST: Final = max(LONGEST_SECONDS, LAST_POSITION)


class ManagerEvent(NamedTuple):
    """One message."""

    event: str
    second: int
    unique_id: str
    """Of the call, as Asterisk has it."""
    call: str
    """As `Names.call` calls it; empty if there is none."""
    queue: str
    """As `Names.own_queue` calls it; empty if there is none."""
    agent: str
    """The pseudonym; empty if there is none."""
    message: Message

    def get(self, key: str) -> str:
        """Return a value, empty if it is not there."""
        return self.message.get(key, "")

    def number(self, key: str) -> str:
        """Return a value that is a duration or a position, empty if it is none."""
        value = self.get(key)
        return "" if whole(value, HIGHEST) is None else value

    def at(self, *, queue: str, second: int | None = None) -> "ManagerEvent":
        """Return what is said of the same call, in another queue, and perhaps at another time."""
        return self._replace(queue=queue, second=self.second if second is None else second)


def read_message(message: Message, second: int, names: NameResolver) -> ManagerEvent:
    """Return what a message says. `second` is when, in seconds since 1970."""
    event = message.get("Event", "")
    unique_id = message.get("TransfereeUniqueid" if event in TRANSFERS else "Uniqueid", "")
    agent = message.get("Agent") or message.get("MemberName") or message.get("Name") or message.get("Interface", "")
    return ManagerEvent(
        event,
        second,
        unique_id,
        "" if unique_id in NO_CALL else names.call(unique_id, second),
        names.queue_key(message.get("Queue", "")),
        names.agent(agent),
        message,
    )


def record(said: ManagerEvent, event: str, *parameters: str) -> QueueLogRecord:
    """Return a record of what is said."""
    time = datetime.fromtimestamp(said.second, UTC)
    return QueueLogRecord(
        said.second,
        time,
        ResolvedName(said.call),
        ResolvedName(said.queue),
        ResolvedName(said.agent),
        event,
        list(parameters),
    )
