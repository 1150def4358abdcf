"""A switchboard that does what it is told: for who knows what is to happen, and wants it told as Asterisk would."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from connectors.asterisk.simulate.manager import ManagerServer


@dataclass(slots=True)
class _Call:
    caller: str
    queue: str = ""
    entered_at: int = 0
    first_position: int = 0
    agent: str = ""
    answered_at: int = 0


class ScriptedSwitchboard:
    """Writes what happens to a `queue_log`, and tells it to who listens on the manager interface, if there is one.

    Times are seconds since 1970 and come in order; a call is named by what `arrive` returned.
    """

    def __init__(self, write: Callable[[str], object], manager: ManagerServer | None = None) -> None:
        self._write = write
        self._manager = manager
        self._unique = count()
        self._calls: dict[str, _Call] = {}
        self._waiting: dict[str, list[str]] = {}

    def arrive(self, at: float, *, caller: str, dialled: str) -> str:
        """Let a call come in, from a number (empty if withheld) to a number; return its id."""
        call = f"{int(at)}.{next(self._unique)}"
        self._calls[call] = _Call(caller)
        self._log(at, call, "NONE", "NONE", "DID", dialled)
        return call

    def choose(self, at: float, call: str, *chosen: str) -> None:
        """Let the caller choose in a voice menu."""
        self._log(at, call, "NONE", "NONE", "MENU", *chosen)

    def turn_away(self, at: float, call: str, queue: str, event: str) -> None:
        """Let the dialplan turn a call away from a queue: `FULL`, `CLOSED`, `DIVERTED`."""
        self._log(at, call, queue, "NONE", event, "")

    def enter(self, at: float, call: str, queue: str) -> None:
        """Let a call wait in a queue."""
        one, waiting = self._calls[call], self._waiting.setdefault(queue, [])
        waiting.append(call)
        one.queue, one.entered_at, one.first_position, one.agent = queue, int(at), len(waiting), ""
        self._log(at, call, queue, "NONE", "ENTERQUEUE", "", one.caller, one.first_position)

    def ring_out(self, at: float, call: str, agent: str, *, ring_seconds: float = 15) -> None:
        """Let a waiting call have rung at an agent in vain."""
        self._log(at, call, self._calls[call].queue, agent, "RINGNOANSWER", int(ring_seconds * 1000))

    def answer(self, at: float, call: str, agent: str, *, ring_seconds: int = 3) -> None:
        """Let an agent answer a waiting call."""
        one = self._calls[call]
        _, _, wait = self._leave(at, one, call)
        one.agent, one.answered_at = agent, int(at)
        self._log(at, call, one.queue, agent, "CONNECT", wait, f"{int(at)}.{next(self._unique)}", ring_seconds)

    def give_up(self, at: float, call: str) -> None:
        """Let a waiting caller hang up."""
        self._end_wait(at, call, "ABANDON")

    def time_out(self, at: float, call: str) -> None:
        """Let a wait have lasted too long."""
        self._end_wait(at, call, "EXITWITHTIMEOUT")

    def find_nobody(self, at: float, call: str) -> None:
        """Let a waiting call leave a queue that nobody answers."""
        self._end_wait(at, call, "EXITEMPTY")

    def press_key(self, at: float, call: str, key: str) -> None:
        """Let a waiting caller leave by a key."""
        self._end_wait(at, call, "EXITWITHKEY", key)

    def hang_up(self, at: float, call: str, *, by_agent: bool = False) -> None:
        """Let a conversation end."""
        self._end_talk(at, call, "COMPLETEAGENT" if by_agent else "COMPLETECALLER")

    def transfer(self, at: float, call: str, extension: str, *, attended: bool = False) -> None:
        """Let the agent hand a call on; `enter` says what becomes of it."""
        if attended:
            self._end_talk(at, call, "ATTENDEDTRANSFER", "BRIDGE", f"bridge-{next(self._unique)}")
        else:
            self._end_talk(at, call, "BLINDTRANSFER", extension, "internes")

    def leave_message(self, at: float, call: str, *, seconds: int) -> None:
        """Let the caller have left a voice message."""
        self._log(at, call, "NONE", "NONE", "VOICEMAIL", seconds)

    def log_in(self, at: float, queue: str, agent: str, *, paused: bool = False) -> None:
        """Let an agent begin to answer a queue."""
        self._log(at, "MANAGER", queue, agent, "ADDMEMBER", "PAUSED" if paused else "")

    def log_out(self, at: float, queue: str, agent: str) -> None:
        """Let an agent answer a queue no more."""
        self._log(at, "MANAGER", queue, agent, "REMOVEMEMBER", "")

    def pause(self, at: float, queue: str, agent: str) -> None:
        """Let an agent have a break."""
        self._log(at, "NONE", queue, agent, "PAUSE", "")

    def resume(self, at: float, queue: str, agent: str) -> None:
        """Let a break be over."""
        self._log(at, "NONE", queue, agent, "UNPAUSE", "")

    def _end_wait(self, at: float, call: str, event: str, *before: object) -> None:
        one = self._calls[call]
        self._log(at, call, one.queue, "NONE", event, *before, *self._leave(at, one, call))

    def _end_talk(self, at: float, call: str, event: str, *how: object) -> None:
        one = self._calls[call]
        times = one.answered_at - one.entered_at, int(at) - one.answered_at, one.first_position
        self._log(at, call, one.queue, one.agent, event, *how, *times)

    def _leave(self, at: float, one: _Call, call: str) -> tuple[int, int, int]:
        """Take a call out of its queue, and return its position, its first one, and how long it waited."""
        position = self._waiting[one.queue].index(call) + 1
        self._waiting[one.queue].remove(call)
        return position, one.first_position, int(at) - one.entered_at

    def _log(self, at: float, call: str, queue: str, agent: str, event: str, *parameters: object) -> None:
        line = "|".join(map(str, (int(at), call, queue, agent, event, *parameters))) + "\n"
        self._write(line)
        if self._manager is not None:
            self._manager.publish(line, at)
