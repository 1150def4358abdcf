"""Simulated switchboard controlled by a caller, which decides what happens to each call."""

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
    """Writes each action to a `queue_log`, and sends it to the manager interface, if any.

    Times are seconds since 1970 and must be in order. A call is identified by the value that `arrive` returned.
    """

    def __init__(self, write: Callable[[str], object], manager: ManagerServer | None = None) -> None:
        self._write = write
        self._manager = manager
        self._unique = count()
        self._calls: dict[str, _Call] = {}
        self._waiting: dict[str, list[str]] = {}

    def arrive(self, at: float, *, caller: str, dialled: str) -> str:
        """Start an incoming call from the number `caller`, empty if withheld, and return its id."""
        call = f"{int(at)}.{next(self._unique)}"
        self._calls[call] = _Call(caller)
        self._log(at, call, "NONE", "NONE", "DID", dialled)
        return call

    def choose(self, at: float, call: str, *chosen: str) -> None:
        """Record a choice in a voice menu."""
        self._log(at, call, "NONE", "NONE", "MENU", *chosen)

    def turn_away(self, at: float, call: str, queue: str, event: str) -> None:
        """Refuse a call in the dialplan: `FULL`, `CLOSED`, `DIVERTED`."""
        self._log(at, call, queue, "NONE", event, "")

    def enter(self, at: float, call: str, queue: str) -> None:
        """Put a call into a queue."""
        state, waiting = self._calls[call], self._waiting.setdefault(queue, [])
        waiting.append(call)
        state.queue, state.entered_at, state.first_position, state.agent = queue, int(at), len(waiting), ""
        self._log(at, call, queue, "NONE", "ENTERQUEUE", "", state.caller, state.first_position)

    def ring_out(self, at: float, call: str, agent: str, *, ring_seconds: float = 15) -> None:
        """Record a ring that the agent did not answer."""
        self._log(at, call, self._calls[call].queue, agent, "RINGNOANSWER", int(ring_seconds * 1000))

    def answer(self, at: float, call: str, agent: str, *, ring_seconds: int = 3) -> None:
        """Connect a waiting call to an agent."""
        state = self._calls[call]
        _, _, wait = self._leave(at, state, call)
        state.agent, state.answered_at = agent, int(at)
        self._log(at, call, state.queue, agent, "CONNECT", wait, f"{int(at)}.{next(self._unique)}", ring_seconds)

    def give_up(self, at: float, call: str) -> None:
        """Hang up while waiting."""
        self._end_wait(at, call, "ABANDON")

    def time_out(self, at: float, call: str) -> None:
        """End a wait by timeout."""
        self._end_wait(at, call, "EXITWITHTIMEOUT")

    def leave_unstaffed(self, at: float, call: str) -> None:
        """End a wait because the queue has no agents."""
        self._end_wait(at, call, "EXITEMPTY")

    def press_key(self, at: float, call: str, key: str) -> None:
        """End a wait by a key."""
        self._end_wait(at, call, "EXITWITHKEY", key)

    def hang_up(self, at: float, call: str, *, by_agent: bool = False) -> None:
        """End a conversation; the caller hangs up, or the agent if `by_agent`."""
        self._end_talk(at, call, "COMPLETEAGENT" if by_agent else "COMPLETECALLER")

    def transfer(self, at: float, call: str, extension: str, *, attended: bool = False) -> None:
        """End a conversation by a transfer to an extension. If a queue has this extension, call `enter` next."""
        if attended:
            self._end_talk(at, call, "ATTENDEDTRANSFER", "BRIDGE", f"bridge-{next(self._unique)}")
        else:
            self._end_talk(at, call, "BLINDTRANSFER", extension, "internes")

    def leave_message(self, at: float, call: str, *, seconds: int) -> None:
        """Record that the caller left a voice message."""
        self._log(at, call, "NONE", "NONE", "VOICEMAIL", seconds)

    def log_in(self, at: float, queue: str, agent: str, *, paused: bool = False) -> None:
        """Log an agent in to a queue."""
        self._log(at, "MANAGER", queue, agent, "ADDMEMBER", "PAUSED" if paused else "")

    def log_out(self, at: float, queue: str, agent: str) -> None:
        """Log an agent out of a queue."""
        self._log(at, "MANAGER", queue, agent, "REMOVEMEMBER", "")

    def pause(self, at: float, queue: str, agent: str) -> None:
        """Pause an agent."""
        self._log(at, "NONE", queue, agent, "PAUSE", "")

    def resume(self, at: float, queue: str, agent: str) -> None:
        """End an agent's pause."""
        self._log(at, "NONE", queue, agent, "UNPAUSE", "")

    def _end_wait(self, at: float, call: str, event: str, *details: object) -> None:
        state = self._calls[call]
        self._log(at, call, state.queue, "NONE", event, *details, *self._leave(at, state, call))

    def _end_talk(self, at: float, call: str, event: str, *details: object) -> None:
        state = self._calls[call]
        times = state.answered_at - state.entered_at, int(at) - state.answered_at, state.first_position
        self._log(at, call, state.queue, state.agent, event, *details, *times)

    def _leave(self, at: float, state: _Call, call: str) -> tuple[int, int, int]:
        """Remove a call from its queue. Return its position, its first position and its wait in seconds."""
        position = self._waiting[state.queue].index(call) + 1
        self._waiting[state.queue].remove(call)
        return position, state.first_position, int(at) - state.entered_at

    def _log(self, at: float, call: str, queue: str, agent: str, event: str, *parameters: object) -> None:
        line = "|".join(map(str, (int(at), call, queue, agent, event, *parameters))) + "\n"
        self._write(line)
        if self._manager is not None:
            self._manager.publish(line, at)
