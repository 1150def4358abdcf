"""Event types of calls and of the agents who answer them."""

from enum import StrEnum
from typing import Literal

from models.envelope import Envelope, EventPart, Label
from models.events.parts import AgentName, Count, NoData, Ordinal, Seconds
from models.topics import Channel


class LeaveReason(StrEnum):
    """Why a call left a queue neither answered nor abandoned."""

    TIMEOUT = "timeout"
    """The queue's maximum wait passed."""
    EMPTY = "empty"
    """The queue had no agent, or no longer had one."""
    KEY = "key"
    """The caller pressed a key."""
    FULL = "full"
    """The queue had reached its maximum number of callers."""
    CLOSED = "closed"
    """The service was closed: outside opening hours, or for the whole day."""
    DIVERTED = "diverted"
    """The dialplan sent the call elsewhere."""
    WITHDRAWN = "withdrawn"
    """A manager action took the call out of the queue."""
    INCOMPATIBLE = "incompatible"
    """Caller and agent had no channel format in common (SYSCOMPAT)."""
    OTHER = "other"


class EndedBy(StrEnum):
    """The party that ended a conversation."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"
    UNKNOWN = "unknown"


class TransferKind(StrEnum):
    """Kind of transfer by an agent."""

    BLIND = "blind"
    ATTENDED = "attended"
    UNKNOWN = "unknown"


class AgentChange(StrEnum):
    """A change of an agent's state."""

    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    PAUSED = "paused"
    UNPAUSED = "unpaused"
    CONTACT_STARTED = "contact_started"
    CONTACT_ENDED = "contact_ended"
    RING_UNANSWERED = "ring_unanswered"
    """A call rang at the agent and was not answered."""


class CallEvent(Envelope):
    """Channel `call`."""

    channel: Literal[Channel.CALL] = Channel.CALL


class CallArrivedData(EventPart):
    """Data of `call.arrived`."""

    line: Label = ""
    """Configured name of the dialled line; never the number."""


class CallArrived(CallEvent):
    """A call reached the switchboard, before any queue."""

    type: Literal["call.arrived"] = "call.arrived"
    data: CallArrivedData = CallArrivedData()


class InQueue(EventPart):
    """The queue stay that a call event belongs to.

    The queue stays of a call have different numbers: from 1 on, or the start of the stay in seconds since 1970. Entries that a
    queue refused have numbers of their own.
    """

    queue: Label
    visit: Ordinal = 1
    """Number of the queue stay."""


class CallQueuedData(InQueue):
    """Data of `call.queued`."""

    position: Count | None = None


class CallQueued(CallEvent):
    """A call entered a queue."""

    type: Literal["call.queued"] = "call.queued"
    data: CallQueuedData


class CallAnsweredData(InQueue):
    """Data of `call.answered`."""

    agent: AgentName = ""
    wait_seconds: Seconds | None = None
    ring_seconds: Seconds | None = None


class CallAnswered(CallEvent):
    """An agent answered a waiting call."""

    type: Literal["call.answered"] = "call.answered"
    data: CallAnsweredData


class CallAbandonedData(InQueue):
    """Data of `call.abandoned`."""

    wait_seconds: Seconds | None = None
    position: Count | None = None
    original_position: Count | None = None


class CallAbandoned(CallEvent):
    """A caller hung up while waiting in a queue."""

    type: Literal["call.abandoned"] = "call.abandoned"
    data: CallAbandonedData


class CallLeftQueueData(InQueue):
    """Data of `call.left_queue`."""

    reason: LeaveReason
    wait_seconds: Seconds | None = None


class CallLeftQueue(CallEvent):
    """A call left a queue neither answered nor abandoned."""

    type: Literal["call.left_queue"] = "call.left_queue"
    data: CallLeftQueueData


class CallTransferredData(InQueue):
    """Data of `call.transferred`. The transfer ends the agent's part of the call."""

    kind: TransferKind
    to_queue: Label = ""
    """Target queue, if the configuration maps the dialled extension to one."""
    wait_seconds: Seconds | None = None
    handle_seconds: Seconds | None = None


class CallTransferred(CallEvent):
    """An agent transferred an answered call."""

    type: Literal["call.transferred"] = "call.transferred"
    data: CallTransferredData


class CallEndedData(InQueue):
    """Data of `call.ended`."""

    ended_by: EndedBy
    wait_seconds: Seconds | None = None
    handle_seconds: Seconds | None = None


class CallEnded(CallEvent):
    """An answered call ended."""

    type: Literal["call.ended"] = "call.ended"
    data: CallEndedData


class CallMenuChosenData(EventPart):
    """Data of `call.menu_chosen`."""

    option: Label = ""
    """Configured name of the choice; empty if it has none."""


class CallMenuChosen(CallEvent):
    """A caller made a choice in a voice menu."""

    type: Literal["call.menu_chosen"] = "call.menu_chosen"
    data: CallMenuChosenData = CallMenuChosenData()


class CallVoicemailLeftData(EventPart):
    """Data of `call.voicemail_left`. The recording stays in the telephone system."""

    duration_seconds: Seconds | None = None
    queue: Label = ""
    """The queue whose mailbox has the message. If empty, the last queue of the call counts."""


class CallVoicemailLeft(CallEvent):
    """A caller left a voice message."""

    type: Literal["call.voicemail_left"] = "call.voicemail_left"
    data: CallVoicemailLeftData = CallVoicemailLeftData()


class CallVoicemailHeard(CallEvent):
    """An agent listened to a voice message."""

    type: Literal["call.voicemail_heard"] = "call.voicemail_heard"
    data: NoData = NoData()


class CallCallbackRequestedData(EventPart):
    """Data of `call.callback_requested`."""

    queue: Label = ""
    """The queue that must call back. If empty, the last queue of the call counts."""


class CallCallbackRequested(CallEvent):
    """A citizen asked to be called back."""

    type: Literal["call.callback_requested"] = "call.callback_requested"
    data: CallCallbackRequestedData = CallCallbackRequestedData()


class CallCalledBack(CallEvent):
    """An agent called the citizen back, after a request or a voice message."""

    type: Literal["call.called_back"] = "call.called_back"
    data: NoData = NoData()


class AgentStateChangedData(EventPart):
    """Data of `agent.state_changed`. The event's subject is the agent."""

    change: AgentChange
    queue: Label = ""
    """The queue that the change concerns; empty for all queues."""


class AgentStateChanged(CallEvent):
    """An agent logged in or out, paused, or took or ended a contact."""

    type: Literal["agent.state_changed"] = "agent.state_changed"
    data: AgentStateChangedData


CallEvents = (
    CallArrived
    | CallMenuChosen
    | CallQueued
    | CallAnswered
    | CallAbandoned
    | CallLeftQueue
    | CallTransferred
    | CallEnded
    | CallVoicemailLeft
    | CallVoicemailHeard
    | CallCallbackRequested
    | CallCalledBack
    | AgentStateChanged
)
