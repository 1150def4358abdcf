"""Events about calls and agents.

Event ids are derived from FreeSWITCH's ids of call and member, and from a time only where nothing else distinguishes two
facts. So a fact found in a list has the same id as its event.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import Agent, QueueStay
from connectors.sdk.telephony import PhoneLine, QueueOptions, event_type
from models.events import (
    AgentChange,
    AgentStateChanged,
    CallAbandoned,
    CallAnswered,
    CallArrived,
    CallEnded,
    CallEvent,
    CallLeftQueue,
    CallQueued,
    CallTransferred,
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
"""Exclusive upper limit for a wait, a ring or a conversation, in microseconds; see `seconds_between`."""


class EventFactory:
    """Creates the events of one record, which was read at `read_at`. Times are microseconds since 1970."""

    def __init__(self, source: str, sector: str, names: NameResolver, read_at: datetime) -> None:
        self._source = source
        self._sector = sector
        self._names = names
        self._read_at = read_at
        self._count = 0

    def arrived(self, call: str, line: PhoneLine | None, at: int) -> Event:
        """Return the event of a call that reached the switchboard at `at`, on `line`; None for a line that is not configured."""
        subject = contact_id(Channel.CALL, self._source, call)
        data = {"line": line.line if line else ""}
        return CallArrived.make(self._envelope(f"{call}|call.arrived", subject, line, at) | {"data": data})

    def queued(self, stay: QueueStay, caller: str) -> Event:
        """Return the event of a call that began to wait at `stay.since`. `caller` is the caller's pseudonym; empty if unknown."""
        return self._stay_event(CallQueued, stay, stay.since, identities=caller)

    def answered(self, stay: QueueStay) -> Iterator[Event]:
        """Yield the events of a call answered at `stay.answered_at`: one of the call, and one of the agent if known."""
        waited = seconds_between(stay.since, stay.answered_at)
        data = {"agent": stay.agent, "wait_seconds": waited, "ring_seconds": stay.ring_seconds}
        yield self._stay_event(CallAnswered, stay, stay.answered_at, data)
        yield from self._conversation_event(stay, AgentChange.CONTACT_STARTED, stay.answered_at)

    def abandoned(self, stay: QueueStay, at: int) -> Event:
        """Return the event of a caller who hung up at `at` while waiting."""
        return self._stay_event(CallAbandoned, stay, at, {"wait_seconds": seconds_between(stay.since, at)})

    def left(self, stay: QueueStay, reason: LeaveReason, at: int, *, observed: bool = True) -> Event:
        """Return the event of a wait that ended at `at` for `reason`; its duration is None if the end was not `observed`."""
        waited = seconds_between(stay.since, at) if observed else None
        return self._stay_event(CallLeftQueue, stay, at, {"reason": reason, "wait_seconds": waited})

    def ended(self, stay: QueueStay, by: EndedBy, at: int, *, busy: bool, observed: bool = True) -> Iterator[Event]:
        """Yield the events of the end of a conversation: one of the call, and one of the agent if known and not `busy`.

        `busy`: the agent has another conversation. Not `observed`: the duration of the conversation is None.
        """
        talked = seconds_between(stay.answered_at, at) if observed else None
        yield self._talk_event(CallEnded, stay, at, {"ended_by": by, "handle_seconds": talked})
        if not busy:
            yield from self._conversation_event(stay, AgentChange.CONTACT_ENDED, at)

    def transferred(
        self, stay: QueueStay, kind: TransferKind, extension: str, at: int, *, busy: bool
    ) -> Iterator[Event]:
        """Yield the events of a transfer by the agent to `extension`, of the call and the agent as for `ended`.

        The target queue is empty if none has this extension.
        """
        target, talked = self._names.queue_of_extension(extension), seconds_between(stay.answered_at, at)
        data = {"kind": kind, "to_queue": target, "handle_seconds": talked}
        yield self._talk_event(CallTransferred, stay, at, data)
        if not busy:
            yield from self._conversation_event(stay, AgentChange.CONTACT_ENDED, at)

    def ring_unanswered(self, stay: QueueStay, agent: str, at: int) -> Event:
        """Return the event of a ring that the agent did not answer."""
        native = f"{stay.call}|{stay.member}|{stay.attempt}|{agent}|{AgentChange.RING_UNANSWERED.value}|{at}"
        return self._agent_event(agent, AgentChange.RING_UNANSWERED, stay.queue, native, at)

    def state_changed(self, name: str, before: Agent, after: Agent) -> Iterator[Event]:
        """Yield the events in each queue of the agent with the pseudonym `name`, from the state `before` to `after`.

        Without a status, the agent is logged out of all queues.
        """
        old_queues, new_queues = before.queues if before.status else [], after.queues if after.status else []
        for queue in sorted({*old_queues, *new_queues}):
            changes = []
            was_paused = queue in old_queues and before.status == "break"
            is_paused = queue in new_queues and after.status == "break"
            if queue not in old_queues:
                changes.append(AgentChange.LOGGED_IN)
            if was_paused != is_paused:
                changes.append(AgentChange.PAUSED if is_paused else AgentChange.UNPAUSED)
            if queue not in new_queues:
                changes.append(AgentChange.LOGGED_OUT)
            for change in changes:
                native = f"{name}|{queue}|{change.value}|{after.at}"
                yield self._agent_event(name, change, queue, native, after.at)

    def _conversation_event(self, stay: QueueStay, change: AgentChange, at: int) -> Iterator[Event]:
        if stay.agent:
            native = f"{stay.call}|{stay.member}|{stay.attempt}|{stay.agent}|{change.value}"
            yield self._agent_event(stay.agent, change, stay.queue, native, at)

    def _agent_event(self, agent: str, change: AgentChange, queue: str, native: str, at: int) -> Event:
        options = self._names.queue(queue)
        data = {"change": change, "queue": options.label}
        subject = agent_id(self._source, agent)
        return AgentStateChanged.make(self._envelope(native, subject, options, at) | {"data": data})

    def _talk_event(self, kind: type[CallEvent], stay: QueueStay, at: int, data: dict[str, Any]) -> Event:
        return self._stay_event(kind, stay, at, data | {"wait_seconds": seconds_between(stay.since, stay.answered_at)})

    def _stay_event(
        self, kind: type[CallEvent], stay: QueueStay, at: int, data: dict[str, Any] | None = None, **more: Any
    ) -> Event:
        queue = self._names.queue(stay.queue)
        native = f"{stay.call}|{stay.member}|{stay.attempt}|{event_type(kind)}"
        envelope = self._envelope(native, contact_id(Channel.CALL, self._source, stay.call), queue, at)
        here = {"queue": queue.label, "visit": stay.ordinal}
        event: Event = kind.make(envelope | more | {"data": here | (data or {})})  # type: ignore[assignment]
        return event

    def _envelope(self, native: str, subject: str, place: QueueOptions | PhoneLine | None, at: int) -> dict[str, Any]:
        service, site = self._names.place(place)
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


def seconds_between(since: int, at: int) -> float | None:
    """Return the seconds between two times in microseconds; None if `since` is 0, or if they are negative or implausible."""
    return (at - since) / SECOND_US if 0 < since <= at < since + LONGEST_US else None
