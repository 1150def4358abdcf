"""What has to be remembered of earlier records to name later ones, and to name them alike after a restart.

It is saved with the position in the log. It is a function of the records alone: times are Asterisk's own.
"""

from itertools import islice
from typing import Final, TypeVar
from zlib import crc32

import msgspec

CALL_SECONDS: Final = 6 * 3600
"""A call that the log has not mentioned for so long is forgotten."""
MAX_CALLS: Final = 20_000
MAX_STAYS: Final = 500
"""Stays that began with an entry are numbered from 1 to this, those without one from the next number to its double."""
MAX_KINDS: Final = 200
"""So many different things that happen several times are counted in a call."""
TALK_SECONDS: Final = 2 * 3600
"""A conversation that began so long ago no longer keeps its agent busy: the log does not report every end."""
MAX_TALKS: Final = 100
"""Conversations of one agent that are remembered."""
MAX_SECONDS: Final = 8
"""Seconds whose lines are counted: a busy switchboard's lines are a second out of order now and then."""
T = TypeVar("T")


class StoredStay(msgspec.Struct, array_like=True):
    """A call's stay in a queue."""

    queue: str
    """As `Names.own_queue` calls it, since several queues may have one label."""
    since: int
    ended: int = 0
    """When the call left it or was answered to the end; 0 while it goes on."""
    answered: int = 0
    """When an agent answered; 0 if none did yet."""


