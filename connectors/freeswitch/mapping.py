"""What events of mod_callcenter mean, in order; what earlier ones said is in `Watch`.

An agent who answers is not yet connected to the caller: that is so once the agent's state says it, and at the latest when the
two part. A plain caller who hangs up is told as `Cancel` with `BREAK_OUT`, as is who is taken out of the queue: whether the
channel is still there tells them apart.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from connectors.freeswitch import event_filter
from connectors.freeswitch.callcenter_lists import CallcenterListComparison
from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_factory import SECOND_US, EventFactory, between
from connectors.freeswitch.event_filter import EventSocketRecord
from connectors.freeswitch.event_socket_protocol import MAX_EVENT_BYTES, Message
from connectors.freeswitch.event_socket_session import OVERSIZED
from connectors.freeswitch.name_resolver import NameResolver
from connectors.freeswitch.stay_tracker import Agent, QueueStay, StayTracker
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.i18n import say
from connectors.sdk.journaled_stream import JournalEntry
from connectors.sdk.telephony import epoch
from models.codec import UnusableRecord
from models.events import EndedBy, Event, LeaveReason, TransferKind
from models.identities import PseudonymKey
from models.reasons import Reason

LEFT: Final = {
    "TIMEOUT": LeaveReason.TIMEOUT,
    "NO_AGENT_TIMEOUT": LeaveReason.EMPTY,
    "EXIT_WITH_KEY": LeaveReason.KEY,
    "BREAK_OUT": LeaveReason.WITHDRAWN,
}
"""`CC-Cancel-Reason` → why a call left that is still there."""
BY_THE_CALLER: Final = frozenset({"BREAK_OUT", "NONE"})
RANG_IN_VAIN: Final = frozenset({"NO_ANSWER", "NO_USER_RESPONSE", "ALLOTTED_TIMEOUT", "CALL_REJECTED"})
"""`CC-Hangup-Cause` of an agent's leg that rang; of others, somebody else was faster, or it never rang."""
STATUS: Final = {"Logged Out": "", "Available": "in", "Available (On Demand)": "in", "On Break": "break"}
HUNG_UP: Final = {"recv_bye": EndedBy.AGENT, "send_bye": EndedBy.CALLER}
"""`sip_hangup_disposition` of the agent's leg: it hung up itself, or was hung up since the caller's was."""
KINDS: Final = {"bl_xfer": TransferKind.BLIND, "att_xfer": TransferKind.ATTENDED}
ANSWERS: Final = frozenset({"bridge-agent-start", "bridge-agent-end", "agent-state-change", "member-queue-end"})
"""Events that report an answer, or its end."""
TOO_LONG: Final = say(f"more than {MAX_EVENT_BYTES} bytes", f"plus de {MAX_EVENT_BYTES} octets")
NO_CALL: Final = say("it names no call or queue", "il ne nomme pas d'appel ou de file")
_decode: Final = msgspec.json.Decoder(EventSocketRecord).decode
_Handler = Callable[["_Said"], Iterable[Event]]


class Context(msgspec.Struct):
    """What a rejected record depends on."""

    watch: StayTracker


class _Said:
    """One event."""

    def __init__(self, message: Message, at: int, names: NameResolver, facts: EventFactory) -> None:
        self.get = message.get
        self.at = at
        self.facts = facts
        self.call = names.call(message.get("CC-Member-Session-UUID", ""))
        self.member = names.call(message.get("CC-Member-UUID", ""))
        self.queue = names.queue_key(message.get("CC-Queue", ""))
        self.agent = names.agent(message.get("CC-Agent", ""))

    def seconds(self, name: str) -> int:
        """Return a time in seconds, 0 if it is none."""
        return epoch(self.get(name, ""), self.at / SECOND_US)


