"""Mapping of mod_callcenter events to events or rejects.

An agent who answers is not yet connected to the caller. The connection is known from the agent's state, and at the latest
from the end of the conversation. A caller who hangs up is reported as `Cancel` with `BREAK_OUT`, and so is a caller
transferred out of the queue. The state of the channel distinguishes the two.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from connectors.freeswitch import event_filter
from connectors.freeswitch.callcenter_lists import CallcenterListComparison
from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_factory import SECOND_US, EventFactory, seconds_between
from connectors.freeswitch.event_filter import EventSocketRecord
from connectors.freeswitch.event_socket_protocol import MAX_EVENT_BYTES
from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import STATUS, Agent, QueueStay, StayTracker
from connectors.sdk.contract import Reject
from connectors.sdk.journaled_stream import JournalEntry, Message
from connectors.sdk.telephony import epoch
from models.codec import UnusableRecord
from models.events import EndedBy, Event, LeaveReason, TransferKind
from models.identities import PseudonymKey
from models.locale import _
from models.reasons import Reason

EXIT_REASONS: Final = {
    "TIMEOUT": LeaveReason.TIMEOUT,
    "NO_AGENT_TIMEOUT": LeaveReason.EMPTY,
    "EXIT_WITH_KEY": LeaveReason.KEY,
    "BREAK_OUT": LeaveReason.WITHDRAWN,
}
"""`CC-Cancel-Reason` → reason for leaving the queue, for calls that continue; `LeaveReason.OTHER` for others."""
HANGUP_REASONS: Final = frozenset({"BREAK_OUT", "NONE"})
UNANSWERED_CAUSES: Final = frozenset({"NO_ANSWER", "NO_USER_RESPONSE", "ALLOTTED_TIMEOUT", "CALL_REJECTED"})
"""`CC-Hangup-Cause` of an agent's leg that rang. With other causes, another agent was faster or the phone did not ring."""
ENDED_BY: Final = {"recv_bye": EndedBy.AGENT, "send_bye": EndedBy.CALLER}
"""`sip_hangup_disposition` of the agent's leg → party who hung up: the agent, or the caller, so that the agent was cut off."""
TRANSFER_KINDS: Final = {"bl_xfer": TransferKind.BLIND, "att_xfer": TransferKind.ATTENDED}
ANSWER_ACTIONS: Final = frozenset({"bridge-agent-start", "bridge-agent-end", "agent-state-change", "member-queue-end"})
"""Actions that may report an answer or the end of a conversation, for `Reject.reports_answer`."""
TOO_LONG: Final = _("more than {max_event_bytes} bytes", max_event_bytes=MAX_EVENT_BYTES)
NO_CALL: Final = _("it names no call or queue")
_decode: Final = msgspec.json.Decoder(EventSocketRecord).decode
_Handler = Callable[["_CallcenterEvent"], Iterable[Event]]


class Context(msgspec.Struct):
    """State needed to map a rejected record again, as stored in its rejection. Saved as `watch`."""

    tracker: StayTracker = msgspec.field(name="watch")


class _CallcenterEvent:
    """One event with resolved names, which are empty if missing. `at` is its time in microseconds since 1970."""

    def __init__(self, message: Message, at: int, names: NameResolver, factory: EventFactory) -> None:
        self.get = message.get
        self.at = at
        self.factory = factory
        self.call = names.call(message.get("CC-Member-Session-UUID", ""))
        self.member = names.call(message.get("CC-Member-UUID", ""))
        self.queue = names.queue_key(message.get("CC-Queue", ""))
        self.agent = names.agent(message.get("CC-Agent", ""))

    def seconds(self, name: str) -> int:
        """Return the time in header `name` in seconds since 1970; 0 if it is missing, invalid or far after the event."""
        return epoch(self.get(name, ""), self.at / SECOND_US)


