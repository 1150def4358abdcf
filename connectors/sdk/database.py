"""SQLite, for what a connector must remember: files of this user's alone, in which all that was committed survives a crash."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from connectors.sdk.errors import ConnectorError
from connectors.sdk.files import PRIVATE_FILE
from connectors.sdk.i18n import say

SETTINGS: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")


class Database:
    """The file at `path`, in which `commands` make the tables that are missing. For one thread.

    Raises `lost`, whose text ends with `advice` for people, if it is damaged, or if it `was_there` and is gone; its methods raise
    that too, and `ConnectorError` if it cannot be used now.
    """

    def __init__(
        self,
        path: Path,
        *commands: str,
        advice: str,
        was_there: bool = False,
        lost: type[ConnectorError] = ConnectorError,
    ) -> None:
        self._path = path
        self._advice = advice
        self._error = lost
        if was_there and not (path.exists() and path.stat().st_size):
            raise self._lost(say("is not there, but was", "n'existe plus"))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            for command in (*SETTINGS, *commands):
                self.execute(command)
        except BaseException:
            self.close()
            raise

    def __str__(self) -> str:
        """Return where it is, for people."""
        return str(self._path)

    @property
    def in_transaction(self) -> bool:
        """Whether something is begun and not committed; when a disk fails, SQLite may roll back by itself."""
        return self._connection.in_transaction

    def execute(self, command: str, *values: bytes | str | float | None) -> sqlite3.Cursor:
        """Return what comes of a command; outside of a transaction it is on disk then."""
        try:
            return self._connection.execute(command, values)
        except sqlite3.OperationalError as error:  # the disk is full, another program holds the file
            raise ConnectorError(f"{self}: {error}") from None
        except sqlite3.DatabaseError:
            raise self._lost(say("is damaged", "est abîmé")) from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let what is done in the block be on disk after it; if it raises, nothing of it is."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    def close(self) -> None:
        """Close the file. What was not committed is undone."""
        self._connection.close()

    def _lost(self, what: str) -> ConnectorError:
        return self._error(f"{self} {what}{say(':', ' :')} {self._advice}")
