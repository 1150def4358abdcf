"""Burst of scans with sidecar files: files per second until Kafka has confirmed their events, without loss or duplicates.

    python -m tests.bench.mailroom --letters 10000 --kills 20

The connector runs as in operation with a real Kafka. It first processes half of the letters, measured until the last one is in
`done/`. Then it is killed at random times while it processes the other half.

The scans are blank pages of half a kilobyte, so that the result is the cost per file, not per byte. The memory is that of the
connector's process, without its page counter, which has its own limit.
"""

import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final

import click
import psutil

from models.codec import decode
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.locale.i18n import say
from tests.bench.measuring import MIB, cpu_seconds, forget_settings
from tests.bench.report import Goal, Run, conclude
from tests.support.kafka_io import read
from tests.support.processes import Child, wait_until
from tests.support.scans import drop_letter

TOPIC: Final = SOURCES[Channel.MAIL].name
CONNECTOR: Final = Path(__file__).parents[1] / "connectors" / "run_mailroom.py"
PATIENCE_SECONDS: Final = 600


def measure(*, letters: int, kills: int) -> dict[str, Any]:
    """Drop `letters` with sidecars in two bursts; return the rate, and whether Kafka and `done/` have each letter once."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            apply_specs(kafka.bootstrap, [TopicSpec(TOPIC, 4)])
            room = _Room(kafka.bootstrap, Path(folder))
            half = letters // 2
            run = room.measure(range(half))
            killed = room.kill(range(half, letters), kills)
            return run | {"kills": killed, "correct": room.verify(letters)}
        finally:
            kafka.stop()


class _Room:
    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._bootstrap = bootstrap
        self._inbox, self._archive = folder / "inbox", folder / "archive"
        self._inbox.mkdir()
        place = [bootstrap, str(folder / "data"), str(self._inbox), str(self._archive)]
        self._connector = Child([str(CONNECTOR), *place], folder / "connector.log")

    def measure(self, numbers: range) -> dict[str, Any]:
        self._drop(numbers)
        with self._connector as connector:
            began_at = time.monotonic()
            process = psutil.Process(connector.start().pid)
            most = 0

            def is_done() -> bool:
                nonlocal most
                most = max(most, process.memory_info().rss)
                return self._is_empty()

            wait_until(is_done, "the burst to be done", PATIENCE_SECONDS)
            took = time.monotonic() - began_at
            busy = cpu_seconds(connector.pid) / took
            connector.stop()
        return {"files_per_second": 2 * len(numbers) / took, "connector_cores": busy, "memory_mib": most / MIB}

    def kill(self, numbers: range, kills: int) -> int:
        self._drop(numbers)
        random, killed = Random(kills), 0  # random times need no secrecy
        with self._connector as connector:
            for number in range(kills):
                left = len(numbers) * (kills - number) // (kills + 1)  # spread over the burst at any speed
                connector.start()
                wait_until(lambda left=left: self._left() <= left, "some progress", PATIENCE_SECONDS)
                time.sleep(random.uniform(0, 0.3))
                connector.kill()
                connector.wait()
                killed += not self._is_empty()
            connector.start()
            wait_until(self._is_empty, "the rest to be done", PATIENCE_SECONDS)
            connector.stop()
        return killed

    def verify(self, letters: int) -> str:
        events = {event.id: event for event in (decode(record.value()) for record in read(self._bootstrap, TOPIC))}
        published = Counter((event.type, event.subject) for event in events.values())
        kept = {path.name.partition("_")[0] for path in self._archive.glob("done/*/*")}
        files = sum(1 for _ in self._archive.glob("done/*/*/*"))
        found = {len(events) / 2, len(published) / 2, len(kept), files / 2, max(map(_number, kept))}
        return "exact" if found == {letters} else f"{sorted(found)} of {letters}"

    def _drop(self, numbers: range) -> None:
        for number in numbers:
            drop_letter(self._inbox, number, case=f"{number}", objet="recours", arrived_at="2026-03-18")

    def _left(self) -> int:
        return sum(1 for path in self._inbox.iterdir() if path.suffix == ".pdf")

    def _is_empty(self) -> bool:
        return not any(self._inbox.iterdir()) and not any((self._archive / "work").iterdir())


def _number(chrono: str) -> int:
    return int(chrono.partition("-")[2])


def goals(run: Run) -> list[Goal]:
    """Return the goals."""
    return [
        Goal(
            "mailroom.files_per_second", say("scans and sidecars/s", "scans et fiches/s"), run["files_per_second"], 200
        ),
        Goal("mailroom.memory_mib", say("memory, MiB", "mémoire, Mio"), run["memory_mib"], 200, at_least=False),
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--letters", default=10_000, show_default=True, type=click.IntRange(min=2))
@click.option("--kills", default=20, show_default=True, type=click.IntRange(min=0))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, letters: int, kills: int, file: Path | None) -> None:
    """Measure, print and optionally write; exit with 1 unless each letter was published and archived exactly once."""
    forget_settings()
    run = measure(letters=letters, kills=kills)
    conclude("mailroom", run, goals(run), file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.mailroom")
