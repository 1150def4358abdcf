"""Random `queue_log` files, written in the order of `apps/app_queue.c`.

Calls and agents follow a true clock; the file has the times of a clock that is sometimes changed.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final

T: Final = 1_773_650_000
QUEUES: Final = (
    ("Support", ("support", "SUPPORT", "Support")),
    ("600", ("600",)),
    ("Aide-Sociale", ("aide-sociale", "Aide-sociale")),
    ("Accueil Général", ("accueil général", "ACCUEIL Général")),
    ("logement", ("logement", "Logement")),
)
"""Names in `queues.conf`, and their spellings in the dialplan."""
AGENTS: Final = ("PJSIP/31", "Zoé Exemple", "M. Œuvre", "Noël | Accueil", "DUPONT|ANNE", "É")
"""Static members of all queues in `queues.conf`, who take calls."""
DYNAMIC_AGENTS: Final = ("Agent/1001", "SIP/trunk-1", "Anaïs", "A|b")
"""Dynamic members, added and removed."""
NUMBERS: Final = ("0639980012", "+33199000042", "0261910007", "", "anonymous", "8123", "06|39", "a|b|c", "0353010|9")
NAMES: Final = ("", "Camille Exemple", "0639980012", "Zoé_Modèle", "12")
REFUSALS: Final = ("FULL", "CLOSED", "JOINEMPTY", "DIVERT_CA_RATIO", "DIVERT_HOLDTIME")
JUNK: Final = (b"", b"   ", b"no line", b"\xff\xfe|\x00", b"1|2|3", b"12|x|600|NONE|ABANDON|1|1|1")


@dataclass
class Log:
    random: Random
    encoding: str
    named: bool
    """Whether `log-caller-id-name` is set."""
    entries: list[tuple[float, int, bytes]] = field(default_factory=list)
    shifts: list[tuple[float, int]] = field(default_factory=list)
    """Errors of the clock: time from which each applies, and seconds."""
    channels: int = 0

    def clock(self, at: float) -> int:
        """Return the time of the switchboard's clock."""
        return T + int(at) + sum(shift for since, shift in self.shifts if since <= at)

    def channel(self, at: float) -> str:
        self.channels += 1
        return f"{self.clock(at)}.{self.channels}"

    def write(self, at: float, call: str, queue: str, agent: str, event: str, *parameters: object) -> None:
        fields = [f"{self.clock(at)}|{call}", queue, agent, event, *map(str, parameters)]
        line = b"|".join(
            one.encode(self.encoding if self.random.random() < 0.9 else "utf-8", "replace") for one in fields
        )
        self.entries.append((at, len(self.entries), line))

    def content(self) -> list[bytes]:
        return [line for _, _, line in sorted(self.entries)]


def make(seed: int) -> tuple[list[bytes], bool]:
    """Return the lines of a file, and whether its clock was ever set back."""
    random = Random(seed)
    log = Log(random, random.choice(("utf-8", "utf-8", "cp1252")), random.random() < 0.3)
    for _ in range(random.choice((0, 0, 1, 3))):
        log.shifts.append((random.uniform(0, 4_000), random.choice((-3_600, -61, -7, -1, 1, 30, 3_600))))
    storm = random.random() < 0.2
    for _ in range(random.randint(5, 40)):
        Caller(log, random.uniform(0, 4_000), storm=storm).run()
    for agent in random.sample(AGENTS, 2):
        Member(log, agent, {name for name, _ in QUEUES}).run(("pause", "unpause", "all", "none", "penalty"))
    for agent in random.sample(DYNAMIC_AGENTS, random.randint(0, 3)):
        Member(log, agent, set()).run(("add", "add", "remove", "pause", "unpause", "all", "none", "penalty"))
    for _ in range(random.randint(0, 4)):
        log.entries.append((random.uniform(0, 4_000), 0, random.choice(JUNK)))
    if random.random() < 0.3:
        log.write(
            random.uniform(0, 4_000), log.channel(0), "600", "NONE", "SURVEY", random.choice(("5", "ABANDON|1|1|9"))
        )
    lines = log.content()
    if random.random() < 0.2:  # the file begins or ends during calls
        lines = lines[random.randint(0, 9) : len(lines) - random.randint(0, 9)]
    return lines, any(shift < 0 for _, shift in log.shifts)


