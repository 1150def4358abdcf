"""CPU use of `accueil web` with one viewer of the board, and with a hundred.

    python -m tests.bench.viewers --viewers 100 --seconds 20

The web process runs as in operation, with a real Kafka whose topic of figures contains the organisation of `scrape.py`. This
process counts one more call each second like a worker, and listens on real connections to `/events`. At the end each viewer must
have received the last call.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import httpx
import psutil

from models.topics import CITIZEN_FIGURES, FIGURES, SLA, Channel
from streams.core.figures.figure import Dimensions
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.ports import free_port
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.locale.i18n import say
from tests.bench.measuring import MIB, cpu_seconds, forget_settings
from tests.bench.report import Goal, Run, conclude
from tests.bench.scrape import places
from tests.support.kafka_io import produce
from tests.support.processes import Child, wait_until
from tests.web.rows import Worker

QUEUES: Final = 30
CALLS: Final = Dimensions(Channel.CALL.value, "siege", "service-0", "queue-0")
LEAST_ROOM: Final = 1 << 22
"""Buffer size of a listener for one event, in bytes."""


class Figures:
    """Figures as a worker of one partition writes them."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._worker = Worker()
        self.answered = 0

    def fill(self) -> None:
        """Write an organisation with some calls, letters, visits … at each site."""
        for place in places(QUEUES):
            first = {Channel.CALL: "offered", Channel.VISIT: "offered", Channel.APPOINTMENT: "booked"}.get(
                Channel(place.channel), "received"
            )
            self._worker.count(place, datetime.now(UTC), first)
        self.write()

    def count(self) -> None:
        """Count one more answered call."""
        self.answered += 1
        self._worker.answered(CALLS, datetime.now(UTC), wait_seconds=4, handle_seconds=60)
        self.write()

    def write(self) -> None:
        """Write the changed rows."""
        self._worker.progress(datetime.now(UTC))
        produce(self._bootstrap, [(FIGURES.name, key, value) for key, value in self._worker.rows()], log_level=2)


def answered(event: bytes) -> int | None:
    """Return the number of answered calls in an event; None for an event that contains only the time."""
    board = json.loads(event).get("board")
    return board and board["all"]["today"]["answered"]


class Viewer:
    """One open board, and the last event it received."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.last = b""
        self.begun = asyncio.Event()
        self.bytes = 0

    async def watch(self) -> None:
        """Listen until cancelled. Events are stored without decoding, which would cost more than sending them."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=LEAST_ROOM)
        try:
            writer.write(b"GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")
            while line := await reader.readline():
                self.bytes += len(line)
                if line.startswith(b"data: ") and b'"board"' in line[:300]:
                    self.last = line[6:]
                    self.begun.set()
        finally:
            writer.close()


@contextmanager
def web(folder: Path, bootstrap: str) -> Iterator[tuple[Child, int]]:
    port = free_port()
    settings = {"ACCUEIL_BROKERS": bootstrap, "ACCUEIL_DATA": str(folder / "data"), "ACCUEIL_WEB__PORT": str(port)}
    with Child(["-m", "streams.cli.main", "web"], folder / "web.log", **settings) as child:
        child.start()
        yield child, port


async def look(port: int, pid: int, figures: Figures, viewers: int, seconds: int) -> dict[str, float]:
    """Run `viewers` for `seconds`; return the CPU use, and the number of viewers that received the last call."""
    watching = [Viewer(port) for _ in range(viewers)]
    tasks = [asyncio.create_task(viewer.watch()) for viewer in watching]
    await asyncio.gather(*(viewer.begun.wait() for viewer in watching))
    before, began_at = cpu_seconds(pid), time.monotonic()
    sent = sum(viewer.bytes for viewer in watching)
    for second in range(1, seconds + 1):
        await asyncio.to_thread(figures.count)
        await asyncio.sleep(max(0.0, began_at + second - time.monotonic()))
    took, cost = time.monotonic() - began_at, cpu_seconds(pid) - before
    sent = sum(viewer.bytes for viewer in watching) - sent
    await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    right = sum(answered(viewer.last) == figures.answered for viewer in watching)
    return {"cores": cost / took, "right": right, "kib_each_second": sent / took / 1024 / max(1, viewers)}


def measure(*, viewers: int, seconds: int) -> dict[str, Any]:
    """Return the CPU use of a web process with one viewer and with `viewers`, at one change per second."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            topics = [FIGURES, CITIZEN_FIGURES, SLA]
            apply_specs(kafka.bootstrap, [TopicSpec(topic.name, 1) for topic in topics])
            figures = Figures(kafka.bootstrap)
            figures.fill()
            with web(Path(folder), kafka.bootstrap) as (child, port):
                wait_until(lambda: _is_live(port, figures), "a live board")
                runs = [asyncio.run(look(port, child.pid, figures, number, seconds)) for number in (1, viewers)]
                memory = psutil.Process(child.pid).memory_info().rss
                child.stop()
        finally:
            kafka.stop()
    return _sum_up(runs, viewers, memory)


def _sum_up(runs: Iterable[dict[str, float]], viewers: int, memory: int) -> dict[str, Any]:
    one, many = runs
    exact = one["right"] == 1 and many["right"] == viewers
    return {
        "viewers": viewers,
        "percent_with_one": 100 * one["cores"],
        "percent_with_all": 100 * many["cores"],
        "kib_each_second": many["kib_each_second"],
        "memory_mib": memory / MIB,
        "correct": "exact"
        if exact
        else f"{one['right']:.0f} of 1, {many['right']:.0f} of {viewers} know the last call",
    }


def _is_live(port: int, figures: Figures) -> bool:
    figures.write()
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").text == "live\n"
    except httpx.HTTPError:
        return False


def goals(run: Run) -> list[Goal]:
    """Return the goals."""
    what = say("CPU with all viewers, % of a core", "CPU avec tous, % d'un cœur")
    return [Goal("viewers.percent", what, run["percent_with_all"], 5, at_least=False)]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--viewers", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--seconds", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, viewers: int, seconds: int, file: Path | None) -> None:
    """Measure, print and optionally write; exit with 1 if a viewer did not receive the last call."""
    forget_settings()
    run = measure(viewers=viewers, seconds=seconds)
    conclude("viewers", run, goals(run), file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.viewers")
