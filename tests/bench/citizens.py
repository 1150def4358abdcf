"""CPU cost of an entry in the counting of citizens, without Kafka: decoding, folding, counting and encoding.

    python -m tests.bench.citizens --contacts 100000

The cost of decoding alone, which timelines need anyway, is reported separately.
"""

import gc
import random
import time
from collections.abc import Callable
from statistics import median
from typing import Final

import click

from streams.agents.citizens import CitizenCounter
from streams.core.citizens.citizen import RecontactTerms
from streams.core.timeline import entries
from streams.core.timeline.entries import Entry
from tests.support.citizens import entry
from tests.support.events import START_MS
from tests.support.simulated_workers import DAY_MS

STEP_ENTRIES: Final = 10_000
DAYS: Final = 20
LIVES: Final = {
    "call": ("call.arrived", "call.queued", "call.answered", "call.ended"),
    "mail": ("letter.arrived", "letter.registered", "letter.assigned", "letter.acknowledged", "letter.answered"),
    "email": ("email.received", "email.acknowledged", "email.answered"),
    "form": ("form.submitted", "form.taken_up", "form.decided"),
}
SERVICES: Final = tuple(f"service-{number}" for number in range(12))


def make_entries(contacts: int, citizens: int) -> list[bytes]:
    """Return the entries of `contacts` contacts of `citizens` citizens over some weeks, in the order of time."""
    chance = random.Random(1)
    made: list[tuple[float, Entry]] = []
    for number in range(contacts):
        channel = chance.choice([*LIVES])
        at, who = chance.uniform(0, DAYS), chance.randrange(citizens)
        service = chance.choice(SERVICES)
        for kind in LIVES[channel]:
            made.append((at, entry(kind, at, f"{channel}:bench/x:{number}", service, f"phone:k1-{who:022}")))
            at += 0.002 if channel == "call" else chance.uniform(0, 3)
    made.sort(key=lambda one: one[0])
    return [entries._encode(one) for _, one in made]  # like the contacts job


def decode_all(values: list[bytes]) -> None:
    """Only decode the entries."""
    for value in values:
        entries.decode(value)


def work(values: list[bytes]) -> CitizenCounter:
    """Process every entry like the job between fetch and transaction."""
    job = CitizenCounter(RecontactTerms())
    for start in range(0, len(values), STEP_ENTRIES):
        job.fold([entries.decode(value) for value in values[start : start + STEP_ENTRIES]], START_MS + DAYS * DAY_MS)
        for table in job.tables:
            for _ in table.changes():
                pass
            table.commit()
    return job


def measure(action: Callable[[], object], rounds: int) -> float:
    """Return the median CPU time of `action` in seconds."""
    times = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return median(times)


@click.command(help=__doc__)
@click.option("--contacts", default=60_000, show_default=True)
@click.option("--citizens", default=30_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(contacts: int, citizens: int, rounds: int) -> None:
    """Measure and print the results."""
    values = make_entries(contacts, citizens)
    job = work(values)
    decoding, all_ = measure(lambda: decode_all(values), rounds), measure(lambda: work(values), rounds)
    click.echo(f"{len(values)} entries of {contacts} contacts of {len(job.citizens.rows)} citizens")
    click.echo(f"decoding alone     {len(values) / decoding:10,.0f} entries/s")
    click.echo(f"with counting      {len(values) / all_:10,.0f} entries/s")
    click.echo(f"counting alone     {len(values) / (all_ - decoding):10,.0f} entries/s")


if __name__ == "__main__":
    main()
