"""The same facts in another voice: lines of `queue_log` as events of the manager interface.

Names of events and headers, and their order: `apps/app_queue.c` (its XML documentation and its code), `main/manager_channels.c`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

DELAY_SECONDS: Final = (0.001, 0.03)
"""How much later something is told than it is written to the log."""
STATUSES: Final = {"EXITWITHTIMEOUT": "TIMEOUT", "EXITEMPTY": "LEAVEEMPTY", "WITHDRAW": "WITHDRAW"}
REASONS: Final = {"COMPLETECALLER": "caller", "COMPLETEAGENT": "agent"}
TRANSFERS: Final = {"BLINDTRANSFER": "BlindTransfer", "ATTENDEDTRANSFER": "AttendedTransfer"}
SUCCESS: Final = "SUCCESS"

Event = dict[str, str]


@dataclass(slots=True)
class _Member:
    paused: bool = False
    talks: bool = False


@dataclass(slots=True)
class _Waiting:
    since: int
    number: str


class AmiEventWriter:
    """Tells what happens, and how things are."""

    def __init__(self, seed: int = 0, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._told_at = 0.0
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._numbers: dict[str, str] = {}
        self._waiting: dict[str, dict[str, _Waiting]] = {}
        self._members: dict[str, dict[str, _Member]] = {}

    @property
    def now(self) -> float:
        """What time it is there, seconds since 1970: by the clock, or else when something was told last."""
        return self._clock() if self._clock else self._told_at

    def be_at(self, at: float) -> None:
        """Let it be `at` at least."""
        self._told_at = max(self._told_at, at)

    def events_for(self, line: str, at: float) -> list[Event]:
        """Return what is told of a line that is written at `at`."""
        self.be_at(at + self._random.uniform(*DELAY_SECONDS))
        second, call, queue, agent, event, *parameters = line.rstrip("\n").split("|")
        if call in {"NONE", "MANAGER"}:
            return [self._of_member(queue, agent, event, parameters)]
        if agent != "NONE" and event != "ABANDON":
            return [*self._of_agent(call, queue, agent, event, parameters)]
        return [*self._of_call(int(second), call, queue, event, parameters)]

    def list_queues(self) -> list[Event]:
        """Return the rows of `QueueStatus`."""
        rows = []
        for queue in sorted(self._members.keys() | self._waiting.keys()):
            members, waiting = self._members.get(queue, {}), self._waiting.get(queue, {})
            rows.append(
                {"Event": "QueueParams", "Queue": queue, "Max": "0", "Strategy": "rrmemory", "Calls": str(len(waiting))}
            )
            for name, member in members.items():
                rows.append(
                    {"Event": "QueueMember", "Queue": queue, "Name": name, "Location": name, "StateInterface": name}
                    | {"Membership": "dynamic", "Penalty": "0", "CallsTaken": "0", "LastCall": "0"}
                    | {
                        "InCall": str(int(member.talks)),
                        "Status": "1",
                        "Paused": str(int(member.paused)),
                        "PausedReason": "",
                    }
                )
            for position, (call, one) in enumerate(waiting.items(), 1):
                rows.append(
                    {"Event": "QueueEntry", "Queue": queue, "Position": str(position), "Channel": _channel_of(call)}
                    | {"Uniqueid": call, "CallerIDNum": one.number or "unknown", "CallerIDName": "unknown"}
                    | {"ConnectedLineNum": "unknown", "ConnectedLineName": "unknown"}
                    | {"Wait": str(int(self.now) - one.since), "Priority": "0"}
                )
        return rows

    def _of_call(self, second: int, call: str, queue: str, event: str, parameters: list[str]) -> Iterator[Event]:
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
                yield self._event(
                    "QueueCallerJoin", "agent", snapshot, Queue=queue, Position=parameters[2], Count=count
                )
            case "ABANDON":
                yield from self._give_up(call, queue, parameters)
                yield self._event("Hangup", "call", self._channel(call), Cause="16", **{"Cause-txt": "Normal Clearing"})
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
        told = {"Position": position, "OriginalPosition": first, "HoldTime": wait}
        yield self._event("QueueCallerAbandon", "agent", self._channel(call), Queue=queue, **told)
        yield self._leave(call, queue)

    def _leave(self, call: str, queue: str) -> Event:
        waiting = self._waiting[queue]
        position = [*waiting].index(call) + 1
        del waiting[call]
        told = {"Queue": queue, "Count": str(len(waiting)), "Position": str(position)}
        return self._event("QueueCallerLeave", "agent", self._channel(call), **told)

    def _of_agent(self, call: str, queue: str, agent: str, event: str, parameters: list[str]) -> Iterator[Event]:
        both = self._channel(call) | {f"Dest{key}": value for key, value in self._channel(f"{call}9").items()}
        both |= {"Queue": queue, "Interface": agent, "MemberName": agent}
        member = self._members.setdefault(queue, {}).setdefault(agent, _Member())
        match event:
            case "RINGNOANSWER":
                yield self._event("AgentRingNoAnswer", "agent", both, RingTime=parameters[0])
            case "CONNECT":
                member.talks = True
                yield self._leave(call, queue)
                yield self._event("AgentConnect", "agent", both, HoldTime=parameters[0], RingTime=parameters[2])
            case _ if event in TRANSFERS:
                member.talks = False
                transferee = {f"Transferee{key}": value for key, value in self._channel(call).items()}
                extension = {"Extension": parameters[0], "Context": parameters[1]} if event == "BLINDTRANSFER" else {}
                yield self._event(TRANSFERS[event], "call", {"Result": "Success"} | transferee, **extension)
                talked = {"HoldTime": parameters[2], "TalkTime": parameters[3], "Reason": "transfer"}
                yield self._event("AgentComplete", "agent", both, **talked)
            case _:
                member.talks = False
                talked = {"HoldTime": parameters[0], "TalkTime": parameters[1], "Reason": REASONS[event]}
                yield self._event("AgentComplete", "agent", both, **talked)
                yield self._event("Hangup", "call", self._channel(call), Cause="16", **{"Cause-txt": "Normal Clearing"})

    def _of_member(self, queue: str, agent: str, event: str, parameters: list[str]) -> Event:
        members = self._members.setdefault(queue, {})
        member = members.setdefault(agent, _Member())
        name = {"ADDMEMBER": "QueueMemberAdded", "REMOVEMEMBER": "QueueMemberRemoved"}.get(event, "QueueMemberPause")
        if event == "REMOVEMEMBER":
            del members[agent]
        member.paused = event == "PAUSE" or "PAUSED" in parameters
        told = {"Queue": queue, "MemberName": agent, "Interface": agent, "StateInterface": agent}
        state = {"Membership": "dynamic", "InCall": str(int(member.talks)), "Status": "1"}
        return self._event(name, "agent", told | state, Paused=str(int(member.paused)), PausedReason="")

    def _set(self, call: str, variable: str, value: str) -> Event:
        return self._event("VarSet", "dialplan", self._channel(call), Variable=variable, Value=value)

    def _step(self, call: str, context: str, extension: str, application: str, data: str) -> Event:
        place = {"Context": context, "Extension": extension, "Priority": "1"}
        step = {"Application": application, "AppData": data}
        return self._event("Newexten", "dialplan", self._channel(call) | place, **step)

    def _event(self, name: str, group: str, snapshot: Event, **more: str) -> Event:
        head = {"Event": name, "Privilege": f"{group},all", "Timestamp": f"{self._told_at:.6f}"}
        return head | snapshot | more

    def _channel(self, call: str) -> Event:
        return {
            "Channel": _channel_of(call),
            "ChannelState": "6",
            "ChannelStateDesc": "Up",
            "CallerIDNum": self._numbers.get(call) or "<unknown>",
            "CallerIDName": "<unknown>",
            "ConnectedLineNum": "<unknown>",
            "ConnectedLineName": "<unknown>",
            "Language": "fr",
            "AccountCode": "",
            "Context": "from-trunk",
            "Exten": "s",
            "Priority": "1",
            "Uniqueid": call,
            "Linkedid": call,
        }


def _channel_of(call: str) -> str:
    return f"PJSIP/trunk-{int(call.rpartition('.')[2]):08x}"
