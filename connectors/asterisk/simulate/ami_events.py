"""Conversion of `queue_log` lines to events of the manager interface.

Names and order of events and headers: `apps/app_queue.c` (its XML documentation and its code), `main/manager_channels.c`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

DELAY_SECONDS: Final = (0.001, 0.03)
"""Shortest and longest delay of an event behind its log line, in seconds."""
STATUSES: Final = {"EXITWITHTIMEOUT": "TIMEOUT", "EXITEMPTY": "LEAVEEMPTY", "WITHDRAW": "WITHDRAW"}
REASONS: Final = {"COMPLETECALLER": "caller", "COMPLETEAGENT": "agent"}
TRANSFERS: Final = {"BLINDTRANSFER": "BlindTransfer", "ATTENDEDTRANSFER": "AttendedTransfer"}
SUCCESS: Final = "SUCCESS"

Event = dict[str, str]


@dataclass(slots=True)
class _Member:
    paused: bool = False
    in_call: bool = False


@dataclass(slots=True)
class _Waiting:
    since: int
    number: str


class AmiEventWriter:
    """Converts log lines to events, and keeps the status of the queues for `list_queues`."""

    def __init__(self) -> None:
        self.now = 0.0
        """Time of the last event, in seconds since 1970."""
        self._random = Random(0)  # noqa: S311 - a simulation
        self._numbers: dict[str, str] = {}
        self._waiting: dict[str, dict[str, _Waiting]] = {}
        self._members: dict[str, dict[str, _Member]] = {}

    def advance_to(self, at: float) -> None:
        """Set the time of the last event to `at`, unless it is later already."""
        self.now = max(self.now, at)

    def events_for(self, line: str, at: float) -> list[Event]:
        """Return the events for a log line written at `at`, dated after a random delay, and update the queue status."""
        self.advance_to(at + self._random.uniform(*DELAY_SECONDS))
        second, call, queue, agent, event, *parameters = line.rstrip("\n").split("|")
        if call in {"NONE", "MANAGER"}:
            return [self._member_event(queue, agent, event, parameters)]
        if agent != "NONE" and event != "ABANDON":
            return [*self._agent_events(call, queue, agent, event, parameters)]
        return [*self._call_events(int(second), call, queue, event, parameters)]

    def list_queues(self) -> list[Event]:
        """Return the rows of the answer to `QueueStatus`: for each queue, itself, its agents and its waiting callers."""
        rows = []
        for queue in sorted(self._members.keys() | self._waiting.keys()):
            members, waiting = self._members.get(queue, {}), self._waiting.get(queue, {})
            rows.append({"Event": "QueueParams", "Queue": queue, "Max": "0", "Calls": str(len(waiting))})
            for name, member in members.items():
                row = {"Event": "QueueMember", "Queue": queue, "Name": name, "Location": name, "Membership": "dynamic"}
                rows.append(row | {"InCall": _flag(member.in_call), "Status": "1", "Paused": _flag(member.paused)})
            for position, (call, entry) in enumerate(waiting.items(), 1):
                row = {"Event": "QueueEntry", "Queue": queue, "Position": str(position), "Channel": _channel_of(call)}
                row |= {"Uniqueid": call, "CallerIDNum": entry.number or "unknown", "CallerIDName": "unknown"}
                rows.append(row | {"Wait": str(int(self.now) - entry.since), "Priority": "0"})
        return rows

    def _call_events(self, second: int, call: str, queue: str, event: str, parameters: list[str]) -> Iterator[Event]:
        match event:
            case "DID":
                yield self._event("Newchannel", "call", self._channel(call), Context="from-trunk", Exten=parameters[0])
            case "ENTERQUEUE":
                self._numbers[call] = parameters[1]
                yield self._step(call, "queues", queue, "Queue", f"{queue},t,,,300")
                yield self._set(call, "ABANDONED", "")
                waiting = self._waiting.setdefault(queue, {})
                waiting[call] = _Waiting(second, parameters[1])
                count, snapshot = str(len(waiting)), self._channel(call) | {"Context": "queues", "Exten": queue}
                where = {"Queue": queue, "Position": parameters[2], "Count": count}
                yield self._event("QueueCallerJoin", "agent", snapshot, **where)
            case "ABANDON":
                yield from self._give_up(call, queue, parameters)
                yield self._hang_up(call)
            case "EXITWITHKEY":
                yield self._leave(call, queue)
                yield self._step(call, "queue-keys", parameters[0], "NoOp", "")
            case _ if event in STATUSES:
                yield from self._give_up(call, queue, parameters)
                yield self._set(call, "QUEUESTATUS", STATUSES[event])
            case "VOICEMAIL":
                yield self._set(call, "VMSTATUS", SUCCESS)
            case _:
                body = {"Queue": queue, "Data": "|".join(parameters)}
                yield self._event("UserEvent", "user", self._channel(call), UserEvent=event, **body)

    def _give_up(self, call: str, queue: str, parameters: list[str]) -> Iterator[Event]:
        position, first, wait, *_ = parameters
        yield self._set(call, "ABANDONED", "TRUE")
        headers = {"Position": position, "OriginalPosition": first, "HoldTime": wait}
        yield self._event("QueueCallerAbandon", "agent", self._channel(call), Queue=queue, **headers)
        yield self._leave(call, queue)

    def _leave(self, call: str, queue: str) -> Event:
        waiting = self._waiting[queue]
        position = [*waiting].index(call) + 1
        del waiting[call]
        headers = {"Queue": queue, "Count": str(len(waiting)), "Position": str(position)}
        return self._event("QueueCallerLeave", "agent", self._channel(call), **headers)

    def _agent_events(self, call: str, queue: str, agent: str, event: str, parameters: list[str]) -> Iterator[Event]:
        both = self._channel(call) | {f"Dest{key}": value for key, value in self._channel(f"{call}9").items()}
        both |= {"Queue": queue, "Interface": agent, "MemberName": agent}
        member = self._members.setdefault(queue, {}).setdefault(agent, _Member())
        match event:
            case "RINGNOANSWER":
                yield self._event("AgentRingNoAnswer", "agent", both, RingTime=parameters[0])
            case "CONNECT":
                member.in_call = True
                yield self._leave(call, queue)
                yield self._event("AgentConnect", "agent", both, HoldTime=parameters[0], RingTime=parameters[2])
            case _ if event in TRANSFERS:
                member.in_call = False
                transferee = {f"Transferee{key}": value for key, value in self._channel(call).items()}
                extension = {"Extension": parameters[0], "Context": parameters[1]} if event == "BLINDTRANSFER" else {}
                yield self._event(TRANSFERS[event], "call", {"Result": "Success"} | transferee, **extension)
                talked = {"HoldTime": parameters[2], "TalkTime": parameters[3], "Reason": "transfer"}
                yield self._event("AgentComplete", "agent", both, **talked)
            case _:
                member.in_call = False
                talked = {"HoldTime": parameters[0], "TalkTime": parameters[1], "Reason": REASONS[event]}
                yield self._event("AgentComplete", "agent", both, **talked)
                yield self._hang_up(call)

    def _member_event(self, queue: str, agent: str, event: str, parameters: list[str]) -> Event:
        members = self._members.setdefault(queue, {})
        member = members.setdefault(agent, _Member())
        name = {"ADDMEMBER": "QueueMemberAdded", "REMOVEMEMBER": "QueueMemberRemoved"}.get(event, "QueueMemberPause")
        if event == "REMOVEMEMBER":
            del members[agent]
        member.paused = event == "PAUSE" or "PAUSED" in parameters
        headers = {"Queue": queue, "MemberName": agent, "Interface": agent, "StateInterface": agent}
        state = {"Membership": "dynamic", "InCall": _flag(member.in_call), "Status": "1"}
        return self._event(name, "agent", headers | state, Paused=_flag(member.paused), PausedReason="")

    def _hang_up(self, call: str) -> Event:
        return self._event("Hangup", "call", self._channel(call), Cause="16")

    def _set(self, call: str, variable: str, value: str) -> Event:
        return self._event("VarSet", "dialplan", self._channel(call), Variable=variable, Value=value)

    def _step(self, call: str, context: str, extension: str, application: str, data: str) -> Event:
        place = {"Context": context, "Extension": extension, "Priority": "1"}
        step = {"Application": application, "AppData": data}
        return self._event("Newexten", "dialplan", self._channel(call) | place, **step)

    def _event(self, name: str, group: str, snapshot: Event, **extra: str) -> Event:
        header = {"Event": name, "Privilege": f"{group},all", "Timestamp": f"{self.now:.6f}"}
        return header | snapshot | extra

    def _channel(self, call: str) -> Event:
        return {
            "Channel": _channel_of(call),
            "ChannelState": "6",
            "ChannelStateDesc": "Up",
            "CallerIDNum": self._numbers.get(call) or "<unknown>",
            "CallerIDName": "<unknown>",
            "ConnectedLineNum": "<unknown>",
            "ConnectedLineName": "<unknown>",
            "Context": "from-trunk",
            "Exten": "s",
            "Priority": "1",
            "Uniqueid": call,
            "Linkedid": call,
        }


def _flag(value: bool) -> str:  # noqa: FBT001 - like str()
    return str(int(value))


def _channel_of(call: str) -> str:
    return f"PJSIP/trunk-{int(call.rpartition('.')[2]):08x}"
