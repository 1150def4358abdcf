"""State of the calls, queue stays and agents of one FreeSWITCH, derived from earlier events.

It is saved with the position in the journal, so ordinals of stays continue after a restart. Rejected records contain the part
that they need. All times are FreeSWITCH's, in microseconds since 1970.
"""

from itertools import islice
from typing import Final

import msgspec

CALL_US: Final = 6 * 3600 * 1_000_000
"""Time since its last stay began, in microseconds, until a call is forgotten, unless it waits or talks."""
MAX_CALLS: Final = 20_000
MAX_STAYS: Final = 500
STATUS: Final = {"Logged Out": "", "Available": "in", "Available (On Demand)": "in", "On Break": "break"}
"""Status in mod_callcenter → `Agent.status`."""


class QueueStay(msgspec.Struct, array_like=True):
    """A call in a queue, which mod_callcenter calls a member, until it leaves the queue or the conversation ends."""

    call: str
    member: str
    queue: str
    """The queue's key (`NameResolver.queue_key`)."""
    ordinal: int
    """Number of this stay in its call, from 1."""
    attempt: int
    """Number of times that this member has waited in this call, including this time."""
    since: int
    agent: str = ""
    answered_at: int = 0
    ring_seconds: float | None = None
    talks: bool = False
    """True once it is known that agent and caller were connected; the conversation may be over by then."""
    given_up_at: int = 0
    """Time when the caller hung up while an agent answered, with the connection still unknown; 0 if that did not happen."""
    hung_up_by: str = ""
    """Value of `EndedBy`; empty until the agent's leg has ended."""

    @property
    def key(self) -> str:
        """Key in `StayTracker.stays`."""
        return f"{self.call}|{self.member}"


class Call(msgspec.Struct, array_like=True):
    """A call, and the member of each of its stays in order: a new one, or the same one again if it resumes its wait."""

    at: int
    """Start of its last stay."""
    members: list[str]


class Agent(msgspec.Struct, array_like=True):
    """State of an agent; `at` is the time of the last change."""

    status: str = ""
    """`in`, `break`, or empty if logged out or unknown."""
    queues: list[str] = msgspec.field(default_factory=list)
    """Keys of the queues that the agent serves."""
    at: int = 0


class StayTracker(msgspec.Struct):
    """State of the calls and agents of one FreeSWITCH."""

    calls: dict[str, Call] = {}
    """Calls by id, ordered by their last stay."""
    stays: dict[str, QueueStay] = {}
    """Current stays by `QueueStay.key`."""
    answering: dict[str, str] = {}
    """Agent → key of the stay that the agent answers, until the connection."""
    agents: dict[str, Agent] = {}

    def begin(self, call: str, member: str, queue: str, at: int) -> QueueStay:
        """Begin a stay, the next one of its call, and return it. An earlier stay of the same member is replaced.

        Forget up to two old calls, and beyond `MAX_CALLS` stays the oldest stay. Beyond `MAX_STAYS` stays of a call, ordinals
        repeat the last one.
        """
        known = self.calls.pop(call, None) or Call(at, [])
        self.calls[call] = known
        known.at = at
        if len(known.members) < MAX_STAYS:
            known.members.append(member)
        stay = QueueStay(call, member, queue, len(known.members), known.members.count(member), at)
        self.stays[stay.key] = stay
        self._forget(at)
        return stay

    def find(self, call: str, member: str) -> QueueStay | None:
        """Return the current stay of a member, None if it has none."""
        return self.stays.get(f"{call}|{member}")

    def is_over(self, call: str, member: str) -> bool:
        """Return whether a member has had a stay in this call and has no current one."""
        return call in self.calls and member in self.calls[call].members and self.find(call, member) is None

    def end(self, stay: QueueStay) -> None:
        """Remove a stay from `stays`, and its agent from `answering`. For an ended stay do nothing."""
        self.stays.pop(stay.key, None)
        if self.answering.get(stay.agent) == stay.key:
            del self.answering[stay.agent]

    def is_busy(self, agent: str) -> bool:
        """Return whether an agent is connected to a caller in any current stay."""
        return any(stay.agent == agent and stay.talks for stay in self.stays.values())

    def excerpt(self, call: str, member: str, agent: str) -> "StayTracker":
        """Return the part of the state that an event of this call, member and agent depends on. Its objects are shared."""
        keys = {f"{call}|{member}", self.answering.get(agent, "")} & self.stays.keys()
        if ending := self.find(call, member):
            keys |= {key for key, stay in self.stays.items() if stay.agent and stay.agent == ending.agent}
        return StayTracker(
            {call: self.calls[call]} if call in self.calls else {},
            {key: self.stays[key] for key in keys},
            {agent: self.answering[agent]} if agent in self.answering else {},
            {agent: self.agents[agent]} if agent in self.agents else {},
        )

    def _forget(self, at: int) -> None:
        for name, oldest in list(islice(self.calls.items(), 2)):
            if abs(at - oldest.at) > CALL_US or len(self.calls) > MAX_CALLS:
                del self.calls[name]
                if any(stay.call == name for stay in self.stays.values()):
                    self.calls[name] = oldest
        if len(self.stays) > MAX_CALLS:
            self.end(next(iter(self.stays.values())))
