"""What is kept of messages of the manager interface: what is needed, all else is dropped where it is read."""

from collections.abc import Sequence
from typing import Final

import msgspec

from connectors.asterisk.manager.wire import OVERSIZED, Message

CALLS: Final = ("Uniqueid", "Queue")
AGENTS: Final = (*CALLS, "MemberName", "Interface")
KEPT: Final[dict[str, tuple[str, ...]]] = {
    "QueueCallerJoin": (*CALLS, "Position", "CallerIDNum", "Context", "Exten"),
    "QueueCallerLeave": CALLS,
    "QueueCallerAbandon": (*CALLS, "Position", "OriginalPosition", "HoldTime"),
    "AgentConnect": (*AGENTS, "HoldTime", "RingTime"),
    "AgentComplete": (*AGENTS, "HoldTime", "TalkTime", "Reason"),
    "AgentRingNoAnswer": (*AGENTS, "RingTime"),
    "AgentDump": AGENTS,
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
LONGEST: Final = 300
"""A longer value is cut: none that is needed is as long."""


class Told(msgspec.Struct, array_like=True):
    """What is kept of a message, or that a connection began, and how things were then."""

    number: int
    received_at: float
    """Seconds since 1970, by our clock."""
    message: Message
    members: list[Message] = []
    """Rows of agents in queues, of `LISTED`."""
    entries: list[Message] = []
    """Rows of waiting callers, of `LISTED`."""


def cut(message: Message, keys: Sequence[str]) -> Message:
    """Return what is needed of a message."""
    return {key: message[key][:LONGEST] for key in keys if key in message}


def keep(message: Message) -> Message | None:
    """Return what is needed of a message, None if nothing is."""
    event = message.get("Event", "")
    keys = KEPT.get(event)
    if keys is None or (event == "VarSet" and message.get("Variable") not in VARIABLES):
        return None
    if event == "Newexten":
        if message.get("Application") == "Queue":
            keys = (*keys, "AppData")  # of other applications it may hold anything
        elif message.get("Priority") != "1":
            return None
    return cut(message, ("Event", "Timestamp", *keys))
