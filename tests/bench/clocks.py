"""Open SLA clocks in one process: memory per clock, and the cost of a tick with many breaches, of an idle tick, of one deadline.

    python -m tests.bench.clocks --clocks 1000000

Each clock belongs to an unanswered letter. Ticks are those of the contacts job with all their output, but without Kafka. Times
are CPU times of the process, so that other load on the machine matters little.
"""

import sys
import time
from statistics import median
from tomllib import loads
from typing import Any, Final

import click

from models import topics
from models.calendars import Unit
from models.events import Event
from models.policies import Policies, SlaFile
from streams.agents.contacts import ContactJob, WorkerTimings
from streams.agents.sla_tracker import SlaDelays
from streams.core.contacts import contact
from streams.core.contacts.expiry import RowRetention
from streams.core.contacts.queue_stay import TimesToLive
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import clock_intervals
from streams.engine.job import Step
from tests.bench.measuring import describe_machine, forget_settings, live_bytes
from tests.support.events import START_MS, make
from tests.support.sla_events import SIEGE

FILE: Final = (
    SIEGE
    + """
[[policy]]
name = "courrier"
match = { channel = "mail" }
calendar = "siege"
clocks.acknowledge = { target = 1209600, unit = "elapsed" }
"""
)
DAY_MS: Final = 86_400_000
TARGET_MS: Final = 14 * DAY_MS
GAP_MS: Final = 1_000
"""Milliseconds between two letters."""
TIMES: Final = WorkerTimings(
    TimesToLive(DAY_MS, DAY_MS, DAY_MS),
    RowRetention(closed=1000 * DAY_MS, touched=0),
    1000 * DAY_MS,
    1000 * DAY_MS,
    SlaDelays(0, 0),  # two ticks are days apart here
)
FIRED: Final = 1000
STEPS: Final = 20


def measure(clocks: int) -> dict[str, Any]:
    """Return bytes per clock, and the milliseconds of a tick with `FIRED` breaches and of an idle tick."""
    policies = Policies(SlaFile.model_validate(loads(FILE)))
    job = ContactJob(0, TIMES, lambda: policies)
    rows = job.contacts.rows
    for number in range(clocks):
        rows[row_key(number)] = contact.decode(contact.encode(contact.fold(None, _letter(number))))
    without_clocks = live_bytes()
    for number, (key, row) in enumerate(rows.items()):
        row.clocks, _ = advance((), clock_intervals(row), policies, START_MS + number * GAP_MS)
        rows[key] = contact.decode(contact.encode(row))  # as after a recovery, where rows share common objects
    job.sla_tracker.restore()
    with_clocks = live_bytes()
    _tick(job, START_MS)  # the first tick loads the SLA file
    for _ in range(clocks // 1000):
        _tick(job, START_MS)
    idle = [_tick(job, START_MS + 1 + turn)[0] for turn in range(STEPS)]
    at_risk_at = START_MS + round(TARGET_MS * 0.8)
    firing, published = [], 0
    for turn in range(1, STEPS + 1):
        seconds, news = _tick(job, at_risk_at + turn * FIRED * GAP_MS)
        firing.append(seconds)
        published += news
    calendar = policies.calendars["siege"]
    calendar.add(START_MS, 30, Unit.WORKING_DAYS)
    began = time.process_time()
    for number in range(20_000):
        calendar.add(START_MS + number * 3_600_000, 30, Unit.WORKING_DAYS)
    return {
        "clocks": clocks,
        "bytes_per_clock": (with_clocks - without_clocks) / clocks,
        "idle_tick_ms": 1000 * median(idle),
        "published": published,
        "firing_tick_ms": 1000 * median(firing),
        "deadline_us": 1e6 * (time.process_time() - began) / 20_000,
    }


def row_key(number: int) -> bytes:
    """Return the key of a letter."""
    return f"mail:mailroom/siege:{number}".encode()


def _letter(number: int) -> Event:
    return make(
        "letter.arrived", number * GAP_MS / 1000, subject=row_key(number).decode(), site="siege", service="autonomie"
    )


def _tick(job: ContactJob, now: int) -> tuple[float, int]:
    """Return the CPU seconds of a tick with all its output, and the number of its SLA events."""
    step = Step(0, now, [topics.TIMELINE.name, topics.SLA.name])
    began = time.process_time()
    job.tick(step)
    for table in job.tables:
        for _ in table.changes():
            pass
        table.commit()
    return time.process_time() - began, len(step.outputs[topics.SLA.name])


@click.command(help=__doc__)
@click.option("--clocks", default=1_000_000, show_default=True, help="Open clocks.")
def main(*, clocks: int) -> None:
    """Measure and print the results."""
    forget_settings()
    for name, value in (describe_machine() | measure(clocks)).items():
        click.echo(f"{name}: {value}")


if __name__ == "__main__":
    sys.exit(main())
