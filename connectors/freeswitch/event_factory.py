"""What happens to calls and agents, as events.

Ids are made of what FreeSWITCH calls the call and the member, and of no time where the fact can be told without: so what is found
in a list has the id that its event would have had.
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
"""No wait, ring or conversation is as long."""
Envelope = dict[str, Any]
"""What an event has beside its data."""


class EventFactory:
    """Tells what happened in one record, which was read at `read_at`. Times are microseconds since 1970."""

    def __init__(self, source: str, sector: str, names: NameResolver, read_at: datetime) -> None:
        self._source = source
        self._sector = sector
        self._names = names
        self._read_at = read_at
        self._told = 0

    def arrived(self, call: str, line: PhoneLine | None, at: int) -> Event:
        """Return that a call reached the switchboard."""
        envelope = self._of_call(call, f"{call}|call.arrived", self._names.place(line), at)
        return CallArrived(**envelope, data=CallArrivedData(line=line.line if line else ""))

    def queued(self, stay: QueueStay, caller: str) -> Event:
        """Return that a call began to wait."""
        data = CallQueuedData(queue=self._label(stay), visit=stay.visit)
        return CallQueued(**self._of_stay(stay, "call.queued", stay.since), identities=caller, data=data)

    def answered(self, stay: QueueStay) -> Iterator[Event]:
        """Yield that an agent took a call."""
        data = CallAnsweredData(
            queue=self._label(stay),
            visit=stay.visit,
            agent=stay.agent,
            wait_seconds=between(stay.since, stay.answered_at),
            ring_seconds=stay.ring_seconds,
        )
        yield CallAnswered(**self._of_stay(stay, "call.answered", stay.answered_at), data=data)
        yield from self._in_call(stay, AgentChange.CONTACT_STARTED, stay.answered_at)

    def abandoned(self, stay: QueueStay, at: int) -> Event:
        """Return that a caller gave up."""
        data = CallAbandonedData(queue=self._label(stay), visit=stay.visit, wait_seconds=between(stay.since, at))
        return CallAbandoned(**self._of_stay(stay, "call.abandoned", at), data=data)

    def left(self, stay: QueueStay, reason: LeaveReason, at: int, *, seen: bool = True) -> Event:
        """Return that a wait ended otherwise; if that was not `seen`, how long it was is not known."""
        waited = between(stay.since, at) if seen else None
        data = CallLeftQueueData(queue=self._label(stay), visit=stay.visit, reason=reason, wait_seconds=waited)
        return CallLeftQueue(**self._of_stay(stay, "call.left_queue", at), data=data)

    def ended(self, stay: QueueStay, by: EndedBy, at: int, *, busy: bool, seen: bool = True) -> Iterator[Event]:
        """Yield that a conversation is over; `busy`: its agent has another one; not `seen`: its length is not known."""
        data = CallEndedData(
            queue=self._label(stay),
            visit=stay.visit,
            ended_by=by,
            wait_seconds=between(stay.since, stay.answered_at),
            handle_seconds=between(stay.answered_at, at) if seen else None,
        )
        yield CallEnded(**self._of_stay(stay, "call.ended", at), data=data)
        if not busy:
            yield from self._in_call(stay, AgentChange.CONTACT_ENDED, at)

    def transferred(
        self, stay: QueueStay, kind: TransferKind, extension: str, at: int, *, busy: bool
    ) -> Iterator[Event]:
        """Yield that an agent handed a call on; `busy`: that agent has another conversation."""
        data = CallTransferredData(
            queue=self._label(stay),
            visit=stay.visit,
            kind=kind,
            to_queue=self._names.queue_of_extension(extension),
            wait_seconds=between(stay.since, stay.answered_at),
            handle_seconds=between(stay.answered_at, at),
        )
        yield CallTransferred(**self._of_stay(stay, "call.transferred", at), data=data)
        if not busy:
            yield from self._in_call(stay, AgentChange.CONTACT_ENDED, at)

    def ring_unanswered(self, stay: QueueStay, agent: str, at: int) -> Event:
        """Return that a call rang at an agent in vain."""
        native = f"{stay.call}|{stay.member}|{stay.turn}|{agent}|{AgentChange.RING_UNANSWERED.value}|{at}"
        return self._of_agent(agent, AgentChange.RING_UNANSWERED, stay.queue, native, at)

    def became(self, name: str, before: Agent, after: Agent) -> Iterator[Event]:
        """Yield what an agent did, queue by queue, to be `after` what was `before`."""
        was, is_now = before.queues if before.status else [], after.queues if after.status else []
        for queue in sorted({*was, *is_now}):
            paused, pauses = queue in was and before.status == "break", queue in is_now and after.status == "break"
            if queue not in was:
                yield self._by_himself(name, AgentChange.LOGGED_IN, queue, after.at)
            if paused != pauses:
                yield self._by_himself(name, AgentChange.PAUSED if pauses else AgentChange.UNPAUSED, queue, after.at)
            if queue not in is_now:
                yield self._by_himself(name, AgentChange.LOGGED_OUT, queue, after.at)

    def _by_himself(self, agent: str, change: AgentChange, queue: str, at: int) -> Event:
        return self._of_agent(agent, change, queue, f"{agent}|{queue}|{change.value}|{at}", at)

    def _in_call(self, stay: QueueStay, change: AgentChange, at: int) -> Iterator[Event]:
        if stay.agent:
            native = f"{stay.call}|{stay.member}|{stay.turn}|{stay.agent}|{change.value}"
            yield self._of_agent(stay.agent, change, stay.queue, native, at)

    def _of_agent(self, agent: str, change: AgentChange, queue: str, native: str, at: int) -> Event:
        known = self._names.queue(queue)
        return AgentStateChanged(
            **self._envelope(native, agent_id(self._source, agent), self._names.place(known), at),
            data=AgentStateChangedData(change=change, queue=known.label),
        )

    def _of_stay(self, stay: QueueStay, kind: str, at: int) -> Envelope:
        place = self._names.place(self._names.queue(stay.queue))
        return self._of_call(stay.call, f"{stay.call}|{stay.member}|{stay.turn}|{kind}", place, at)

    def _of_call(self, call: str, native: str, place: tuple[str, str], at: int) -> Envelope:
        return self._envelope(native, contact_id(Channel.CALL, self._source, call), place, at)

    def _envelope(self, native: str, subject: str, place: tuple[str, str], at: int) -> Envelope:
        service, site = place
        self._told += 1
        return {
            "id": event_id(self._source, native),
            "source": self._source,
            "subject": subject,
            "time": EPOCH + timedelta(microseconds=at),
            "recordedtime": self._read_at,
            "sequence": f"{self._told:06d}",
            "sector": self._sector,
            "service": service,
            "site": site,
        }

    def _label(self, stay: QueueStay) -> str:
        return self._names.queue(stay.queue).label


def between(since: int, at: int) -> float | None:
    """Return the seconds between two times, None if that makes no sense."""
    return (at - since) / SECOND_US if 0 < since <= at < since + LONGEST_US else None
