"""Errors of databases as messages for the operator. The messages contain no values of rows."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from connectors.sdk.errors import SourceMisconfiguredError, SourceRefusedError, SourceUnavailableError
from connectors.sql.config import SqlConfig
from models.locale import N_, _

AWAY: Final = N_("{server} cannot be reached: is the database running, and is the network there?")
BROKEN: Final = N_("{server} broke the connection off")
LOGIN: Final = N_("{server} refuses the connection: are user, password and database right? ({problem})")
DENIED: Final = N_("{server} refuses to read: grant the user the right to SELECT ({problem})")
WRONG: Final = N_("{server} cannot run the query: correct `table`, `query` or `since` ({problem})")
COMPUTES: Final = N_(
    "{server} cannot compute a value of the query or view, such as a conversion or a division: correct it for all rows"
    " ({problem})"
)
ENCODED: Final = N_(
    "{server} has texts in an encoding that it does not know: add it to `url`, as ?client_encoding=win1252 or latin1"
    " ({problem})"
)
WRITES: Final = N_("the query changes data, but the database is only read ({problem})")
SLOW: Final = N_(
    "{server} needs more than timeout_seconds ({seconds:g} s): is there an index on the column in `since`, or can the query"
    " read less?"
)
LOCKED: Final = N_("a table is locked by another program of {server}")
OTHER: Final = N_("{server} cannot be read now ({problem})")
_KINDS: Final[dict[str, type[SourceUnavailableError]]] = {
    LOGIN: SourceRefusedError,
    DENIED: SourceRefusedError,
    WRONG: SourceMisconfiguredError,
    COMPUTES: SourceMisconfiguredError,
    ENCODED: SourceMisconfiguredError,
    WRITES: SourceMisconfiguredError,
}
_STARTING: Final = re.compile(
    "starting up|shutting down|in recovery|too many|démarrage|cours d'arrêt|trop de", re.IGNORECASE
)
_UNCONNECTED: Final = ("connection failed", "connection timeout", "failed to resolve")
"""Beginnings of psycopg's messages if there is no connection."""
_FATAL: Final = re.compile(r"FATAL:\s*(.*)")

_POSTGRESQL_KINDS: Final = {
    "42501": DENIED,
    "25006": WRITES,
    "0A000": WRONG,
    "55P03": LOCKED,
    "57014": SLOW,
    "42": WRONG,
    "22021": ENCODED,
    "22": COMPUTES,
    **dict.fromkeys(("28", "3D"), LOGIN),
    **dict.fromkeys(("08", "57P", "25P"), BROKEN),
}
"""Messages by the beginning of PostgreSQL's SQLSTATE; the first match counts."""
_MYSQL_KINDS: Final = {
    **dict.fromkeys((1044, 1045, 1049, 1698, 1251, 2059), LOGIN),
    **dict.fromkeys((1142, 1143, 1370), DENIED),
    **dict.fromkeys((1051, 1052, 1054, 1060, 1064, 1103, 1109, 1146, 1267, 1305, 1349, 1356), WRONG),
    **dict.fromkeys((1290, 1792), WRITES),
    **dict.fromkeys((1365, 1690), COMPUTES),
    1205: LOCKED,
    **dict.fromkeys((1317, 1969, 3024), SLOW),
    **dict.fromkeys((2002, 2003, 2005), AWAY),
    **dict.fromkeys((1053, 1927, 2006, 2013, 2014, 2055), BROKEN),
}
"""Messages by error number of MariaDB and MySQL."""
_SQLITE_KINDS: Final = {
    "SQLITE_CANTOPEN": N_("{server} cannot be opened: is the path of the file right, and may this user read it?"),
    "SQLITE_INTERRUPT": SLOW,
    "SQLITE_READONLY": WRITES,
    "SQLITE_ERROR": WRONG,
    "SQLITE_BUSY": LOCKED,
    "SQLITE_NOTADB": WRONG,
}
_READABLE: Final = frozenset({LOGIN, DENIED, WRONG, WRITES})
"""Messages that contain the database's own text: it names objects of the database, and contains no values of rows."""


@contextmanager
def explained(config: SqlConfig) -> Iterator[None]:
    """Translate errors of the database to `SourceUnavailableError` and its subclasses."""
    try:
        yield
    except DBAPIError as error:
        words, problem = _find_cause(error.orig)
        raise _make_error(config, words, problem) from None
    except SQLAlchemyError as error:
        raise _make_error(config, OTHER, type(error).__name__) from None
    except OSError as error:
        raise _make_error(config, BROKEN, type(error).__name__) from None


def is_timeout(error: BaseException) -> bool:
    """Return whether the driver of MariaDB and MySQL gave up waiting; the database may then still run the statement."""
    return isinstance(error, DBAPIError) and "timed out" in str(error.orig)


def _make_error(config: SqlConfig, words: str, problem: str) -> SourceUnavailableError:
    text = _(words).format(server=config.server, problem=problem, seconds=config.timeout_seconds)
    return _KINDS.get(words, SourceUnavailableError)(text)


def _find_cause(error: BaseException | None) -> tuple[str, str]:
    """Return the message for an error of a driver, and the problem that it shows."""
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", None) or type(error).__name__
        words = next((words for start, words in _SQLITE_KINDS.items() if name.startswith(start)), OTHER)
        return words, str(error) if words in _READABLE else name
    module = type(error).__module__.partition(".")[0]
    if module == "psycopg":
        return _find_postgresql_cause(error)
    code = error.args[0] if error and error.args else None
    if module == "pymysql" and isinstance(code, int):
        words = _MYSQL_KINDS.get(code, OTHER)
        if words == BROKEN and "timed out" in str(error):
            words = SLOW
        return words, str(error.args[1]) if words in _READABLE and error else str(code)
    # Drivers that were not tried: only codes are shown, such as ORA-00942 or the SQLSTATE of ODBC.
    found = re.search(r"\b(?:ORA|DPY)-\d{3,5}\b", str(error)) or re.fullmatch(r"[0-9A-Z]{5}", str(code))
    return OTHER, found[0] if found else type(error).__name__


def _find_postgresql_cause(error: Any) -> tuple[str, str]:
    state = error.sqlstate or ""
    if not state:  # the connection was not made, or was broken off
        if fatal := _FATAL.search(str(error)):
            return (OTHER if _STARTING.search(fatal[1]) else LOGIN), fatal[1].strip()
        if type(error).__name__ == "DataError":  # a value that the driver cannot represent
            return OTHER, "DataError"
        return (AWAY if str(error).startswith(_UNCONNECTED) else BROKEN), ""
    words = next((words for start, words in _POSTGRESQL_KINDS.items() if state.startswith(start)), OTHER)
    return words, (error.diag.message_primary or state) if words in _READABLE else state
