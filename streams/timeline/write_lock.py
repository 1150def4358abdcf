"""Exclusive lock for writers, across processes: data read before a write does not change until the write."""

from typing import Final

from sqlalchemy import Connection, text

_LOCK: Final = 0x4143_4355  # arbitrary number reserved for Accueil


def lock(connection: Connection) -> None:
    """Wait for other writers and exclude them until the end of the transaction of `connection`, which begins here."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
