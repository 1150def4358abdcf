"""Memory of a switchboard observed through the manager interface, in addition to the history of its calls."""

from collections.abc import Callable
from typing import Final

import msgspec

from connectors.asterisk.call_history import CallHistory

MAX_CALLS: Final = 20_000


class Leaving(msgspec.Struct, array_like=True):
    """The end of a wait, at `second`, whose reason is not known yet. Positions and wait are texts of digits; empty if unknown."""

    second: int
    queue: str
    position: str = ""
    first_position: str = ""
    wait_seconds: str = ""


class Progress(msgspec.Struct, array_like=True):
    """Current state of a call. Queues are named by their key (`NameResolver.queue_key`); empty if none."""

    waiting: str = ""
    since: int = 0
    """Second when it entered the queue `waiting`."""
    place: str = ""
    """Keyed hash of the dialplan context and extension where the call entered the queue; empty if unknown."""
    requested: str = ""
    """Queue of the last step of the dialplan into a queue, also if the queue then refuses the call."""
    given_up: Leaving | None = None
    """The call left the queue unanswered: the caller hung up, or another reason follows. None once that is known."""
    gone: Leaving | None = None
    """The call left the queue, and no message has shown yet how: usually answered or by a key."""
    dropped: bool = False
    """Unused. Keeps the position of a value that earlier versions wrote."""
    transfer: str = ""
    """Pending transfer: event as in the log, and extension, such as `BLINDTRANSFER|610`; empty if none is pending.

    The extension is empty for an attended transfer, and if it leads to no queue."""


class CallTracker(msgspec.Struct):
    """State of the calls, conversations and agents of one switchboard."""

    since: int = 0
    """Start of the latest connection by the switchboard's clock, in seconds since 1970; 0 before the first."""
    memory: CallHistory = msgspec.field(default_factory=CallHistory)
    hears_dialplan: bool = False
    """True once an event of the class `dialplan` has arrived: such events report how waits end."""
    calls: dict[str, Progress] = {}
    """Calls by id, ordered by their last message."""
    talks: dict[str, tuple[str, str]] = {}
    """Conversations in progress: call → key of the queue, and agent."""
    members: dict[str, dict[str, bool]] = {}
    """Key of the queue → agent → whether the agent is paused there."""

    def progress(self, call: str) -> Progress:
        """Return the state of a call, created if unknown, as the most recent one. Beyond `MAX_CALLS`, forget the least recent."""
        progress = self.calls.pop(call, None) or Progress()
        self.calls[call] = progress
        if len(self.calls) > MAX_CALLS:
            del self.calls[next(iter(self.calls))]
        return progress

    def convert_queues(self, convert: Callable[[str], str]) -> None:
        """Replace each key of a queue by the result of `convert`."""
        self.memory.convert_queues(convert)
        for progress in self.calls.values():
            progress.waiting, progress.requested = convert(progress.waiting), convert(progress.requested)
            for leaving in filter(None, (progress.given_up, progress.gone)):
                leaving.queue = convert(leaving.queue)
        self.talks = {call: (convert(queue), agent) for call, (queue, agent) in self.talks.items()}
        members: dict[str, dict[str, bool]] = {}
        for queue, agents in self.members.items():
            members.setdefault(convert(queue), {}).update(agents)
        self.members = members

    def excerpt(self, second: int, call: str, agent: str) -> "CallTracker":
        """Return the part needed to map the last message again, without the tracker's conversations and members.

        Its memory is `CallHistory.excerpt`, or empty if no record of `second` has been interpreted.
        """
        memory = self.memory.excerpt(second, call, agent) if second in self.memory.seconds else CallHistory()
        progress = self.calls.get(call)
        return CallTracker(self.since, memory, self.hears_dialplan, {call: progress} if progress else {})
