"""Meaning of Asterisk records, read from the log or from the manager interface: queue stays of calls and agent states.

A call (its unique id) may stay in several queues in turn; its stays are numbered from 1. A queue that refuses a call
counts as a stay too. Not every interface reports refusals, so refused stays have a separate range of numbers.

Event ids are derived from the content of records, never from their position in the log, and from a time only where
nothing else distinguishes two facts. So a copy of the log produces the same ids, and so does the manager interface of the
same Asterisk, whose times differ by some milliseconds.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from connectors.asterisk.call_history import Call, CallHistory
from connectors.asterisk.config import AsteriskConfig, CustomOutcome
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.queue_log import (
    AGENTS,
    COMPLETED,
    CONVERSATION_OVER,
    IGNORED,
    LEFT,
    MESSAGE_LEFT,
    NO_CALL,
    TRANSFERRED,
    TURNED_AWAY,
    UNNAMED,
    QueueLogRecord,
)
from connectors.sdk.telephony import CACHED, LABEL, PhoneLine, event_type
from models.codec import UnusableRecord
from models.envelope import Envelope as EventModel
from models.events import (
    AgentChange,
    AgentStateChanged,
    CallAbandoned,
    CallAnswered,
    CallArrived,
    CallCallbackRequested,
    CallCalledBack,
    CallEnded,
    CallLeftQueue,
    CallMenuChosen,
    CallQueued,
    CallTransferred,
    CallVoicemailHeard,
    CallVoicemailLeft,
    ContactReasonSet,
    EndedBy,
    Event,
    LeaveReason,
    TransferKind,
)
from models.ids import agent_id, contact_id, event_id
from models.locale import _
from models.reasons import Reason
from models.topics import Channel

FollowUp = CallVoicemailHeard | CallCallbackRequested | CallCalledBack
FOLLOW_UPS: Final[dict[str, type[FollowUp]]] = {
    "voicemail_heard": CallVoicemailHeard,
    "callback": CallCallbackRequested,
    "called_back": CallCalledBack,
}
"""Meanings of custom events about voice messages and requests to be called back."""
LEAVES: Final = "LEAVE"
"""Prefix of the dialplan's own events about a caller who left the queue, such as `LEAVEEMPTY` and `LEAVEUNAVAIL`."""
AFTER_A_WAIT: Final = frozenset({LeaveReason.TIMEOUT, LeaveReason.KEY, LeaveReason.WITHDRAWN, LeaveReason.INCOMPATIBLE})
"""Reasons that only apply to calls that waited in the queue; a queue never refuses a call for them."""
Envelope = dict[str, Any]
"""Fields shared by the events of one record. Making an event overwrites the fields of the event made before it."""
_CallEvent = TypeVar("_CallEvent", bound=EventModel)
_Handler = Callable[[QueueLogRecord, Envelope], Sequence[Event]]


class QueueStay(msgspec.Struct, frozen=True):
    """A call's stay in a queue. It also stands for a call outside queues: `queue` and `queue_key` are then empty."""

    stored: Call
    """The call in the memory, with all its stays."""
    call_id: str
    subject: str
    queue_key: str
    """See `NameResolver.queue_key`."""
    queue: str
    """Label of the queue in events."""
    ordinal: int
    """Number of this stay in the call; 0 outside queues. A stay that the queue refused has 0 until `_turned_away` numbers it."""
    service: str
    site: str


