"""Reader of a log file on a network file system whose calls fail."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.tail import CHUNK_BYTES, MAX_LINE_BYTES, LineTail

CALLS = ("open", "fstat", "pread", "scandir", "stat", "close")
LONG = b"x" * (MAX_LINE_BYTES + 1)
LINES = [b"one", b"two", b"three", LONG, b"four", b"five, unfinished", b"six", b"seven"]


class FailingFileSystem:
    """Makes the call number `ordinal`, counted while `on`, fail with ESTALE, and adds its name to `failed`."""

    def __init__(self, patch: pytest.MonkeyPatch, ordinal: int, failed: list[str]) -> None:
        self._left, self._failed, self.on = ordinal, failed, False
        for name in CALLS:
            patch.setattr(os, name, partial(self._call, name, getattr(os, name)))

    def _call(self, name: str, real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self._left -= self.on
        if self.on and self._left == -1:
            self._failed.append(name)
            if name == "close":  # as on Linux: the call fails, but the file is closed
                real(*arguments)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(*arguments, **options)


def append(log: Path, content: bytes, modified: int) -> None:
    with log.open("ab") as file:
        file.write(content)
    os.utime(log, (modified, modified))


def read_through_rotations(
    log: Path, start: Literal["beginning", "end"], file_system: FailingFileSystem
) -> list[bytes]:
    tail, lines = LineTail(log, None, start), list[bytes]()

    def read() -> None:
        file_system.on = True
        for _ in range(5):
            with suppress(SourceUnavailableError):
                lines.extend(tail.read(0))
        file_system.on = False

    append(log, b"one\n", 1)
    read()
    append(log, b"two\nthree\n" + LONG + b"x" * CHUNK_BYTES, 2)
    read()
    append(log, b"xx\nfour\nfive, unfinished", 3)
    read()
    log.rename(log.with_name("queue_log.1"))
    append(log, b"six\n", 4)
    read()
    log.rename(log.with_name("queue_log.2"))
    append(log, b"seven\n", 5)
    read()
    file_system.on = True
    tail.close()
    file_system.on = False
    return lines


@pytest.mark.parametrize("start", ["beginning", "end"])
def test_failure_of_any_single_call_loses_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Literal["beginning", "end"]
) -> None:
    failed: list[str] = []
    while True:
        before = len(failed)
        directory = tmp_path / f"{before}"
        directory.mkdir()
        with monkeypatch.context() as patch:
            lines = read_through_rotations(directory / "queue_log", start, FailingFileSystem(patch, before, failed))
        assert lines == LINES[start == "end" :]
        if len(failed) == before:
            break
    assert set(failed) == {*CALLS}
    descriptors = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert not [path for path in descriptors if path.startswith(str(tmp_path))]
