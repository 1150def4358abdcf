"""Events about agents: state changes, unanswered rings, and the start and end of conversations."""

from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.asterisk.call_history import Call, CallHistory
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import QueueLogRecord
from models.codec import UnusableRecord
from models.events import AgentChange, AgentStateChanged, Event
from models.ids import agent_id, event_id
from models.locale import _
from models.reasons import Reason

Envelope = dict[str, Any]
"""Fields shared by the events of one record. Each new event overwrites its own fields here, so build one at a time."""


class QueueStay(msgspec.Struct, frozen=True):
    """A call's stay in a queue. It also stands for a call outside queues: `queue` and `queue_key` are then empty."""

    stored: Call
    """The call in the memory, with all its stays."""
    call_id: str
    subject: str
    queue_key: str
    """See `NameResolver.queue_key`."""
    queue: str
    ordinal: int
    """Number of this stay in the call; 0 outside queues."""
    service: str
    site: str


class AgentEvents:
    """Builds the `agent.state_changed` events of one Asterisk."""

    def __init__(self, source: str, names: NameResolver, history: CallHistory) -> None:
        self._source = source
        self._names = names
        self._history = history

    def ring_unanswered(self, stay: QueueStay, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        """Count a ring that the agent did not answer, and return its event; empty if the record names no agent."""
        agent = self._names.agent(record.agent)
        if not agent:
            return ()
        occurrence = self._history.ordinal(stay.call_id, f"{agent}|{stay.ordinal}", record.second)
        return self._in_call(agent, stay, AgentChange.RING_UNANSWERED, envelope, f"|{occurrence}")

    def started(self, stay: QueueStay, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        """Record that a conversation began, and return its event; empty if the record names no agent."""
        agent = self._names.agent(record.agent)
        if not agent:
            return ()
        self._history.begin_talk(agent, stay.call_id, stay.ordinal, record.second)
        return self._in_call(agent, stay, AgentChange.CONTACT_STARTED, envelope)

    def ended(self, stay: QueueStay, record: QueueLogRecord, envelope: Envelope, *, busy: bool) -> Sequence[Event]:
        """Return the event for the end of a conversation.

        Empty if the agent is still `busy` with another call, or if the record names no agent.
        """
        agent = self._names.agent(record.agent)
        return self._in_call(agent, stay, AgentChange.CONTACT_ENDED, envelope) if agent and not busy else ()

    def _in_call(
        self, agent: str, stay: QueueStay, change: AgentChange, envelope: Envelope, note: str = ""
    ) -> Sequence[Event]:
        native = f"{agent}|{stay.queue}|{change}|{stay.call_id}|{stay.ordinal}{note}"
        return (self.event(agent, change, stay.queue, stay.service, stay.site, native, envelope),)

    def changed(self, change: AgentChange, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        """Return the events of an agent's own action: log in, log out, pause or unpause.

        An agent who logs in paused gives two events. Raises `UnusableRecord` if the record names no agent.
        """
        agent = self._names.agent(record.agent)
        if not agent:
            raise UnusableRecord(Reason.UNREADABLE_LINE, _("it names no agent"))
        queue = self._names.queue(record.queue)
        changes = [change]
        if record.event == "ADDMEMBER" and record.text(0) == "PAUSED":
            changes.append(AgentChange.PAUSED)
        events = []
        for index, single_change in enumerate(changes):
            change_key = f"{agent}|{queue.label}|{single_change}"
            native = f"{change_key}|{record.second}|{self._history.count_change(record.second, change_key)}"
            if index:
                envelope["sequence"] = f"{envelope['sequence']}.{index}"
            events.append(self.event(agent, single_change, queue.label, *self._names.place(queue), native, envelope))
        return events

    def event(
        self, agent: str, change: AgentChange, queue: str, service: str, site: str, native: str, envelope: Envelope
    ) -> AgentStateChanged:
        """Return one agent state event. `agent` is the pseudonym, `native` the key that the event id is derived from.

        The fields of the event are overwritten in `envelope`.
        """
        envelope["id"] = event_id(self._source, native)
        envelope["subject"] = agent_id(self._source, agent)
        envelope["service"] = service
        envelope["site"] = site
        envelope["data"] = {"change": change, "queue": queue}
        return AgentStateChanged.make(envelope)
