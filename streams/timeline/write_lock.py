"""One writer at a time, in whatever process: what is looked up before something is written is still so when it is."""

from typing import Final

from sqlalchemy import Connection, text

_LOCK: Final = 0x4143_4355  # any number that is ours


def lock(connection: Connection) -> None:
    """Wait for whoever writes; then nobody else does until the transaction of `connection`, which begins here, has ended."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
