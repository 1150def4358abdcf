"""What has to be remembered of earlier records to name later ones, and to name them alike after a restart.

It is saved with the position in the log. It is a function of the records alone: times are Asterisk's own.
"""

from itertools import islice
from typing import Final

import msgspec

CALL_SECONDS: Final = 6 * 3600
"""A call that the log has not mentioned for so long is forgotten."""
MAX_CALLS: Final = 20_000
MAX_VISITS: Final = 1_000
MAX_KINDS: Final = 200
"""So many different things that happen several times are counted in a call."""
RESERVED: Final = -1
MAX_SECONDS: Final = 8
"""Seconds whose lines are counted: a busy switchboard's lines are a second out of order now and then."""


class Visit(msgspec.Struct, array_like=True):
    """A call's stay in a queue."""

    queue: str
    """As `Names.own_queue` calls it, since several queues may have one label."""
    since: int
    ended: int = 0
    """When the call left it or was answered to the end; 0 while it goes on, `RESERVED` if nobody knows yet that it began."""


class Call(msgspec.Struct, array_like=True):
    """A call that may go on."""

    second: int
    """When the log mentioned it last."""
    visits: list[Visit]

    def enter(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay that begins now, the same if the same line comes again."""
        for ordinal, visit in enumerate(self.visits, 1):
            if visit.queue == queue and visit.since == second:
                visit.ended = max(visit.ended, 0)
                return ordinal
        if len(self.visits) < MAX_VISITS:
            self.visits.append(Visit(queue, second))
        return len(self.visits)

    def stay(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay in `queue` that an event of now belongs to: the last that had begun.

        If the log did not say that it began (it was begun to be read later, or the switchboard forgot), it begins now.
        """
        for ordinal in range(len(self.visits), 0, -1):
            visit = self.visits[ordinal - 1]
            if visit.queue == queue and visit.since <= second and visit.ended != RESERVED:
                return ordinal
        return self.enter(queue, second)

    def reserve(self, queue: str, second: int) -> None:
        """Keep an ordinal free for what a line of an unknown event may turn out to be: a stay that ends as it begins.

        So that line can be mapped later, and no other stay has its ordinal. Until then it is no stay of any other line's.
        """
        goes_on = any(
            visit.queue == queue and (visit.since == second or (visit.since < second and visit.ended in {0, second}))
            for visit in self.visits
        )
        if not goes_on and len(self.visits) < MAX_VISITS:
            self.visits.append(Visit(queue, second, RESERVED))

    def turn_away(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay that ends now: the one that goes on, or one that only begins to end at once."""
        ordinal = self.stay(queue, second)
        return ordinal if self.visits[ordinal - 1].ended in {0, second} else self.enter(queue, second)

    def end(self, ordinal: int, second: int) -> None:
        """Take note that a stay is over."""
        visit = self.visits[ordinal - 1]
        visit.ended = visit.ended or second


class Second(msgspec.Struct, array_like=True):
    """What the log said in one second: lines have no finer time."""

    lines: int = 0
    changes: dict[str, int] = {}
    """How often each change of an agent was said."""


class Memory(msgspec.Struct):
    """What is remembered of one Asterisk, as one of its interfaces told it."""

    seconds: dict[int, Second] = {}
    calls: dict[str, Call] = {}
    """The one mentioned last comes last."""
    told: dict[str, dict[str, list[int]]] = {}
    """Of a call, what may happen several times in it, and in which seconds it did."""

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
        if second not in seconds and len(seconds) < MAX_VISITS and (seconds or len(told) < MAX_KINDS):
            told[what] = seconds = [*seconds, second]
        return seconds.index(second) + 1 if second in seconds else MAX_VISITS

    def call(self, name: str, second: int) -> Call:
        """Return what is known of a call, which is mentioned now; forget those that were not for long."""
        call = self.calls.pop(name, None) or Call(second, [])
        call.second = second
        self.calls[name] = call
        self._forget(second)
        return call

    def excerpt(self, second: int, name: str) -> "Memory":
        """Return what the line that was begun last, of `second` and of the call `name`, depends on: enough to map it alone."""
        lines, call = self.seconds[second].lines - 1, self.calls.get(name)
        told = self.told.get(name)
        return Memory({second: Second(lines)}, {name: call} if call else {}, {name: told} if told else {})

    def _forget(self, second: int) -> None:
        # Two at a time, and those of a later time too: so one line with a time that cannot be forgets two calls, not all, and
        # is itself forgotten.
        for name, oldest in list(islice(self.calls.items(), 2)):
            if abs(second - oldest.second) > CALL_SECONDS or len(self.calls) > MAX_CALLS:
                del self.calls[name]
                self.told.pop(name, None)
