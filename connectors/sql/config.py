"""Options of one query of a database."""

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from connectors.sdk.config_errors import suggest
from connectors.sdk.mapping.config import MappedConfig
from models.locale import _

DRIVERS: Final = {
    "postgresql": "psycopg",
    "mysql": "pymysql",
    "mariadb": "pymysql",
    "sqlite": "pysqlite",
    "mssql": "pyodbc",
    "oracle": "oracledb",
}
"""Drivers by the first part of `url`."""
MOST_SECONDS: Final = 40.0
"""Longest wait for an answer. With the waits for a connection and a lock it is less than `instance.STUCK_SECONDS`."""
_SELECT: Final = re.compile(r"\(*\s*(?:select|with|table|values)\b", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s+|--[^\n]*\n?|/\*.*?\*/", re.DOTALL)
_SECRET_PARAMETERS: Final = frozenset({"password", "passwd", "pwd"})


def parse_url(text: str) -> URL:
    """Return the URL of a database with its driver. Raises `ValueError`, whose text contains no part of `text`."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(_("must be as postgresql://reader@db.example.org/calls")) from None
    dialect, _plus, driver = url.drivername.partition("+")
    if dialect not in DRIVERS:
        raise ValueError(
            _("must begin with one of {known}", known=", ".join(f"{name}://" for name in DRIVERS))
            + suggest(dialect, DRIVERS)
        )
    if driver and driver != DRIVERS[dialect]:
        raise ValueError(_("must begin with {dialect}://, without a driver", dialect=dialect))
    if url.password is not None or not _SECRET_PARAMETERS.isdisjoint(name.lower() for name in url.query):
        raise ValueError(_("must be without a password, which belongs in password_file"))
    if dialect == "sqlite" and url.host:
        raise ValueError(_("must have a path after three or four slashes: sqlite:////srv/calls.db"))
    if not url.database:
        raise ValueError(_("must end with the name of the database"))
    return url.set(drivername=f"{dialect}+{DRIVERS[dialect]}")


def _check_url(text: str) -> str:
    parse_url(text)
    return text


def _check_query(text: str) -> str:
    """Return a query without the semicolon at its end. Raises `ValueError` if it does not begin as a SELECT does."""
    text = text.strip().removesuffix(";").rstrip()
    start = 0
    while found := _SPACE.match(text, start):
        start = found.end()
    if text and not _SELECT.match(text, start):
        raise ValueError(_("must be a SELECT: the database is only read"))
    return text


class SqlConfig(MappedConfig):
    """Options of one query of a database."""

    url: Annotated[str, AfterValidator(_check_url)]
    """Database and user: `postgresql://reader@db.example.org/calls`, `mysql://…`, `mariadb://…`, `sqlite:////srv/calls.db`,
    `mssql://…` or `oracle://…`. Parameters of the driver may follow, such as `?sslmode=verify-full`."""
    password: SecretStr | None = None
    """Password of the user. Give it as `password_file` or `password_env`."""
    table: str = ""
    """Table or view that is read, such as `calls` or `telephony.calls`."""
    query: Annotated[str, AfterValidator(_check_query)] = ""
    """SELECT that is read, instead of `table`."""
    since: str = ""
    """Column whose value rises with each new or changed row: a time of the last change, or a number. Only rows from its last
    value on are read. Without it, the whole query is read each time."""
    overlap_seconds: Annotated[float, Field(ge=0, le=86_400 * 7)] = 60.0
    """Longest delay between the time of a row in `since` and the moment when the row becomes visible. The rows of this delay are
    read again each time, and count once."""
    overlap: Annotated[int, Field(ge=0)] = 1000
    """The same for numbers in `since`: rows that are at most this much below the highest number are read again each time."""
    poll_seconds: Annotated[float, Field(ge=1, le=86_400)] = 30.0
    """Interval between two reads."""
    timeout_seconds: Annotated[float, Field(ge=1, le=MOST_SECONDS)] = 30.0
    """Longest wait for an answer of the database. The database then ends the query, if it can."""
    page_rows: Annotated[int, Field(ge=1, le=20_000)] = 4000
    """Number of rows that are fetched and stored together."""
    max_rows: Annotated[int, Field(ge=1)] = 1_000_000
    """Without `since`: largest number of rows of the query. Further rows are not read, and the connector reports it."""

    complete: bool = False
    """Without `since`: set it if the query gives every row there ever was, except deleted ones. The contact of a row that is
    missing is then retracted, and no longer counts."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if bool(self.table) is bool(self.query):
            raise ValueError(_("needs either table or query"))
        if self.complete and self.since:
            raise ValueError(_("complete is for a query without since"))
        return self

    @property
    def location(self) -> URL:
        """URL with driver and password."""
        url = parse_url(self.url)
        return url.set(password=self.password.get_secret_value()) if self.password else url

    @property
    def server(self) -> str:
        """Database for messages: server and name, or file; without user and password."""
        url = parse_url(self.url)
        where = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
        return f"{where}/{url.database}" if where else str(url.database)
