"""Backfill of a table by the SQL connector, one event per row, on real databases and a real Kafka.

    python -m tests.bench.sql_backfill --rows 1000000

Shows rate and memory of three stages, each with those before it: rows fetched; rows mapped and stored; events confirmed by Kafka.
"""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import create_engine, text

from connectors.sdk.config import parse
from connectors.sql.config import SqlConfig
from connectors.sql.row_stream import RowStream
from connectors.sql.sessions import open_engine
from connectors.sql.source import SqlSource
from connectors.sql.statements import Statements
from streams.kafka.topic_admin import apply_specs
from streams.runtime.topic_catalogue import specs
from streams.settings.schema import Settings
from tests.bench.backfill import Stage, publish, show, store, time_stage
from tests.bench.measuring import describe_machine, forget_settings
from tests.bench.records import running_kafka
from tests.bench.report import number
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
            time_stage("fetched", rows, lambda: _fetch(config)),
            store("sql", rows, lambda context: SqlSource(config, context), folder / kind),
            publish("sql", rows, options, bootstrap, folder / f"{kind}-kafka"),
        ]


def _fetch(config: SqlConfig) -> int:
    count = 0
    with closing(RowStream(open_engine(config), config, Statements(config), None)) as stream:
        while page := stream.read():
            count += len(page)
    return count


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--only", type=click.Choice([*ROWS]), multiple=True)
def main(rows: int, only: tuple[str, ...]) -> None:
    """Measure, and print a table."""
    forget_settings()
    click.echo(describe_machine())
    stages: list[tuple[str, Stage]] = []
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder, running_kafka(Path(folder) / "kafka") as kafka:
        apply_specs(kafka.bootstrap, specs(Settings()))
        for kind in only or ROWS:
            stages += [(kind, stage) for stage in measure(kind, rows, kafka.bootstrap, Path(folder))]
    click.echo(show(stages))
    click.echo(f"goal: {number(GOAL)} events/s")


if __name__ == "__main__":
    main()
