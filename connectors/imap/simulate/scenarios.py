"""Simulated e-mail conversations.

A conversation depends only on the seed, the rate and the hour in which it begins.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final, NamedTuple

CITIZENS: Final = 3_000
SATURDAY: Final = 5
ACKNOWLEDGED: Final = 0.9
ANSWERED: Final = 0.92
CONTINUES: Final = 0.25
AWAY: Final = 0.04
BOUNCED: Final = 0.02
EVENTS: Final = {"receive": "email.received", "acknowledge": "email.acknowledged", "answer": "email.answered"}


class Step(NamedTuple):
    """Message of a simulated conversation."""

    at: datetime
    conversation: str
    number: int
    """Position in the conversation, from 0."""
    method: str
    """Method of `Mailbox` that writes the message."""
    citizen: str
    thread: tuple[int, ...]
    """Numbers of the preceding messages, oldest first."""

    def reference(self, number: int) -> str:
        """Return the reference, as used by `Mailbox`, of the message with this number in the conversation."""
        return f"{self.conversation}-{number}"


def steps(seed: int, since: datetime, per_hour: float) -> Iterator[Step]:
    """Yield, without end and in order of time, the steps of the conversations that begin at `since` or later."""
    waiting: list[Step] = []
    for hour in count(int(since.timestamp()) // 3600):
        for step in _begin(seed, hour, per_hour):
            heappush(waiting, step)
        end = datetime.fromtimestamp((hour + 1) * 3600, UTC)
        while waiting and waiting[0].at < end:
            yield heappop(waiting)


def ledger(played: Iterable[Step]) -> Counter[str]:
    """Return the number of events by type that the connector should publish for the steps `played`."""
    return Counter(EVENTS[step.method] for step in played if step.method in EVENTS)


def _begin(seed: int, hour: int, per_hour: float) -> Iterator[Step]:
    """Yield all steps of the conversations that begin in `hour`, in hours since 1970."""
    random = Random(f"{seed}|{hour}|{per_hour}")  # noqa: S311 - must be reproducible
    begin = datetime.fromtimestamp(hour * 3600, UTC)
    busy = (1.6 if 6 <= begin.hour < 20 else 0.3) * (0.4 if begin.weekday() >= SATURDAY else 1.0)
    for index in range(int(per_hour * busy + random.random())):
        at = begin + timedelta(seconds=random.randrange(3600))
        yield from _converse(random, f"{hour}-{index}", at)


def _converse(random: Random, name: str, at: datetime) -> Iterator[Step]:
    citizen = f"usager{random.randrange(CITIZENS)}@example.org"
    numbers, thread = count(), list[int]()

    def step(method: str, later: float) -> Step:
        nonlocal at
        at = (at + timedelta(seconds=1 + random.expovariate(1 / later))).replace(microsecond=0)
        message = Step(at, name, next(numbers), method, citizen, tuple(thread))
        if method in EVENTS:  # later messages refer only to these
            thread.append(message.number)
        return message

    yield step("receive", 1)
    if random.random() < ACKNOWLEDGED:
        yield step("acknowledge", 10)
    while random.random() < ANSWERED:
        yield step("answer", 20 * 3600)
        if random.random() < BOUNCED:
            yield step("bounce", 10)
        elif random.random() < AWAY:
            yield step("be_away", 10)
        if random.random() > CONTINUES:
            return
        yield step("receive", 10 * 3600)
