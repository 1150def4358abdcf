"""Run Alembic's migrations at the start of a process. One process migrates; the others wait."""

from pathlib import Path
from typing import Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from streams.timeline.database import lock

log: Final = structlog.get_logger(__name__)
_SCRIPTS: Final = Path(__file__).with_name("migrations")


class TooNew(Exception):  # noqa: N818 - says what the database is
    """A newer release has changed the tables, so this release cannot use them."""


def migrate(connection: Connection) -> None:
    """Migrate the database to this release within the transaction of `connection`. Raises `TooNew`."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    found = _find_revision(connection)
    if found == scripts.get_current_head():
        return
    if found not in {None, *(script.revision for script in scripts.walk_revisions())}:
        raise TooNew(found)
    lock(connection)
    if found and _find_revision(connection) == found:  # no other process has migrated it in between
        log.warning("tables_migrating")
    command.upgrade(config, "head")


def _find_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
