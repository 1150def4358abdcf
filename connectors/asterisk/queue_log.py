"""Records of Asterisk's `queue_log`: `epoch|callid|queue|agent|EVENT|parameter|…`.

Events and their parameters are described on the Queue Logs page of the Asterisk documentation and by every
`ast_queue_log` call in `apps/app_queue.c`.
"""

import re
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.sdk.tail import MAX_LINE_BYTES
from connectors.sdk.telephony import LAST_POSITION, LONGEST_SECONDS, SECONDS, decode_text, whole
from models.codec import UnusableRecord
from models.events import AgentChange, EndedBy, LeaveReason, TransferKind
from models.locale import _
from models.reasons import Reason

NO_CALL: Final = frozenset({"", "NONE", "REALTIME", "MANAGER", "CLI"})
"""Values of the call id field in lines that are not about a call."""
UNNAMED: Final = frozenset({"", "NONE"})
"""Values of the queue and agent fields that name no queue or agent."""

# Missing numbers are read as None: versions of Asterisk write different numbers of parameters.
LEFT: Final = {
    "EXITWITHTIMEOUT": (LeaveReason.TIMEOUT, 2),
    "EXITEMPTY": (LeaveReason.EMPTY, 2),
    "EXITWITHKEY": (LeaveReason.KEY, 3),
    "WITHDRAW": (LeaveReason.WITHDRAWN, 2),
    "SYSCOMPAT": (LeaveReason.INCOMPATIBLE, None),
}
"""Events, except `ABANDON`, of callers who leave unanswered → reason, and index of the parameter with the wait, or None."""
COMPLETED: Final = {"COMPLETEAGENT": EndedBy.AGENT, "COMPLETECALLER": EndedBy.CALLER}
"""Events at the end of a conversation → the party who ended it. Parameters 0 and 1 are wait and conversation seconds."""
TRANSFERRED: Final = {
    "BLINDTRANSFER": TransferKind.BLIND,
    "ATTENDEDTRANSFER": TransferKind.ATTENDED,
    "TRANSFER": TransferKind.UNKNOWN,
}
"""Events of transfers → kind of transfer. See `QueueLogRecord.transfer_seconds`."""
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
"""Internal events for exits and refusals that the log does not report → reason. Parameter 0, if present, is the wait seconds."""
CONVERSATION_OVER: Final = "=over"
"""Internal event: a conversation ended unobserved. Parameters 0 and 1, if present, are wait and conversation seconds."""
MESSAGE_LEFT: Final = "=message"
"""Internal event: a voice message was left. Parameter 0, if present, is its duration in seconds."""
IGNORED: Final = frozenset(
    {"QUEUESTART", "CONFIGRELOAD", "PENALTY", "RINGINUSE", "RINGCANCELED", "OUTCALL", "AGENTDUMP"}
)
"""Events that change neither a contact nor an agent's state.

AGENTDUMP is one: the agent hung up during the announcement, and the caller still waits."""
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
"""Formats of all parameters, joined by `|`, of the call events that name an agent."""
_LONGEST_AGENT: Final = 80
"""Size of an agent's name in Asterisk, in bytes, including the final NUL. It limits the number of `|` in a name."""


def normalise_queue_name(queue: str) -> str:
    """Return a queue name with A to Z in lower case, as `strcasecmp` in Asterisk; other letters are unchanged."""
    return queue.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


class LogLine(msgspec.Struct, frozen=True):
    """A line of the log and the time it was read."""

    content: bytes
    read_at: datetime


class QueueLogRecord(msgspec.Struct, frozen=True):
    """A parsed line with the names in the log, or an equivalent record of the manager interface with `ResolvedName`s."""

    second: int
    """Seconds since 1970, UTC."""
    time: datetime
    call: str
    queue: str
    agent: str
    event: str
    parameters: list[str]

    def text(self, place: int) -> str:
        """Return the parameter at index `place`, counted from the end if negative; empty if missing."""
        return self.parameters[place] if -len(self.parameters) <= place < len(self.parameters) else ""

    def seconds(self, place: int | None) -> int | None:
        """Return the parameter at `place`, counted from the end if negative, in seconds; None if missing or implausible."""
        parameters = self.parameters
        if place is None or not -len(parameters) <= place < len(parameters):
            return None
        return whole(parameters[place], LONGEST_SECONDS)

    def position(self, place: int) -> int | None:
        """Return the parameter at index `place` as a position in the queue; None if it is missing or above `LAST_POSITION`."""
        return whole(self.text(place), LAST_POSITION)

    def transfer_seconds(self) -> tuple[int | None, int | None]:
        """Return the wait and conversation seconds of a transfer, each None if missing or invalid.

        They are the last parameters before the position. Early versions do not write the position and have four
        parameters.
        """
        last = 0 if len(self.parameters) <= 4 else 1
        return self.seconds(-2 - last), self.seconds(-1 - last)

    def entry(self) -> tuple[str, int | None]:
        """Return the caller's number, empty if missing, and the position (see `position`) of an `ENTERQUEUE` record.

        Its parameters are URL, number, position and, with `log-caller-id-name`, the caller's name. Asterisk replaces `|`
        in the name but not in the number, which the caller may choose. So the position is searched from the end.
        """
        place = 2
        if len(self.parameters) > 3:
            places = (len(self.parameters) - 2, len(self.parameters) - 1)
            place = next((place for place in places if self.position(place) is not None), place)
        return "|".join(self.parameters[1:place]), self.position(place)


def parse(content: bytes, known: AbstractSet[str] = KNOWN) -> QueueLogRecord | None:
    """Return the record of a line, whether its event is known or not; None for a blank line.

    `known` are the events with a meaning. If the event field holds another text, an agent's name may contain `|`: its parts
    are then joined. Raises `UnusableRecord` if the line is too long, has too few fields or no valid time.
    """
    if len(content) > MAX_LINE_BYTES:
        raise UnusableRecord(Reason.OVERSIZED, _("more than {max_line_bytes} bytes", max_line_bytes=MAX_LINE_BYTES))
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
            _("it has too few fields: {count} instead of {fields}", count=len(fields), fields=_FIELDS),
        )
    if fields[_EVENT] not in known:
        fields = _join_agent(fields)
    time, call, queue, agent, event, *parameters = fields
    second = int(time) if len(time) == _DIGITS_OF_TIME and time.isdecimal() and time.isascii() else 0
    if second not in SECONDS:
        raise UnusableRecord(
            Reason.UNREADABLE_LINE,
            _("its time is not a number of seconds since 1970 between 2001 and 2096"),
        )
    return QueueLogRecord(second, datetime.fromtimestamp(second, UTC), call, queue, agent, event, parameters)


def _join_agent(fields: list[str]) -> list[str]:
    """Return the fields, with an agent's name that contains `|` joined into one field; unchanged if none is found."""
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
