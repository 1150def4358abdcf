"""Records as Asterisk writes them to `queue_log`: `epoch|callid|queue|agent|EVENT|parameter|…`.

Which events there are, and what their parameters mean: the Queue Logs page of the Asterisk documentation, and every
`ast_queue_log` call in `apps/app_queue.c`.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors.sdk.tail import MAX_LINE_BYTES
from connectors.sdk.words import say
from models.codec import Unusable
from models.events import AgentChange, EndedBy, LeaveReason, TransferKind
from models.reasons import Reason

NO_CALL: Final = frozenset({"", "NONE", "REALTIME", "MANAGER", "CLI"})
"""What stands in place of a call's id when the line is about none."""
NOBODY: Final = frozenset({"", "NONE"})
"""What stands in place of a queue or an agent."""

# Event → where its parameters are. A number that is not there is None: versions of Asterisk differ in how many they write.
LEFT: Final = {
    "EXITWITHTIMEOUT": (LeaveReason.TIMEOUT, 2),
    "EXITEMPTY": (LeaveReason.EMPTY, 2),
    "EXITWITHKEY": (LeaveReason.KEY, 3),
    "WITHDRAW": (LeaveReason.WITHDRAWN, 2),
    "SYSCOMPAT": (LeaveReason.INCOMPATIBLE, None),
    "AGENTDUMP": (LeaveReason.OTHER, None),
}
"""The wait's place."""
COMPLETED: Final = {"COMPLETEAGENT": EndedBy.AGENT, "COMPLETECALLER": EndedBy.CALLER}
"""Wait and conversation are at 0 and 1."""
TRANSFERRED: Final = {
    "BLINDTRANSFER": TransferKind.BLIND,
    "ATTENDEDTRANSFER": TransferKind.ATTENDED,
    "TRANSFER": TransferKind.UNKNOWN,
}
"""Wait and conversation are at 2 and 3; one later after the method LINK, which names two channels."""
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
IGNORED: Final = frozenset({"QUEUESTART", "CONFIGRELOAD", "PENALTY", "RINGINUSE", "RINGCANCELED", "OUTCALL"})
KNOWN: Final = frozenset(
    {"ENTERQUEUE", "CONNECT", "ABANDON", "RINGNOANSWER", *LEFT, *COMPLETED, *TRANSFERRED, *AGENTS, *IGNORED}
)

_FIELDS: Final = 5
_LONGEST_SECONDS: Final = 315_576_000
_LAST_POSITION: Final = 1_000_000
_SECONDS: Final = range(1_000_000_000, 4_000_000_000)
"""Times that a switchboard may tell, of 2001 to 2096: a telephone number in the place of one is none, and is not remembered."""


class LogLine(msgspec.Struct, frozen=True):
    """A raw record: one line, and when it was read."""

    content: bytes
    read_at: datetime


class Record(msgspec.Struct, frozen=True):
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
        """Return the parameter at `place`, empty if it is not there."""
        return self.parameters[place] if place < len(self.parameters) else ""

    def seconds(self, place: int | None) -> int | None:
        """Return the duration at `place`, see `_number`."""
        return self._number(place, _LONGEST_SECONDS)

    def position(self, place: int) -> int | None:
        """Return the position in the queue at `place`, see `_number`."""
        return self._number(place, _LAST_POSITION)

    def _number(self, place: int | None, highest: int) -> int | None:
        """Return the parameter at `place`; None if it is not there, or negative, as when the clock was set back.

        Raises `Unusable` if it is no number, or above `highest`.
        """
        if place is None or place >= len(self.parameters) or not (text := self.parameters[place]):
            return None
        try:
            number = int(text)
        except ValueError:
            raise Unusable(
                Reason.UNREADABLE_LINE,
                say(f"parameter {place} is no number", f"le paramètre {place} n'est pas un nombre"),
            ) from None
        if number > highest:
            raise Unusable(
                Reason.UNREADABLE_LINE,
                say(f"parameter {place} is out of bounds", f"le paramètre {place} est hors limites"),
            )
        return number if number >= 0 else None


def parse(content: bytes) -> Record | None:
    """Return the record of a line, None if it is blank.

    Raises `Unusable` if it is too long, no UTF-8, or has not the form of a line.
    """
    if len(content) > MAX_LINE_BYTES:
        raise Unusable(Reason.OVERSIZED, say(f"more than {MAX_LINE_BYTES} bytes", f"plus de {MAX_LINE_BYTES} octets"))
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise Unusable(Reason.INVALID_UTF8, f"at byte {error.start}") from None
    if not text.strip():
        return None
    fields = text.split("|")
    if len(fields) < _FIELDS:
        raise Unusable(
            Reason.UNREADABLE_LINE,
            say(
                f"it has too few fields: {len(fields)}, not {_FIELDS}",
                f"elle a trop peu de champs : {len(fields)} au lieu de {_FIELDS}",
            ),
        )
    epoch, call, queue, agent, event, *parameters = fields
    try:
        second = int(epoch)
    except ValueError:
        second = 0
    if second not in _SECONDS:
        raise Unusable(
            Reason.UNREADABLE_LINE,
            say(
                "its time is no number of seconds, of 2001 to 2096",
                "son heure n'est pas un nombre de secondes, de 2001 à 2096",
            ),
        )
    return Record(second, datetime.fromtimestamp(second, UTC), call, queue, agent, event, parameters)
