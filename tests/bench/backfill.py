"""Stages of a backfill by a connector of records, with rates and memory: mapped and stored, and confirmed by Kafka."""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
from confluent_kafka import Consumer, TopicPartition

from connectors.sdk.contract import Context, Outcome
from connectors.sdk.cursor import Cursor
from connectors.sdk.keys import Keys
from connectors.sdk.record_source import RecordSource
from connectors.sdk.runner import _few_garbage_collections as few_garbage_collections
from tests.bench.calls import TOPIC
from tests.bench.measuring import MIB, cpu_seconds
from tests.bench.report import number, table
from tests.support.processes import Child, wait_until

MOMENTS: Final = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Fractions of the rows after which the memory is measured."""


class Stage(NamedTuple):
    """Rates of a stage, which includes the stages before it."""

    name: str
    rows_per_second: float
    rows_per_cpu_second: float
    """Of the connector's process."""
    load: float
    """Mean number of running and waiting processes of the machine, in the minute before the end."""
    memory_mib: Sequence[float] = ()
    """Resident memory of the connector's process at each of `MOMENTS`."""


def time_stage(name: str, rows: int, work: Callable[[], int]) -> Stage:
    """Time `work` in this process. It returns the number of its rows, which must be `rows`."""
    began_at, began = time.monotonic(), time.process_time()
    count = work()
    seconds, cpu = time.monotonic() - began_at, time.process_time() - began
    assert count == rows, f"{count} of {rows}"
    return Stage(name, rows / seconds, rows / cpu, os.getloadavg()[0])


def store(name: str, rows: int, open_source: Callable[[Context], RecordSource], directory: Path) -> Stage:
    """Map the rows of a source in this process, and store their outcomes."""
    directory.mkdir()
    connector = f"{name}/bench"
    context = Context(connector, directory, Cursor(directory), Keys(directory / "keys", directory).pseudonym_key)
    memory: list[float] = []

    def read_all() -> int:
        count = 0
        with few_garbage_collections(), closing(open_source(context)) as source:
            while outcomes := _read(source):
                count += len(outcomes)
                source.acknowledge(source.position())
                _note_memory(memory, count / rows, os.getpid())
        return count

    return time_stage("mapped and stored", rows, read_all)._replace(memory_mib=memory)


def publish(name: str, rows: int, options: dict[str, Any], bootstrap: str, directory: Path) -> Stage:
    """Run the connector in a process of its own until Kafka has confirmed an event for each row."""
    directory.mkdir()
    settings = directory / "options.json"
    settings.write_text(json.dumps(options))
    before = _count_events(bootstrap)
    memory: list[float] = []
    arguments = [f"{name}/bench", str(settings), str(directory / "data"), bootstrap]
    with Child(["-m", "tests.support.run_connector", *arguments], directory / "log") as child:
        child.start().wait_for("connector_takes_in")
        began_at, began, first = time.monotonic(), cpu_seconds(child.pid), _count_events(bootstrap)

        def is_complete() -> bool:
            share = (_count_events(bootstrap) - before) / rows
            _note_memory(memory, share, child.pid)
            return share >= 1

        wait_until(is_complete, "all events", 3600)
        seconds, cpu = time.monotonic() - began_at, cpu_seconds(child.pid) - began
        measured = rows - (first - before)
        assert _count_events(bootstrap) - before == rows
        child.stop()
    return Stage("confirmed by Kafka", measured / seconds, measured / cpu, os.getloadavg()[0], memory)


def show(stages: Sequence[tuple[str, Stage]]) -> str:
    """Return a table of stages, each with the kind of its source."""
    lines = [
        [
            f"{kind}, {stage.name}",
            number(stage.rows_per_second),
            number(stage.rows_per_cpu_second),
            f"{stage.load:.1f}",
            " ".join(f"{size:.0f}" for size in stage.memory_mib),
        ]
        for kind, stage in stages
    ]
    moments = ", ".join(f"{moment:.0%}" for moment in MOMENTS)
    return table(["", "rows/s", "rows per CPU second", "load", f"MiB after {moments} of the rows"], lines)


def _read(source: RecordSource) -> Sequence[Outcome]:
    """Return the next outcomes of a source; none at its end, which a source of files reports between two files too."""
    return source.read(0.0) or source.read(0.0)


def _note_memory(memory: list[float], share: float, process: int) -> None:
    while len(memory) < len(MOMENTS) and share >= MOMENTS[len(memory)]:
        memory.append(psutil.Process(process).memory_info().rss / MIB)


def _count_events(bootstrap: str) -> int:
    """Return the number of events in Kafka."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    try:
        partitions = consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions
        ends = [consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=30) for number in partitions]
        return sum(end for _begin, end in ends)
    finally:
        consumer.close()
