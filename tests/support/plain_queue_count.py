"""Independent count of a `queue_log`, with the meaning of each record in `apps/app_queue.c`, without code of the connector.

A call waits in one queue at a time, and each record of a queue is about the stay that had not ended before it. Times are
not compared, because clocks may be set. Four rules are specific to Accueil, see the connector's README:

* a record repeated in the same second (an entry, a refusal, a ring of an agent in a stay) is the same record;
* a second end of the same kind is the same end;
* a stay without an entry in the file counts from its first record of an answer or an end;
* a conversation older than two hours no longer keeps an agent on a contact when another one ends.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

LEFT: Final = {
    "EXITWITHTIMEOUT": "timeout",
    "EXITEMPTY": "empty",
    "EXITWITHKEY": "key",
    "WITHDRAW": "withdrawn",
    "SYSCOMPAT": "incompatible",
    "LEAVEEMPTY": "empty",
}
REFUSED: Final = {
    "FULL": "full",
    "CLOSED": "closed",
    "JOINEMPTY": "empty",
    "DIVERT_CA_RATIO": "diverted",
    "DIVERT_HOLDTIME": "diverted",
}
ENDS: Final = {
    "COMPLETEAGENT": "ended",
    "COMPLETECALLER": "ended",
    "BLINDTRANSFER": "transferred",
    "ATTENDEDTRANSFER": "transferred",
}
NUMBER: Final = r"(-?[0-9]+)"
FORMS: Final = {
    "ENTERQUEUE": ".*",
    "CONNECT": rf"(?P<wait>-?[0-9]+)\|[^|]*\|{NUMBER}",
    **dict.fromkeys(("ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY"), rf"{NUMBER}\|{NUMBER}\|(?P<wait>-?[0-9]+)"),
    "EXITWITHKEY": rf"[^|]*\|{NUMBER}\|{NUMBER}\|(?P<wait>-?[0-9]+)",
    "WITHDRAW": rf"{NUMBER}\|{NUMBER}\|(?P<wait>-?[0-9]+)\|.*",
    **dict.fromkeys(("COMPLETEAGENT", "COMPLETECALLER"), rf"(?P<wait>-?[0-9]+)\|(?P<talk>-?[0-9]+)\|{NUMBER}"),
    **dict.fromkeys(("BLINDTRANSFER", "ATTENDEDTRANSFER"), rf".*\|(?P<wait>-?[0-9]+)\|(?P<talk>-?[0-9]+)\|{NUMBER}"),
    "RINGNOANSWER": NUMBER,
    **dict.fromkeys(("SYSCOMPAT", "AGENTDUMP", "LEAVEEMPTY", *REFUSED), ""),
    **dict.fromkeys(("RINGCANCELED", "PENALTY"), NUMBER),
    **dict.fromkeys(("DID", "SURVEY"), ".*"),
    **dict.fromkeys(("PAUSE", "UNPAUSE", "PAUSEALL", "UNPAUSEALL", "ADDMEMBER", "REMOVEMEMBER"), ".*"),
}
"""Event → its parameters."""
EVENTS: Final = re.compile(rf"(?<=\|)({'|'.join(FORMS)})(?=\||$)")
BUSY_SECONDS: Final = 7_200


@dataclass
class Stay:
    queue: str
    second: str
    entered: bool = False
    outcome: str = "waiting"
    finish: str = ""
    agent: str = ""
    answered_at: int = 0
    stale: bool = False
    wait: int | None = None
    talk: int | None = None
    rings: set[tuple[str, str]] = field(default_factory=set)
    """Agents and seconds of unanswered rings."""

    @property
    def talks(self) -> bool:
        return self.outcome == "answered" and not self.finish


@dataclass
class Line:
    second: str
    call: str
    queue: str
    agent: str
    event: str
    parameters: str

    def seconds(self, name: str, known: int | None) -> int | None:
        """Return a duration, reduced to `known` if that is shorter; `known` if it is negative or longer than a day."""
        form = re.fullmatch(FORMS[self.event], self.parameters)
        seconds = int(form[name]) if form and name in form.groupdict() else -1
        return known if not 0 <= seconds <= 86_400 else seconds if known is None else min(known, seconds)


class Count:
    def __init__(self) -> None:
        self.stays: dict[str, list[Stay]] = defaultdict(list)
        """Queue stays by call."""
        self.rings = Counter[str]()
        """Unanswered rings by agent."""
        self.members: dict[tuple[str, str], bool] = {}
        """Agent and queue → whether paused, for current members."""
        self.callers = Counter[str]()
        """Numbers → entries into queues."""
        self._refusals = set[tuple[str, str, str, str]]()

    def figures(self) -> Counter[tuple[str, str]]:
        found = Counter[tuple[str, str]]()
        for stay in self._all():
            if stay.outcome == "waiting" and not stay.entered:
                continue
            found[stay.queue, stay.outcome] += 1
            if stay.outcome == "answered":
                found[stay.queue, stay.finish or "in_progress"] += 1
            found[stay.queue, "wait"] += stay.wait or 0
            found[stay.queue, "talk"] += stay.talk or 0
        return +found

    def talking(self) -> set[str]:
        return {stay.agent for stay in self._all() if stay.talks and not stay.stale}

    def add(self, line: Line) -> None:
        if line.event in {"PAUSE", "UNPAUSE", "PAUSEALL", "UNPAUSEALL", "ADDMEMBER", "REMOVEMEMBER"}:
            self._count_member(line)
        elif "." not in line.call or line.queue == "none":
            return
        elif line.event in REFUSED:
            refusal = line.call, line.queue, line.event, line.second
            if refusal not in self._refusals:
                self._refusals.add(refusal)
                self._begin(line).outcome = f"left_{REFUSED[line.event]}"
        else:
            self._count_call(line, [stay for stay in self.stays[line.call] if stay.queue == line.queue])

    def _count_call(self, line: Line, in_queue: list[Stay]) -> None:
        waiting = [stay for stay in in_queue if stay.outcome == "waiting"]
        match line.event:
            case "ENTERQUEUE":
                self._enter(line, [stay for stay in in_queue if stay.second == line.second])
            case "RINGNOANSWER":
                stay = in_queue[-1] if in_queue else self._begin(line)
                self.rings[line.agent] += (line.agent, line.second) not in stay.rings
                stay.rings.add((line.agent, line.second))
            case "CONNECT":
                stay = (waiting or in_queue or [self._begin(line)])[-1]
                stay.outcome, stay.agent, stay.answered_at = "answered", line.agent, int(line.second)
                stay.wait = line.seconds("wait", stay.wait)
                self.members.setdefault((line.agent, line.queue), False)
            case event if event in ENDS:
                talking = [stay for stay in in_queue if stay.talks]
                by_agent = [stay for stay in talking if stay.agent == line.agent]
                self._end(line, (by_agent or talking or in_queue or [self._begin(line)])[-1])
            case event if event in LEFT or event == "ABANDON":
                self._leave(line, (waiting or in_queue or [self._begin(line)])[-1])

    def _begin(self, line: Line) -> Stay:
        stay = Stay(line.queue, line.second)
        self.stays[line.call].append(stay)
        return stay

    def _enter(self, line: Line, same: list[Stay]) -> None:
        stay = same[0] if same else self._begin(line)
        if not stay.entered:
            stay.entered = True
            _, *fields = line.parameters.split("|")
            numbers = [place for place in (len(fields) - 2, len(fields) - 1) if place > 0 and fields[place].isdecimal()]
            self.callers["|".join(fields[: numbers[0]])] += 1

    def _leave(self, line: Line, stay: Stay) -> None:
        if line.event == "ABANDON" and stay.outcome != "answered":
            stay.outcome = "abandoned"
        elif stay.outcome == "waiting":
            stay.outcome = f"left_{LEFT[line.event]}"
        stay.wait = line.seconds("wait", stay.wait)

    def _end(self, line: Line, stay: Stay) -> None:
        if stay.finish != ENDS[line.event]:
            stay.wait, stay.talk = line.seconds("wait", stay.wait), line.seconds("talk", stay.talk)
        stay.outcome, stay.finish = "answered", stay.finish or ENDS[line.event]
        for other in self._all():
            if other.agent == line.agent and int(line.second) - other.answered_at >= BUSY_SECONDS:
                other.stale = True

    def _count_member(self, line: Line) -> None:
        member = line.agent, line.queue
        match line.event:
            case "PAUSEALL" | "UNPAUSEALL":
                for known in [known for known in self.members if known[0] == line.agent]:
                    self.members[known] = line.event == "PAUSEALL"
            case "REMOVEMEMBER":
                self.members.pop(member, None)
            case "ADDMEMBER":
                self.members[member] = line.parameters == "PAUSED"
            case _:
                self.members[member] = line.event == "PAUSE"

    def _all(self) -> Iterable[Stay]:
        return (stay for stays in self.stays.values() for stay in stays)


def count(lines: Iterable[bytes]) -> Count:
    found = Count()
    for content in lines:
        text = "|".join(map(_read, content.split(b"|")))
        head = re.fullmatch(r"([0-9]{10})\|([^|]*)\|([^|]*)\|(.*)", text, re.DOTALL)
        event = EVENTS.search(head[4]) if head else None
        if head and event and re.fullmatch(FORMS[event[1]], head[4][event.end() + 1 :]):
            queue = "".join(letter.lower() if letter.isascii() else letter for letter in head[3])
            agent, parameters = head[4][: event.start() - 1], head[4][event.end() + 1 :]
            found.add(Line(head[1], head[2], queue, agent, event[1], parameters))
    return found


def _read(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "".join(bytes([one]).decode("cp1252", "replace") for one in content)
