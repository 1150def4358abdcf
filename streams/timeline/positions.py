"""Positions in the timelines' topic, by partition, written in the transaction of the entries."""

from sqlalchemy import Connection, delete, insert, select

from streams.timeline.schema import POSITIONS

EARLIER_RELEASE = -1
"""Row of a database that an earlier release wrote, which kept no positions."""


def write(connection: Connection, partition: int, following: int) -> None:
    """Record that all of a partition before the offset `following` is in the database."""
    connection.execute(delete(POSITIONS).where(POSITIONS.c.partition == partition))
    connection.execute(insert(POSITIONS).values(partition=partition, following=following))


def read(connection: Connection) -> dict[int, int]:
    """Return partition → offset that follows the last record in the database; key `EARLIER_RELEASE` marks an upgrade."""
    return {row.partition: row.following for row in connection.execute(select(POSITIONS))}


def find_missing(known: dict[int, int], partition: int, committed: int) -> int | None:
    """Return the first offset before `committed` that the database lacks; None if it has all of them."""
    if partition not in known:
        return None if EARLIER_RELEASE in known else 0
    return known[partition] if known[partition] < committed else None
