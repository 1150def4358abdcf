"""Backfill of a table by the SQL connector, one event per row, on real databases and a real Kafka.

    python -m tests.bench.sql_backfill --rows 1000000

Shows the rate of three stages, each with those before it: rows fetched; rows mapped and stored; events confirmed by Kafka.
"""

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import psutil
from confluent_kafka import Consumer, TopicPartition
from sqlalchemy import create_engine, text

from connectors.sdk.config import parse
from connectors.sdk.contract import Context
from connectors.sdk.cursor import Cursor
from connectors.sdk.keys import Keys
from connectors.sdk.runner import _few_garbage_collections as few_garbage_collections
from connectors.sql.config import SqlConfig
from connectors.sql.row_stream import RowStream
from connectors.sql.sessions import open_engine
from connectors.sql.source import SqlSource
from connectors.sql.statements import Statements
from streams.kafka.topic_admin import apply_specs
from streams.runtime.topic_catalogue import specs
from streams.settings.schema import Settings
from tests.bench.calls import TOPIC
from tests.bench.measuring import MIB, cpu_seconds, describe_machine, forget_settings
from tests.bench.records import running_kafka
from tests.bench.report import number, table
from tests.support.processes import Child, wait_until
from tests.support.sql_calls import running_server

GOAL: Final = 20_000
"""Events per second."""
COLUMNS: Final = (
    "(call_id BIGINT PRIMARY KEY, changed_at {time}, queue VARCHAR(40), caller VARCHAR(40), name VARCHAR(80))"
)
_POSTGRES_ROWS: Final = """
SELECT n, TIMESTAMP '2025-06-01 08:00:00' + n * INTERVAL '1 second', CASE n % 2 WHEN 0 THEN 'RSA' ELSE 'PMI' END,
'06 39 98 ' || lpad((n % 10000)::text, 4, '0'), 'Nom inventé' FROM generate_series(1, {rows}) n
"""
_MARIADB_ROWS: Final = """
SELECT seq, TIMESTAMP '2025-06-01 08:00:00' + INTERVAL seq SECOND, IF(seq % 2, 'PMI', 'RSA'),
CONCAT('06 39 98 ', LPAD(seq % 10000, 4, '0')), 'Nom inventé' FROM seq_1_to_{rows}
"""
ROWS: Final = {"postgres": ("TIMESTAMP(6)", _POSTGRES_ROWS), "mariadb": ("DATETIME(6)", _MARIADB_ROWS)}
"""Type of times, and SELECT of the rows, by kind of server."""
OPTIONS: Final[dict[str, Any]] = {
    "table": "calls",
    "since": "changed_at",
    "poll_seconds": 3600,
    "timezone": "Europe/Paris",
    "id": "call_id",
    "phone": "caller",
    "queue": "queue",
    "values": {"queue": {"RSA": "rsa", "PMI": "pmi"}},
    "events": [{"event": "call.queued", "time": "changed_at"}],
}


class Stage(NamedTuple):
    name: str
    rows_per_second: float
    rows_per_cpu_second: float
    """Of the connector's process."""
    memory_mib: str = ""
    """Memory of the connector's process after a quarter of the rows, and at the end."""


def measure(kind: str, rows: int, bootstrap: str, folder: Path) -> list[Stage]:
    """Fill a table on a server and read it once for each stage."""
    with running_server(kind) as server:
        time_type, select = ROWS[kind]
        engine = create_engine(server.url)
        with engine.begin() as connection:
            connection.execute(text(f"CREATE TABLE calls {COLUMNS.format(time=time_type)}"))
            connection.execute(text(f"INSERT INTO calls {select.format(rows=rows)}"))
            connection.execute(text("CREATE INDEX calls_changed ON calls (changed_at)"))
        engine.dispose()
        options = {**OPTIONS, "url": server.url.replace("+psycopg", "").replace("+pymysql", "")}
        config = parse(SqlConfig, "bench", options)
        assert isinstance(config, SqlConfig)
        return [
            _time("fetched", rows, lambda: _fetch(config)),
            _time("mapped and stored", rows, lambda: _store(config, folder / kind)),
            _publish(options, rows, bootstrap, folder / f"{kind}-kafka"),
        ]


def _time(name: str, rows: int, work: Callable[[], int]) -> Stage:
    began_at, began = time.monotonic(), time.process_time()
    count = work()
    assert count == rows, f"{count} of {rows}"
    return Stage(name, rows / (time.monotonic() - began_at), rows / (time.process_time() - began))


def _fetch(config: SqlConfig) -> int:
    count = 0
    with closing(RowStream(open_engine(config), config, Statements(config), None)) as stream:
        while page := stream.read():
            count += len(page)
    return count


def _store(config: SqlConfig, directory: Path) -> int:
    directory.mkdir()
    context = Context("sql/bench", directory, Cursor(directory), Keys(directory / "keys", directory).pseudonym_key)
    count = 0
    with few_garbage_collections(), closing(SqlSource(config, context)) as source:
        while outcomes := source.read(0.0):
            count += len(outcomes)
            source.acknowledge(source.position())
    return count


def _publish(options: dict[str, Any], rows: int, bootstrap: str, directory: Path) -> Stage:
    directory.mkdir()
    settings = directory / "options.json"
    settings.write_text(json.dumps(options))
    before = _count(bootstrap)
    arguments = ["sql/bench", str(settings), str(directory / "data"), bootstrap]
    with Child(["-m", "tests.support.run_connector", *arguments], directory / "log") as child:
        child.start().wait_for("connector_takes_in")
        began_at, began, first = time.monotonic(), cpu_seconds(child.pid), _count(bootstrap)
        wait_until(lambda: _count(bootstrap) - before >= rows / 4, "a quarter of the events")
        memory = [psutil.Process(child.pid).memory_info().rss / MIB]
        wait_until(lambda: _count(bootstrap) - before >= rows, "all events", 3600)
        seconds, cpu = time.monotonic() - began_at, cpu_seconds(child.pid) - began
        memory.append(psutil.Process(child.pid).memory_info().rss / MIB)
        measured = rows - (first - before)
        assert _count(bootstrap) - before == rows
        child.stop()
    return Stage("confirmed by Kafka", measured / seconds, measured / cpu, " → ".join(f"{size:.0f}" for size in memory))


def _count(bootstrap: str) -> int:
    """Return the number of events in Kafka."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    try:
        partitions = consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions
        ends = [consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=30) for number in partitions]
        return sum(end for _begin, end in ends)
    finally:
        consumer.close()


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--only", type=click.Choice([*ROWS]), multiple=True)
def main(rows: int, only: tuple[str, ...]) -> None:
    """Measure, and print a table."""
    forget_settings()
    click.echo(describe_machine())
    lines = []
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder, running_kafka(Path(folder) / "kafka") as kafka:
        apply_specs(kafka.bootstrap, specs(Settings()))
        for kind in only or ROWS:
            for stage in measure(kind, rows, kafka.bootstrap, Path(folder)):
                rates = number(stage.rows_per_second), number(stage.rows_per_cpu_second)
                lines.append([f"{kind}, {stage.name}", *rates, stage.memory_mib])
    click.echo(table(["", "rows/s", "rows per CPU second", "MiB, at a quarter → at the end"], lines))
    click.echo(f"goal: {number(GOAL)} events/s")


if __name__ == "__main__":
    main()
