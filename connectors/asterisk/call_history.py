"""Memory of earlier records, needed to number queue stays and repeated facts consistently.

The memory is saved with the position in the log, or in the journal of messages, so numbering continues after a restart. It
depends only on the records: all times are Asterisk's own.
"""

from collections.abc import Callable
from itertools import islice
from typing import Final, TypeVar
from zlib import crc32

import msgspec

CALL_SECONDS: Final = 6 * 3600
"""Longest time without a record that a call is remembered, in seconds; checked when another call begins."""
MAX_CALLS: Final = 20_000
MAX_STAYS: Final = 500
"""Limit of queue stays per call, and of occurrences per repeatable fact.

Stays with an entry get numbers 1 to this; refused stays get the next numbers, up to twice this."""
MAX_KINDS: Final = 200
"""Kinds of repeatable facts counted per call."""
TALK_SECONDS: Final = 2 * 3600
"""Longest time in seconds that a conversation keeps its agent busy, because the log does not report every end."""
MAX_TALKS: Final = 100
MAX_SECONDS: Final = 8
"""Number of seconds whose counts are kept, since a busy switchboard may write lines out of order by a second."""
_T = TypeVar("_T")


class StoredStay(msgspec.Struct, array_like=True):
    """A call's stay in a queue. Times are whole seconds since 1970."""

    queue: str
    """The queue's key (`NameResolver.queue_key`): several queues may share a label."""
    since: int
    """Second when the call entered the queue, or of the first record about the stay if no entry was read."""
    ended: int = 0
    """Second when the caller left the queue unanswered, or the conversation ended; 0 before that."""
    answered: int = 0
    """Second when an agent answered; 0 before that."""


