"""How far the database holds the timelines' topic: by partition, written in the transaction of the entries."""

from sqlalchemy import Connection, delete, insert, select

from streams.timeline.schema import POSITIONS

EARLIER_RELEASE = -1
"""Row of a database that an earlier release wrote, which kept no positions."""


def write(connection: Connection, partition: int, following: int) -> None:
    """Record that all of a partition before the offset `following` is in the database."""
    connection.execute(delete(POSITIONS).where(POSITIONS.c.partition == partition))
    connection.execute(insert(POSITIONS).values(partition=partition, following=following))


def read(connection: Connection) -> dict[int, int]:
    """Return by partition the offset that follows what the database holds, and `EARLIER_RELEASE` if it is there."""
    return {row.partition: row.following for row in connection.execute(select(POSITIONS))}


def find_missing(known: dict[int, int], partition: int, committed: int) -> int | None:
    """Return from which offset on entries are missing that Kafka has handed over up to `committed`; None if none is."""
    if partition not in known:
        return None if EARLIER_RELEASE in known else 0
    return known[partition] if known[partition] < committed else None
