"""One partition of the contacts agent without a broker, stepped manually."""

from types import SimpleNamespace
from typing import Any

from models import topics
from models.codec import encode
from models.events import Event
from streams.agents.contacts import ContactJob, WorkerTimings
from streams.core.contacts.expiry import RowRetention
from streams.core.contacts.queue_stay import TimesToLive
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.engine.job import Step
from tests.support.events import START_MS

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PAUSE_MS = 20_000
"""A long interval between ticks that does not count as a gap."""
TIMES = WorkerTimings(
    time_to_live=TimesToLive(waiting=HOUR_MS, in_progress=12 * HOUR_MS, visit=12 * HOUR_MS),
    keep=RowRetention(closed=35 * DAY_MS, touched=HOUR_MS),
    agent_time_to_live=3 * DAY_MS,
    keep_buckets=8 * DAY_MS,
)
TOPIC = topics.SOURCES[topics.Channel.CALL].name
PLACE = Dimensions("call", "siege", "autonomie", "mdph")


class Worker:
    """One partition, stepped manually. `commit` and `roll_back` replace the engine."""

    def __init__(self) -> None:
        self.job = ContactJob(0, TIMES)
        self.now = START_MS + 5_000
        self.written: dict[bytes, bytes | None] = {}

    def fold(self, *events: Event, step: Step | None = None) -> Step:
        step = step or self.step()
        self.job.fold(TOPIC, [record(event, timestamp=self.now) for event in events], step)
        return step

    def tick(self, after_ms: int = 0) -> Step:
        """Tick after `after_ms`, with earlier ticks in between, so that the partition is past its starting phase."""
        before = self.now
        for earlier_ms in (2 * PAUSE_MS, PAUSE_MS):
            if after_ms > earlier_ms:
                self.now = before + after_ms - earlier_ms
                self.job.tick(self.step())
                self.commit()
        self.now = before + after_ms
        step = self.step()
        self.job.tick(step)
        self.commit()
        return step

    def step(self) -> Step:
        return Step(0, self.now, [topics.TIMELINE.name])

    def commit(self) -> None:
        for table in self.job.tables:
            self.written |= {key or b"": value for key, value in table.changes()}
            table.commit()

    def roll_back(self) -> None:
        for table in self.job.tables:
            table.roll_back()
        self.job.undo()
        for table in self.job.tables:
            table.commit()

    def total(self, dimensions: Dimensions = PLACE) -> dict[str, int]:
        """Return the non-zero numbers of the total row."""
        figure = self.job.figures.rows[0, dimensions]
        named = dict(zip((*QUEUE_SCHEMA.counts, *QUEUE_SCHEMA.stocks), (*figure.counts, *figure.stocks), strict=True))
        return {name: number for name, number in named.items() if number}


def record(event: Event, **changes: Any) -> Any:
    """Return an event as the engine delivers it."""
    fields = {"key": event.subject.encode(), "value": encode(event), "offset": 0, "timestamp": START_MS, "headers": ()}
    return SimpleNamespace(**(fields | changes))


def numbers(worker: Worker) -> dict[Any, Any]:
    """Return all figures that are not all zeros, without their corrections."""
    rows = worker.job.figures.rows
    return {
        key: (row.counts, row.stocks, row.oldest_waiting_at)
        for key, row in rows.items()
        if any(row.counts) or any(row.stocks)
    }
