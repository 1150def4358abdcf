"""An SLA file, and one partition of the contacts agent with its clocks, stepped manually."""

import json
import tomllib
from typing import Any

from models import topics
from models.events import Event
from models.policies import Policies, SlaFile
from streams.agents.contacts import ContactJob
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA, SLA_SCHEMA
from streams.core.sla import open_targets as core
from streams.core.sla.open_targets import SLA_TARGETS_TYPE, SlaTargetsEntry
from streams.core.timeline.entries import Entry, decode
from streams.engine.job import Step
from tests.support.events import CALL, START_MS, make
from tests.unit.agents.worker import TIMES, TOPIC, record

ALWAYS = """
[calendars.always]
timezone = "Europe/Paris"
[[calendars.always.versions]]
from = 2020-01-01
monday = ["00:00-24:00"]
"""
FILE = (
    ALWAYS
    + """
[[policy]]
name = "telephone"
match = { channel = "call" }
calendar = "always"
clocks.answer = { target = 60, unit = "elapsed", at_risk = 0.5 }
"""
)
QUEUED = {"queue": "mdph", "site": "siege", "service": "autonomie"}
PLACE = Dimensions(SLA, "siege", "autonomie", "telephone:answer:call")


def policies(text: str = FILE) -> Policies:
    return Policies(SlaFile.model_validate(tomllib.loads(text)), str(hash(text)))


class Worker:
    """One partition, stepped manually. Only committed steps are stored."""

    def __init__(self, given: Policies | None = None) -> None:
        self.policies = given or policies()
        self.written: dict[tuple[str, bytes], bytes] = {}
        self.now = START_MS
        self.reported: list[dict[str, Any]] = []
        self.entries: list[Entry] = []
        self.promised: list[SlaTargetsEntry] = []
        self.job = self._open()

    def _open(self) -> ContactJob:
        return ContactJob(0, TIMES, lambda: self.policies)

    def kill(self) -> None:
        """Discard the state in memory, and restore the committed state."""
        self.job = self._open()
        for (topic, key), value in self.written.items():
            assert any(table.load(key, value) for table in self.job.tables if table.topic == topic)
        self.job.restore()

    def at(self, seconds: float, *events: Event, commit: bool = True) -> list[str]:
        """Fold events, or tick, `seconds` after the start. Return the types of the SLA events."""
        self.now = START_MS + round(seconds * 1000)
        step = Step(0, self.now, [topics.TIMELINE.name, topics.SLA.name])
        if events:
            self.job.fold(TOPIC, [record(event, timestamp=self.now) for event in events], step)
        else:
            self.job.tick(step)
        return self._end(step, commit=commit)

    def until(self, seconds: float) -> list[str]:
        """Tick every 4 seconds, without a gap that counts as an outage. Return the types of the SLA events."""
        types = []
        while (now := (self.now - START_MS) / 1000) < seconds:
            types += self.at(min(now + 4, seconds))
        return types

    def _end(self, step: Step, *, commit: bool) -> list[str]:
        events = [json.loads(value) for _, value in step.outputs[topics.SLA.name]]
        if not commit:
            for table in self.job.tables:
                table.roll_back()
            self.job.undo()
        for table in self.job.tables:
            if commit:
                changes = table.changes()
                self.written |= {(table.topic, key): value for key, value in changes if key and value is not None}
            table.commit()
        if commit:
            self.reported += events
            for _, value in step.outputs[topics.TIMELINE.name]:
                entry = decode(value or b"")
                if entry.type == SLA_TARGETS_TYPE:
                    self.promised.append(core.decode(value or b""))
                else:
                    self.entries.append(entry)
        return [event["type"] for event in events]

    def figures(self) -> dict[str, int]:
        """Return the non-zero numbers of the policy's total row."""
        row = self.job.figures.rows[0, PLACE]
        numbers = dict(zip((*SLA_SCHEMA.counts, *SLA_SCHEMA.stocks), (*row.counts, *row.stocks), strict=True))
        assert numbers["started"] == sum(
            numbers[name] for name in ("met", "late", "cancelled", "cancelled_late", *SLA_SCHEMA.stocks)
        )
        assert numbers["breached"] == numbers["late"] + numbers["cancelled_late"] + numbers["overdue"]
        return {name: number for name, number in numbers.items() if number}


def waiting(number: int = 1, at: float = 0) -> Event:
    return make("call.queued", at, subject=f"{CALL}{number}", **QUEUED)
