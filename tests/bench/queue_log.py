"""Import of an old `queue_log` from its beginning: lines per second until Kafka has confirmed their events.

    python -m tests.bench.queue_log --calls 60000

The connector runs as in operation with a real Kafka, until the whole log is confirmed. The rate counts from the first
confirmation; the rate including the start of the process is reported too.
"""

import json
import tempfile
import time
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

import click
import psutil

from models.codec import decode
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.supervisor import ACCUEIL
from tests.bench.measuring import MIB, cpu_seconds, forget_settings
from tests.bench.report import Goal, Run, conclude
from tests.support.kafka_io import read
from tests.support.processes import Child, wait_until

TOPIC: Final = SOURCES[Channel.CALL].name
CONNECTOR: Final = Path(__file__).parents[1] / "connectors" / "run_connector.py"
DAY: Final = date(2026, 3, 10)
PATIENCE_SECONDS: Final = 600


def measure(*, calls: int) -> dict[str, Any]:
    """Import a day of `calls` calls; return the rate, and whether Kafka has each queue stay once."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as name:
        folder = Path(name)
        log, data = folder / "queue_log", folder / "data"
        what = ["simulate", "asterisk", "--into", str(log), "--day", f"{DAY}", "--calls", str(calls)]
        assert Child([*ACCUEIL[1:], *what], folder / "simulate.log").start().wait() == 0
        lines = log.read_bytes().splitlines()
        kafka = EmbeddedKafka(folder / "kafka")
        kafka.start()
        try:
            apply_specs(kafka.bootstrap, [TopicSpec(TOPIC, 4)])
            with Child([str(CONNECTOR), kafka.bootstrap, str(log), str(data)], folder / "connector.log") as connector:
                run = _read(connector, data, log.stat().st_size, len(lines))
            return run | {"correct": _verify(kafka.bootstrap, sum(b"|ENTERQUEUE|" in line for line in lines))}
        finally:
            kafka.stop()


def _read(connector: Child, data: Path, size: int, lines: int) -> dict[str, Any]:
    began_at = time.monotonic()
    process = psutil.Process(connector.start().pid)
    most = 0
    wait_until(lambda: _confirmed(data), "the first lines to be confirmed", PATIENCE_SECONDS)
    first_at, first = time.monotonic(), _confirmed(data)

    def is_done() -> bool:
        nonlocal most
        most = max(most, process.memory_info().rss)
        return _confirmed(data) >= size

    wait_until(is_done, "the whole log to be confirmed", PATIENCE_SECONDS)
    ended_at, cpu = time.monotonic(), cpu_seconds(connector.pid)
    took = ended_at - began_at
    connector.stop()
    return {
        "lines": lines,
        "lines_per_second": lines * (size - first) / size / (ended_at - first_at),
        "with_its_start": lines / took,
        "lines_per_cpu_second": lines / cpu,
        "seconds": took,
        "memory_mib": most / MIB,
    }


def _confirmed(data: Path) -> int:
    """Return the confirmed position in the log, in bytes."""
    offset = 0
    for path in data.glob("asterisk/*/cursor-?.json"):
        with suppress(ValueError, OSError):  # the file is being replaced
            tail = json.loads(json.loads(path.read_bytes())["position"])["tail"]
            offset = max(offset, tail["offset"] if tail else 0)
    return offset


def _verify(bootstrap: str, entered: int) -> str:
    queued = [event for record in read(bootstrap, TOPIC) if (event := decode(record.value())).type == "call.queued"]
    found = len({event.id for event in queued})
    return "exact" if found == len(queued) == entered else f"{len(queued)} stays, {found} different, of {entered}"


def goals(run: Run) -> list[Goal]:
    """Return the goals."""
    return [Goal("queue_log.lines_per_second", "lines/s", run["lines_per_second"], 20_000)]


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calls", default=60_000, show_default=True, type=click.IntRange(min=100))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, calls: int, file: Path | None) -> None:
    """Measure, print and optionally write; exit with 1 unless Kafka has each queue stay once."""
    forget_settings()
    run = measure(calls=calls)
    conclude("queue_log", run, goals(run), file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.queue_log")
