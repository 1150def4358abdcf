"""Alembic's migrations, run when a process starts: whoever comes first brings the tables to this release, the others wait."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

_SCRIPTS: Final = Path(__file__).with_name("migrations")
_LOCK: Final = 0x4143_4355  # any number that is ours


def migrate(connection: Connection) -> None:
    """Bring the database to this release, within the transaction of `connection`; others that begin to do so wait for its end."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
