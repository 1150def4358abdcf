"""Long, steady run of one worker, with a check for memory growth, losses and duplicates.

    python -m tests.bench.soak --minutes 60 --rate 500

Calls last about a minute and are deleted soon after, so that the number of contacts stays about constant.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import click
import psutil

from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import apply_specs
from streams.runtime.topic_catalogue import specs
from streams.settings.schema import Settings
from tests.bench.calls import EVENTS_PER_CALL, TOPIC, Calls, Ledger
from tests.bench.measuring import MIB, describe_machine, forget_settings, slope_per_hour
from tests.bench.records import confirm, make_producer, read, send
from tests.bench.report import Run, number, table, write_json
from tests.bench.verify import correct, differences, read_contacts
from tests.support.processes import Child

LONGEST_WAIT_SECONDS: Final = 20
LONGEST_TALK_SECONDS: Final = 60
SAMPLE_SECONDS: Final = 10
TELL_SECONDS: Final = 60
GONE_SECONDS: Final = 300
"""Longest wait after the last event for the deletion of the last contact."""

Progress = Callable[[str], None]


class Sample(NamedTuple):
    """Measurements of one process at one time."""

    seconds: float
    """Seconds since the start of the run."""
    rss_mib: float
    fds: int
    threads: int


class Sampler:
    """Samples processes every `SAMPLE_SECONDS` until stopped."""

    def __init__(self, processes: dict[str, int], progress: Progress) -> None:
        self.samples: Final[dict[str, list[Sample]]] = {name: [] for name in processes}
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._progress = progress
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        began_at, tell_at = time.monotonic(), 0.0
        while True:
            seconds = time.monotonic() - began_at
            for name, process in self._processes.items():
                rss = process.memory_info().rss / MIB
                self.samples[name].append(Sample(seconds, rss, process.num_fds(), process.num_threads()))
            if seconds >= tell_at:
                tell_at += TELL_SECONDS
                now = ", ".join(f"{name} {samples[-1].rss_mib:.0f} MiB" for name, samples in self.samples.items())
                self._progress(f"{seconds / 60:3.0f} min  {now}")
            if self._stopping.wait(SAMPLE_SECONDS):
                return


def measure(*, minutes: float, rate: float, seed: int = 1, progress: Progress) -> dict[str, Any]:
    """Run for `minutes` with about `rate` events per second; return the samples and the inexact results."""
    with tempfile.TemporaryDirectory(prefix="accueil-soak-") as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            settings = Settings()
            apply_specs(kafka.bootstrap, specs(settings))
            arguments = ["-m", "tests.bench.soak_worker", "--bootstrap", kafka.bootstrap, "--directory", folder]
            with Child(arguments, Path(folder) / "worker.log") as worker:
                worker.start().wait_for("partition_opened", settings.partitions)
                assert kafka.pid is not None, "the broker does not run"
                with Sampler({"worker": worker.pid, "kafka": kafka.pid}, progress) as sampler:
                    ledger = _feed(kafka.bootstrap, minutes * 60, rate / EVENTS_PER_CALL, seed, worker)
                _wait_until_gone(kafka.bootstrap, progress)
                worker.stop()
            found = differences(partial(read, kafka.bootstrap), ledger, kept=False)
        finally:
            kafka.stop()
    return {
        "minutes": minutes,
        "events": ledger.records,
        "contacts": len(ledger.stories),
        "correct": correct(found),
        "samples": {name: [sample._asdict() for sample in samples] for name, samples in sampler.samples.items()},
        "growth_mib_per_hour": {name: growth(samples) for name, samples in sampler.samples.items()},
    }


def growth(samples: Sequence[Sample]) -> float:
    """Return the memory growth of a process in the second half of the time, in MiB per hour."""
    return slope_per_hour([(sample.seconds, sample.rss_mib) for sample in samples])


def _feed(bootstrap: str, seconds: float, calls_per_second: float, seed: int, worker: Child) -> Ledger:
    """Produce the events of calls in real time: calls begin during `seconds`, then all of them end."""
    calls = Calls(seed, longest_wait=LONGEST_WAIT_SECONDS, longest_talk=LONGEST_TALK_SECONDS)
    producer = make_producer(bootstrap)
    begin = time.time()

    def starts() -> Iterator[float]:
        for nth in range(int(seconds * calls_per_second)):
            yield begin + nth / calls_per_second

    for line in calls.lines(starts()):
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
    """Return a table of the processes."""
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
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Where to write all samples.")
def main(*, minutes: float, rate: float, seed: int, file: Path | None) -> None:
    """Run, print and write; exit with 1 if an event was lost or counted twice."""
    forget_settings()
    result = measure(minutes=minutes, rate=rate, seed=seed, progress=lambda text: click.echo(text, err=True))
    click.echo(f"\n{show(result)}")
    if file:
        write_json(file, describe_machine() | {"soak": result})
    sys.exit(result["correct"] != "exact")


if __name__ == "__main__":
    main()
