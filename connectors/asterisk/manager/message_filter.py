"""Filter for manager interface messages: only the required fields are stored."""

import re
from typing import Final

import msgspec

from connectors.asterisk.manager.ami_protocol import OVERSIZED
from connectors.asterisk.name_resolver import NameResolver
from connectors.sdk.journaled_stream import Message, StreamRecord, select_fields

CALLS: Final = ("Uniqueid", "Queue")
AGENTS: Final = (*CALLS, "MemberName", "Interface")
RETAINED_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "QueueCallerJoin": (*CALLS, "Position", "CallerIDNum", "Context", "Exten"),
    "QueueCallerLeave": CALLS,
    "QueueCallerAbandon": (*CALLS, "Position", "OriginalPosition", "HoldTime"),
    "AgentConnect": (*AGENTS, "HoldTime", "RingTime"),
    "AgentComplete": (*AGENTS, "HoldTime", "TalkTime", "Reason"),
    "AgentRingNoAnswer": (*AGENTS, "RingTime"),
    "QueueMemberAdded": (*AGENTS, "Paused"),
    "QueueMemberRemoved": AGENTS,
    "QueueMemberPause": (*AGENTS, "Paused"),
    "AgentLogin": ("Agent",),
    "AgentLogoff": ("Agent",),
    "BlindTransfer": ("Result", "TransfereeUniqueid", "Extension"),
    "AttendedTransfer": ("Result", "TransfereeUniqueid"),
    "Newchannel": ("Uniqueid", "Linkedid", "Exten"),
    "Newexten": ("Uniqueid", "Context", "Extension", "Priority", "Application"),
    "VarSet": ("Uniqueid", "Variable", "Value"),
    "Hangup": ("Uniqueid",),
    "UserEvent": (*CALLS, "UserEvent", "Agent", "Data"),
    OVERSIZED: (),
}
"""Retained events, and their fields in addition to `Event` and `Timestamp`. `filter_message` has further conditions."""
VARIABLES: Final = frozenset({"QUEUESTATUS", "VMSTATUS", "ABANDONED"})
MEMBER: Final = ("Queue", "Name", "Paused", "InCall")
ENTRY: Final = ("Uniqueid", "Queue", "Position", "CallerIDNum", "Wait")
"""Retained fields of the `QueueStatus` rows of waiting callers; `MEMBER` has those of agents."""
KEYS: Final = re.compile(r"[0-9*#A-D]{1,6}")
"""Keys by which a caller may leave a queue; shorter than any phone number."""


class ManagerRecord(StreamRecord, array_like=True):
    """Retained fields of a message, or an internal event with the queue status."""

    members: list[Message] = msgspec.field(default_factory=list)
    """Rows of agents in queues; only for `LISTED`."""
    entries: list[Message] = msgspec.field(default_factory=list)
    """Rows of waiting callers; only for `LISTED`."""


def filter_message(message: Message, names: NameResolver) -> Message | None:
    """Return the retained fields of a message; None if it is not needed.

    Dialled numbers are retained only if they are keys, the extension of a queue, or a configured line. The `Data` of a
    `UserEvent` is retained unchecked.
    """
    event = message.get("Event", "")
    if event not in RETAINED_FIELDS:
        return None
    fields = select_fields(message, ("Event", "Timestamp", *RETAINED_FIELDS[event]))
    match event:
        case "VarSet" if fields.get("Variable") not in VARIABLES:
            return None
        case "Newchannel" if not names.line(fields.get("Exten", "")):
            return None
        case "QueueCallerJoin" if not _is_key(fields.get("Exten")):
            fields.pop("Exten", None)
        case "BlindTransfer" if not names.queue_of_extension(fields.get("Extension", "")):
            fields.pop("Extension", None)
        case "Newexten":
            by_key = fields.get("Priority") == "1" and _is_key(fields.get("Extension"))
            if not by_key:
                fields.pop("Extension", None)
            if fields.get("Application") == "Queue":
                fields |= select_fields(message, ["AppData"])  # in other applications it may contain anything
            elif not by_key:
                return None
    return fields


def _is_key(dialled: str | None) -> bool:
    return dialled is not None and KEYS.fullmatch(dialled) is not None
