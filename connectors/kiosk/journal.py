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
    """A complete line of the journal cannot be read; the text says what to do."""


_decode: Final = msgspec.json.Decoder(Line).decode


class Journal:
    """The journal in `directory`, which is created if missing.

    The constructor raises `ConnectorError` if the directory cannot be used or another process uses it, `JournalDamagedError`, and
    `CursorDamagedError`.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        try:
            make_private_directory(directory)
            self._lock = lock(directory / "lock", _("{directory} is in use by another process", directory=directory))
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
        """All actions in the journal when it was opened, in order, sent or not; not updated."""
        self.unsent = deque(line for line in lines if line.number > self._sent)
        """Lines with the actions that were not sent yet, in order."""

    def append(self, action: Action) -> None:
        """Append an action, also to `unsent`, and return when it is on disk. After an `OSError`, neither has it."""
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
        """Record on disk that the first action of `unsent` was sent, and remove it from `unsent`. Raises `OSError`."""
        self._sent = self.unsent[0].number
        self._cursor.save(str(self._sent).encode())
        self.unsent.popleft()

    def drop(self, is_old: Callable[[Action], bool]) -> None:
        """Remove from the file the actions that were sent and that `is_old` accepts. Raises `JournalDamagedError`, `OSError`."""
        lines = list(self._load())
        kept = [line for line in lines if line.number > self._sent or not is_old(line.action)]
        if len(kept) < len(lines):
            content = b"".join(msgspec.json.encode(line) + b"\n" for line in kept)
            replace(self._path, content)
            self._size = len(content)

    def close(self) -> None:
        """Release the lock of the directory, so that another process may use it."""
        os.close(self._lock)

    def _load(self) -> Iterator[Line]:
        whole, newline, _partial = self._path.read_bytes().rpartition(b"\n")
        self._size = len(whole) + len(newline)
        try:
            yield from (_decode(line) for line in whole.split(b"\n") if line)
        except msgspec.DecodeError:
            raise JournalDamagedError(_("{path} is damaged: move it aside", path=self._path)) from None
