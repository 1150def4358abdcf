"""Generated calls: lines of a `queue_log`, the records of the real connector for them, and the expected results."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from connectors.asterisk.call_history import CallHistory
from connectors.asterisk.config import AsteriskConfig
from connectors.asterisk.mapping import QueueLogMapping
from connectors.asterisk.queue_log import LogLine
from models.codec import encode
from models.identities import PseudonymKey
from models.topics import SOURCES, Channel

TOPIC: Final = SOURCES[Channel.CALL].name
SOURCE: Final = "asterisk/bench"
SITE: Final = "siege"
SERVICES: Final = {
    "accueil": "accueil",
    "aide-sociale": "solidarite",
    "apa": "autonomie",
    "mdph": "autonomie",
    "rsa": "insertion",
}
"""Service by queue."""
DIALLED: Final = "0199000010"
ABANDONED: Final = 0.12
EVENTS_PER_CALL: Final = 6 - 3 * ABANDONED
"""Average: four events for an answered call and two for its agent, three for an abandoned call."""
REPEATED: Final = 0.01
"""Share of events that are delivered twice, as by a retrying source."""
UNUSABLE: Final = 0.001
"""Share of events that a truncated record follows."""
RANGES: Final = ("019900", "026191", "035301", "046571", "053649", "063998")  # reserved numbers without subscribers


class Line(NamedTuple):
    """One line of the log; lines are ordered by time, then by their position."""

    at: float
    number: int
    text: str


class Story(NamedTuple):
    """Course of one call; times in milliseconds."""

    queue: str
    outcome: str
    wait_ms: int
    handle_ms: int


class Record(NamedTuple):
    key: bytes
    value: bytes


@dataclass
class Ledger:
    """Expected results of the produced records, computed by the generator."""

    stories: dict[bytes, Story] = field(default_factory=dict)
    """Course of each call by contact id."""
    records: int = 0
    events: int = 0
    """Number of distinct events, including those of agents."""
    repeated: int = 0
    unusable: int = 0
    entries: int = 0
    """Number of timeline entries, one for each event of a contact."""
    fingerprint: int = 0
    """Sum of the ids of these entries, which reveals a lost or duplicate one."""

    def counts(self) -> Counter[tuple[str, str]]:
        counts: Counter[tuple[str, str]] = Counter()
        for queue, outcome, wait_ms, handle_ms in self.stories.values():
            counts[queue, "offered"] += 1
            counts[queue, outcome] += 1
            if outcome == "answered":
                counts[queue, "wait_milliseconds"] += wait_ms
                counts[queue, "ended"] += 1
                counts[queue, "handle_milliseconds"] += handle_ms
            else:
                counts[queue, "abandon_wait_milliseconds"] += wait_ms
        return counts


class Calls:
    """Generator of calls with at most `longest_wait` and `longest_talk` seconds; deterministic for a `seed`."""

    def __init__(self, seed: int, *, longest_wait: int, longest_talk: int) -> None:
        self.ledger: Final = Ledger()
        self._random = Random(seed)
        self._longest_wait = longest_wait
        self._longest_talk = longest_talk
        self._agents: list[tuple[float, int]] = []
        """Time at which each agent is free again."""
        self._lines = 0
        self._again: Record | None = None
        """Record to deliver a second time."""
        config = AsteriskConfig.model_validate(
            {
                "path": "queue_log",
                "site": SITE,
                "queues": {queue: {"service": service} for queue, service in SERVICES.items()},
                "dids": {DIALLED: {"line": "general"}},
            }
        )
        self._mapping = QueueLogMapping(SOURCE, config, PseudonymKey("bench", bytes(32)), CallHistory())

    def lines(self, starts: Iterable[float]) -> Iterator[Line]:
        """Yield the log lines of calls that start at `starts`, in seconds since 1970."""
        pending: list[Line] = []
        for start in starts:
            while pending and pending[0].at < start:
                yield heapq.heappop(pending)
            for line in self._call(start):
                heapq.heappush(pending, line)
        while pending:
            yield heapq.heappop(pending)

    def records(self, line: Line) -> Iterator[Record]:
        """Yield the records for `line`: its events, and sometimes a duplicate or a truncated record."""
        chance, ledger = self._random, self.ledger
        events = self._mapping.map(LogLine(line.text.encode(), datetime.fromtimestamp(line.at, UTC)))
        assert isinstance(events, tuple), f"the connector rejects {line.text}: {events}"
        for event in events:
            record = Record(event.subject.encode(), encode(event))
            ledger.events += 1
            if not event.subject.startswith("agent:"):
                ledger.entries += 1
                ledger.fingerprint += UUID(event.id).int
            yield from self._count(record)
            if chance.random() < UNUSABLE:
                ledger.unusable += 1
                yield from self._count(record._replace(value=record.value[:-2]))
            if chance.random() < 2 * REPEATED:
                if self._again is not None:
                    ledger.repeated += 1
                    yield from self._count(self._again)
                self._again = record if self._again is None else None

    def _count(self, record: Record) -> Iterator[Record]:
        self.ledger.records += 1
        yield record

    def _call(self, start: float) -> Iterator[Line]:
        chance = self._random
        queue = chance.choice(list(SERVICES))
        wait, talk = chance.randrange(1, self._longest_wait), chance.randrange(1, self._longest_talk)
        number = f"{chance.choice(RANGES)}{chance.randrange(10_000):04d}"
        call = f"{int(start)}.{len(self.ledger.stories)}"
        answered = start + wait
        yield self._line(start, call, "NONE", "NONE", "DID", DIALLED)
        yield self._line(start, call, queue, "NONE", "ENTERQUEUE", "", number, 1)
        if chance.random() < ABANDONED:
            story = Story(queue, "abandoned", wait * 1000, 0)
            yield self._line(answered, call, queue, "NONE", "ABANDON", 1, 1, wait)
        else:
            story = Story(queue, "answered", wait * 1000, talk * 1000)
            agent = f"PJSIP/{self._agent(answered, talk)}"
            yield self._line(answered, call, queue, agent, "CONNECT", wait, call, 3)
            yield self._line(answered + talk, call, queue, agent, "COMPLETECALLER", wait, talk, 1)
        self.ledger.stories[f"call:{SOURCE}:{call}".encode()] = story

    def _agent(self, at: float, talk: int) -> int:
        """Return the number of an agent who is free at `at`, and mark the agent as busy for `talk` seconds."""
        _, agent = heapq.heappop(self._agents) if self._agents and self._agents[0][0] < at else (0, len(self._agents))
        heapq.heappush(self._agents, (at + talk + 5, agent))
        return agent

    def _line(self, at: float, *fields: object) -> Line:
        self._lines += 1
        return Line(at, self._lines, "|".join(map(str, (int(at), *fields))))
