"""What has to be remembered of earlier events to understand later ones. Times are FreeSWITCH's, in microseconds since 1970."""

from itertools import islice
from typing import Final

import msgspec

CALL_US: Final = 6 * 3600 * 1_000_000
"""A call that was not mentioned for so long is forgotten, unless it waits or talks."""
MAX_CALLS: Final = 20_000
MAX_STAYS: Final = 500


class QueueStay(msgspec.Struct, array_like=True):
    """A member: a call in a queue, until it leaves it or the conversation is over."""

    call: str
    member: str
    queue: str
    """As `Names.own_queue` calls it."""
    visit: int
    turn: int
    """Greater than 1 if the same member waits again in the same call, as one may that gave up."""
    since: int
    agent: str = ""
    """Who answers, once that is so."""
    answered_at: int = 0
    ring_seconds: float | None = None
    talks: bool = False
    """The two are connected; an agent who answers may still find nobody there."""
    given_up_at: int = 0
    """The caller hung up while an agent answered, and it is not known yet whether they were connected."""
    hung_up_by: str = ""
    """Who ended the conversation, if that was told."""

    @property
    def key(self) -> str:
        """By what it is remembered."""
        return f"{self.call}|{self.member}"


class Call(msgspec.Struct, array_like=True):
    """A call, and the members that it was, in order: a new one for each stay, the same again if it goes on with one."""

    at: int
    members: list[str]


class Agent(msgspec.Struct, array_like=True):
    """An agent."""

    status: str = ""
    """`in`, `break`, or empty if logged out."""
    queues: list[str] = msgspec.field(default_factory=list)
    at: int = 0
    """When something was told of him last."""


class StayTracker(msgspec.Struct):
    """What is remembered."""

    calls: dict[str, Call] = {}
    """The one mentioned last comes last."""
    stays: dict[str, QueueStay] = {}
    """Those that go on."""
    answering: dict[str, str] = {}
    """Agent → the key of the stay that he answers, until the two are connected."""
    agents: dict[str, Agent] = {}

    def begin(self, call: str, member: str, queue: str, at: int) -> QueueStay:
        """Return a stay that begins now."""
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
        """Return a stay that goes on."""
        return self.stays.get(f"{call}|{member}")

    def is_over(self, call: str, member: str) -> bool:
        """Return whether such a stay was told, and does not go on."""
        return call in self.calls and member in self.calls[call].members and self.find(call, member) is None

    def end(self, stay: QueueStay) -> None:
        """Take note that a stay is over."""
        self.stays.pop(stay.key, None)
        if self.answering.get(stay.agent) == stay.key:
            del self.answering[stay.agent]

    def is_busy(self, agent: str) -> bool:
        """Return whether an agent is in a conversation that goes on."""
        return any(stay.agent == agent and stay.talks for stay in self.stays.values())

    def excerpt(self, call: str, member: str, agent: str) -> "StayTracker":
        """Return what an event of these depends on: enough to map it alone."""
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
