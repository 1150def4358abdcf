"""Positions in the timelines' topic, by partition, written in the same transaction as the entries."""

from sqlalchemy import Connection, delete, insert, select

from streams.timeline.schema import POSITIONS

EARLIER_RELEASE = -1
"""Key of the row that marks a database written by an earlier release, which stored no positions."""


def write(connection: Connection, partition: int, following: int) -> None:
    """Record that the database contains all records of a partition before the offset `following`."""
    connection.execute(delete(POSITIONS).where(POSITIONS.c.partition == partition))
    connection.execute(insert(POSITIONS).values(partition=partition, following=following))


def read(connection: Connection) -> dict[int, int]:
    """Return partition → offset after its last record in the database; `EARLIER_RELEASE` is a key if such a release wrote it."""
    return {row.partition: row.following for row in connection.execute(select(POSITIONS))}


def find_missing(known: dict[int, int], partition: int, committed: int) -> int | None:
    """Return the first offset before `committed` that is missing in the database, by the positions `known`; None if none is.

    Nothing counts as missing for an unknown partition in a database of an earlier release.
    """
    if partition not in known:
        return None if EARLIER_RELEASE in known else 0
    return known[partition] if known[partition] < committed else None
