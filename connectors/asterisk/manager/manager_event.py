"""Messages of Asterisk's manager interface with resolved names, and their conversion to records of `queue_log`."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from connectors.asterisk.name_resolver import NameResolver, ResolvedName
from connectors.asterisk.queue_log import NO_CALL, QueueLogRecord
from connectors.sdk.journaled_stream import Message
from connectors.sdk.telephony import LAST_POSITION, LONGEST_SECONDS, whole

TRANSFERS: Final = frozenset({"BlindTransfer", "AttendedTransfer"})
HIGHEST: Final = max(LONGEST_SECONDS, LAST_POSITION)


class ManagerEvent(NamedTuple):
    """A message of the manager interface with resolved names, sent at `second` (since 1970)."""

    name: str
    second: int
    unique_id: str
    """Id of the call in Asterisk, as in the message; may also be empty or one of `NO_CALL`."""
    call: str
    """Id of the call from `NameResolver.call`; empty if none."""
    queue: str
    """Key of the queue from `NameResolver.queue_key`; empty if none."""
    agent: str
    """Pseudonym of the agent; empty if none."""
    message: Message

    def get(self, key: str) -> str:
        """Return a header, empty if missing."""
        return self.message.get(key, "")

    def number(self, key: str) -> str:
        """Return the text of a header if it is a whole number up to `HIGHEST`: a duration or a position. Otherwise empty."""
        value = self.get(key)
        return "" if whole(value, HIGHEST) is None else value


def read_message(message: Message, second: int, names: NameResolver) -> ManagerEvent:
    """Return `message` with resolved names. `second` is its time since 1970. The call of a transfer is the transferee's."""
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


def record(ami_event: ManagerEvent, event: str, *parameters: str) -> QueueLogRecord:
    """Return a log record of the given `event`, with the time, call, queue and agent of a message."""
    time = datetime.fromtimestamp(ami_event.second, UTC)
    return QueueLogRecord(
        ami_event.second,
        time,
        ResolvedName(ami_event.call),
        ResolvedName(ami_event.queue),
        ResolvedName(ami_event.agent),
        event,
        list(parameters),
    )