class Caller:
    def __init__(self, log: Log, at: float, *, storm: bool) -> None:
        self.log, self.random, self.at = log, log.random, at
        self.call = log.channel(at)
        self.number = self.random.choice(NUMBERS)
        self.storm = storm
        self.refusals: dict[str, str] = {}

    def run(self) -> None:
        """Pass through queues until the call ends."""
        if self.random.random() < 0.3:
            self.write("NONE", "NONE", "DID", "0199000010")
        name, spellings = self.random.choice(QUEUES)
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            if not self.try_queue(name, self.random.choice((name, *spellings))):
                return
            self.at += self.random.choice((1, 1.5, 2, 30))
            if self.random.random() < 0.6:
                name, spellings = self.random.choice(QUEUES)

    def write(self, queue: str, agent: str, event: str, *parameters: object, late: float = 0.0) -> None:
        self.log.write(self.at + late, self.call, queue, agent, event, *parameters)

    def try_queue(self, name: str, spelling: str) -> bool:
        """Try one queue, and return whether the call continues in the dialplan."""
        if self.random.random() < 0.12:
            refusal = self.refusals.setdefault(name, self.random.choice(REFUSALS))
            self.write(spelling, "NONE", refusal, "")
            return True
        return self.wait(name, spelling)

    def wait(self, name: str, spelling: str) -> bool:
        entered_at, original = self.at, self.random.randint(1, 9)
        caller = [self.random.choice(NAMES)] if self.log.named else []
        if self.random.random() < 0.03:  # a log exported from a database, unordered within a second
            self.write(spelling, "NONE", "LEAVEEMPTY", "")
            self.write(spelling, "NONE", "ENTERQUEUE", "", self.number, original, *caller, late=1e-6)
            self.write(name, "NONE", "EXITEMPTY", 1, original, 0, late=2e-6)
            return True
        url = self.random.choice(("", "https://example.org/x"))
        self.write(spelling, "NONE", "ENTERQUEUE", url, self.number, original, *caller)
        for _ in range(self.random.choice((0, 0, 1, 2, 40 if self.storm else 3))):
            self.at += self.random.choice((0, 0, 1, 15))
            agent = self.random.choice(AGENTS)
            event, *parameters = self.random.choice(
                (("RINGNOANSWER", 15_000), ("RINGNOANSWER", 0), ("RINGCANCELED", 900), ("AGENTDUMP", ""))
            )
            self.write(name, agent, event, *parameters)
        self.at += self.random.choice((0, 0.2, 1, 9, 45, 300))
        waited = self.log.clock(self.at) - self.log.clock(entered_at)
        return self.leave(name, spelling, (1, original, waited))

    def leave(self, name: str, spelling: str, places: tuple[int, int, int]) -> bool:
        random, either = self.random, self.random.choice((name, spelling))
        match random.choice(
            ("connect",) * 6
            + ("abandon", "abandon", "caught", "timeout", "empty", "empty", "key", "withdraw", "compat", "stays")
        ):
            case "connect":
                return self.talk(name, places)
            case "abandon":
                self.write(spelling, "NONE", "ABANDON", *places)
            case "caught":
                self.write(name, random.choice(AGENTS), "ABANDON", *places)
            case "compat":
                self.write(name, random.choice(AGENTS), "SYSCOMPAT", "")
                self.write(spelling, "NONE", "ABANDON", *places)
            case "timeout":
                self.write(either, "NONE", "EXITWITHTIMEOUT", *places)
                return True
            case "empty":
                self.leave_empty(spelling, either, places)
                return True
            case "key":
                self.write(spelling, "NONE", "EXITWITHKEY", random.choice("0123#*"), *places)
                return True
            case "withdraw":
                self.write(name, "NONE", "WITHDRAW", *places, random.choice(("", "moved", "a|b|7")))
                return True
        return False

    def leave_empty(self, spelling: str, either: str, places: tuple[int, int, int]) -> None:
        """Leave a queue without agents, as logged by Asterisk, XiVO's dialplan, or both."""
        by_dialplan_alone = self.random.random() < 0.2
        if not by_dialplan_alone:
            self.write(either, "NONE", "EXITEMPTY", *places)
        if by_dialplan_alone or self.random.random() < 0.5:
            self.at += self.random.choice((0, 0, 1, 4))
            self.write(spelling, "NONE", "LEAVEEMPTY", "")

    def talk(self, name: str, places: tuple[int, int, int]) -> bool:
        """Talk, and return whether the agent transferred the caller to a queue."""
        random, agent = self.random, self.random.choice(AGENTS)
        waited, began = places[2], self.log.clock(self.at)
        self.write(name, agent, "CONNECT", waited, self.log.channel(self.at), random.choice((0, 3)))
        self.at += random.choice((0, 0.3, 5, 200, 900))
        talked = self.log.clock(self.at) - began
        match random.choice(("caller", "agent", "agent", "blind", "same", "attended", "goes on")):
            case "caller":
                self.write(name, agent, "COMPLETECALLER", waited, talked, places[1])
            case "agent":
                self.write(name, agent, "COMPLETEAGENT", waited, talked, places[1])
            case "attended":
                method = random.choice(
                    (("BRIDGE", "8a-4f"), ("APP", "Voicemail"), ("LINK", "PJSIP/1-2", "Local/3@x-4;1"))
                )
                self.write(name, agent, "ATTENDEDTRANSFER", *method, waited, talked, places[1])
            case "blind":
                target = random.choice(("8123", "0639980012"))
                self.write(name, agent, "BLINDTRANSFER", target, "internal", waited, talked, places[1])
            case "same":  # another thread returns the channel to the queue, before or after the transfer is logged
                late = random.choice((0, 0, 0.1, 0.9))
                self.write(name, agent, "BLINDTRANSFER", "610", "queues", waited, talked, places[1], late=late)
                self.at += random.choice((0, 0.05))
                if int(self.at) > int(self.at - 0.05) or talked or waited:
                    return self.wait(name, name)
        return False


