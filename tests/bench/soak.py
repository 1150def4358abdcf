"""Long, steady run of one worker, with a check for memory growth, losses and duplicates.

    python -m tests.bench.soak --minutes 60 --rate 500

Calls last about a minute and are deleted soon after, so that the number of contacts stays about constant.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import psutil

from streams.kafka.topic_admin import apply_specs
from streams.runtime.topic_catalogue import specs
from streams.settings.schema import Settings
from tests.bench.calls import EVENTS_PER_CALL, TOPIC, Calls, Ledger
from tests.bench.measuring import MIB, describe_machine, forget_settings, slope_per_hour
from tests.bench.records import confirm, make_producer, read, running_kafka, send
from tests.bench.report import Run, number, table, write_json
from tests.bench.verify import correct, differences, read_contacts
from tests.support.processes import Child

LONGEST_WAIT_SECONDS: Final = 20
LONGEST_TALK_SECONDS: Final = 60
SAMPLE_SECONDS: Final = 10
MESSAGE_SECONDS: Final = 60
GONE_SECONDS: Final = 300
"""Longest wait after the last event for the deletion of the last contact."""

Progress = Callable[[str], None]


class Sample(NamedTuple):
    seconds: float
    """Seconds since the start of the run."""
    rss_mib: float
    fds: int
    threads: int


class Sampler:
    """Samples processes in each call of `sample` that is at least `SAMPLE_SECONDS` after the last one."""

    def __init__(self, processes: dict[str, int], progress: Progress) -> None:
        self.samples: Final[dict[str, list[Sample]]] = {name: [] for name in processes}
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._progress = progress
        self._began_at = time.monotonic()
        self._next_at = self._next_message_at = 0.0

    def sample(self) -> None:
        seconds = time.monotonic() - self._began_at
        if seconds < self._next_at:
            return
        self._next_at += SAMPLE_SECONDS
        for name, process in self._processes.items():
            rss = process.memory_info().rss / MIB
            self.samples[name].append(Sample(seconds, rss, process.num_fds(), process.num_threads()))
        if seconds >= self._next_message_at:
            self._next_message_at += MESSAGE_SECONDS
            now = ", ".join(f"{name} {samples[-1].rss_mib:.0f} MiB" for name, samples in self.samples.items())
            self._progress(f"{seconds / 60:3.0f} min  {now}")


def measure(*, minutes: float, rate: float, progress: Progress) -> dict[str, Any]:
    """Run for `minutes` with about `rate` events per second; return the samples and the inexact results."""
    with tempfile.TemporaryDirectory(prefix="accueil-soak-") as folder, running_kafka(Path(folder) / "kafka") as kafka:
        settings = Settings()
        apply_specs(kafka.bootstrap, specs(settings))
        arguments = ["-m", "tests.bench.soak_worker", "--bootstrap", kafka.bootstrap, "--directory", folder]
        with Child(arguments, Path(folder) / "worker.log") as worker:
            worker.start().wait_for("partition_opened", settings.partitions)
            assert kafka.pid is not None, "the broker does not run"
            sampler = Sampler({"worker": worker.pid, "kafka": kafka.pid}, progress)
            ledger = _feed(kafka.bootstrap, minutes * 60, rate / EVENTS_PER_CALL, worker, sampler)
            _wait_until_gone(kafka.bootstrap, progress)
            worker.stop()
        found = differences(partial(read, kafka.bootstrap), ledger, kept=False)
    return {
        "minutes": minutes,
        "events": ledger.records,
        "contacts": len(ledger.stories),
        "correct": correct(found),
        "samples": {name: [sample._asdict() for sample in samples] for name, samples in sampler.samples.items()},
        "growth_mib_per_hour": {
            name: slope_per_hour([(sample.seconds, sample.rss_mib) for sample in samples])
            for name, samples in sampler.samples.items()
        },
    }


def _feed(bootstrap: str, seconds: float, calls_per_second: float, worker: Child, sampler: Sampler) -> Ledger:
    """Produce the events of calls in real time: calls begin during `seconds`, then all of them end."""
    calls = Calls(1, longest_wait=LONGEST_WAIT_SECONDS, longest_talk=LONGEST_TALK_SECONDS)
    producer = make_producer(bootstrap)
    begin = time.time()

    def starts() -> Iterator[float]:
        for nth in range(int(seconds * calls_per_second)):
            yield begin + nth / calls_per_second

    for line in calls.lines(starts()):
        sampler.sample()
        if (early := line.at - time.time()) > 0:
            producer.poll(0)
            time.sleep(early)
        assert worker.alive, f"the worker ended:\n{worker.text[-2000:]}"
        for key, value in calls.records(line):
            send(producer, TOPIC, key, value)
    confirm(producer)
    return calls.ledger


def _wait_until_gone(bootstrap: str, progress: Progress) -> None:
    """Wait until the last contact is deleted, for at most `GONE_SECONDS`."""
    deadline = time.monotonic() + GONE_SECONDS
    while (left := len(read_contacts(partial(read, bootstrap)))) and time.monotonic() < deadline:
        progress(f"{left} contacts left")
        time.sleep(SAMPLE_SECONDS)


def show(result: Run) -> str:
    head = [
        "process",
        "MiB first",
        "MiB half-way",
        "MiB last",
        "MiB/h, 2nd half",
        "files first / last",
        "threads first / last",
    ]
    rows = []
    for name, samples in result["samples"].items():
        first, half, last = samples[0], samples[len(samples) // 2], samples[-1]
        memory = [number(round(sample["rss_mib"])) for sample in (first, half, last)]
        others = [f"{first[what]} / {last[what]}" for what in ("fds", "threads")]
        rows.append([name, *memory, f"{result['growth_mib_per_hour'][name]:+.1f}", *others])
    summary = f"{number(result['events'])} events, {number(result['contacts'])} contacts: {result['correct']}"
    return f"{table(head, rows)}\n\n{summary}"


@click.command(help=__doc__)
@click.option("--minutes", default=60.0, show_default=True)
@click.option("--rate", default=500.0, show_default=True, help="Events per second.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Where to write all samples.")
def main(*, minutes: float, rate: float, file: Path | None) -> None:
    """Run, print and write; exit with 1 if an event was lost or counted twice."""
    forget_settings()
    result = measure(minutes=minutes, rate=rate, progress=lambda text: click.echo(text, err=True))
    click.echo(f"\n{show(result)}")
    if file:
        write_json(file, describe_machine() | {"soak": result})
    sys.exit(result["correct"] != "exact")


if __name__ == "__main__":
    main()
