"""What is kept of events and lists: what is needed, all else is dropped where it is read."""

from collections.abc import Sequence
from typing import Final

import msgspec

from connectors.freeswitch.event_socket_protocol import Message
from connectors.freeswitch.event_socket_session import OVERSIZED
from connectors.freeswitch.name_resolver import NameResolver
from connectors.sdk import journaled_stream

AT: Final = "Event-Date-Timestamp"
"""When, microseconds since 1970."""
WHO: Final = ("CC-Queue", "CC-Member-UUID", "CC-Member-Session-UUID")
AGENT: Final = (*WHO, "CC-Agent")
RETAINED_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "member-queue-start": (*WHO, "CC-Member-CID-Number"),
    "member-queue-resume": (*WHO, "CC-Member-CID-Number"),
    "member-queue-end": (*WHO, "CC-Member-Joined-Time", "CC-Cause", "CC-Cancel-Reason", "Answer-State"),
    "bridge-agent-start": (*AGENT, "CC-Member-Joined-Time", "CC-Agent-Called-Time", "CC-Agent-Answered-Time"),
    "bridge-agent-end": (*AGENT, "CC-Member-Joined-Time", "CC-Agent-Bridged", "variable_sip_hangup_disposition"),
    "bridge-agent-fail": (*AGENT, "CC-Hangup-Cause"),
    "agent-status-change": ("CC-Agent", "CC-Agent-Status"),
    "agent-state-change": ("CC-Agent", "CC-Agent-State"),
}
"""Which actions of `callcenter::info` are kept, and what of them."""
IN_A_CALL: Final = "In a queue call"
MEMBER: Final = (
    *("queue", "uuid", "session_uuid", "cid_number", "state", "serving_agent"),
    *("joined_epoch", "rejoined_epoch", "bridge_epoch", "abandoned_epoch"),
)
AGENT_ROW: Final = ("name", "status", "last_status_change")
TIER: Final = ("queue", "agent")
LISTED: Final = "=listed"
"""What a new connection tells first: how things are."""
ARRIVED: Final = "=arrived"
TRANSFER: Final = "Transfer"
"""Of `variable_transfer_history`, the last: `1773651600|bl_xfer|610`, the extension only if a queue is there."""
TRANSFERS: Final = ("bl_xfer", "att_xfer")
LONGEST: Final = 300
"""A longer value is cut: none that is needed is as long."""


class EventSocketRecord(journaled_stream.StreamRecord, array_like=True):
    """What is kept of an event, or how things are."""

    message: Message
    members: list[Message] | None = None
    """Of `LISTED`: rows of who waits or talks; None if only agents were listed."""
    agents: list[Message] = msgspec.field(default_factory=list)
    tiers: list[Message] = msgspec.field(default_factory=list)
    heard: list[str] = msgspec.field(default_factory=list)
    """Of `LISTED`: whom or what an event told of while the lists were made, by `subject`."""


def select_fields(message: Message, names: Sequence[str]) -> Message:
    """Return what is needed of a message."""
    return {name: message[name][:LONGEST] for name in names if name in message}


def filter_event(event: Message, names: NameResolver) -> Message | None:
    """Return what is needed of an event, None if nothing is. Of what was dialled, only a line or a queue is."""
    if event.get("Event-Name") == OVERSIZED:
        return {"CC-Action": OVERSIZED}
    if event.get("Event-Name") == "CHANNEL_CREATE":
        line = event.get("Call-Direction") == "inbound" and names.line(event.get("Caller-Destination-Number", ""))
        return (
            {"CC-Action": ARRIVED} | select_fields(event, (AT, "Unique-ID", "Caller-Destination-Number"))
            if line
            else None
        )
    action = event.get("CC-Action", "")
    if event.get("Event-Subclass") != "callcenter::info" or action not in RETAINED_FIELDS:
        return None
    kept = select_fields(event, ("CC-Action", AT, *RETAINED_FIELDS[action]))
    if action == "agent-state-change" and kept.get("CC-Agent-State") != IN_A_CALL:
        return None
    if action == "member-queue-end" and (transfer := _last_transfer(event.get("variable_transfer_history", ""), names)):
        kept[TRANSFER] = transfer
    return kept


def subject(message: Message) -> str:
    """Return what names the member, or else the agent, that a message is about."""
    member = message.get("CC-Member-UUID", "")
    return f"{message.get('CC-Member-Session-UUID', '')}|{member}" if member else message.get("CC-Agent", "")


def _last_transfer(history: str, names: NameResolver) -> str:
    """Return the last transfer of `epoch:uuid:kind:extension/context/dialplan`, of which there may be several."""
    found = ""
    for one in history.removeprefix("ARRAY::").split("|:"):
        epoch, _, kind, *where = [*one.split(":", 3), "", ""][:4]
        if kind in TRANSFERS and epoch.isascii() and epoch.isdecimal():
            extension = where[0].partition("/")[0] if kind == "bl_xfer" else ""
            found = f"{epoch[:12]}|{kind}|{extension if names.queue_of_extension(extension) else ''}"
    return found