class EventMapping:
    """Maps the records of one FreeSWITCH in order. `tracker` is the memory of earlier records, which each record updates."""

    def __init__(self, source: str, config: FreeswitchConfig, key: PseudonymKey, tracker: StayTracker) -> None:
        self._source, self._sector = source, config.sector
        self._names = NameResolver(config, key)
        self._tracker = tracker
        self._lists = CallcenterListComparison(self._names, tracker)
        self._context = b""
        self._member_handlers: Mapping[str, _Handler] = {
            "member-queue-start": self._began,
            "member-queue-resume": self._began,
            "member-queue-end": self._left,
            "bridge-agent-start": self._bridge_started,
            "bridge-agent-end": self._bridge_ended,
            "bridge-agent-fail": self._bridge_failed,
        }
        self._agent_handlers: Mapping[str, _Handler] = {
            "agent-status-change": self._status_changed,
            "agent-state-change": self._connected,
        }

    def map(self, raw: JournalEntry) -> Sequence[Event]:
        """Return the events of a record, and update the memory. Raises `UnusableRecord`."""
        return list(self._map_record(_decode(raw.content), raw.read_at))

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the record mapped last, with the part of the state before it that `map_rejected` needs."""
        answer = _decode(raw.content).message.get("CC-Action") in ANSWER_ACTIONS
        return Reject(reason, raw.content, detail, self._context, answer)

    def _map_record(self, record: EventSocketRecord, read_at: datetime) -> Iterable[Event]:
        message = record.message
        at = _microseconds(message.get(event_filter.AT, ""), record.received_at) or int(record.received_at * SECOND_US)
        factory = EventFactory(self._source, self._sector, self._names, read_at)
        event, action = _CallcenterEvent(message, at, self._names, factory), message["CC-Action"]
        is_listed = action == event_filter.LISTED
        tracked = self._tracker if is_listed else self._tracker.excerpt(event.call, event.member, event.agent)
        self._context = msgspec.json.encode(Context(tracked))
        if action == event_filter.OVERSIZED:
            raise UnusableRecord(Reason.OVERSIZED, TOO_LONG)
        if is_listed:
            return self._lists.compare(record, at, factory)
        if action == event_filter.ARRIVED:
            if not (call := self._names.call(message.get("Unique-ID", ""))):
                raise UnusableRecord(Reason.UNREADABLE_LINE, NO_CALL)
            return (factory.arrived(call, self._names.line(message.get("Caller-Destination-Number", "")), at),)
        return self._dispatch(event, action)

    def _dispatch(self, event: _CallcenterEvent, action: str) -> Iterable[Event]:
        in_queue = self._member_handlers.get(action)
        if in_queue and not (event.call and event.member and event.queue):
            raise UnusableRecord(Reason.UNREADABLE_LINE, NO_CALL)
        if not in_queue and not event.agent:
            raise UnusableRecord(Reason.UNREADABLE_LINE, _("it names no agent"))
        return (in_queue or self._agent_handlers[action])(event)

    # ------------------------------------------------------------------------------------------------------------ waits
    def _began(self, event: _CallcenterEvent) -> Iterator[Event]:
        if self._tracker.find(event.call, event.member) is None:  # otherwise already reported by the lists
            stay = self._tracker.begin(event.call, event.member, event.queue, event.at)
            yield event.factory.queued(stay, self._names.caller(event.get("CC-Member-CID-Number", "")))

    def _left(self, event: _CallcenterEvent) -> Iterator[Event]:
        stay = self._stay(event)
        if stay is None:
            return
        reason = event.get("CC-Cancel-Reason", "")
        if event.get("CC-Cause") == "Terminated":
            yield from self._terminated(stay, event)
        elif stay.talks:
            return  # the caller hung up during the connection; its end is reported by further events
        elif reason == "NONE" and stay.answered_at:
            stay.given_up_at = event.at
        else:
            self._tracker.end(stay)
            if reason in HANGUP_REASONS and event.get("Answer-State", "hangup") == "hangup":
                yield event.factory.abandoned(stay, event.at)
            else:
                yield event.factory.left(stay, EXIT_REASONS.get(reason, LeaveReason.OTHER), event.at)

    def _stay(self, event: _CallcenterEvent) -> QueueStay | None:
        """Return the stay that an event is about; None if it has ended. Begin it if its start was not reported."""
        if self._tracker.is_over(event.call, event.member):
            return None
        joined_at = event.seconds("CC-Member-Joined-Time") * SECOND_US or event.at
        return self._tracker.find(event.call, event.member) or self._tracker.begin(
            event.call, event.member, event.queue, min(joined_at, event.at)
        )

    # ---------------------------------------------------------------------------------------------------- conversations
    def _bridge_started(self, event: _CallcenterEvent) -> Iterable[Event]:
        stay = self._stay(event)
        if stay is not None and not stay.talks:
            called_at, answered_at = event.seconds("CC-Agent-Called-Time"), event.seconds("CC-Agent-Answered-Time")
            stay.agent, stay.answered_at = event.agent, event.at
            stay.ring_seconds = seconds_between(called_at * SECOND_US, answered_at * SECOND_US)
            self._tracker.answering[event.agent] = stay.key
        return ()

    def _connected(self, event: _CallcenterEvent) -> Iterator[Event]:
        stay = self._tracker.stays.get(self._tracker.answering.pop(event.agent, ""))
        if stay is not None:
            yield from self._connect(stay, event.factory)

    def _connect(self, stay: QueueStay, factory: EventFactory) -> Iterator[Event]:
        stay.talks = True
        yield from factory.answered(stay)

    def _bridge_ended(self, event: _CallcenterEvent) -> Iterator[Event]:
        never_bridged = event.get("CC-Agent-Bridged") == "false"
        stay = self._tracker.find(event.call, event.member) if never_bridged else self._stay(event)
        if stay is None:
            return
        if not stay.talks:
            self._tracker.answering.pop(stay.agent, None)
            if never_bridged:
                stay.agent, stay.answered_at, stay.ring_seconds = "", 0, None
                if stay.given_up_at:
                    self._tracker.end(stay)
                    yield event.factory.abandoned(stay, stay.given_up_at)
                return
            stay.agent, stay.answered_at = stay.agent or event.agent, stay.answered_at or event.at
            yield from self._connect(stay, event.factory)
        stay.hung_up_by = ENDED_BY.get(event.get("variable_sip_hangup_disposition", ""), EndedBy.SYSTEM)

    def _terminated(self, stay: QueueStay, event: _CallcenterEvent) -> Iterator[Event]:
        self._tracker.end(stay)
        if not stay.talks:
            stay.answered_at = stay.answered_at or event.at
            yield from self._connect(stay, event.factory)
        busy = self._tracker.is_busy(stay.agent)
        moved_at, kind, extension = [*event.get(event_filter.TRANSFER, "").split("|"), "", ""][:3]
        # The history also contains transfers from before this conversation.
        if kind in TRANSFER_KINDS and epoch(moved_at, event.at / SECOND_US) >= stay.answered_at // SECOND_US:
            yield from event.factory.transferred(stay, TRANSFER_KINDS[kind], extension, event.at, busy=busy)
        else:
            yield from event.factory.ended(stay, EndedBy(stay.hung_up_by or EndedBy.SYSTEM), event.at, busy=busy)

    def _bridge_failed(self, event: _CallcenterEvent) -> Iterator[Event]:
        stay = self._tracker.find(event.call, event.member)
        if stay is not None and event.agent and event.get("CC-Hangup-Cause") in UNANSWERED_CAUSES:
            yield event.factory.ring_unanswered(stay, event.agent, event.at)

    # ----------------------------------------------------------------------------------------------------------- agents
    def _status_changed(self, event: _CallcenterEvent) -> Iterable[Event]:
        status = STATUS.get(event.get("CC-Agent-Status", ""))
        if status is None:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, _("its status is unknown"))
        before = self._tracker.agents.get(event.agent, Agent())
        after = Agent(status, before.queues, max(event.at, before.at + 1))
        self._tracker.agents[event.agent] = after
        return event.factory.state_changed(event.agent, before, after)


def _microseconds(text: str, now: float) -> int:
    """Return the time in `text`, microseconds since 1970; 0 if it is implausible at `now`, in seconds."""
    return int(text) if epoch(text[:-6], now) and text.isascii() and text.isdecimal() else 0
