"""SQLite files for a connector's state: private to this user, with commits that survive a crash."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from connectors.sdk.errors import ConnectorError, StorageError
from connectors.sdk.files import PRIVATE_FILE
from models.locale import _

SETTINGS: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")


class Database:
    """The SQLite file at `path`, in which `commands` create missing tables. For one thread.

    The constructor raises `lost` if the file `was_there` and is missing or empty, and OSError if it cannot be created. Like the
    methods, it raises `lost` if the file is damaged, and `StorageError` if it cannot be used now. The texts of `lost` end with
    `advice`.
    """

    def __init__(
        self,
        path: Path,
        *commands: str,
        advice: str,
        was_there: bool = False,
        lost: type[ConnectorError] = StorageError,
    ) -> None:
        self._path = path
        self._advice = advice
        self._error = lost
        if was_there and not (path.exists() and path.stat().st_size):
            raise self._lost(_("is not there, but was"))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        self._connection = sqlite3.connect(path, isolation_level=None, uri=True)  # for ATTACH
        try:
            for command in (*SETTINGS, *commands):
                self.execute(command)
        except BaseException:
            self.close()
            raise

    @property
    def in_transaction(self) -> bool:
        """True if a transaction is open. SQLite may roll back by itself when a disk fails."""
        return self._connection.in_transaction

    def execute(self, command: str, *values: bytes | str | float | None) -> list[Any]:
        """Execute a command with its values and return its rows. Outside a transaction the change is then on disk."""
        with self._explained():
            return self._connection.execute(command, values).fetchall()

    def execute_all(self, command: str, rows: Sequence[tuple[bytes | str | float | None, ...]]) -> None:
        """Execute a command for each row of values. Raises as `execute` does."""
        with self._explained():
            self._connection.executemany(command, rows)

    def find(self, query: str, *values: bytes | str | float | None) -> Any:
        """Return the first row of a query with its values; None without rows."""
        return next(iter(self.execute(query, *values)), None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the changes of the block at its end; roll them back if it raises."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self.in_transaction:
                self.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file and roll back uncommitted changes."""
        self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:  # the disk is full, another program holds the file
            raise StorageError(f"{self._path}: {error}") from None
        except sqlite3.DatabaseError:
            raise self.damaged() from None

    def damaged(self) -> ConnectorError:
        """Return the error to raise if the contents of the file are damaged."""
        return self._lost(_("is damaged"))

    def _lost(self, problem: str) -> ConnectorError:
        return self._error(f"{self._path} {problem}{_(':')} {self._advice}")
