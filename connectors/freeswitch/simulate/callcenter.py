"""Simulated mod_callcenter, driven by method calls: events with their headers, and rows of its tables.

Headers, their order and the tables follow `mod_callcenter.c`. Times are seconds since 1970. Successive calls must be in order
of time.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from connectors.sdk.journaled_stream import Message

DOMAIN: Final = "default"
RING_SECONDS: Final = 4
AVAILABLE, ON_BREAK, LOGGED_OUT = "Available", "On Break", "Logged Out"
MEMBER: Final = (
    "queue|instance_id|uuid|session_uuid|cid_number|cid_name|system_epoch|joined_epoch|rejoined_epoch|bridge_epoch|"
    "abandoned_epoch|base_score|skill_score|serving_agent|serving_system|state|score"
)
AGENT: Final = (
    "name|instance_id|uuid|type|contact|status|state|max_no_answer|wrap_up_time|reject_delay_time|busy_delay_time|"
    "no_answer_delay_time|last_bridge_start|last_bridge_end|last_offered_call|last_status_change|no_answer_count|"
    "calls_answered|talk_time|ready_time|external_calls_count"
)
TIER: Final = "queue|agent|state|level|position"
"""Columns of the table of tiers, in order; `MEMBER` and `AGENT` have those of the other tables."""


class CallcenterChange(NamedTuple):
    """Simultaneous changes of the tables, with their events. `at` is in seconds since 1970."""

    at: float
    changes: Sequence[tuple[str, str, Message | None]]
    """Attribute of `Tables` (such as `members`), key of the row, and its changed columns; None if the row is deleted."""
    events: Sequence[Message]


class Tables:
    """The tables of mod_callcenter, at first with all agents logged out and no members.

    `agents` maps each agent to the queues served. Names of queues are given without a domain; agents' names are complete.
    """

    def __init__(self, queues: Sequence[str], agents: Mapping[str, Sequence[str]]) -> None:
        self.queues = [f"{queue}@{DOMAIN}" for queue in queues]
        self.members: dict[str, Message] = {}
        self.agents: dict[str, Message] = {}
        self.tiers: dict[str, Message] = {}
        for agent, serves in agents.items():
            contact = f"[leg_timeout=20]user/{agent}|error/user_busy"
            self.agents[agent] = {"name": agent, "type": "callback", "contact": contact, "status": LOGGED_OUT}
            self.tiers |= {f"{queue}|{agent}": _tier(queue, agent) for queue in serves}

    def change(self, change: CallcenterChange) -> None:
        """Apply a change to the tables; its events are not sent here."""
        for table, key, columns in change.changes:
            rows: dict[str, Message] = getattr(self, table)
            if columns is None:
                rows.pop(key, None)
            else:
                rows[key] = rows.get(key, {}) | columns

    def answer(self, command: str) -> str:
        """Return the answer to a `callcenter_config` command that lists something; `-ERR Invalid!` for others."""
        match command.removeprefix("callcenter_config ").split(" "):
            case ["queue", "list"]:
                return _list("name|strategy", [{"name": queue, "strategy": "rrmemory"} for queue in self.queues])
            case ["queue", "list", "members", queue]:
                return _list(MEMBER, [row for row in self.members.values() if row["queue"] == queue])
            case ["agent", "list"]:
                return _list(AGENT, [*self.agents.values()])
            case ["tier", "list"]:
                return _list(TIER, [*self.tiers.values()])
        return "-ERR Invalid!\n"


@dataclass(slots=True)
class _Member:
    session: str
    caller: str
    dialled: str
    uuid: str = ""
    queue: str = ""
    joined: float = 0
    agent: str = ""
    called: float = 0
    answered: float = 0


class Callcenter:
    """Executes actions, and passes each change to `publish`. A call is identified by the value that `arrive` returned."""

    def __init__(self, publish: Callable[[CallcenterChange], object], seed: int = 1) -> None:
        self._publish = publish
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._calls: dict[str, _Member] = {}
        self._sequence = 0
        self._core = self._uuid()

    # ------------------------------------------------------------------------------------------------------------ waits
    def arrive(self, at: float, *, caller: str, dialled: str) -> str:
        """Start an incoming call from the number `caller`, `anonymous` if withheld, and return its id."""
        call = self._uuid()
        self._calls[call] = member = _Member(call, caller, dialled)
        channel = self._channel(member, state="CS_INIT", answered="ringing")
        self._emit(at, [], {"Event-Name": "CHANNEL_CREATE"} | channel)
        return call

    def enter(self, at: float, call: str, queue: str) -> None:
        """Put a call into the queue of this name, without its domain, as a new member."""
        member = self._calls[call]
        member.uuid, member.queue, member.joined, member.agent = self._uuid(), f"{queue}@{DOMAIN}", at, ""
        row = {"queue": member.queue, "uuid": member.uuid, "session_uuid": call, "state": "Waiting"}
        row |= {"cid_number": member.caller, "cid_name": _name(member), "joined_epoch": str(int(at))}
        self._emit(at, [("members", member.uuid, row)], self._member_event(member, "member-queue-start", {}))

    def ring_out(self, at: float, call: str, agent: str) -> None:
        """Let an agent's phone ring without an answer; the call continues to wait."""
        details = {"CC-Hangup-Cause": "NO_ANSWER", "CC-Agent": agent, "CC-Agent-System": "single_box"}
        self._emit(at, [], self._info("bridge-agent-fail", {}, self._calls[call], details))

    def answer(self, at: float, call: str, agent: str) -> None:
        """Connect a waiting call to an agent, whose phone rang for `RING_SECONDS` before `at`."""
        member = self._calls[call]
        member.agent, member.called, member.answered = agent, at - RING_SECONDS, at
        row = {"state": "Trying", "serving_agent": agent, "serving_system": "single_box"}
        self._emit(at, [("members", member.uuid, row)], self._agent_event(member, "bridge-agent-start", {}))
        state = {"CC-Agent": agent, "CC-Action": "agent-state-change", "CC-Agent-State": "In a queue call"}
        row = {"state": "Answered", "bridge_epoch": str(int(at))}
        self._emit(at + 0.02, [("members", member.uuid, row)], self._event(state))

    def cancel(self, at: float, call: str, reason: str = "BREAK_OUT") -> None:
        """End a wait for a `CC-Cancel-Reason`: the caller hangs up (`BREAK_OUT`), or the call continues outside the queue."""
        member = self._calls[call]
        row = {"state": "Abandoned", "session_uuid": "", "abandoned_epoch": str(int(at))}
        details = {"CC-Member-Leaving-Time": str(int(at)), "CC-Member-Joined-Time": str(int(member.joined))}
        details |= {"CC-Cause": "Cancel", "CC-Cancel-Reason": reason}
        answered = "hangup" if reason == "BREAK_OUT" else "answered"
        event = self._member_event(member, "member-queue-end", details, answered=answered)
        self._emit(at, [("members", member.uuid, row)], event)

    # ---------------------------------------------------------------------------------------------------- conversations
    def hang_up(self, at: float, call: str, *, by_agent: bool = False) -> None:
        """End a conversation; the caller hangs up, or the agent if `by_agent`."""
        disposition, answered = ("recv_bye", "answered") if by_agent else ("send_bye", "hangup")
        self._terminate(at, call, disposition, {}, answered=answered)

    def transfer(self, at: float, call: str, extension: str, *, attended: bool = False) -> None:
        """End a conversation by a transfer to an extension. If a queue has this extension, call `enter` next."""
        member = self._calls[call]
        attended_kind = f"att_xfer:{extension}@{DOMAIN}/{member.caller}@{DOMAIN}"
        kind = attended_kind if attended else f"bl_xfer:{extension}/{DOMAIN}/XML"
        bridged = f"{int(member.joined)}:{self._uuid()}:uuid_br:{member.agent}"
        history = f"ARRAY::{bridged}|:{int(at)}:{self._uuid()}:{kind}"
        self._terminate(at, call, "recv_bye", {"variable_transfer_history": history}, answered="answered")

    # ----------------------------------------------------------------------------------------------------------- agents
    def set_status(self, at: float, agent: str, status: str) -> None:
        """Change an agent's status to `AVAILABLE`, `ON_BREAK` or `LOGGED_OUT`."""
        headers = {"CC-Agent": agent, "CC-Action": "agent-status-change", "CC-Agent-Status": status}
        row = {"status": status, "last_status_change": str(int(at))}
        self._emit(at, [("agents", agent, row)], self._event(headers))

    def serve(self, at: float, agent: str, queue: str, *, serves: bool = True) -> None:
        """Add an agent to a queue, or remove the agent if not `serves`; neither causes an event."""
        self._emit(at, [("tiers", f"{queue}|{agent}", _tier(queue, agent) if serves else None)])

    def _terminate(self, at: float, call: str, disposition: str, variables: Message, *, answered: str) -> None:
        member = self._calls[call]
        over = {"CC-Hangup-Cause": "SUCCESS", "CC-Cause": "Terminated", "CC-Agent": member.agent}
        ended = self._member_event(member, "member-queue-end", over | variables, answered=answered)
        details = {"CC-Bridge-Terminated-Time": str(int(at)), "variable_sip_hangup_disposition": disposition}
        parted = self._agent_event(member, "bridge-agent-end", details | {"CC-Agent-Bridged": "true"})
        self._emit(at, [("members", member.uuid, None)], parted, ended)

    # ----------------------------------------------------------------------------------------------------------- events
    def _member_event(self, member: _Member, action: str, details: Message, answered: str = "answered") -> Message:
        state = "CS_HANGUP" if answered == "hangup" else "CS_EXECUTE"
        return self._info(action, self._channel(member, state=state, answered=answered), member, details)

    def _agent_event(self, member: _Member, action: str, details: Message) -> Message:
        agent = {
            "CC-Agent": member.agent,
            "CC-Agent-System": "single_box",
            "CC-Agent-Called-Time": str(int(member.called)),
            "CC-Agent-Answered-Time": str(int(member.answered)),
            "CC-Member-Joined-Time": str(int(member.joined)),
        }
        channel = {"Channel-Name": f"sofia/internal/{member.agent}", "Answer-State": "answered"}
        return self._info(action, channel, member, agent | details)

    def _info(self, action: str, channel: Message, member: _Member, details: Message) -> Message:
        identity = {
            "CC-Member-UUID": member.uuid,
            "CC-Member-Session-UUID": member.session,
            "CC-Member-CID-Name": _name(member),
            "CC-Member-CID-Number": member.caller,
        }
        return self._event(channel | {"CC-Queue": member.queue, "CC-Action": action} | details | identity)

    def _event(self, details: Message) -> Message:
        return {"Event-Subclass": "callcenter::info", "Event-Name": "CUSTOM"} | details

    def _channel(self, member: _Member, *, state: str, answered: str) -> Message:
        return {
            "Channel-State": state,
            "Channel-Name": f"sofia/external/{member.caller}@198.51.100.7",
            "Unique-ID": member.session,
            "Call-Direction": "inbound",
            "Answer-State": answered,
            "Caller-Caller-ID-Name": _name(member),
            "Caller-Caller-ID-Number": member.caller,
            "Caller-Destination-Number": member.dialled,
            "variable_sip_from_user": member.caller,
        }

    def _emit(self, at: float, changes: Sequence[tuple[str, str, Message | None]], *events: Message) -> None:
        complete = []
        for index, event in enumerate(events):
            self._sequence += 1
            stamp = {"Event-Date-Timestamp": str(round(at * 1_000_000) + index), "Event-Sequence": str(self._sequence)}
            complete.append({"Core-UUID": self._core, "FreeSWITCH-Hostname": "fs1"} | event | stamp)
        self._publish(CallcenterChange(at, changes, complete))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _name(member: _Member) -> str:
    """Return the caller's display name, which contains the column separator."""
    return f"Usager | {member.caller}"


def _tier(queue: str, agent: str) -> Message:
    return {"queue": f"{queue}@{DOMAIN}", "agent": agent, "state": "Ready", "level": "1", "position": "1"}


def _list(header: str, rows: Sequence[Message]) -> str:
    columns = header.split("|")
    lines = [
        "|".join(row.get(column, "0" if column.endswith("_epoch") else "(null)") for column in columns) for row in rows
    ]
    return "".join(f"{line}\n" for line in [*([header] if rows else []), *lines, "+OK"])
