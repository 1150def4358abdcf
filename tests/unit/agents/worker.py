"""One partition of the contacts agent without a broker, stepped manually."""

import json
from types import SimpleNamespace
from typing import Any

from models import topics
from models.codec import encode
from models.events import Event
from models.policies import Policies
from streams.agents.contacts import ContactJob
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.core.figures.recompute_diff import Sums, sum_by_day
from streams.core.sla import open_targets
from streams.core.sla.open_targets import SLA_TARGETS_TYPE, SlaTargetsEntry
from streams.core.timeline.entries import Entry, decode
from streams.engine.job import Step, roll_back
from tests.support import simulated_workers
from tests.support.events import START_MS
from tests.support.simulated_workers import DAY_MS

PAUSE_MS = 20_000
"""A long interval between ticks that does not count as a gap."""
TIMES = simulated_workers.TIMES._replace(keep_buckets=8 * DAY_MS)
TOPIC = topics.SOURCES[topics.Channel.CALL].name
PLACE = Dimensions("call", "siege", "autonomie", "mdph")


class Worker:
    """One partition, stepped manually. `commit` and `roll_back` replace the engine."""

    def __init__(self, policies: Policies | None = None) -> None:
        self.policies = policies or Policies()
        self.job = self._open()
        self.now = START_MS + 5_000
        self.written: dict[bytes, bytes | None] = {}
        self._topics: dict[bytes, str] = {}
        """Topic of each key in `written`."""
        self.reported: list[dict[str, Any]] = []
        """Committed SLA events."""
        self.entries: list[Entry] = []
        """Committed timeline entries."""
        self.sent_targets: list[SlaTargetsEntry] = []
        """Committed records of open SLA targets."""

    def _open(self) -> ContactJob:
        return ContactJob(0, TIMES, lambda: self.policies)

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
        self.commit(step)
        return step

    def at(self, seconds: float, *events: Event, commit: bool = True) -> list[str]:
        """Fold events, or tick, `seconds` after the start. Return the types of the SLA events."""
        self.now = START_MS + round(seconds * 1000)
        step = self.step()
        if events:
            self.fold(*events, step=step)
        else:
            self.job.tick(step)
        if commit:
            self.commit(step)
        else:
            roll_back(self.job)
        return [json.loads(value or b"")["type"] for _, value in step.outputs[topics.SLA.name]]

    def until(self, seconds: float) -> list[str]:
        """Tick every 4 seconds, without a gap that counts as an outage. Return the types of the SLA events."""
        types = []
        while (now := (self.now - START_MS) / 1000) < seconds:
            types += self.at(min(now + 4, seconds))
        return types

    def step(self, as_of: int | None = None) -> Step:
        return Step(0, self.now, [topics.TIMELINE.name, topics.SLA.name], as_of)

    def commit(self, step: Step | None = None) -> None:
        for table in self.job.tables:
            changes = {key or b"": value for key, value in table.changes()}
            self.written |= changes
            self._topics |= dict.fromkeys(changes, table.topic)
            table.commit()
        if step:
            self.reported += [json.loads(value or b"") for _, value in step.outputs[topics.SLA.name]]
            for _, value in step.outputs[topics.TIMELINE.name]:
                entry = decode(value or b"")
                if entry.type == SLA_TARGETS_TYPE:
                    self.sent_targets.append(open_targets.decode(value or b""))
                else:
                    self.entries.append(entry)

    def kill(self) -> None:
        """Discard the state in memory, and restore the committed state."""
        self.job = self._open()
        for key, value in self.written.items():
            loads = [table.load for table in self.job.tables if table.topic == self._topics[key]]
            assert any(load(key, value) for load in loads)
        self.job.restore()

    def sums(self) -> Sums:
        """Return totals and days, with the buckets added to their days."""
        found: Sums = {}
        sum_by_day(self.job.figures.rows.items(), self.job.days.rows.items(), TIMES.zone, found)
        return found

    def total(self, dimensions: Dimensions = PLACE) -> dict[str, int]:
        """Return the non-zero numbers of the total row."""
        figure, schema = self.job.figures.rows[0, dimensions], FIGURE_SCHEMAS[dimensions.channel]
        numbers = zip((*schema.counts, *schema.stocks), (*figure.counts, *figure.stocks), strict=True)
        return {name: number for name, number in numbers if number}


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
