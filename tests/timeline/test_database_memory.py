"""Memory of SQLite's page cache."""

from contextlib import closing
from pathlib import Path

import psutil

from streams.timeline.store import Timeline

MEGABYTES = 48


def test_sqlite_page_cache_is_bounded(tmp_path: Path) -> None:
    process = psutil.Process()
    with closing(Timeline(f"sqlite:///{tmp_path / 'timeline.db'}")) as timeline:
        with timeline.write_transaction() as connection:
            connection.exec_driver_sql("CREATE TABLE filling (page BLOB)")
        before = process.memory_full_info().uss
        for _ in range(MEGABYTES):
            with timeline.write_transaction() as connection:
                connection.exec_driver_sql(
                    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 256) "
                    "INSERT INTO filling SELECT zeroblob(3900) FROM n"
                )
        grown = process.memory_full_info().uss - before
    assert grown >> 20 < MEGABYTES / 2
