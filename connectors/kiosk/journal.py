"""Journal of a kiosk's actions: on disk before a page gets its response, with the number of the last action sent.

Each line is an action with its sequence number. The number of the last action sent is stored separately. An incomplete line,
left by a power failure, is cut off, since no page got a response for it.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from connectors.kiosk.waiting_room import Action
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import ConnectorError, describe_os_error
from connectors.sdk.files import PRIVATE_FILE, lock, make_private_directory, replace, sync_directory
from models.locale import _

NAME: Final = "desk.jsonl"


class Line(msgspec.Struct, frozen=True):
    """An action with its sequence number in the journal."""

    number: int
    action: Action


class JournalDamagedError(ConnectorError):
    """The journal cannot be read; the text says what to do."""


_decode: Final = msgspec.json.Decoder(Line).decode


class Journal:
    """The journal in `directory`. Raises `ConnectorError` if it cannot be used or another process uses it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        try:
            make_private_directory(directory)
            self._lock = _lock(directory)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
            sync_directory(directory)
        except OSError as error:
            raise ConnectorError(describe_os_error(error, directory)) from None
        try:
            lines = list(self._load())
        except BaseException:
            self.close()
            raise
        self._cursor = Cursor(directory)
        self._sent = int(self._cursor.load() or 0)
        self._last = max(self._sent, *(line.number for line in lines), 0)
        self.actions = [line.action for line in lines]
        """All actions in the journal when it was opened."""
        self.unsent = deque(line for line in lines if line.number > self._sent)
        """Actions that were not sent yet, in order."""

    def append(self, action: Action) -> None:
        """Append an action, also to `unsent`, and return when it is on disk. Raises `OSError` if it could not be stored."""
        line = Line(self._last + 1, action)
        content = msgspec.json.encode(line) + b"\n"
        file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)  # opened each time, since `drop` replaces the file
        try:
            os.ftruncate(file, self._size)  # remove the rest of a line that could not be stored
            os.lseek(file, self._size, os.SEEK_SET)
            rest = content
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, self._size)
            raise
        finally:
            os.close(file)
        self._size += len(content)
        self._last += 1
        self.unsent.append(line)

    def confirm(self) -> None:
        """Record on disk that the first of `unsent` was sent, and remove it there."""
        self._sent = self.unsent[0].number
        self._cursor.save(str(self._sent).encode())
        self.unsent.popleft()

    def drop(self, is_old: Callable[[Action], bool]) -> None:
        """Remove actions that were sent and are old."""
        lines = list(self._load())
        kept = [line for line in lines if line.number > self._sent or not is_old(line.action)]
        if len(kept) < len(lines):
            content = b"".join(msgspec.json.encode(line) + b"\n" for line in kept)
            replace(self._path, content)
            self._size = len(content)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)

    def _load(self) -> Iterator[Line]:
        whole, newline, _partial = self._path.read_bytes().rpartition(b"\n")
        self._size = len(whole) + len(newline)
        try:
            yield from (_decode(line) for line in whole.split(b"\n") if line)
        except msgspec.DecodeError:
            raise JournalDamagedError(_("{path} is damaged: move it aside", path=self._path)) from None


def _lock(directory: Path) -> int:
    in_use = _("{directory} is in use by another process", directory=directory)
    return lock(directory / "lock", in_use)