class Member:
    def __init__(self, log: Log, agent: str, queues: set[str]) -> None:
        self.log, self.agent, self.queues = log, agent, queues
        self.at = log.random.uniform(0, 3_000)

    def run(self, actions: tuple[str, ...]) -> None:
        random = self.log.random
        for _ in range(random.randint(1, 12)):
            self.act(random.choice(actions))
            self.at += random.choice((0, 0, 1, 60, 600))

    def act(self, action: str) -> None:
        random, (name, spellings) = self.log.random, self.log.random.choice(QUEUES)
        spelling, by = random.choice((name, *spellings)), random.choice(("MANAGER", "CLI", "REALTIME"))
        match action:
            case "add" if name not in self.queues:
                self.queues.add(name)
                self.write(by, spelling, "ADDMEMBER", random.choice(("", "", "PAUSED")))
            case "remove" if name in self.queues:
                self.queues.remove(name)
                self.write(by, spelling, "REMOVEMEMBER", "")
            case "pause" if name in self.queues:
                self.write("NONE", name, "PAUSE", random.choice(("", "déjeuner", "a|b")))
            case "unpause" if name in self.queues:
                self.write("NONE", name, "UNPAUSE", "Auto-Unpause")
            case "all" | "none" if self.queues:
                event = "PAUSE" if action == "all" else "UNPAUSE"
                self.write("NONE", "NONE", f"{event}ALL", "réunion")
                for queue in sorted(self.queues):
                    self.write("NONE", queue, event, "réunion")
            case "penalty":
                self.write("NONE", name, "PENALTY", 3)

    def write(self, call: str, queue: str, event: str, *parameters: object) -> None:
        self.log.write(self.at, call, queue, self.agent, event, *parameters)
