"""Events about calls and agents.

Event ids are derived from FreeSWITCH's ids of call and member, and from a time only where nothing else distinguishes two
facts. So a fact found in a list has the same id as its event.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import Agent, QueueStay
from connectors.sdk.telephony import PhoneLine
from models.events import (
    AgentChange,
    AgentStateChanged,
    AgentStateChangedData,
    CallAbandoned,
    CallAbandonedData,
    CallAnswered,
    CallAnsweredData,
    CallArrived,
    CallArrivedData,
    CallEnded,
    CallEndedData,
    CallLeftQueue,
    CallLeftQueueData,
    CallQueued,
    CallQueuedData,
    CallTransferred,
    CallTransferredData,
    EndedBy,
    Event,
    LeaveReason,
    TransferKind,
)
from models.ids import agent_id, contact_id, event_id
from models.topics import Channel

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND_US: Final = 1_000_000
LONGEST_US: Final = 86_400 * SECOND_US
"""Upper limit for a wait, a ring or a conversation, in microseconds."""
Envelope = dict[str, Any]
"""Fields of an event, except its data."""


class EventFactory:
    """Creates the events of one record, which was read at `read_at`. Times are microseconds since 1970."""

    def __init__(self, source: str, sector: str, names: NameResolver, read_at: datetime) -> None:
        self._source = source
        self._sector = sector
        self._names = names
        self._read_at = read_at
        self._count = 0

    def arrived(self, call: str, line: PhoneLine | None, at: int) -> Event:
        """Return the event of a call that reached the switchboard."""
        envelope = self._call_envelope(call, f"{call}|call.arrived", self._names.place(line), at)
        return CallArrived(**envelope, data=CallArrivedData(line=line.line if line else ""))

    def queued(self, stay: QueueStay, caller: str) -> Event:
        """Return the event of a call that began to wait."""
        data = CallQueuedData(queue=self._label(stay), visit=stay.ordinal)
        return CallQueued(**self._stay_envelope(stay, "call.queued", stay.since), identities=caller, data=data)

    def answered(self, stay: QueueStay) -> Iterator[Event]:
        """Yield the events of a call that an agent answered: one of the call, and one of the agent if known."""
        data = CallAnsweredData(
            queue=self._label(stay),
            visit=stay.ordinal,
            agent=stay.agent,
            wait_seconds=seconds_between(stay.since, stay.answered_at),
            ring_seconds=stay.ring_seconds,
        )
        yield CallAnswered(**self._stay_envelope(stay, "call.answered", stay.answered_at), data=data)
        yield from self._conversation_event(stay, AgentChange.CONTACT_STARTED, stay.answered_at)

    def abandoned(self, stay: QueueStay, at: int) -> Event:
        """Return the event of a caller who hung up while waiting."""
        data = CallAbandonedData(
            queue=self._label(stay), visit=stay.ordinal, wait_seconds=seconds_between(stay.since, at)
        )
        return CallAbandoned(**self._stay_envelope(stay, "call.abandoned", at), data=data)

    def left(self, stay: QueueStay, reason: LeaveReason, at: int, *, observed: bool = True) -> Event:
        """Return the event of a wait that ended otherwise; if not `observed`, the wait is unknown."""
        waited = seconds_between(stay.since, at) if observed else None
        data = CallLeftQueueData(queue=self._label(stay), visit=stay.ordinal, reason=reason, wait_seconds=waited)
        return CallLeftQueue(**self._stay_envelope(stay, "call.left_queue", at), data=data)

    def ended(self, stay: QueueStay, by: EndedBy, at: int, *, busy: bool, observed: bool = True) -> Iterator[Event]:
        """Yield the events of the end of a conversation.

        `busy`: the agent has another conversation, so the end is not an event of the agent. Not `observed`: the duration
        is unknown.
        """
        data = CallEndedData(
            queue=self._label(stay),
            visit=stay.ordinal,
            ended_by=by,
            wait_seconds=seconds_between(stay.since, stay.answered_at),
            handle_seconds=seconds_between(stay.answered_at, at) if observed else None,
        )
        yield CallEnded(**self._stay_envelope(stay, "call.ended", at), data=data)
        if not busy:
            yield from self._conversation_event(stay, AgentChange.CONTACT_ENDED, at)

    def transferred(
        self, stay: QueueStay, kind: TransferKind, extension: str, at: int, *, busy: bool
    ) -> Iterator[Event]:
        """Yield the events of a transfer by the agent.

        `busy`: the agent has another conversation, so the end is not an event of the agent.
        """
        data = CallTransferredData(
            queue=self._label(stay),
            visit=stay.ordinal,
            kind=kind,
            to_queue=self._names.queue_of_extension(extension),
            wait_seconds=seconds_between(stay.since, stay.answered_at),
            handle_seconds=seconds_between(stay.answered_at, at),
        )
        yield CallTransferred(**self._stay_envelope(stay, "call.transferred", at), data=data)
        if not busy:
            yield from self._conversation_event(stay, AgentChange.CONTACT_ENDED, at)

    def ring_unanswered(self, stay: QueueStay, agent: str, at: int) -> Event:
        """Return the event of a ring that the agent did not answer."""
        native = f"{stay.call}|{stay.member}|{stay.attempt}|{agent}|{AgentChange.RING_UNANSWERED.value}|{at}"
        return self._agent_event(agent, AgentChange.RING_UNANSWERED, stay.queue, native, at)

    def state_changed(self, name: str, before: Agent, after: Agent) -> Iterator[Event]:
        """Yield the events from state `before` to `after`, queue by queue: logged in, paused, unpaused, logged out."""
        old_queues, new_queues = before.queues if before.status else [], after.queues if after.status else []
        for queue in sorted({*old_queues, *new_queues}):
            was_paused, is_paused = (
                queue in old_queues and before.status == "break",
                queue in new_queues and after.status == "break",
            )
            if queue not in old_queues:
                yield self._agent_action(name, AgentChange.LOGGED_IN, queue, after.at)
            if was_paused != is_paused:
                yield self._agent_action(
                    name, AgentChange.PAUSED if is_paused else AgentChange.UNPAUSED, queue, after.at
                )
            if queue not in new_queues:
                yield self._agent_action(name, AgentChange.LOGGED_OUT, queue, after.at)

    def _agent_action(self, agent: str, change: AgentChange, queue: str, at: int) -> Event:
        return self._agent_event(agent, change, queue, f"{agent}|{queue}|{change.value}|{at}", at)

    def _conversation_event(self, stay: QueueStay, change: AgentChange, at: int) -> Iterator[Event]:
        if stay.agent:
            native = f"{stay.call}|{stay.member}|{stay.attempt}|{stay.agent}|{change.value}"
            yield self._agent_event(stay.agent, change, stay.queue, native, at)

    def _agent_event(self, agent: str, change: AgentChange, queue: str, native: str, at: int) -> Event:
        options = self._names.queue(queue)
        return AgentStateChanged(
            **self._envelope(native, agent_id(self._source, agent), self._names.place(options), at),
            data=AgentStateChangedData(change=change, queue=options.label),
        )

    def _stay_envelope(self, stay: QueueStay, kind: str, at: int) -> Envelope:
        place = self._names.place(self._names.queue(stay.queue))
        return self._call_envelope(stay.call, f"{stay.call}|{stay.member}|{stay.attempt}|{kind}", place, at)

    def _call_envelope(self, call: str, native: str, place: tuple[str, str], at: int) -> Envelope:
        return self._envelope(native, contact_id(Channel.CALL, self._source, call), place, at)

    def _envelope(self, native: str, subject: str, place: tuple[str, str], at: int) -> Envelope:
        service, site = place
        self._count += 1
        return {
            "id": event_id(self._source, native),
            "source": self._source,
            "subject": subject,
            "time": EPOCH + timedelta(microseconds=at),
            "recordedtime": self._read_at,
            "sequence": f"{self._count:06d}",
            "sector": self._sector,
            "service": service,
            "site": site,
        }

    def _label(self, stay: QueueStay) -> str:
        return self._names.queue(stay.queue).label


def seconds_between(since: int, at: int) -> float | None:
    """Return the seconds between two times in microseconds.

    None if `since` is 0, if `at` is before it, or if they are `LONGEST_US` or more apart.
    """
    return (at - since) / SECOND_US if 0 < since <= at < since + LONGEST_US else None
