"""Records as Asterisk writes them to `queue_log`: `epoch|callid|queue|agent|EVENT|parameter|…`.

Which events there are, and what their parameters mean: the Queue Logs page of the Asterisk documentation, and every
`ast_queue_log` call in `apps/app_queue.c`.
"""

import re
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.sdk.i18n import say
from connectors.sdk.tail import MAX_LINE_BYTES
from connectors.sdk.telephony import LAST_POSITION, LONGEST_SECONDS, SECONDS, decode_text, whole
from models.codec import UnusableRecord
from models.events import AgentChange, EndedBy, LeaveReason, TransferKind
from models.reasons import Reason

NO_CALL: Final = frozenset({"", "NONE", "REALTIME", "MANAGER", "CLI"})
"""What stands in place of a call's id when the line is about none."""
UNNAMED: Final = frozenset({"", "NONE"})
"""What stands in place of a queue or an agent."""

# Event → where its parameters are. A number that is not there is None: versions of Asterisk differ in how many they write.
LEFT: Final = {
    "EXITWITHTIMEOUT": (LeaveReason.TIMEOUT, 2),
    "EXITEMPTY": (LeaveReason.EMPTY, 2),
    "EXITWITHKEY": (LeaveReason.KEY, 3),
    "WITHDRAW": (LeaveReason.WITHDRAWN, 2),
    "SYSCOMPAT": (LeaveReason.INCOMPATIBLE, None),
}
"""The wait's place."""
COMPLETED: Final = {"COMPLETEAGENT": EndedBy.AGENT, "COMPLETECALLER": EndedBy.CALLER}
"""Wait and conversation are at 0 and 1."""
TRANSFERRED: Final = {
    "BLINDTRANSFER": TransferKind.BLIND,
    "ATTENDEDTRANSFER": TransferKind.ATTENDED,
    "TRANSFER": TransferKind.UNKNOWN,
}
"""See `Record.transfer_seconds`."""
AGENTS: Final = {
    "AGENTLOGIN": AgentChange.LOGGED_IN,
    "AGENTCALLBACKLOGIN": AgentChange.LOGGED_IN,
    "ADDMEMBER": AgentChange.LOGGED_IN,
    "AGENTLOGOFF": AgentChange.LOGGED_OUT,
    "AGENTCALLBACKLOGOFF": AgentChange.LOGGED_OUT,
    "REMOVEMEMBER": AgentChange.LOGGED_OUT,
    "PAUSE": AgentChange.PAUSED,
    "PAUSEALL": AgentChange.PAUSED,
    "UNPAUSE": AgentChange.UNPAUSED,
    "UNPAUSEALL": AgentChange.UNPAUSED,
}
TURNED_AWAY: Final = {
    "=full": LeaveReason.FULL,
    "=empty": LeaveReason.EMPTY,
    "=other": LeaveReason.OTHER,
}
"""Why a call left a queue, or did not enter it, where the log says nothing; the wait is at 0, if it is there."""
CONVERSATION_OVER: Final = "=over"
"""A conversation ended while nobody looked; wait and conversation are at 0 and 1, if they are there."""
MESSAGE_LEFT: Final = "=message"
"""A voice message was left; its duration is at 0, if it is there."""
IGNORED: Final = frozenset(
    {"QUEUESTART", "CONFIGRELOAD", "PENALTY", "RINGINUSE", "RINGCANCELED", "OUTCALL", "AGENTDUMP"}
)
"""Events that change neither a contact nor an agent's state. After AGENTDUMP the caller still waits: the agent hung up during the
announcement."""
KNOWN: Final = frozenset(
    {"ENTERQUEUE", "CONNECT", "ABANDON", "RINGNOANSWER", *LEFT, *COMPLETED, *TRANSFERRED, *AGENTS, *IGNORED}
)

_FIELDS: Final = 5
_DIGITS_OF_TIME: Final = 10
_CALL, _AGENT, _EVENT = 1, 3, 4
_EVENT_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]+", re.ASCII)
_NUMBERS_OF_AGENTS: Final = {
    "CONNECT": re.compile(r"-?[0-9]+\|[^|]*(?:\|-?[0-9]+)?"),
    "ABANDON": re.compile(r"-?[0-9]+(?:\|-?[0-9]+){2}"),
    **dict.fromkeys(("RINGNOANSWER", "RINGCANCELED"), re.compile(r"-?[0-9]+")),
    **dict.fromkeys(("AGENTDUMP", "SYSCOMPAT"), re.compile("")),
    **dict.fromkeys(COMPLETED, re.compile(r"-?[0-9]+(?:\|-?[0-9]+){1,2}")),
    **dict.fromkeys(TRANSFERRED, re.compile(r"[^|]*\|.*(?:\|-?[0-9]+){2,3}")),
}
"""Events of a call that name an agent, and their parameters."""
_LONGEST_AGENT: Final = 80
"""Size of an agent's name in Asterisk, in bytes, with the NUL at its end: it has fewer `|` than that."""


