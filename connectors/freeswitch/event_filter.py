"""Filter for events and lists: only the required fields are stored."""

from typing import Final

import msgspec

from connectors.freeswitch.name_resolver import NameResolver
from connectors.sdk.journaled_stream import Message, StreamRecord, select_fields

AT: Final = "Event-Date-Timestamp"
"""Header with the time of an event, in microseconds since 1970."""
MEMBER_FIELDS: Final = ("CC-Queue", "CC-Member-UUID", "CC-Member-Session-UUID")
AGENT_FIELDS: Final = (*MEMBER_FIELDS, "CC-Agent")
RETAINED_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "member-queue-start": (*MEMBER_FIELDS, "CC-Member-CID-Number"),
    "member-queue-resume": (*MEMBER_FIELDS, "CC-Member-CID-Number"),
    "member-queue-end": (*MEMBER_FIELDS, "CC-Member-Joined-Time", "CC-Cause", "CC-Cancel-Reason", "Answer-State"),
    "bridge-agent-start": (*AGENT_FIELDS, "CC-Member-Joined-Time", "CC-Agent-Called-Time", "CC-Agent-Answered-Time"),
    "bridge-agent-end": (*AGENT_FIELDS, "CC-Member-Joined-Time", "CC-Agent-Bridged", "variable_sip_hangup_disposition"),
    "bridge-agent-fail": (*AGENT_FIELDS, "CC-Hangup-Cause"),
    "agent-status-change": ("CC-Agent", "CC-Agent-Status"),
    "agent-state-change": ("CC-Agent", "CC-Agent-State"),
}
"""Retained actions (`CC-Action`) of `callcenter::info`, and their fields in addition to the action and `AT`.

Of `agent-state-change`, only the state `IN_A_CALL` is retained."""
IN_A_CALL: Final = "In a queue call"
MEMBER: Final = (
    *("queue", "uuid", "session_uuid", "cid_number", "state", "serving_agent"),
    *("joined_epoch", "rejoined_epoch", "bridge_epoch", "abandoned_epoch"),
)
AGENT_ROW: Final = ("name", "status", "last_status_change")
TIER: Final = ("queue", "agent")
LISTED: Final = "=listed"
"""Internal action of a record with lists: at the start of a connection, or when the agent lists have changed."""
ARRIVED: Final = "=arrived"
TRANSFER: Final = "Transfer"
"""Field that `filter_event` adds to `member-queue-end`: the last transfer of the call, such as `1773651600|bl_xfer|610`.

Its parts are the time in seconds since 1970, one of `TRANSFERS`, and the extension. The extension is empty for `att_xfer`,
and if it leads to no queue. The transfer may be older than the conversation that ends.
"""
TRANSFERS: Final = ("bl_xfer", "att_xfer")
OVERSIZED: Final = "=oversized"
"""`Event-Name` and internal action that replaces an event longer than `MAX_EVENT_BYTES`."""


class EventSocketRecord(StreamRecord, array_like=True):
    """Retained fields of an event, or an internal action `LISTED` with lists."""

    members: list[Message] | None = None
    """Rows of the callers in all queues, for `LISTED` at the start of a connection; None if only agents were listed."""
    agents: list[Message] = msgspec.field(default_factory=list)
    tiers: list[Message] = msgspec.field(default_factory=list)
    reported: list[str] = msgspec.field(default_factory=list)
    """Subjects (see `subject`) of the events received during the listing, for `LISTED`; sorted."""


def filter_event(event: Message, names: NameResolver) -> Message | None:
    """Return the retained fields of an event, None if it is not needed.

    Dialled numbers are retained only if they are a configured line or the extension of a queue. An arrival, an event that is
    too long and a last transfer are retained as `ARRIVED`, `OVERSIZED` and `TRANSFER`.
    """
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
    fields = select_fields(event, ("CC-Action", AT, *RETAINED_FIELDS[action]))
    if action == "agent-state-change" and fields.get("CC-Agent-State") != IN_A_CALL:
        return None
    if action == "member-queue-end" and (transfer := _last_transfer(event.get("variable_transfer_history", ""), names)):
        fields[TRANSFER] = transfer
    return fields


def subject(message: Message) -> str:
    """Return the subject of a message: its call and member as `session|member`, or else its agent; empty if neither."""
    member = message.get("CC-Member-UUID", "")
    return f"{message.get('CC-Member-Session-UUID', '')}|{member}" if member else message.get("CC-Agent", "")


def _last_transfer(history: str, names: NameResolver) -> str:
    """Return the last of the `epoch:uuid:kind:extension/context/dialplan` transfers as for `TRANSFER`; empty if none."""
    last = ""
    for transfer in history.removeprefix("ARRAY::").split("|:"):
        epoch, _, kind, *destination = [*transfer.split(":", 3), "", ""][:4]
        if kind in TRANSFERS and epoch.isascii() and epoch.isdecimal():
            extension = destination[0].partition("/")[0] if kind == "bl_xfer" else ""
            last = f"{epoch[:12]}|{kind}|{extension if names.queue_of_extension(extension) else ''}"
    return last
