"""What agents do, as events: by themselves, and in a call."""

from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.asterisk.call_history import Call, CallHistory
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import QueueLogRecord
from connectors.sdk.i18n import say
from models.codec import UnusableRecord
from models.events import AgentChange, AgentStateChanged, Event
from models.ids import agent_id, event_id
from models.reasons import Reason

Envelope = dict[str, Any]
"""What all events of a record have in common, to which each event adds its own: one is made at a time."""


class QueueStay(msgspec.Struct, frozen=True):
    """A call's stay in a queue."""

    remembered: Call
    call: str
    subject: str
    own: str
    """See `Names.own_queue`."""
    queue: str
    visit: int
    service: str
    site: str


class AgentEvents:
    """Tells what records say of agents."""

    def __init__(self, source: str, names: NameResolver, memory: CallHistory) -> None:
        self._source = source
        self._names = names
        self._memory = memory

    def ring_unanswered(self, stay: QueueStay, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        """Return that a call rang unanswered: the first, second … time in this stay at this agent."""
        agent = self._names.agent(record.agent)
        if not agent:
            return ()
        turn = self._memory.ordinal(stay.call, f"{agent}|{stay.visit}", record.second)
        return self._in_call(agent, stay, AgentChange.RING_UNANSWERED, said, f"|{turn}")

    def started(self, stay: QueueStay, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        """Return that a conversation began."""
        agent = self._names.agent(record.agent)
        if not agent:
            return ()
        self._memory.begin_talk(agent, stay.call, stay.visit, record.second)
        return self._in_call(agent, stay, AgentChange.CONTACT_STARTED, said)

    def ended(self, stay: QueueStay, record: QueueLogRecord, said: Envelope, *, busy: bool) -> Sequence[Event]:
        """Return that a conversation is over; nothing if the agent is `busy` with another one."""
        agent = self._names.agent(record.agent)
        return self._in_call(agent, stay, AgentChange.CONTACT_ENDED, said) if agent and not busy else ()

    def _in_call(
        self, agent: str, stay: QueueStay, change: AgentChange, said: Envelope, note: str = ""
    ) -> Sequence[Event]:
        native = f"{agent}|{stay.queue}|{change}|{stay.call}|{stay.visit}{note}"
        return (self.event(agent, change, stay.queue, stay.service, stay.site, native, said),)

    def changed(self, change: AgentChange, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        """Return what an agent did by himself. Raises `Unusable`."""
        agent = self._names.agent(record.agent)
        if not agent:
            raise UnusableRecord(Reason.UNREADABLE_LINE, say("it names no agent", "elle ne nomme pas d'agent"))
        queue = self._names.queue(record.queue)
        changes = [change]
        if record.event == "ADDMEMBER" and record.text(0) == "PAUSED":
            changes.append(AgentChange.PAUSED)
        events = []
        for place, each in enumerate(changes):
            what = f"{agent}|{queue.label}|{each}"
            native = f"{what}|{record.second}|{self._memory.count_change(record.second, what)}"
            if place:
                said["sequence"] = f"{said['sequence']}.{place}"
            events.append(self.event(agent, each, queue.label, *self._names.place(queue), native, said))
        return events

    def event(
        self, agent: str, change: AgentChange, queue: str, service: str, site: str, native: str, said: Envelope
    ) -> AgentStateChanged:
        """Return one change of an agent's state; `agent` is the pseudonym."""
        said["id"] = event_id(self._source, native)
        said["subject"] = agent_id(self._source, agent)
        said["service"] = service
        said["site"] = site
        said["data"] = {"change": change, "queue": queue}
        return AgentStateChanged.make(said)
