"""What mod_callcenter tells and keeps, of what it is told to do: events by their headers, and rows of its tables.

Headers, their order and what is in the tables: `mod_callcenter.c`. Times are seconds since 1970 and come in order.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from connectors.freeswitch.event_socket_protocol import Message

DOMAIN: Final = "default"
AVAILABLE, ON_BREAK, LOGGED_OUT = "Available", "On Break", "Logged Out"
MEMBER: Final = (
    *("queue", "instance_id", "uuid", "session_uuid", "cid_number", "cid_name", "system_epoch", "joined_epoch"),
    *(
        "rejoined_epoch",
        "bridge_epoch",
        "abandoned_epoch",
        "base_score",
        "skill_score",
        "serving_agent",
        "serving_system",
    ),
    *("state", "score"),
)
AGENT: Final = (
    *("name", "instance_id", "uuid", "type", "contact", "status", "state", "max_no_answer", "wrap_up_time"),
    *("reject_delay_time", "busy_delay_time", "no_answer_delay_time", "last_bridge_start", "last_bridge_end"),
    *("last_offered_call", "last_status_change", "no_answer_count", "calls_answered", "talk_time", "ready_time"),
    "external_calls_count",
)
TIER: Final = ("queue", "agent", "state", "level", "position")


class CallcenterChange(NamedTuple):
    """What happens at once: what changes in the tables, and what is told of it."""

    at: float
    changes: Sequence[tuple[str, str, Message | None]]
    """Table, key, and the columns that change; None if the row goes."""
    events: Sequence[Message]


class Tables:
    """The tables of mod_callcenter."""

    def __init__(self, queues: Sequence[str], agents: dict[str, Sequence[str]]) -> None:
        self.queues = [f"{queue}@{DOMAIN}" for queue in queues]
        self.members: dict[str, Message] = {}
        self.agents: dict[str, Message] = {}
        self.tiers: dict[str, Message] = {}
        for agent, serves in agents.items():
            contact = f"[leg_timeout=20]user/{agent}|error/user_busy"
            self.agents[agent] = {"name": agent, "type": "callback", "contact": contact, "status": LOGGED_OUT}
            for queue in serves:
                row = {"queue": f"{queue}@{DOMAIN}", "agent": agent, "state": "Ready", "level": "1", "position": "1"}
                self.tiers[f"{queue}|{agent}"] = row

    def change(self, happening: CallcenterChange) -> None:
        """Let something have happened."""
        for table, key, columns in happening.changes:
            rows: dict[str, Message] = getattr(self, table)
            if columns is None:
                rows.pop(key, None)
            else:
                rows[key] = rows.get(key, {}) | columns

    def answer(self, asked: str) -> str:
        """Return what `callcenter_config` answers."""
        match asked.split(" "):
            case ["queue", "list"]:
                return _list(
                    ("name", "strategy"), [{"name": one, "strategy": "longest-idle-agent"} for one in self.queues]
                )
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
    """Does what it is told. A call is named by what `arrive` returned. `tell` takes what happens."""

    def __init__(self, tell: Callable[[CallcenterChange], object], seed: int = 1) -> None:
        self._tell = tell
        self._random = Random(seed)  # noqa: S311 - no secret
        self._calls: dict[str, _Member] = {}
        self._sequence = 0
        self._core = self._uuid()

    # ------------------------------------------------------------------------------------------------------------ waits
    def arrive(self, at: float, *, caller: str, dialled: str) -> str:
        """Let a call come in, from a number (`anonymous` if withheld) to a number."""
        call = self._uuid()
        self._calls[call] = one = _Member(call, caller, dialled)
        channel = self._channel(one, state="CS_INIT", answered="ringing")
        self._happen(at, [], {"Event-Name": "CHANNEL_CREATE"} | channel)
        return call

    def enter(self, at: float, call: str, queue: str) -> None:
        """Let a call wait in a queue."""
        one = self._calls[call]
        one.uuid, one.queue, one.joined, one.agent = self._uuid(), f"{queue}@{DOMAIN}", at, ""
        joined = {"queue": one.queue, "uuid": one.uuid, "session_uuid": call, "state": "Waiting"}
        caller = {"cid_number": one.caller, "cid_name": _name(one), "joined_epoch": str(int(at))}
        self._happen(at, [("members", one.uuid, joined | caller)], self._of_member(one, "member-queue-start", {}))

    def ring_out(self, at: float, call: str, agent: str, cause: str = "NO_ANSWER") -> None:
        """Let a waiting call have rung at an agent in vain."""
        about = {"CC-Hangup-Cause": cause, "CC-Agent": agent, "CC-Agent-System": "single_box"}
        self._happen(at, [], self._info("bridge-agent-fail", {}, self._calls[call], about))

    def pick_up(self, at: float, call: str, agent: str, *, ring_seconds: int = 4) -> None:
        """Let an agent answer, which does not mean yet that the caller is still there."""
        one = self._calls[call]
        one.agent, one.called, one.answered = agent, at - ring_seconds, at
        self._happen(
            at, [("members", one.uuid, _serving(agent, "Trying"))], self._of_agent(one, "bridge-agent-start", {})
        )

    def connect(self, at: float, call: str) -> None:
        """Let the two be connected."""
        one = self._calls[call]
        state = {"CC-Agent": one.agent, "CC-Action": "agent-state-change", "CC-Agent-State": "In a queue call"}
        row = _serving(one.agent, "Answered") | {"bridge_epoch": str(int(at))}
        self._happen(at, [("members", one.uuid, row)], self._event(state))

    def answer(self, at: float, call: str, agent: str, *, ring_seconds: int = 4) -> None:
        """Let an agent answer a waiting call, and be connected."""
        self.pick_up(at, call, agent, ring_seconds=ring_seconds)
        self.connect(at + 0.02, call)

    def miss(self, at: float, call: str) -> None:
        """Let the caller hang up just as an agent has answered."""
        one = self._calls[call]
        gone = {"state": "Abandoned", "session_uuid": "", "abandoned_epoch": str(int(at))}
        cancelled = self._cancelled(one, at, "NONE", answered="hangup")
        parted = self._of_agent(one, "bridge-agent-end", self._parted(at, "send_bye") | {"CC-Agent-Bridged": "false"})
        self._happen(at, [("members", one.uuid, gone)], cancelled, parted)

    def give_up(self, at: float, call: str) -> None:
        """Let a waiting caller hang up."""
        self._cancel(at, call, "BREAK_OUT", answered="hangup")

    def take_out(self, at: float, call: str) -> None:
        """Let somebody transfer a waiting call."""
        self._cancel(at, call, "BREAK_OUT")

    def time_out(self, at: float, call: str) -> None:
        """Let a wait have lasted too long."""
        self._cancel(at, call, "TIMEOUT")

    def find_nobody(self, at: float, call: str) -> None:
        """Let a waiting call leave a queue that nobody answers."""
        self._cancel(at, call, "NO_AGENT_TIMEOUT")

    def press_key(self, at: float, call: str) -> None:
        """Let a waiting caller leave by a key."""
        self._cancel(at, call, "EXIT_WITH_KEY")

    # ---------------------------------------------------------------------------------------------------- conversations
    def hang_up(self, at: float, call: str, *, by_agent: bool = False) -> None:
        """Let a conversation end."""
        self._terminate(
            at, call, "recv_bye" if by_agent else "send_bye", {}, answered="answered" if by_agent else "hangup"
        )

    def transfer(self, at: float, call: str, extension: str, *, attended: bool = False) -> None:
        """Let the agent hand a call on."""
        kind = (
            f"att_xfer:{extension}@{DOMAIN}/{self._calls[call].caller}@{DOMAIN}"
            if attended
            else f"bl_xfer:{extension}/{DOMAIN}/XML"
        )
        bridged = f"{int(self._calls[call].joined)}:{self._uuid()}:uuid_br:{self._calls[call].agent}"
        history = f"ARRAY::{bridged}|:{int(at)}:{self._uuid()}:{kind}"
        self._terminate(at, call, "recv_bye", {"variable_transfer_history": history}, answered="answered")

    # ----------------------------------------------------------------------------------------------------------- agents
    def set_status(self, at: float, agent: str, status: str) -> None:
        """Let an agent's status be changed."""
        told = {"CC-Agent": agent, "CC-Action": "agent-status-change", "CC-Agent-Status": status}
        row = {"status": status, "last_status_change": str(int(at))}
        self._happen(at, [("agents", agent, row)], self._event(told))

    def serve(self, at: float, agent: str, queue: str, *, serves: bool = True) -> None:
        """Let an agent begin to serve a queue, or cease to, which no event tells."""
        row = {"queue": f"{queue}@{DOMAIN}", "agent": agent, "state": "Ready", "level": "1", "position": "1"}
        self._happen(at, [("tiers", f"{queue}|{agent}", row if serves else None)])

    def _cancel(self, at: float, call: str, reason: str, answered: str = "answered") -> None:
        one = self._calls[call]
        gone = {"state": "Abandoned", "session_uuid": "", "abandoned_epoch": str(int(at))}
        self._happen(at, [("members", one.uuid, gone)], self._cancelled(one, at, reason, answered=answered))

    def _cancelled(self, one: _Member, at: float, reason: str, *, answered: str) -> Message:
        times = {"CC-Member-Leaving-Time": str(int(at)), "CC-Member-Joined-Time": str(int(one.joined))}
        why = {"CC-Cause": "Cancel", "CC-Cancel-Reason": reason}
        return self._of_member(one, "member-queue-end", times | why, answered=answered)

    def _terminate(self, at: float, call: str, disposition: str, variables: Message, *, answered: str) -> None:
        one = self._calls[call]
        parted = self._of_agent(one, "bridge-agent-end", self._parted(at, disposition) | {"CC-Agent-Bridged": "true"})
        over = {"CC-Hangup-Cause": "SUCCESS", "CC-Cause": "Terminated", "CC-Agent": one.agent}
        ended = self._of_member(one, "member-queue-end", over | variables, answered=answered)
        self._happen(at, [("members", one.uuid, None)], parted, ended)

    def _parted(self, at: float, disposition: str) -> Message:
        return {"CC-Bridge-Terminated-Time": str(int(at)), "variable_sip_hangup_disposition": disposition}

    # ----------------------------------------------------------------------------------------------------------- events
    def _of_member(self, one: _Member, action: str, about: Message, answered: str = "answered") -> Message:
        state = "CS_HANGUP" if answered == "hangup" else "CS_EXECUTE"
        return self._info(action, self._channel(one, state=state, answered=answered), one, about)

    def _of_agent(self, one: _Member, action: str, about: Message) -> Message:
        times = {
            "CC-Agent-Called-Time": str(int(one.called)),
            "CC-Agent-Answered-Time": str(int(one.answered)),
            "CC-Member-Joined-Time": str(int(one.joined)),
        }
        channel = {"Channel-Name": f"sofia/internal/{one.agent}", "Answer-State": "answered"}
        return self._info(
            action, channel, one, {"CC-Agent": one.agent, "CC-Agent-System": "single_box"} | times | about
        )

    def _info(self, action: str, channel: Message, one: _Member, about: Message) -> Message:
        member = {
            "CC-Member-UUID": one.uuid,
            "CC-Member-Session-UUID": one.session,
            "CC-Member-CID-Name": _name(one),
            "CC-Member-CID-Number": one.caller,
        }
        return self._event(channel | {"CC-Queue": one.queue, "CC-Action": action} | about | member)

    def _event(self, about: Message) -> Message:
        return {"Event-Subclass": "callcenter::info", "Event-Name": "CUSTOM"} | about

    def _channel(self, one: _Member, *, state: str, answered: str) -> Message:
        return {
            "Channel-State": state,
            "Channel-Name": f"sofia/external/{one.caller}@198.51.100.7",
            "Unique-ID": one.session,
            "Call-Direction": "inbound",
            "Answer-State": answered,
            "Caller-Caller-ID-Name": _name(one),
            "Caller-Caller-ID-Number": one.caller,
            "Caller-Destination-Number": one.dialled,
            "variable_sip_from_user": one.caller,
        }

    def _happen(self, at: float, changes: Sequence[tuple[str, str, Message | None]], *events: Message) -> None:
        dated = []
        for place, event in enumerate(events):
            self._sequence += 1
            when = {"Event-Date-Timestamp": str(round(at * 1_000_000) + place), "Event-Sequence": str(self._sequence)}
            dated.append({"Core-UUID": self._core, "FreeSWITCH-Hostname": "fs1"} | event | when)
        self._tell(CallcenterChange(at, changes, dated))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _name(one: _Member) -> str:
    """Return what the caller's telephone says of him, which may hold what divides columns."""
    return f"Usager | {one.caller}"


def _serving(agent: str, state: str) -> Message:
    return {"state": state, "serving_agent": agent, "serving_system": "single_box"}


def _list(columns: Sequence[str], rows: Sequence[Message]) -> str:
    """Return a list as it is written, without names of columns if it has no rows."""
    lines = [
        "|".join(row.get(column, "0" if column.endswith("_epoch") else "(null)") for column in columns) for row in rows
    ]
    return "".join(f"{line}\n" for line in [*(["|".join(columns)] if rows else []), *lines, "+OK"])
