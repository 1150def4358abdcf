"""Backfill of a CSV file by the table connector, one event per row, on a real Kafka.

    python -m tests.bench.table_backfill --rows 1000000

Shows rate and memory of three stages, each with those before it: rows read; rows mapped and stored; events confirmed by Kafka.
"""

import random
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from connectors.sdk.config import parse
from connectors.table.config import TableConfig
from connectors.table.source import PAGE_ROWS, TableSource
from connectors.table.text_rows import START, TextRows
from streams.kafka.topic_admin import apply_specs
from streams.runtime.topic_catalogue import specs
from streams.settings.schema import Settings
from tests.bench.backfill import Stage, publish, show, store, time_stage
from tests.bench.calls import RANGES
from tests.bench.measuring import describe_machine, forget_settings
from tests.bench.records import running_kafka
from tests.bench.report import number

GOAL: Final = 25_000
"""Rows per second, mapped and stored."""
BEGIN: Final = datetime(2025, 6, 1, 8)  # noqa: DTZ001 - the file has local times
OPTIONS: Final[dict[str, Any]] = {
    "timezone": "Europe/Paris",
    "time_format": "%d/%m/%Y %H:%M:%S",
    "id": "Call ID",
    "phone": "Appelant",
    "queue": "File",
    "values": {"queue": {"3001": "rsa", "3002": "pmi"}},
    "events": [{"event": "call.queued", "time": "Début"}],
}


def write_calls(path: Path, rows: int) -> None:
    """Write an export of a switchboard with `rows` calls."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_lines(rows))


def _lines(rows: int) -> Iterator[str]:
    generator, at = random.Random(1), BEGIN
    yield "Call ID;Appelant;File;Début;Réponse;Fin;Résultat\n"
    for number_ in range(rows):
        at += timedelta(seconds=generator.randrange(1, 10))
        answered_at = at + timedelta(seconds=generator.randrange(3, 60))
        ended_at = answered_at + timedelta(seconds=generator.randrange(20, 400))
        times = ";".join(f"{time:%d/%m/%Y %H:%M:%S}" for time in (at, answered_at, ended_at))
        caller, queue = (
            f"{generator.choice(RANGES)}{generator.randrange(10_000):04}",
            generator.choice(("3001", "3002")),
        )
        yield f"{1_000_000 + number_};{caller};{queue};{times};{generator.choice(('ANSWERED', 'ABANDONED'))}\n"


def measure(rows: int, bootstrap: str, folder: Path) -> list[Stage]:
    """Write a file and read it once for each stage. Without `bootstrap`, leave out the stage with Kafka."""
    path = folder / "calls.csv"
    write_calls(path, rows)
    options = {**OPTIONS, "files": str(path)}
    config = parse(TableConfig, "bench", options)
    assert isinstance(config, TableConfig)
    stages = [
        time_stage("read", rows, lambda: _read(path, config)),
        store("table", rows, lambda context: TableSource(config, context), folder / "stored"),
    ]
    return [*stages, publish("table", rows, options, bootstrap, folder / "kafka")] if bootstrap else stages


def _read(path: Path, config: TableConfig) -> int:
    count = 0
    with path.open("rb") as file:
        rows = TextRows(file, config, START)
        while page := rows.read(PAGE_ROWS, is_settled=True):
            count += len(page)
    return count


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--without-kafka", is_flag=True)
def main(rows: int, *, without_kafka: bool) -> None:
    """Measure, and print a table."""
    forget_settings()
    click.echo(describe_machine())
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as name:
        folder = Path(name)
        if without_kafka:
            stages = measure(rows, "", folder)
        else:
            with running_kafka(folder / "broker") as kafka:
                apply_specs(kafka.bootstrap, specs(Settings()))
                stages = measure(rows, kafka.bootstrap, folder)
    click.echo(show([("table", stage) for stage in stages]))
    click.echo(f"goal: {number(GOAL)} rows/s, mapped and stored")


if __name__ == "__main__":
    main()
