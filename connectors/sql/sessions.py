"""Read-only connections with a statement timeout, for each kind of database."""

import sqlite3
import time
from collections.abc import Callable, MutableMapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, CursorResult, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from connectors.sdk.errors import SourceMisconfiguredError
from connectors.sql.config import SqlConfig
from models.locale import _

CONNECT_SECONDS: Final = 10
"""Longest wait for a connection."""
LOCK_SECONDS: Final = 5
"""Longest wait for a table whose structure is being changed."""
IDLE_SECONDS: Final = 60
"""Time without a request after which the database ends a transaction, so that a frozen connector does not hold it."""
STREAM_SECONDS: Final = 600.0
"""Longest duration of one query. Long ones hold old row versions in the database; the next query continues after the last row."""
_EXTRAS: Final = {"psycopg": "postgresql", "pymysql": "mysql", "pyodbc": "mssql", "oracledb": "oracle"}
"""Optional dependencies of Accueil by driver."""
_TEXT_FORMAT: Final = 0
"""Format of values in PostgreSQL's protocol."""
_DEADLINE: Final = "accueil_deadline"
_PROGRESS_STEPS: Final = 10_000
"""Instructions of SQLite's virtual machine between two checks of the timeout."""


def open_engine(config: SqlConfig) -> Engine:
    """Return the engine of the configured database; nothing is connected. Raises `SourceMisconfiguredError`."""
    location = config.location
    dialect, _plus, driver = location.drivername.partition("+")
    options: dict[str, Any] = {"connect_args": _connect_arguments(dialect, config)}
    if dialect == "sqlite":
        path = Path(str(location.database)).absolute()
        options = {"creator": lambda: sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)}
    try:
        engine = create_engine(location, poolclass=NullPool, hide_parameters=True, **options)
    except ModuleNotFoundError:
        raise SourceMisconfiguredError(
            _(
                "the driver {driver} is not installed: pip install 'accueil[{extra}]'",
                driver=driver,
                extra=_EXTRAS[driver],
            )
        ) from None
    event.listen(engine, "connect", lambda connection, record: _prepare_driver(engine, connection, record.info, config))
    return engine


def begin(connection: Connection, config: SqlConfig) -> None:
    """Begin a read-only transaction with the statement timeout, where the database has one. Raises `DBAPIError`."""
    milliseconds = round(config.timeout_seconds * 1000)
    match connection.dialect.name:
        case "postgresql":
            connection.exec_driver_sql(
                f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {milliseconds};"
                f" SET LOCAL lock_timeout = {LOCK_SECONDS * 1000};"
                f" SET LOCAL idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000}"
            )
        case "mysql" | "mariadb":
            # Here a statement ends with its last row. The timeout of the driver is for each wait, and `cancel` follows it.
            most_seconds = STREAM_SECONDS + config.timeout_seconds
            if getattr(connection.dialect, "is_mariadb", False):
                connection.exec_driver_sql(f"SET SESSION max_statement_time = {most_seconds}")
            else:
                connection.exec_driver_sql(f"SET SESSION max_execution_time = {round(most_seconds * 1000)}")
            connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            connection.rollback()  # the setting is for the next transaction
        case "oracle":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def restart_timeout(connection: Connection, config: SqlConfig) -> None:
    """Give the next rows of a query the whole timeout, where this program measures it."""
    if deadline := connection.info.get(_DEADLINE):
        deadline[0] = time.monotonic() + config.timeout_seconds


def find_cancel(engine: Engine, connection: Connection) -> Callable[[], None]:
    """Return a function that ends the running statement of `connection` after a timeout of the driver; raises nothing.

    For other databases than MariaDB and MySQL, which end it themselves, it does nothing.
    """
    if connection.dialect.name not in {"mysql", "mariadb"}:
        return lambda: None
    thread = connection.connection.driver_connection.thread_id()  # type: ignore[union-attr]

    def cancel() -> None:
        try:
            with closing(engine.connect()) as other:
                other.exec_driver_sql(f"KILL QUERY {thread:d}")
        except DBAPIError:
            pass  # the database is away, or the statement has ended

    return cancel


def abandon(connection: Connection, result: CursorResult[Any] | None) -> None:
    """Close a connection without reading the rest of a result; do nothing if it is closed. Raises nothing."""
    if connection.closed:
        return
    driver = None if connection.invalidated else connection.connection.driver_connection
    with suppress(SQLAlchemyError):
        if connection.dialect.name in {"mysql", "mariadb"}:
            if rest := getattr(driver, "_result", None):  # of an unbuffered query; a normal close reads it to its end
                rest.unbuffered_active = False
            connection.invalidate()
        elif result is not None:
            result.close()
    try:
        connection.close()
    except SQLAlchemyError:  # the database is away
        connection.invalidate()


def _connect_arguments(dialect: str, config: SqlConfig) -> dict[str, Any]:
    match dialect:
        case "postgresql":
            return {
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "accueil",
                # psycopg cannot read texts of a database with the encoding SQL_ASCII otherwise.
                "client_encoding": config.location.query.get("client_encoding", "utf8"),
                # A network that drops packets is noticed after about 25 s.
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 25_000,
            }
        case "mysql" | "mariadb":
            return {
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": config.timeout_seconds,
                "write_timeout": config.timeout_seconds,
                "program_name": "accueil",
            }
    return {}


def _prepare_driver(engine: Engine, connection: Any, info: MutableMapping[Any, Any], config: SqlConfig) -> None:
    """Set what is set at the driver's connection instead of by a statement."""
    match engine.dialect.name:
        case "postgresql":
            _read_unusual_times(connection, engine.dialect.loaded_dbapi.DataError)
        case "sqlite":
            deadline = info[_DEADLINE] = [time.monotonic() + config.timeout_seconds]
            connection.text_factory = lambda content: content.decode("utf-8", "replace")
            connection.set_progress_handler(lambda: time.monotonic() > deadline[0], _PROGRESS_STEPS)
        case "mssql":
            connection.timeout = round(config.timeout_seconds)
        case "oracle":
            connection.call_timeout = round(config.timeout_seconds * 1000)


def _read_unusual_times(connection: Any, data_error: type[Exception]) -> None:
    """Make psycopg return times that Python cannot represent, such as `infinity`, as texts. It would fail for the whole page."""
    for name in ("date", "timestamp", "timestamptz", "time", "timetz", "interval"):
        oid = connection.adapters.types[name].oid
        loader = connection.adapters.get_loader(oid, _TEXT_FORMAT)
        connection.adapters.register_loader(oid, _make_lenient(loader, data_error))


def _make_lenient(loader: Any, data_error: type[Exception]) -> type[Any]:
    """Return a loader of psycopg that returns values as texts where `loader` raises `data_error`."""

    class LenientLoader:
        format = loader.format

        def __init__(self, oid: int, context: Any = None) -> None:
            self._load = loader(oid, context).load

        def load(self, data: Any) -> Any:
            try:
                return self._load(data)
            except data_error:
                return bytes(data).decode()

    return LenientLoader