class EventMapping:
    """Maps what one FreeSWITCH told."""

    def __init__(self, source: str, config: FreeswitchConfig, key: PseudonymKey, watch: StayTracker) -> None:
        self._source, self._sector = source, config.sector
        self._names = NameResolver(config, key)
        self._watch = watch
        self._snapshot = CallcenterListComparison(self._names, watch, STATUS)
        self._before = b""
        self._in_queues: Mapping[str, _Handler] = {
            "member-queue-start": self._began,
            "member-queue-resume": self._began,
            "member-queue-end": self._left,
            "bridge-agent-start": self._picked_up,
            "bridge-agent-end": self._parted,
            "bridge-agent-fail": self._not_picked_up,
        }
        self._of_agents: Mapping[str, _Handler] = {
            "agent-status-change": self._status_changed,
            "agent-state-change": self._connected,
        }

    def map(self, raw: JournalEntry) -> Outcome:
        """Return what a record means, or why it means nothing; raises nothing."""
        told = _decode(raw.content)
        try:
            return list(self._tell(told, raw.read_at))
        except UnusableRecord as error:
            return self.reject(raw, error.reason, error.detail)

    def reject(self, raw: JournalEntry, reason: Reason, detail: str = "") -> Reject:
        """Return the rejection of the record that was mapped last, with what was known before it."""
        answer = _decode(raw.content).message.get("CC-Action") in ANSWERS
        return Reject(reason, raw.content, detail, self._before, answer)

    def _tell(self, told: EventSocketRecord, read_at: datetime) -> Iterable[Event]:
        message = told.message
        at = _microseconds(message.get(event_filter.AT, ""), told.received_at) or int(told.received_at * SECOND_US)
        facts = EventFactory(self._source, self._sector, self._names, read_at)
        said, action = _Said(message, at, self._names, facts), message["CC-Action"]
        listed = action == event_filter.LISTED
        known = self._watch if listed else self._watch.excerpt(said.call, said.member, said.agent)
        self._before = msgspec.json.encode(Context(known))
        if action == OVERSIZED:
            raise UnusableRecord(Reason.OVERSIZED, TOO_LONG)
        if listed:
            return self._snapshot.compare(told, at, facts)
        if action == event_filter.ARRIVED:
            if not (call := self._names.call(message.get("Unique-ID", ""))):
                raise UnusableRecord(Reason.UNREADABLE_LINE, NO_CALL)
            return (facts.arrived(call, self._names.line(message.get("Caller-Destination-Number", "")), at),)
        return self._happened(said, action)

    def _happened(self, said: _Said, action: str) -> Iterable[Event]:
        in_queue = self._in_queues.get(action)
        if in_queue and not (said.call and said.member and said.queue):
            raise UnusableRecord(Reason.UNREADABLE_LINE, NO_CALL)
        if not in_queue and not said.agent:
            raise UnusableRecord(Reason.UNREADABLE_LINE, say("it names no agent", "il ne nomme pas d'agent"))
        return (in_queue or self._of_agents[action])(said)

    # ------------------------------------------------------------------------------------------------------------ waits
    def _began(self, said: _Said) -> Iterator[Event]:
        if self._watch.find(said.call, said.member) is None:  # else the list told it before
            stay = self._watch.begin(said.call, said.member, said.queue, said.at)
            yield said.facts.queued(stay, self._names.caller(said.get("CC-Member-CID-Number", "")))

    def _left(self, said: _Said) -> Iterator[Event]:
        stay = self._stay(said)
        if stay is None:
            return
        reason = said.get("CC-Cancel-Reason", "")
        if said.get("CC-Cause") == "Terminated":
            yield from self._over(stay, said)
        elif stay.talks:
            return  # he hung up as they were connected, and both parts of that are told
        elif reason == "NONE" and stay.answered_at:
            stay.given_up_at = said.at
        else:
            self._watch.end(stay)
            if reason in BY_THE_CALLER and said.get("Answer-State", "hangup") == "hangup":
                yield said.facts.abandoned(stay, said.at)
            else:
                yield said.facts.left(stay, LEFT.get(reason, LeaveReason.OTHER), said.at)

    def _stay(self, said: _Said) -> QueueStay | None:
        """Return the stay that something happens to, None if it was told to be over; if its beginning was not told, it begins."""
        if self._watch.is_over(said.call, said.member):
            return None
        joined_at = said.seconds("CC-Member-Joined-Time") * SECOND_US or said.at
        return self._watch.find(said.call, said.member) or self._watch.begin(
            said.call, said.member, said.queue, min(joined_at, said.at)
        )

    # ---------------------------------------------------------------------------------------------------- conversations
    def _picked_up(self, said: _Said) -> Iterable[Event]:
        stay = self._stay(said)
        if stay is not None and not stay.talks:
            called_at, answered_at = said.seconds("CC-Agent-Called-Time"), said.seconds("CC-Agent-Answered-Time")
            stay.agent, stay.answered_at = said.agent, said.at
            stay.ring_seconds = between(called_at * SECOND_US, answered_at * SECOND_US)
            self._watch.answering[said.agent] = stay.key
        return ()

    def _connected(self, said: _Said) -> Iterator[Event]:
        stay = self._watch.stays.get(self._watch.answering.pop(said.agent, ""))
        if stay is not None:
            yield from self._connect(stay, said.facts)

    def _connect(self, stay: QueueStay, facts: EventFactory) -> Iterator[Event]:
        stay.talks = True
        yield from facts.answered(stay)

    def _parted(self, said: _Said) -> Iterator[Event]:
        apart = said.get("CC-Agent-Bridged") == "false"
        stay = self._watch.find(said.call, said.member) if apart else self._stay(said)
        if stay is None:
            return
        if not stay.talks:
            self._watch.answering.pop(stay.agent, None)
            if apart:
                stay.agent, stay.answered_at, stay.ring_seconds = "", 0, None
                if stay.given_up_at:
                    self._watch.end(stay)
                    yield said.facts.abandoned(stay, stay.given_up_at)
                return
            stay.agent, stay.answered_at = stay.agent or said.agent, stay.answered_at or said.at
            yield from self._connect(stay, said.facts)
        stay.hung_up_by = HUNG_UP.get(said.get("variable_sip_hangup_disposition", ""), EndedBy.SYSTEM)

    def _over(self, stay: QueueStay, said: _Said) -> Iterator[Event]:
        self._watch.end(stay)
        if not stay.talks:
            stay.answered_at = stay.answered_at or said.at
            yield from self._connect(stay, said.facts)
        busy = self._watch.is_busy(stay.agent)
        moved_at, kind, extension = [*said.get(event_filter.TRANSFER, "").split("|"), "", ""][:3]
        # What was handed on before this conversation is told by the same history.
        if kind in KINDS and epoch(moved_at, said.at / SECOND_US) >= stay.answered_at // SECOND_US:
            yield from said.facts.transferred(stay, KINDS[kind], extension, said.at, busy=busy)
        else:
            yield from said.facts.ended(stay, EndedBy(stay.hung_up_by or EndedBy.SYSTEM), said.at, busy=busy)

    def _not_picked_up(self, said: _Said) -> Iterator[Event]:
        stay = self._watch.find(said.call, said.member)
        if stay is not None and said.agent and said.get("CC-Hangup-Cause") in RANG_IN_VAIN:
            yield said.facts.ring_unanswered(stay, said.agent, said.at)

    # ----------------------------------------------------------------------------------------------------------- agents
    def _status_changed(self, said: _Said) -> Iterable[Event]:
        status = STATUS.get(said.get("CC-Agent-Status", ""))
        if status is None:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, say("of no known status", "d'un statut inconnu"))
        before = self._watch.agents.get(said.agent, Agent())
        after = Agent(status, before.queues, max(said.at, before.at + 1))
        self._watch.agents[said.agent] = after
        return said.facts.became(said.agent, before, after)


def _microseconds(text: str, now: float) -> int:
    """Return the time that `text` is, in microseconds since 1970; 0 if it is none that can be."""
    return int(text) if epoch(text[:-6], now) and text.isascii() and text.isdecimal() else 0