def normalise_queue_name(queue: str) -> str:
    """Return a queue's name in small letters. Asterisk compares names of queues with `strcasecmp`, which knows A to Z."""
    return queue.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


class LogLine(msgspec.Struct, frozen=True):
    """A raw record: one line, and when it was read."""

    content: bytes
    read_at: datetime


class QueueLogRecord(msgspec.Struct, frozen=True):
    """A line taken apart, or what another interface tells in its place."""

    second: int
    """Seconds since 1970, always UTC."""
    time: datetime
    call: str
    queue: str
    agent: str
    event: str
    parameters: list[str]

    def text(self, place: int) -> str:
        """Return the parameter at `place`, counted from the end if negative; empty if it is not there."""
        return self.parameters[place] if -len(self.parameters) <= place < len(self.parameters) else ""

    def seconds(self, place: int | None) -> int | None:
        """Return the duration at `place`; None if it is not there, or no duration.

        A record says more than its numbers: it counts without them too. A duration is negative if the clock was set back.
        """
        parameters = self.parameters
        if place is None or not -len(parameters) <= place < len(parameters):
            return None
        return whole(parameters[place], LONGEST_SECONDS)

    def position(self, place: int) -> int | None:
        """Return the position in the queue at `place`; None if it is not there, or no position."""
        return whole(self.text(place), LAST_POSITION)

    def transfer_seconds(self) -> tuple[int | None, int | None]:
        """Return wait and conversation of a transfer.

        They come last, before the position, which early versions do not write: those have four parameters.
        """
        last = 0 if len(self.parameters) <= 4 else 1
        return self.seconds(-2 - last), self.seconds(-1 - last)

    def entry(self) -> tuple[str, int | None]:
        """Return the caller's number and position of `ENTERQUEUE`.

        Its parameters are URL, number, position, and the caller's name if `log-caller-id-name` says so. Asterisk replaces `|` in
        the name, and not in the number, which the caller may choose: so the position is found from the end.
        """
        place = 2
        if len(self.parameters) > 3:
            places = (len(self.parameters) - 2, len(self.parameters) - 1)
            place = next((place for place in places if self.position(place) is not None), place)
        return "|".join(self.parameters[1:place]), self.position(place)


def parse(content: bytes, known: AbstractSet[str] = KNOWN) -> QueueLogRecord | None:
    """Return the record of a line, None if it is blank. `known` are the events that have a meaning.

    Raises `Unusable` if it is too long, or has not the form of a line.
    """
    if len(content) > MAX_LINE_BYTES:
        raise UnusableRecord(
            Reason.OVERSIZED, say(f"more than {MAX_LINE_BYTES} bytes", f"plus de {MAX_LINE_BYTES} octets")
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "|".join(map(decode_text, content.split(b"|")))  # names come from files of different encodings
    fields = text.split("|")
    if len(fields) < _FIELDS:
        if not text.strip():
            return None
        raise UnusableRecord(
            Reason.UNREADABLE_LINE,
            say(
                f"it has too few fields: {len(fields)}, not {_FIELDS}",
                f"elle a trop peu de champs : {len(fields)} au lieu de {_FIELDS}",
            ),
        )
    if fields[_EVENT] not in known:
        fields = _join_agent(fields)
    time, call, queue, agent, event, *parameters = fields
    second = int(time) if len(time) == _DIGITS_OF_TIME and time.isdecimal() and time.isascii() else 0
    if second not in SECONDS:
        raise UnusableRecord(
            Reason.UNREADABLE_LINE,
            say(
                "its time is no number of seconds, of 2001 to 2096",
                "son heure n'est pas un nombre de secondes, de 2001 à 2096",
            ),
        )
    return QueueLogRecord(second, datetime.fromtimestamp(second, UTC), call, queue, agent, event, parameters)


def _join_agent(fields: list[str]) -> list[str]:
    """Return the fields with an agent's name that holds `|` as one field, if an event of an agent comes after it."""
    if fields[_AGENT] not in UNNAMED:
        for place in range(_EVENT + 1, min(_AGENT + _LONGEST_AGENT, len(fields))):
            event = fields[place]
            if (numbers := _NUMBERS_OF_AGENTS.get(event)) is None:
                found = event in AGENTS and (fields[_CALL] in NO_CALL or not _EVENT_NAME.fullmatch(fields[_EVENT]))
            else:
                found = numbers.fullmatch("|".join(fields[place + 1 :])) is not None
            if found:
                return [*fields[:_AGENT], "|".join(fields[_AGENT:place]), *fields[place:]]
    return fields