class Call(msgspec.Struct, array_like=True):
    """A call that may go on."""

    second: int
    """When the log mentioned it last."""
    stays: list[StoredStay]
    """Its stays that began with an entry, by number."""

    def enter(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay that begins now, the same if the same line comes again."""
        for ordinal, visit in enumerate(self.stays, 1):
            if visit.queue == queue and visit.since == second:
                return ordinal
        if len(self.stays) < MAX_STAYS:
            self.stays.append(StoredStay(queue, second))
        return len(self.stays)

    def stay(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay in `queue` that an event of now belongs to.

        If the log did not say that it began (it was begun to be read later, or the switchboard forgot), it begins now.
        """
        return self._find(queue, second) or self.enter(queue, second)

    def conversation(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay in `queue` whose conversation an event of now ends.

        A caller may be in the queue again before the log reports the transfer that led there: that stay is not answered yet.
        """
        for ordinal in range(len(self.stays), 0, -1):
            visit = self.stays[ordinal - 1]
            if visit.queue == queue and visit.answered and not visit.ended:
                return ordinal
        return self.stay(queue, second)

    def wait(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay in `queue` that waits, or ends now; 0 if there is none."""
        for ordinal in range(len(self.stays), 0, -1):
            visit = self.stays[ordinal - 1]
            if visit.queue == queue and visit.since <= second:
                return ordinal if visit.ended == second or not (visit.ended or visit.answered) else 0
        return 0

    def end(self, ordinal: int, second: int) -> None:
        """Record that a stay is over."""
        visit = self.stays[ordinal - 1]
        visit.ended = visit.ended or second

    def rename(self, previous: str, queue: str) -> None:
        """Give stays in `former` the name that a newer version gives the queue."""
        for visit in self.stays:
            if visit.queue == previous:
                visit.queue = queue

    def _find(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay in `queue` that an event of `second` is about, 0 if there is none.

        That is the last one during which it happened; else, since the clock may have been set back, the last one that goes on;
        else the last one that began before; else the last one.
        """
        going_on = before = last = 0
        for ordinal in range(len(self.stays), 0, -1):
            visit = self.stays[ordinal - 1]
            if visit.queue != queue:
                continue
            if visit.since <= second:
                if not visit.ended or second <= visit.ended:
                    return ordinal
                before = before or ordinal
            elif not visit.ended:
                going_on = going_on or ordinal
            last = last or ordinal
        return going_on or before or last


class Talk(msgspec.Struct, array_like=True):
    """A conversation that goes on."""

    visit: int
    since: int


class Second(msgspec.Struct, array_like=True):
    """What the log said in one second: lines have no finer time."""

    lines: int = 0
    changes: dict[str, int] = {}
    """How often each change of an agent was said."""


class CallHistory(msgspec.Struct):
    """What is remembered of one Asterisk, as one of its interfaces told it."""

    seconds: dict[int, Second] = {}
    calls: dict[str, Call] = {}
    """The one mentioned last comes last."""
    told: dict[str, dict[str, list[int]]] = {}
    """Of a call, what may happen several times in it, and in which seconds it did."""
    refusals: dict[str, dict[int, str]] = {}
    """Of a call, its stays that no entry began, by number."""
    talks: dict[str, dict[str, Talk]] = {}
    """Of an agent, by call, the conversations that go on. The one that began last comes last."""

    def begin_line(self, second: int) -> str:
        """Take note of a line, and return its place among those of its second, such that places sort as text."""
        if second not in self.seconds:
            self.seconds[second] = Second()
            if len(self.seconds) > MAX_SECONDS:
                del self.seconds[next(iter(self.seconds))]
        counted = self.seconds[second]
        counted.lines += 1
        return f"{counted.lines:06d}"

    def count_change(self, second: int, change: str) -> int:
        """Return how often `change` has been said in `second`, this time included."""
        changes = self.seconds[second].changes
        changes[change] = changes.get(change, 0) + 1
        return changes[change]

    def ordinal(self, call: str, what: str, second: int) -> int:
        """Return whether `what` happens the first, second … time in `call`, the same if the same record comes again."""
        told = self.told.setdefault(call, {})
        seconds = told.get(what, [])
        if second not in seconds and len(seconds) < MAX_STAYS and (seconds or len(told) < MAX_KINDS):
            told[what] = seconds = [*seconds, second]
        return seconds.index(second) + 1 if second in seconds else MAX_STAYS

    def refuse(self, call: str, refusal: str) -> int:
        """Return the number of a stay that no entry began, the same for the same `refusal`.

        It depends on nothing else, but for one in hundreds that another has already: what tells of some refusals and not of
        others numbers them, and all other stays, like what tells of all.
        """
        known = self.refusals.setdefault(call, {})
        for step in range(MAX_STAYS):
            number = MAX_STAYS + 1 + (crc32(refusal.encode()) + step) % MAX_STAYS
            if known.setdefault(number, refusal) == refusal:
                break
        return number

    def call(self, name: str, second: int) -> Call:
        """Return what is known of a call, which is mentioned now; if that is nothing, forget those that were not for long."""
        call = self.calls.pop(name, None)
        if call is None:
            self._forget(second)
            call = Call(second, [])
        call.second = second
        self.calls[name] = call
        return call

    def begin_talk(self, agent: str, call: str, visit: int, second: int) -> None:
        """Record that a conversation begins."""
        talks = self.talks.get(agent)
        if talks is None:
            self.talks[agent] = {call: Talk(visit, second)}
            if len(self.talks) > MAX_CALLS:
                del self.talks[next(iter(self.talks))]
            return
        for other in [other for other in talks if other not in self.calls or other == call]:
            del talks[other]
        talks[call] = Talk(visit, second)
        if len(talks) > MAX_TALKS:
            del talks[next(iter(talks))]

    def end_talk(self, agent: str, call: str, second: int) -> tuple[int, bool]:
        """Record that a conversation is over.

        Return its stay, 0 if its beginning is not known, and whether the agent has another conversation.
        """
        talks = self.talks.get(agent)
        if talks is None:
            return 0, False
        talk = talks.pop(call, None)
        visit = talk.visit if talk else 0
        if not talks:
            del self.talks[agent]
            return visit, False
        busy = any(name in self.calls and 0 <= second - other.since < TALK_SECONDS for name, other in talks.items())
        return visit, busy

    def excerpt(self, second: int, name: str, agent: str) -> "CallHistory":
        """Return what the last line depends on, enough to map it alone: one of `second`, of the call `name` and of `agent`."""
        counted = {second: Second(self.seconds[second].lines - 1)} if second in self.seconds else {}
        talks = _only(agent, self.talks)
        calls = {other: self.calls[other] for other in (name, *talks.get(agent, ())) if other in self.calls}
        return CallHistory(counted, calls, _only(name, self.told), _only(name, self.refusals), talks)

    def _forget(self, second: int) -> None:
        # Two at a time, and those of a later time too: so one line with a time that cannot be forgets two calls, not all, and
        # is itself forgotten.
        for name, oldest in list(islice(self.calls.items(), 2)):
            if abs(second - oldest.second) > CALL_SECONDS or len(self.calls) >= MAX_CALLS:
                del self.calls[name]
                self.told.pop(name, None)
                self.refusals.pop(name, None)


def _only(name: str, of: dict[str, T]) -> dict[str, T]:
    return {name: of[name]} if name in of else {}
