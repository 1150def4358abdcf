"""Killing a connector at every single thing that it does to a disk."""

import io
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from connectors.sdk.testing.kill_injector import NAMED

KILLED = 137


class Acts:
    """What this process does to a disk; it dies before the `last`-th. Of a write, half is done."""

    def __init__(self, last: int) -> None:
        self._last, self._done = last, 0

    def watch(self) -> None:
        """Count from now on: names by the interpreter's audit, contents by the two ways to write them."""
        sys.addaudithook(self._heard)
        os.write = partial(self.write, os.write)  # type: ignore[assignment]
        os.fsync, os.fdatasync = partial(self._sync, os.fsync), partial(self._sync, os.fdatasync)
        io.open = self._open  # type: ignore[assignment]

    def write(self, real: Callable[..., int], *arguments: Any) -> int:
        *file, content = arguments
        self._count(lambda: real(*file, content[: len(content) // 2]))
        return real(*arguments)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in NAMED or (event == "open" and arguments[2] & os.O_CREAT):
            self._count()

    def _sync(self, real: Callable[[int], None], file: int) -> None:
        self._count()
        real(file)

    def _open(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if "b" not in mode or mode == "rb":  # texts are the topics of these tests: a broker tears no record
            return open(file, mode, *arguments, **options)  # noqa: PTH123 - it stands in for it
        raw = Raw(file, mode.replace("b", ""))
        raw.acts = self
        return io.BufferedWriter(raw)

    def _count(self, half: Callable[[], object] = int) -> None:
        self._done += 1
        if self._done == self._last:
            half()
            os._exit(KILLED)


class Raw(io.FileIO):
    """What a buffered file is emptied into."""

    acts: Acts

    def write(self, content: Any) -> int:
        return self.acts.write(super().write, content)


def run_in_child(job: Callable[[], None], act: int = 0) -> int:
    """Run `job` in a child that is killed before its `act`-th act, and return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            Acts(act).watch()
            job()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_at_every_disk_operation(job: Callable[[Path], None], directory: Path) -> list[Path]:
    """Run `job` in directory after directory, killed before its first act, its second … and then again to its end.

    Returns the directories; in the last one it was not killed.
    """
    directories = []
    while True:
        place = directory / f"{len(directories) + 1}"
        directories.append(place)
        code = run_in_child(partial(job, place), len(directories))
        assert code in {0, KILLED}
        if code == 0:
            return directories
        assert run_in_child(partial(job, place)) == 0
