"""Messages for errors of databases."""

import re
import sqlite3
import sys
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy.exc import DBAPIError, NoSuchColumnError

from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sql.config import SqlConfig
from connectors.sql.database_errors import explained
from connectors.sql.sessions import open_engine

VALUE = "06 39 98 12 34"
CONFIG = SqlConfig(
    url="oracle://reader@db.example.org/calls",
    table="calls",
    timezone="Europe/Paris",
    id={"field": "call_id"},  # type: ignore[arg-type]
    events=[{"event": "email.received", "time": "at"}],  # type: ignore[list-item]
)


class OdbcError(Exception):
    """An error as pyodbc and oracledb raise."""


def explain(error: BaseException) -> SourceUnavailableError:
    with pytest.raises(SourceUnavailableError) as caught, explained(CONFIG):
        raise error
    assert VALUE not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (psycopg.errors.InvalidTextRepresentation(f"invalid input for integer: {VALUE}"), "for all rows (22P02)"),
        (psycopg.errors.FeatureNotSupported(f"x {VALUE}"), "correct `table`, `query` or `since` (0A000)"),
        (psycopg.DataError(f"can't parse time {VALUE}"), "cannot be read now (DataError)"),
        (pymysql.err.OperationalError(1690, f"BIGINT value is out of range: {VALUE}"), "for all rows (1690)"),
        (psycopg.errors.LockNotAvailable("x"), "a table is locked by another program"),
        (psycopg.errors.AdminShutdown("x"), "broke the connection off"),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), "is starting up"),
        (pymysql.err.DataError(1292, f"Incorrect value: {VALUE}"), "cannot be read now (1292)"),
        (pymysql.err.OperationalError(2013, "Lost connection to server during query"), "broke the connection off"),
        (pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"), "a table is locked by another program"),
        (sqlite3.OperationalError(f"x {VALUE}"), "cannot be read now (OperationalError)"),
        (OdbcError("42S02", f"[42S02] Invalid object name {VALUE}"), "cannot be read now (42S02)"),
        (OdbcError(f"ORA-00942: table or view does not exist {VALUE}"), "cannot be read now (ORA-00942)"),
        (OdbcError(VALUE), "cannot be read now (OdbcError)"),
    ],
)
def test_error_is_described_without_values_of_rows(cause: Any, text: str) -> None:
    assert text in str(explain(DBAPIError("SELECT 1", {}, cause)))


def test_error_names_the_server_but_not_the_user() -> None:
    error = explain(DBAPIError("SELECT 1", {}, psycopg.OperationalError("FATAL:  role is not permitted to log in")))
    assert type(error) is SourceRefusedError
    assert "db.example.org/calls" in str(error)
    assert "reader" not in str(error)


@pytest.mark.parametrize("error", [NoSuchColumnError(VALUE), ConnectionResetError(104, VALUE)])
def test_other_errors_are_described_too(error: Exception) -> None:
    assert re.search("cannot be read now|broke the connection off", str(explain(error)))


def test_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "oracledb", None)
    with pytest.raises(SourceUnavailableError, match=r"pip install 'accueil\[oracle\]'"):
        open_engine(CONFIG)
