"""Signed webhooks at a steady rate: time to the response, which follows Kafka's acknowledgement of the event.

    python -m tests.bench.webhooks --rate 1200 --seconds 30

The connector runs as in operation with a real Kafka; this process signs and sends messages over persistent connections. A delay
runs from the planned time of a message, and so includes the wait for a free connection.
"""

import asyncio
import tempfile
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from statistics import median
from typing import Any, Final

import click

from connectors.sdk.spool import DEFAULT_LIMIT_BYTES
from models.codec import decode
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.ports import free_port
from streams.kafka.topic_admin import TopicSpec, apply_specs
from tests.bench.measuring import cpu_seconds, forget_settings, percentile
from tests.bench.report import Goal, Run, conclude
from tests.support.kafka_io import read
from tests.support.processes import Child, wait_until
from tests.support.webhooks import message, post, sign

TOPIC: Final = SOURCES[Channel.VISIT].name
CONNECTOR: Final = Path(__file__).parents[1] / "connectors" / "run_webhook.py"
CONNECTIONS: Final = 100
WARM_UP_SECONDS: Final = 3
LEAD_SECONDS: Final = 0.1


def measure(*, rate: int, seconds: int) -> dict[str, Any]:
    """Send `rate` messages per second; return the delays, and whether Kafka has all events."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            apply_specs(kafka.bootstrap, [TopicSpec(TOPIC, 4)])
            return _run(kafka.bootstrap, Path(folder), rate, seconds)
        finally:
            kafka.stop()


def _run(bootstrap: str, folder: Path, rate: int, seconds: int) -> dict[str, Any]:
    port = free_port()
    place = [bootstrap, str(folder / "data"), str(port), str(DEFAULT_LIMIT_BYTES)]
    with Child([str(CONNECTOR), *place], folder / "connector.log") as connector:
        connector.start()
        wait_until(lambda: _answers(port), "the first answer")
        asyncio.run(_send(port, "warm-up", rate, WARM_UP_SECONDS))
        before, began_at = cpu_seconds(connector.pid), time.monotonic()
        answers = asyncio.run(_send(port, "measured", rate, seconds))
        took = time.monotonic() - began_at - LEAD_SECONDS
        busy = (cpu_seconds(connector.pid) - before) / took
        connector.stop()
    published = {decode(record.value()).id for record in read(bootstrap, TOPIC)}
    delays = [delay for status, delay in answers if status == b"204"]
    wanted = 1 + rate * (WARM_UP_SECONDS + seconds)
    return {
        "requests_per_second": len(answers) / took,
        "answered_204": len(delays),
        "median_ms": 1000 * median(delays),
        "p99_ms": 1000 * percentile(delays, 0.99),
        "longest_ms": 1000 * max(delays),
        "connector_cores": busy,
        "correct": "exact"
        if len(published) == wanted and len(delays) == len(answers)
        else f"{len(published)} of {wanted}",
    }


def _answers(port: int) -> bool:
    body = message("ticket.called", 1)
    with suppress(OSError, HTTPException):
        return post(port, body, sign("first", body))[0] == 204  # type: ignore[no-any-return]
    return False


async def _send(port: int, name: str, rate: int, seconds: int) -> list[tuple[bytes, float]]:
    """Return the status and the delay in seconds of each response."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    answers: list[tuple[bytes, float]] = []

    async def send(number: int, due_at: float) -> None:
        reader, writer = connection = await free.get()
        writer.write(_request(f"{name}-{number}", message("ticket.called", number % 50_000, number / 600_000)))
        head = await reader.readuntil(b"\r\n\r\n")
        answers.append((head[9:12], time.perf_counter() - due_at))
        free.put_nowait(connection)

    begin = time.perf_counter() + LEAD_SECONDS
    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due_at = begin + number / rate
            if (pause := due_at - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            group.create_task(send(number, due_at))
    while not free.empty():
        free.get_nowait()[1].close()
    return answers


def _request(name: str, body: bytes) -> bytes:
    headers = {"host": "bench", "content-length": str(len(body)), **sign(name, body)}
    return b"POST / HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()).encode() + b"\r\n" + body


def goals(run: Run) -> list[Goal]:
    """Return the goals."""
    return [
        Goal("webhooks.per_second", "webhooks/s", run["requests_per_second"], 1_000),
        Goal("webhooks.p99_ms", "answered in, 99 %, ms", run["p99_ms"], 100, at_least=False),
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rate", default=1_200, show_default=True, type=click.IntRange(min=1))
@click.option("--seconds", default=30, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, rate: int, seconds: int, file: Path | None) -> None:
    """Measure, print and optionally write; exit with 1 unless every message was answered with 204 and is in Kafka."""
    forget_settings()
    run = measure(rate=rate, seconds=seconds)
    conclude("webhooks", run, goals(run), file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.webhooks")