class RecordInterpreter:
    """Interprets records in order. `history` is the memory of earlier records, which each record updates."""

    def __init__(self, source: str, config: AsteriskConfig, names: NameResolver, history: CallHistory) -> None:
        self._source = source
        self._config = config
        self._names = names
        self._history = history
        self._subject = lru_cache(CACHED)(partial(contact_id, Channel.CALL, source))
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
            **{event: partial(self._turned_away, reason, 0) for event, reason in TURNED_AWAY.items()},
            CONVERSATION_OVER: partial(self._ended, EndedBy.SYSTEM),
            MESSAGE_LEFT: self._message_left,
            **{event: self._custom(event, outcome) for event, outcome in custom.items()},
        }

    def interpret(self, record: QueueLogRecord, read_at: datetime) -> Sequence[Event]:
        """Return the events of `record`, read at `read_at`, and update the memory.

        Raises `UnusableRecord` for an event without a meaning, or if the record lacks a call, queue or agent that its event
        needs. The record is counted in any case.
        """
        envelope: Envelope = {
            "source": self._source,
            "time": record.time,
            "recordedtime": read_at,
            "sequence": self._history.begin_line(record.second),
            "sector": self._config.sector,
        }
        handler = self._handlers.get(record.event)
        if handler is None:
            self._reserve(record)
            raise UnusableRecord(Reason.UNKNOWN_RECORD, _missing_meaning(record.event))
        return handler(record, envelope)

    # --------------------------------------------------------------------------------------------------- outside queues
    def _arrived(self, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        line = self._names.line(record.text(0))
        data = {"line": line.line if line else ""}
        return (self._event(CallArrived, self._outside(record, line), envelope, data),)

    def _menu_chosen(self, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        stay = self._outside(record)
        chosen = _joined(record)
        id_suffix = f"{self._names.keyed_hash('menu', chosen)}|{self._count(stay.call_id, record, chosen)}"
        data = {"option": self._names.menu_option(chosen)}
        return (self._event(CallMenuChosen, stay, envelope, data, id_suffix),)

    def _message_left(self, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        stay = self._at_queue(record)
        data = {"duration_seconds": record.seconds(0), "queue": stay.queue}
        return (self._event(CallVoicemailLeft, stay, envelope, data, str(self._count(stay.call_id, record))),)

    def _followed_up(self, kind: type[FollowUp], record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        """Return the event of a step towards a call back, in the queue that the record names, if any."""
        stay = self._at_queue(record)
        data = {"queue": stay.queue} if kind is CallCallbackRequested else {}
        return (self._event(kind, stay, envelope, data, str(self._count(stay.call_id, record))),)

    def _reason_set(self, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        stay = self._at_queue(record)
        code = _joined(record)
        id_suffix = f"{self._names.keyed_hash('reason', code)}|{self._count(stay.call_id, record, code)}"
        name = self._names.contact_reason(record.text(0))
        if not name:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, _("its code is not in reason_codes"))
        envelope["channel"] = Channel.CALL
        return (self._event(ContactReasonSet, stay, envelope, {"contact_reason": name}, id_suffix),)

    def _count(self, call: str, record: QueueLogRecord, detail: str = "") -> int:
        return self._history.ordinal(call, self._names.keyed_hash("step", f"{record.event}|{detail}"), record.second)

    # ------------------------------------------------------------------------------------------------------- in a queue
    def _queued(self, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        stay = self._stay(record, Call.enter)
        number, position = record.entry()
        envelope["identities"] = self._names.caller(number)
        return (self._event(CallQueued, stay, envelope, _here(stay, position=position)),)

    def _answered(self, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        stay = self._stay(record)
        stay.stored.stays[stay.ordinal - 1].answered = record.second
        agent = self._names.agent(record.agent)
        data = _here(stay, agent=agent, wait_seconds=record.seconds(0), ring_seconds=record.seconds(2))
        answered = self._event(CallAnswered, stay, envelope, data)
        if not agent:
            return (answered,)
        self._history.begin_talk(agent, stay.call_id, stay.ordinal, record.second)
        return answered, self._agent_in_call(agent, AgentChange.CONTACT_STARTED, stay, envelope)

    def _abandoned(self, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        # The record names an agent if the caller hung up just as the agent answered. The conversation did not begin.
        stay = self._end_stay(record)
        position, original = record.position(0), record.position(1)
        data = _here(stay, position=position, original_position=original, wait_seconds=record.seconds(2))
        return (self._event(CallAbandoned, stay, envelope, data),)

    def _left(
        self, reason: LeaveReason, wait: int | None, record: QueueLogRecord, envelope: Envelope
    ) -> Sequence[Event]:
        return self._left_event(self._end_stay(record), reason, wait, record, envelope)

    def _turned_away(
        self, reason: LeaveReason, wait: int | None, record: QueueLogRecord, envelope: Envelope
    ) -> Sequence[Event]:
        """Return the event of a call that the queue turned away; `wait` is the index of the parameter with the wait, or None.

        If the call waits in the queue, or its stay ended in the same second, the event is about that stay, which is ended.
        Otherwise it is a refusal by the queue, which gets a number. Several event names may report the same refusal. Refusals are
        counted per name and queue: the first of any name is the first refusal, and so on.
        """
        stay = self._stay(record, Call.wait)
        if stay.ordinal:
            stay.stored.end(stay.ordinal, record.second)
        else:
            occurrence = self._count(stay.call_id, record, stay.queue_key)
            stay = replace(stay, ordinal=self._history.number_refusal(stay.call_id, f"{stay.queue_key}|{occurrence}"))
        return self._left_event(stay, reason, wait, record, envelope)

    def _left_event(
        self, stay: QueueStay, reason: LeaveReason, wait: int | None, record: QueueLogRecord, envelope: Envelope
    ) -> Sequence[Event]:
        data = _here(stay, reason=reason, wait_seconds=record.seconds(wait))
        return (self._event(CallLeftQueue, stay, envelope, data, reason.value),)

    def _ended(self, by: EndedBy, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        stay, agent = self._conversation(record)
        data = _here(stay, ended_by=by, wait_seconds=record.seconds(0), handle_seconds=record.seconds(1))
        return self._over(self._event(CallEnded, stay, envelope, data), agent, stay, envelope)

    def _transferred(self, kind: TransferKind, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        stay, agent = self._conversation(record)
        waited, talked = record.transfer_seconds()
        target = "" if kind is TransferKind.ATTENDED else self._names.queue_of_extension(record.text(0))
        data = _here(stay, kind=kind, to_queue=target, wait_seconds=waited, handle_seconds=talked)
        return self._over(self._event(CallTransferred, stay, envelope, data), agent, stay, envelope)

    def _over(self, event: Event, agent: str, stay: QueueStay, envelope: Envelope) -> Sequence[Event]:
        return (event, self._agent_in_call(agent, AgentChange.CONTACT_ENDED, stay, envelope)) if agent else (event,)

    # ----------------------------------------------------------------------------------------------------------- agents
    def _ring_unanswered(self, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        stay, agent = self._stay(record), self._names.agent(record.agent)
        if not agent:
            return ()
        occurrence = self._history.ordinal(stay.call_id, f"{agent}|{stay.ordinal}", record.second)
        return (self._agent_in_call(agent, AgentChange.RING_UNANSWERED, stay, envelope, f"|{occurrence}"),)

    def _agent_changed(self, change: AgentChange, record: QueueLogRecord, envelope: Envelope) -> Sequence[Event]:
        agent = self._names.agent(record.agent)
        if not agent:
            raise UnusableRecord(Reason.UNREADABLE_LINE, _("it names no agent"))
        queue = self._names.queue(self._names.queue_key(record.queue))
        changes = [change]
        if record.event == "ADDMEMBER" and record.text(0) == "PAUSED":
            changes.append(AgentChange.PAUSED)
        events = []
        for index, single_change in enumerate(changes):
            change_key = f"{agent}|{queue.label}|{single_change}"
            native = f"{change_key}|{record.second}|{self._history.count_change(record.second, change_key)}"
            if index:
                envelope["sequence"] = f"{envelope['sequence']}.{index}"
            place = (queue.label, *self._names.place(queue))
            events.append(self._agent_event(agent, single_change, place, native, envelope))
        return events

    def _agent_in_call(
        self, agent: str, change: AgentChange, stay: QueueStay, envelope: Envelope, note: str = ""
    ) -> Event:
        native = f"{agent}|{stay.queue}|{change}|{stay.call_id}|{stay.ordinal}{note}"
        return self._agent_event(agent, change, (stay.queue, stay.service, stay.site), native, envelope)

    def _agent_event(
        self, agent: str, change: AgentChange, place: tuple[str, str, str], native: str, envelope: Envelope
    ) -> Event:
        queue, envelope["service"], envelope["site"] = place
        envelope["id"] = event_id(self._source, native)
        envelope["subject"] = agent_id(self._source, agent)
        envelope["data"] = {"change": change, "queue": queue}
        return AgentStateChanged.make(envelope)

    # ---------------------------------------------------------------------------------------------------- configuration
    def _custom(self, event: str, outcome: CustomOutcome) -> _Handler:
        match outcome:
            case "did":
                return self._arrived
            case "menu":
                return self._menu_chosen
            case "voicemail":
                return self._message_left
            case "reason":
                return self._reason_set
            case step if step in FOLLOW_UPS:
                return partial(self._followed_up, FOLLOW_UPS[step])
            case "ignore":
                return _ignore
            case reason if event.startswith(LEAVES) or reason in AFTER_A_WAIT:
                return partial(self._left, LeaveReason(reason), None)
            case reason:
                return partial(self._turned_away, LeaveReason(reason), None)

    # ------------------------------------------------------------------------------------------------------------ stays
    def _stay(self, record: QueueLogRecord, find: Callable[[Call, str, int], int] = Call.stay) -> QueueStay:
        name = self._call_of(record)
        if record.queue in UNNAMED:
            raise UnusableRecord(Reason.UNREADABLE_LINE, _("it names no queue"))
        queue_key, label, service, site = self._names.queue_place(record.queue)
        call = self._history.call(name, record.second)
        ordinal = find(call, queue_key, record.second)
        return QueueStay(call, name, self._subject(name), queue_key, label, ordinal, service, site)

    def _end_stay(self, record: QueueLogRecord) -> QueueStay:
        stay = self._stay(record)
        stay.stored.end(stay.ordinal, record.second)
        return stay

    def _conversation(self, record: QueueLogRecord) -> tuple[QueueStay, str]:
        """Record the end of a conversation. Return its stay, and the agent, empty if not named or still in another one."""
        stay = self._stay(record, Call.conversation)
        if agent := self._names.agent(record.agent):
            ordinal, busy = self._history.end_talk(agent, stay.call_id, record.second)
            if ordinal not in {0, stay.ordinal} and stay.stored.stays[ordinal - 1].queue == stay.queue_key:
                stay = replace(stay, ordinal=ordinal)
            agent = "" if busy else agent
        stay.stored.end(stay.ordinal, record.second)
        return stay, agent

    def _outside(self, record: QueueLogRecord, line: PhoneLine | None = None) -> QueueStay:
        name = self._call_of(record)
        call = self._history.call(name, record.second)
        return QueueStay(call, name, self._subject(name), "", "", 0, *self._names.place(line))

    def _at_queue(self, record: QueueLogRecord) -> QueueStay:
        """Return the call outside queues, with the label, service and site of the queue that the record names, if any."""
        stay = self._outside(record)
        if record.queue in UNNAMED:
            return stay
        queue_key, label, service, site = self._names.queue_place(record.queue)
        return replace(stay, queue_key=queue_key, queue=label, service=service, site=site)

    def _reserve(self, record: QueueLogRecord) -> None:
        """Count an unknown event of a call as each configurable meaning would, so that a later meaning changes no ordinals."""
        if record.call in NO_CALL:
            return
        name = self._call_of(record)
        self._history.call(name, record.second)
        self._count(name, record)
        self._count(name, record, _joined(record))
        self._count(name, record, self._names.queue_key(record.queue))

    def _call_of(self, record: QueueLogRecord) -> str:
        if record.call in NO_CALL:
            raise UnusableRecord(Reason.UNREADABLE_LINE, _("it names no call"))
        return self._names.call(record.call, record.second)

    def _event(
        self, kind: type[_CallEvent], stay: QueueStay, envelope: Envelope, data: dict[str, Any], id_suffix: str = ""
    ) -> _CallEvent:
        native = f"{stay.call_id}|{stay.ordinal}|{event_type(kind)}"
        if id_suffix:
            native += f"|{id_suffix}"
        envelope["id"] = event_id(self._source, native)
        envelope["subject"] = stay.subject
        envelope["service"] = stay.service
        envelope["site"] = stay.site
        envelope["data"] = data
        return kind.make(envelope)


def _missing_meaning(event: str) -> str:
    if not LABEL.fullmatch(event):
        return ""
    return _("{event} has no meaning in custom_events", event=event)


def _here(stay: QueueStay, **data: Any) -> dict[str, Any]:
    return {"queue": stay.queue, "visit": stay.ordinal, **data}


def _ignore(*_arguments: object) -> Sequence[Event]:
    return ()


def _joined(record: QueueLogRecord) -> str:
    """Return a menu choice: the keys of its levels, joined by `-`."""
    return "-".join(filter(None, record.parameters))
