"""What is kept of messages of the manager interface: what is needed, all else is dropped where it is read."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from connectors.asterisk.manager.ami_protocol import OVERSIZED, Message
from connectors.asterisk.name_resolver import NameResolver
from connectors.sdk import journaled_stream

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
"""Which events are kept, and what of them."""
VARIABLES: Final = frozenset({"QUEUESTATUS", "VMSTATUS", "ABANDONED"})
MEMBER: Final = ("Queue", "Name", "Paused", "InCall")
ENTRY: Final = ("Uniqueid", "Queue", "Position", "CallerIDNum", "Wait")
"""What is kept of the rows of `QueueStatus`."""
KEYS: Final = re.compile(r"[0-9*#A-D]{1,6}")
"""What a caller may leave a queue by: keys, fewer than any phone number has."""
LONGEST: Final = 300
"""A longer value is cut: none that is needed is as long."""


class ManagerRecord(journaled_stream.StreamRecord, array_like=True):
    """What is kept of a message, or that a connection began, and how things were then."""

    message: Message
    members: list[Message] = msgspec.field(default_factory=list)
    """Rows of agents in queues, of `LISTED`."""
    entries: list[Message] = msgspec.field(default_factory=list)
    """Rows of waiting callers, of `LISTED`."""


def select_fields(message: Message, keys: Sequence[str]) -> Message:
    """Return what is needed of a message."""
    return {key: message[key][:LONGEST] for key in keys if key in message}


def filter_message(message: Message, names: NameResolver) -> Message | None:
    """Return what is needed of a message, None if nothing is. Of what was dialled, only a key, a queue or a line is."""
    event = message.get("Event", "")
    if event not in RETAINED_FIELDS:
        return None
    kept = select_fields(message, ("Event", "Timestamp", *RETAINED_FIELDS[event]))
    match event:
        case "VarSet" if kept.get("Variable") not in VARIABLES:
            return None
        case "Newchannel" if not names.line(kept.get("Exten", "")):
            return None
        case "QueueCallerJoin" if not _is_key(kept.get("Exten")):
            kept.pop("Exten", None)
        case "BlindTransfer" if not names.queue_of_extension(kept.get("Extension", "")):
            kept.pop("Extension", None)
        case "Newexten":
            by_key = kept.get("Priority") == "1" and _is_key(kept.get("Extension"))
            if not by_key:
                kept.pop("Extension", None)
            if kept.get("Application") == "Queue":
                kept |= select_fields(message, ["AppData"])  # of other applications it may hold anything
            elif not by_key:
                return None
    return kept


def _is_key(dialled: str | None) -> bool:
    return dialled is not None and KEYS.fullmatch(dialled) is not None
