"""What is remembered of a switchboard that is watched, beside what the log would have said."""

from typing import Final

import msgspec

from connectors.asterisk.call_history import CallHistory

MAX_CALLS: Final = 20_000


class Leaving(msgspec.Struct, array_like=True):
    """A wait that is over, while it is not known yet how."""

    second: int
    queue: str
    position: str = ""
    first_position: str = ""
    wait_seconds: str = ""


class Progress(msgspec.Struct, array_like=True):
    """How far a call is. Queues are as `Names.own_queue` calls them."""

    waiting: str = ""
    """The queue in which it waits."""
    since: int = 0
    place: str = ""
    """Where in the dialplan, in a word that does not tell it."""
    asked: str = ""
    """The queue that the dialplan wanted it in last."""
    given_up: Leaving | None = None
    """It left without an answer, because it hung up or for another reason."""
    gone: Leaving | None = None
    """It left, answered or by a key."""
    dropped: bool = False
    """Not used: the place of a value that earlier versions wrote."""
    transfer: str = ""
    """The record of the log that its transfer will be, and the extension if a queue is there: `BLINDTRANSFER|610`."""


class CallTracker(msgspec.Struct):
    """What is remembered."""

    since: int = 0
    """Since when this connection watches, by the switchboard's clock."""
    memory: CallHistory = msgspec.field(default_factory=CallHistory)
    hears_dialplan: bool = False
    """Whether events of the class dialplan come, which tell how a wait ended."""
    calls: dict[str, Progress] = {}
    """The one that something happened to last comes last."""
    talks: dict[str, tuple[str, str]] = {}
    """Call → queue and agent, of conversations."""
    members: dict[str, dict[str, bool]] = {}
    """Queue → agent → whether paused there."""

    def progress(self, call: str) -> Progress:
        """Return how far a call is, to which something happens now."""
        progress = self.calls.pop(call, None) or Progress()
        self.calls[call] = progress
        if len(self.calls) > MAX_CALLS:
            del self.calls[next(iter(self.calls))]
        return progress

    def rename(self, previous: str, queue: str) -> None:
        """Give a queue the name that a newer version gives it."""
        if previous in self.members:
            self.members[queue] = self.members.pop(previous) | self.members.get(queue, {})
        for progress in self.calls.values():
            progress.waiting = queue if progress.waiting == previous else progress.waiting
            progress.asked = queue if progress.asked == previous else progress.asked
            for leaving in filter(None, (progress.given_up, progress.gone)):
                leaving.queue = queue if leaving.queue == previous else leaving.queue
        for call, (name, agent) in self.talks.items():
            self.talks[call] = (queue if name == previous else name), agent
        for known in self.memory.calls.values():
            known.rename(previous, queue)

    def excerpt(self, second: int, call: str, agent: str) -> "CallTracker":
        """Return what the last record depends on, enough to map it alone: one of `second`, of `call` and of `agent`."""
        memory = self.memory.excerpt(second, call, agent) if second in self.memory.seconds else CallHistory()
        progress = self.calls.get(call)
        return CallTracker(self.since, memory, self.hears_dialplan, {call: progress} if progress else {})
