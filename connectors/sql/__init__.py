"""Connector for tables and queries of a database. May import `connectors.sdk`."""

from connectors.sdk.contract import Connector
from connectors.sdk.record_source import POSITION_FILES
from connectors.sql.config import SqlConfig
from connectors.sql.sample import SAMPLE
from connectors.sql.source import SqlSource
from models.locale import N_

CONNECTOR = Connector(
    "sql",
    SqlConfig,
    SqlSource,
    description=N_("Tables and queries of a database (PostgreSQL, MariaDB, MySQL, SQLite), by configuration"),
    sample=SAMPLE,
    position_files=lambda _: POSITION_FILES,
)
