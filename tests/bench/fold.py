"""CPU cost of a record in the contacts job without Kafka: decoding alone, and decoding, folding, counting and encoding.

    python -m tests.bench.fold --calls 20000

Both are measured alternately on the same records, in CPU time. Judge a change by the ratio of the two.
"""

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from statistics import median
from typing import Final, NamedTuple

import click

from models import topics
from models.codec import UnusableRecord, read
from streams.agents.contacts import ContactJob
from streams.engine.job import Step
from streams.kafka.partitioner import partition_of
from streams.runtime.worker import times
from streams.settings.schema import Settings
from tests.bench.calls import TOPIC, Calls

STEP_RECORDS: Final = 10_000
PARTITIONS: Final = 4
CALLS_PER_SECOND: Final = 4


class Record(NamedTuple):
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


def make_records(calls: int) -> dict[int, list[Record]]:
    """Return the records of `calls` recent calls by partition."""
    made = Calls(1, longest_wait=240, longest_talk=900)
    begin = int(time.time()) - calls // CALLS_PER_SECOND - 1800
    records: defaultdict[int, list[Record]] = defaultdict(list)
    for line in made.lines(begin + nth / CALLS_PER_SECOND for nth in range(calls)):
        for key, value in made.records(line):
            own = records[partition_of(key, PARTITIONS)]
            own.append(Record(len(own), int(line.at * 1000), key, value))
    return records


def decode_all(records: dict[int, list[Record]]) -> None:
    for own in records.values():
        for record in own:
            try:  # noqa: SIM105 - `suppress` costs as much as the decoding
                read(record.value)
            except UnusableRecord:
                pass


def work(records: dict[int, list[Record]]) -> None:
    """Process every record like a worker between fetch and transaction."""
    now = int(time.time() * 1000)
    keep = times(Settings())
    for number, own in records.items():
        job = ContactJob(number, keep)
        for records_of_step in _steps(own):
            step = Step(number, now, [topics.TIMELINE.name], partitions=PARTITIONS)
            job.fold(TOPIC, records_of_step, step)
            for table in job.tables:
                for _ in table.changes():
                    pass
                table.commit()


def _steps(records: Sequence[Record]) -> Iterator[list[Record]]:
    stream = iter(records)
    while step := list(islice(stream, STEP_RECORDS)):
        yield step


def _time(what: Callable[[], None]) -> float:
    gc.collect()
    begin = time.process_time()
    what()
    return time.process_time() - begin


@click.command(help=__doc__)
@click.option("--calls", default=20_000, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(*, calls: int, rounds: int) -> None:
    records = make_records(calls)
    count = sum(map(len, records.values()))
    gc.set_threshold(100_000, 20, 50)  # like the worker
    ratios = []
    for _ in range(rounds):
        decoding, working = _time(lambda: decode_all(records)), _time(lambda: work(records))
        ratios.append(working / decoding)
        click.echo(
            f"decode {decoding / count * 1e6:.2f} µs, all {working / count * 1e6:.2f} µs, ratio {working / decoding:.2f}"
        )
    click.echo(f"median ratio {median(ratios):.2f} over {count} records")


if __name__ == "__main__":
    main()