class Call(msgspec.Struct, array_like=True):
    """A call that may still be in progress."""

    second: int
    """Second of the last record about it."""
    stays: list[StoredStay]
    """Stays in order; the first has the ordinal 1. Stays that the queue refused are in `CallHistory.refusals`."""

    def enter(self, queue: str, second: int) -> int:
        """Start a stay and return its ordinal, from 1.

        If a stay in `queue` began in the same second, the line is a repetition: start none and return that stay's ordinal.
        Beyond `MAX_STAYS` stays, start none and return the ordinal of the last one.
        """
        for ordinal, stay in enumerate(self.stays, 1):
            if stay.queue == queue and stay.since == second:
                return ordinal
        if len(self.stays) < MAX_STAYS:
            self.stays.append(StoredStay(queue, second))
        return len(self.stays)

    def stay(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay in `queue` that a record of `second` is about; start one if the entry was not logged."""
        return self._find(queue, second) or self.enter(queue, second)

    def conversation(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay in `queue` whose conversation a record of `second` ends.

        After a transfer back to the same queue, the new stay may be logged before the transfer. It is not answered yet,
        so the last stay that is answered and has not ended is preferred. Without one, return the same as `stay`.
        """
        for ordinal in range(len(self.stays), 0, -1):
            stay = self.stays[ordinal - 1]
            if stay.queue == queue and stay.answered and not stay.ended:
                return ordinal
        return self.stay(queue, second)

    def wait(self, queue: str, second: int) -> int:
        """Return the ordinal of the last stay in `queue` begun by `second` if the caller still waits or it ended then, else 0."""
        for ordinal in range(len(self.stays), 0, -1):
            stay = self.stays[ordinal - 1]
            if stay.queue == queue and stay.since <= second:
                return ordinal if stay.ended == second or not (stay.ended or stay.answered) else 0
        return 0

    def end(self, ordinal: int, second: int) -> None:
        """Record `second` as the end of the stay with this ordinal, unless an end was recorded before."""
        stay = self.stays[ordinal - 1]
        stay.ended = stay.ended or second

    def _find(self, queue: str, second: int) -> int:
        """Return the ordinal of the stay in `queue` that a record of `second` is about; 0 if none.

        Order of preference: the last stay that contains `second`, ends included; the last stay that began later and has not
        ended, because the clock may have been set back; the last stay that began earlier; the last stay.
        """
        current = earlier = last = 0
        for ordinal in range(len(self.stays), 0, -1):
            stay = self.stays[ordinal - 1]
            if stay.queue != queue:
                continue
            if stay.since <= second:
                if not stay.ended or second <= stay.ended:
                    return ordinal
                earlier = earlier or ordinal
            elif not stay.ended:
                current = current or ordinal
            last = last or ordinal
        return current or earlier or last


class Talk(msgspec.Struct, array_like=True):
    """A conversation in progress."""

    stay: int
    """Ordinal of its queue stay in the call."""
    since: int
    """Second when it began."""


class Second(msgspec.Struct, array_like=True):
    """Counts of the lines, and of each agent's changes, in one second: the resolution of the log's timestamps."""

    lines: int = 0
    changes: dict[str, int] = {}
    """Number of times that each change was read. A key is agent, label of the queue and change, joined by `|`."""


class CallHistory(msgspec.Struct):
    """Memory of the calls and agents of one Asterisk, as read from one of its interfaces."""

    seconds: dict[int, Second] = {}
    """Counts by second since 1970, of the `MAX_SECONDS` seconds whose first lines were read last."""
    calls: dict[str, Call] = {}
    """Calls by id, ordered by their last record."""
    occurrences: dict[str, dict[str, list[int]]] = msgspec.field(name="told", default_factory=dict)
    """Seconds of each repeatable fact: call → kind of fact → seconds. Saved as `told`."""
    refusals: dict[str, dict[int, str]] = {}
    """Stays without an entry, because the queue refused the call: call → number → refusal, as in `number_refusal`."""
    talks: dict[str, dict[str, Talk]] = {}
    """Conversations in progress: agent → call → conversation, ordered by their start."""

    def convert_queues(self, convert: Callable[[str], str]) -> None:
        """Replace the key of each stay's queue by the result of `convert`."""
        for call in self.calls.values():
            for stay in call.stays:
                stay.queue = convert(stay.queue)

    def begin_line(self, second: int) -> str:
        """Count a line, and return its number within its second, from 1, padded to six digits so that it sorts as text."""
        if second not in self.seconds:
            self.seconds[second] = Second()
            if len(self.seconds) > MAX_SECONDS:
                del self.seconds[next(iter(self.seconds))]
        counted = self.seconds[second]
        counted.lines += 1
        return f"{counted.lines:06d}"

    def count_change(self, second: int, change: str) -> int:
        """Count `change` in `second`, which `begin_line` has counted already, and return its number there, from 1."""
        changes = self.seconds[second].changes
        changes[change] = changes.get(change, 0) + 1
        return changes[change]

    def ordinal(self, call: str, occurrence_key: str, second: int) -> int:
        """Record that a repeatable fact occurred in `call` at `second`, and return which occurrence it is, from 1.

        A repeated record returns the same ordinal. Beyond `MAX_STAYS` occurrences or `MAX_KINDS` facts, nothing is
        recorded and `MAX_STAYS` is returned.
        """
        occurrences = self.occurrences.setdefault(call, {})
        seconds = occurrences.get(occurrence_key, [])
        if second not in seconds and len(seconds) < MAX_STAYS and (seconds or len(occurrences) < MAX_KINDS):
            occurrences[occurrence_key] = seconds = [*seconds, second]
        return seconds.index(second) + 1 if second in seconds else MAX_STAYS

    def number_refusal(self, call: str, refusal: str) -> int:
        """Record a refused stay and return its number above `MAX_STAYS`, derived from a hash of `refusal`.

        `refusal` is the queue's key and which refusal by it this is, joined by `|`.

        An interface that reports only some refusals then gives them the same numbers as one that reports all. Only a hash
        collision within the call, one in several hundred, changes a number.
        """
        refused = self.refusals.setdefault(call, {})
        for step in range(MAX_STAYS):
            number = MAX_STAYS + 1 + (crc32(refusal.encode()) + step) % MAX_STAYS
            if refused.setdefault(number, refusal) == refusal:
                break
        return number

    def call(self, name: str, second: int) -> Call:
        """Return the call `name`, with `second` as its last record. If unknown, create it and forget up to two old calls."""
        call = self.calls.pop(name, None)
        if call is None:
            self._forget(second)
            call = Call(second, [])
        call.second = second
        self.calls[name] = call
        return call

    def begin_talk(self, agent: str, call: str, stay: int, second: int) -> None:
        """Record the start of a conversation in the stay with ordinal `stay`, which replaces an earlier one in the same call.

        Forget the agent's conversations of forgotten calls, and the oldest one beyond `MAX_TALKS`. Beyond `MAX_CALLS` agents,
        forget the one whose conversations began first.
        """
        talks = self.talks.get(agent)
        if talks is None:
            self.talks[agent] = {call: Talk(stay, second)}
            if len(self.talks) > MAX_CALLS:
                del self.talks[next(iter(self.talks))]
            return
        for other in [other for other in talks if other not in self.calls or other == call]:
            del talks[other]
        talks[call] = Talk(stay, second)
        if len(talks) > MAX_TALKS:
            del talks[next(iter(talks))]

    def end_talk(self, agent: str, call: str, second: int) -> tuple[int, bool]:
        """Remove the agent's conversation in `call`.

        Return the ordinal of its stay, 0 if its start was not recorded. Also return whether the agent has another
        conversation, in a remembered call and begun less than `TALK_SECONDS` before `second`.
        """
        talks = self.talks.get(agent)
        if talks is None:
            return 0, False
        talk = talks.pop(call, None)
        stay = talk.stay if talk else 0
        if not talks:
            del self.talks[agent]
            return stay, False
        is_busy = any(name in self.calls and 0 <= second - other.since < TALK_SECONDS for name, other in talks.items())
        return stay, is_busy

    def excerpt(self, second: int, name: str, agent: str) -> "CallHistory":
        """Return the part of the memory needed to map the last line again: its second, its call `name` and its `agent`.

        The line itself is not counted in it. The calls are shared with this memory, so encode the result before the next line.
        """
        seconds = {second: Second(self.seconds[second].lines - 1)} if second in self.seconds else {}
        talks = _only(agent, self.talks)
        calls = {other: self.calls[other] for other in (name, *talks.get(agent, ())) if other in self.calls}
        return CallHistory(seconds, calls, _only(name, self.occurrences), _only(name, self.refusals), talks)

    def _forget(self, second: int) -> None:
        # At most two calls at a time, and calls from the future too: a line with an impossible time then removes two calls,
        # not all of them, and its own call is removed later.
        for name, oldest in list(islice(self.calls.items(), 2)):
            if abs(second - oldest.second) > CALL_SECONDS or len(self.calls) >= MAX_CALLS:
                del self.calls[name]
                self.occurrences.pop(name, None)
                self.refusals.pop(name, None)


def _only(name: str, of: dict[str, _T]) -> dict[str, _T]:
    return {name: of[name]} if name in of else {}
