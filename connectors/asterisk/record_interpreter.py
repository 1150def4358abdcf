"""What the records of one Asterisk mean, whichever interface told them: a call's stay in a queue, and what agents do.

A call (its unique id) may stay in several queues one after the other; the stays are its visits 1 … n. A queue that does not take
it is visited too, but not every interface tells of that: such visits have numbers of their own. Ids of events are made of what
records say, never of where they stand, and of no time where the fact can be told without: so a copy of the log, and the manager
interface of the same Asterisk, which tells things some milliseconds sooner or later, tell the same events.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from connectors.asterisk.agent_events import AgentEvents, Envelope, QueueStay
from connectors.asterisk.call_history import Call, CallHistory
from connectors.asterisk.config import AsteriskConfig, CustomOutcome
from connectors.asterisk.name_resolver import CACHED, NameResolver
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
from connectors.sdk.i18n import say
from connectors.sdk.telephony import PhoneLine
from models.codec import UnusableRecord
from models.events import (
    CallAbandoned,
    CallAnswered,
    CallArrived,
    CallEnded,
    CallEvent,
    CallLeftQueue,
    CallMenuChosen,
    CallQueued,
    CallTransferred,
    CallVoicemailLeft,
    EndedBy,
    Event,
    LeaveReason,
    TransferKind,
)
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

LEAVES: Final = "LEAVE"
"""Beginning of the names of the dialplan's own events about a caller who was in the queue: `LEAVEEMPTY`, `LEAVEUNAVAIL`."""
AFTER_A_WAIT: Final = frozenset({LeaveReason.TIMEOUT, LeaveReason.KEY, LeaveReason.WITHDRAWN, LeaveReason.INCOMPATIBLE})
"""Reasons for which a call leaves a queue that it was in: no queue turns it away for them."""
_Told = TypeVar("_Told", bound=CallEvent)
_Handler = Callable[[QueueLogRecord, Envelope], Sequence[Event]]


