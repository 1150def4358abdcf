"""What a line of `queue_log` means: a call's stay in a queue, and what agents do.

A call (its unique id) may stay in several queues one after the other; the stays are its visits 1 … n. Ids of events are made
of what lines say, never of where they stand, so that a copy of the log, or another interface of the same Asterisk, tells the
same events.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from connectors.asterisk.config import AsteriskConfig, CustomOutcome, Line, Queue
from connectors.asterisk.memory import Call, Memory
from connectors.asterisk.names import LABEL, Names
from connectors.asterisk.records import (
    AGENTS,
    COMPLETED,
    IGNORED,
    LEFT,
    NO_CALL,
    NOBODY,
    TRANSFERRED,
    LogLine,
    Record,
    parse,
)
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.words import say
from models.codec import Unusable
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
from models.identities import PseudonymKey
from models.ids import agent_id, contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

_Envelope = dict[str, Any]
_Handler = Callable[[Record, _Envelope], Sequence[Event]]


class _Stay(NamedTuple):
    """A call's stay in a queue."""

    remembered: Call
    call: str
    subject: str
    queue: str
    visit: int
    service: str
    site: str


class QueueLogMapping:
    """Maps the lines of one log, in order; what earlier lines said is in `memory`."""

    def __init__(self, source: str, config: AsteriskConfig, key: PseudonymKey, memory: Memory) -> None:
        self._source = source
        self._config = config
        self._names = Names(config, key)
        self._memory = memory
        custom: dict[str, CustomOutcome] = {"DID": "did", **config.custom_events}
        self._handlers: dict[str, _Handler] = {
            "ENTERQUEUE": self._queued,
            "CONNECT": self._answered,
            "ABANDON": self._abandoned,
            "RINGNOANSWER": self._ring_unanswered,
            **{event: partial(self._left, reason, place) for event, (reason, place) in LEFT.items()},
            **{event: partial(self._ended, by) for event, by in COMPLETED.items()},
            **{event: partial(self._transferred, kind) for event, kind in TRANSFERRED.items()},
            **{event: partial(self._agent_changed, change) for event, change in AGENTS.items()},
            **dict.fromkeys(IGNORED, _ignore),
            **{event: self._custom(outcome) for event, outcome in custom.items()},
        }

    def map(self, line: LogLine) -> Outcome:
        """Return what `line` means, or why it means nothing; raises nothing."""
        try:
            record = parse(line.content)
            if record is None:
                return ()
            sequence = self._memory.begin_line(record.second)
            handler = self._handlers.get(record.event)
            if handler is None:
                self._reserve(record)
                return self.reject(line, Reason.UNKNOWN_RECORD, _no_meaning_of(record.event))
            return handler(
                record,
                {
                    "source": self._source,
                    "time": record.time,
                    "recordedtime": line.read_at,
                    "sequence": sequence,
                    "sector": self._config.sector,
                },
            )
        except Unusable as error:
            return self.reject(line, error.reason, error.detail)

    def reject(self, line: LogLine, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the line that was mapped last, with what is to be known of earlier ones."""
        try:
            record = parse(line.content)
        except Unusable:
            record = None
        context = self._memory.excerpt(record.second, self._names.call(record.call)) if record else Memory()
        return Reject(reason, line.content, detail, msgspec.json.encode(context))

    # ------------------------------------------------------------------------------------------------------------ calls
    def _arrived(self, record: Record, said: _Envelope) -> Sequence[Event]:
        name = self._call_of(record)
        line = self._names.line(record.text(0))
        call = self._memory.call(name, record.second)
        stay = _Stay(call, name, self._subject(name), "", 0, *self._place(line))
        data = CallArrivedData(line=line.line if line else "")
        return (CallArrived(**self._envelope("call.arrived", stay, said), data=data),)

    def _queued(self, record: Record, said: _Envelope) -> Sequence[Event]:
        stay = self._stay(record, Call.enter)
        data = CallQueuedData(queue=stay.queue, visit=stay.visit, position=record.position(2))
        caller = self._names.caller(record.text(1))
        return (CallQueued(**self._envelope("call.queued", stay, said), identities=caller, data=data),)

    def _answered(self, record: Record, said: _Envelope) -> Sequence[Event]:
        stay = self._stay(record)
        data = CallAnsweredData(
            queue=stay.queue,
            visit=stay.visit,
            agent=self._names.agent(record.agent),
            wait_seconds=record.seconds(0),
            ring_seconds=record.seconds(2),
        )
        return (
            CallAnswered(**self._envelope("call.answered", stay, said), data=data),
            *self._agent_of(stay, AgentChange.CONTACT_STARTED, record, said),
        )

    def _abandoned(self, record: Record, said: _Envelope) -> Sequence[Event]:
        # The line may name an agent, if the caller hung up just as one answered: the conversation did not begin.
        stay = self._last_of(record)
        data = CallAbandonedData(
            queue=stay.queue,
            visit=stay.visit,
            position=record.position(0),
            original_position=record.position(1),
            wait_seconds=record.seconds(2),
        )
        return (CallAbandoned(**self._envelope("call.abandoned", stay, said), data=data),)

    def _left(self, reason: LeaveReason, wait: int | None, record: Record, said: _Envelope) -> Sequence[Event]:
        stay = self._last_of(record, Call.turn_away)
        data = CallLeftQueueData(queue=stay.queue, visit=stay.visit, reason=reason, wait_seconds=record.seconds(wait))
        return (CallLeftQueue(**self._envelope("call.left_queue", stay, said, reason.value), data=data),)

    def _ended(self, by: EndedBy, record: Record, said: _Envelope) -> Sequence[Event]:
        stay = self._last_of(record)
        data = CallEndedData(
            queue=stay.queue,
            visit=stay.visit,
            ended_by=by,
            wait_seconds=record.seconds(0),
            handle_seconds=record.seconds(1),
        )
        return (
            CallEnded(**self._envelope("call.ended", stay, said), data=data),
            *self._agent_of(stay, AgentChange.CONTACT_ENDED, record, said),
        )

    def _transferred(self, kind: TransferKind, record: Record, said: _Envelope) -> Sequence[Event]:
        stay = self._last_of(record)
        attended = kind is TransferKind.ATTENDED
        shift = 1 if attended and record.text(0) == "LINK" else 0
        data = CallTransferredData(
            queue=stay.queue,
            visit=stay.visit,
            kind=kind,
            to_queue="" if attended else self._names.queue_of_extension(record.text(0)),
            wait_seconds=record.seconds(2 + shift),
            handle_seconds=record.seconds(3 + shift),
        )
        return (
            CallTransferred(**self._envelope("call.transferred", stay, said), data=data),
            *self._agent_of(stay, AgentChange.CONTACT_ENDED, record, said),
        )

    def _custom(self, outcome: CustomOutcome) -> _Handler:
        match outcome:
            case "did":
                return self._arrived
            case "ignore":
                return _ignore
            case reason:
                return partial(self._left, LeaveReason(reason), None)

    # ----------------------------------------------------------------------------------------------------------- agents
    def _ring_unanswered(self, record: Record, said: _Envelope) -> Sequence[Event]:
        return self._agent_of(self._stay(record), AgentChange.RING_UNANSWERED, record, said, f"|{record.second}")

    def _agent_of(
        self, stay: _Stay, change: AgentChange, record: Record, said: _Envelope, note: str = ""
    ) -> Sequence[Event]:
        """Return what a call changes for the agent of the line, if there is one."""
        agent = self._names.agent(record.agent)
        if not agent:
            return ()
        native = f"{agent}|{stay.queue}|{change.value}|{stay.call}|{stay.visit}{note}"
        return (self._agent_event(agent, change, stay.queue, stay.service, stay.site, native, said),)

    def _agent_changed(self, change: AgentChange, record: Record, said: _Envelope) -> Sequence[Event]:
        agent = self._names.agent(record.agent)
        if not agent:
            raise Unusable(Reason.UNREADABLE_LINE, say("it names no agent", "elle ne nomme pas d'agent"))
        queue = self._names.queue(record.queue)
        changes = [change]
        if record.event == "ADDMEMBER" and record.text(0) == "PAUSED":
            changes.append(AgentChange.PAUSED)
        events = []
        for place, each in enumerate(changes):
            what = f"{agent}|{queue.label}|{each.value}"
            native = f"{what}|{record.second}|{self._memory.count_change(record.second, what)}"
            order = {"sequence": f"{said['sequence']}.{place}"} if place else {}
            events.append(self._agent_event(agent, each, queue.label, *self._place(queue), native, said | order))
        return events

    def _agent_event(
        self, agent: str, change: AgentChange, queue: str, service: str, site: str, native: str, said: _Envelope
    ) -> AgentStateChanged:
        return AgentStateChanged(
            **said,
            id=event_id(self._source, native),
            subject=agent_id(self._source, agent),
            service=service,
            site=site,
            data=AgentStateChangedData(change=change, queue=queue),
        )

    # ------------------------------------------------------------------------------------------------------------- both
    def _stay(self, record: Record, find: Callable[[Call, str, int], int] = Call.stay) -> _Stay:
        name = self._call_of(record)
        if record.queue in NOBODY:
            raise Unusable(Reason.UNREADABLE_LINE, say("it names no queue", "elle ne nomme pas de file"))
        queue = self._names.queue(record.queue)
        call = self._memory.call(name, record.second)
        visit = find(call, self._names.own_queue(record.queue), record.second)
        return _Stay(call, name, self._subject(name), queue.label, visit, *self._place(queue))

    def _last_of(self, record: Record, find: Callable[[Call, str, int], int] = Call.stay) -> _Stay:
        """Return the stay that `record` says is over."""
        stay = self._stay(record, find)
        stay.remembered.end(stay.visit, record.second)
        return stay

    def _reserve(self, record: Record) -> None:
        if record.call not in NO_CALL and record.queue not in NOBODY:
            call = self._memory.call(self._call_of(record), record.second)
            call.reserve(self._names.own_queue(record.queue), record.second)

    def _call_of(self, record: Record) -> str:
        if record.call in NO_CALL:
            raise Unusable(Reason.UNREADABLE_LINE, say("it names no call", "elle ne nomme pas d'appel"))
        return self._names.call(record.call)

    def _place(self, of: Queue | Line | None) -> tuple[str, str]:
        """Return service and site of a queue or a line. Never of both: all that concerns a queue is to be in one place."""
        return (of and of.service) or self._config.service, (of and of.site) or self._config.site

    def _subject(self, call: str) -> str:
        return contact_id(Channel.CALL, self._source, call)

    def _envelope(self, kind: str, stay: _Stay, said: _Envelope, note: str = "") -> _Envelope:
        native = f"{stay.call}|{stay.visit}|{kind}{'|' if note else ''}{note}"
        return {
            **said,
            "id": event_id(self._source, native),
            "subject": stay.subject,
            "service": stay.service,
            "site": stay.site,
        }


def _no_meaning_of(event: str) -> str:
    """Return what to do about an event of no meaning; empty if its name is not one that can be shown."""
    if not LABEL.fullmatch(event):
        return ""
    return say(f"{event} has no meaning in custom_events", f"{event} n'a pas de sens dans custom_events")


def _ignore(_: Record, __: _Envelope) -> Sequence[Event]:
    """Say nothing: the line concerns neither a contact nor an agent's state."""
    return ()