class RecordInterpreter:
    """Tells what records mean, in order; what earlier ones said is in `memory`."""

    def __init__(self, source: str, config: AsteriskConfig, names: NameResolver, memory: CallHistory) -> None:
        self._source = source
        self._config = config
        self._names = names
        self._memory = memory
        self._agents = AgentEvents(source, names, memory)
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
            **{event: partial(self._agents.changed, change) for event, change in AGENTS.items()},
            **dict.fromkeys(IGNORED, _ignore),
            **{event: partial(self._turned_away, reason, 0) for event, reason in TURNED_AWAY.items()},
            CONVERSATION_OVER: partial(self._ended, EndedBy.SYSTEM),
            MESSAGE_LEFT: self._message_left,
            **{event: self._custom(event, outcome) for event, outcome in custom.items()},
        }

    def interpret(self, record: QueueLogRecord, read_at: datetime) -> Sequence[Event] | None:
        """Return what `record` means; None if its event has no meaning, by itself or by the configuration.

        Raises `Unusable`.
        """
        said: Envelope = {
            "source": self._source,
            "time": record.time,
            "recordedtime": read_at,
            "sequence": self._memory.begin_line(record.second),
            "sector": self._config.sector,
        }
        handler = self._handlers.get(record.event)
        if handler is None:
            self._reserve(record)
            return None
        return handler(record, said)

    # --------------------------------------------------------------------------------------------------- outside queues
    def _arrived(self, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        line = self._names.line(record.text(0))
        data = {"line": line.line if line else ""}
        return (self._event(CallArrived, self._outside(record, line), said, data),)

    def _menu_chosen(self, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        stay = self._outside(record)
        chosen = _joined(record)
        note = f"{self._names.keyed_hash('menu', chosen)}|{self._turn(stay.call, record, chosen)}"
        data = {"option": self._names.menu_option(chosen)}
        return (self._event(CallMenuChosen, stay, said, data, note),)

    def _message_left(self, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        stay = self._outside(record)
        note = str(self._turn(stay.call, record))
        return (self._event(CallVoicemailLeft, stay, said, {"duration_seconds": record.seconds(0)}, note),)

    def _turn(self, call: str, record: QueueLogRecord, what: str = "") -> int:
        """Return whether such a record comes the first, second … time in a call."""
        return self._memory.ordinal(call, self._names.keyed_hash("step", f"{record.event}|{what}"), record.second)

    # ------------------------------------------------------------------------------------------------------- in a queue
    def _queued(self, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        stay = self._stay(record, Call.enter)
        number, position = record.entry()
        data = {"queue": stay.queue, "visit": stay.visit, "position": position}
        said["identities"] = self._names.caller(number)
        return (self._event(CallQueued, stay, said, data),)

    def _answered(self, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        stay = self._stay(record)
        stay.remembered.stays[stay.visit - 1].answered = record.second
        data = {
            "queue": stay.queue,
            "visit": stay.visit,
            "agent": self._names.agent(record.agent),
            "wait_seconds": record.seconds(0),
            "ring_seconds": record.seconds(2),
        }
        return (
            self._event(CallAnswered, stay, said, data),
            *self._agents.started(stay, record, said),
        )

    def _abandoned(self, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        # It may name an agent, if the caller hung up just as one answered: the conversation did not begin.
        stay = self._last_of(record)
        data = {
            "queue": stay.queue,
            "visit": stay.visit,
            "position": record.position(0),
            "original_position": record.position(1),
            "wait_seconds": record.seconds(2),
        }
        return (self._event(CallAbandoned, stay, said, data),)

    def _left(self, reason: LeaveReason, wait: int | None, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        return self._tell_left(self._last_of(record), reason, wait, record, said)

    def _turned_away(
        self, reason: LeaveReason, wait: int | None, record: QueueLogRecord, said: Envelope
    ) -> Sequence[Event]:
        """Return that a call left a queue, if it waited in it, or was not taken.

        Several names may tell one refusal: the first that one name tells is the first that any does, and so on.
        """
        stay = self._stay(record, Call.wait)
        if stay.visit:
            stay.remembered.end(stay.visit, record.second)
        else:
            turn = self._turn(stay.call, record, stay.own)
            stay = replace(stay, visit=self._memory.refuse(stay.call, f"{stay.own}|{turn}"))
        return self._tell_left(stay, reason, wait, record, said)

    def _tell_left(
        self, stay: QueueStay, reason: LeaveReason, wait: int | None, record: QueueLogRecord, said: Envelope
    ) -> Sequence[Event]:
        data = {"queue": stay.queue, "visit": stay.visit, "reason": reason, "wait_seconds": record.seconds(wait)}
        return (self._event(CallLeftQueue, stay, said, data, reason.value),)

    def _ended(self, by: EndedBy, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        stay, busy = self._conversation(record)
        data = {
            "queue": stay.queue,
            "visit": stay.visit,
            "ended_by": by,
            "wait_seconds": record.seconds(0),
            "handle_seconds": record.seconds(1),
        }
        return (
            self._event(CallEnded, stay, said, data),
            *self._agents.ended(stay, record, said, busy=busy),
        )

    def _transferred(self, kind: TransferKind, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        stay, busy = self._conversation(record)
        waited, talked = record.transfer_seconds()
        data = {
            "queue": stay.queue,
            "visit": stay.visit,
            "kind": kind,
            "to_queue": "" if kind is TransferKind.ATTENDED else self._names.queue_of_extension(record.text(0)),
            "wait_seconds": waited,
            "handle_seconds": talked,
        }
        return (
            self._event(CallTransferred, stay, said, data),
            *self._agents.ended(stay, record, said, busy=busy),
        )

    def _ring_unanswered(self, record: QueueLogRecord, said: Envelope) -> Sequence[Event]:
        return self._agents.ring_unanswered(self._stay(record), record, said)

    def _custom(self, event: str, outcome: CustomOutcome) -> _Handler:
        match outcome:
            case "did":
                return self._arrived
            case "menu":
                return self._menu_chosen
            case "voicemail":
                return self._message_left
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
            raise UnusableRecord(Reason.UNREADABLE_LINE, say("it names no queue", "elle ne nomme pas de file"))
        own, previous, label, service, site = self._names.queue_place(record.queue)
        call = self._memory.call(name, record.second)
        if previous:
            call.rename(previous, own)
        visit = find(call, own, record.second)
        return QueueStay(call, name, self._subject(name), own, label, visit, service, site)

    def _last_of(self, record: QueueLogRecord) -> QueueStay:
        """Return the stay that `record` says is over."""
        stay = self._stay(record)
        stay.remembered.end(stay.visit, record.second)
        return stay

    def _conversation(self, record: QueueLogRecord) -> tuple[QueueStay, bool]:
        """Return the stay whose conversation `record` says is over, and whether its agent has another one."""
        stay = self._stay(record, Call.conversation)
        if agent := self._names.agent(record.agent):
            visit, busy = self._memory.end_talk(agent, stay.call, record.second)
            if visit not in {0, stay.visit} and stay.remembered.stays[visit - 1].queue == stay.own:
                stay = replace(stay, visit=visit)
        else:
            busy = False
        stay.remembered.end(stay.visit, record.second)
        return stay, busy

    def _outside(self, record: QueueLogRecord, line: PhoneLine | None = None) -> QueueStay:
        """Return the call of a record, as a stay in no queue."""
        name = self._call_of(record)
        call = self._memory.call(name, record.second)
        return QueueStay(call, name, self._subject(name), "", "", 0, *self._names.place(line))

    def _reserve(self, record: QueueLogRecord) -> None:
        """Count a record of an unknown event in all ways in which it may count, should somebody say later what it means."""
        if record.call in NO_CALL:
            return
        name = self._call_of(record)
        self._memory.call(name, record.second)
        self._turn(name, record)
        self._turn(name, record, _joined(record))
        self._turn(name, record, self._names.queue_key(record.queue))

    def _call_of(self, record: QueueLogRecord) -> str:
        if record.call in NO_CALL:
            raise UnusableRecord(Reason.UNREADABLE_LINE, say("it names no call", "elle ne nomme pas d'appel"))
        return self._names.call(record.call, record.second)

    def _event(self, kind: type[_Told], stay: QueueStay, said: Envelope, data: dict[str, Any], note: str = "") -> _Told:
        native = (
            f"{stay.call}|{stay.visit}|{_type_of(kind)}|{note}"
            if note
            else f"{stay.call}|{stay.visit}|{_type_of(kind)}"
        )
        said["id"] = event_id(self._source, native)
        said["subject"] = stay.subject
        said["service"] = stay.service
        said["site"] = stay.site
        said["data"] = data
        return kind.make(said)


@cache
def _type_of(kind: type[CallEvent]) -> str:
    name: str = kind.model_fields["type"].default
    return name


def _ignore(_: QueueLogRecord, __: Envelope) -> Sequence[Event]:
    """Say nothing: the record concerns neither a contact nor an agent's state."""
    return ()


def _joined(record: QueueLogRecord) -> str:
    """Return what was chosen in a menu: the parameters, of which there may be several."""
    return "-".join(filter(None, record.parameters))
