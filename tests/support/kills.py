"""Kill a process at each of its disk operations."""

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


class DiskOperations:
    """Counter of disk operations that kills the process before operation `last`; a write is executed by half."""

    def __init__(self, last: int) -> None:
        self._last, self._done = last, 0

    def watch(self) -> None:
        """Start counting: name operations by audit hook, writes by patching the two write functions."""
        sys.addaudithook(self._on_audit)
        os.write = partial(self.write, os.write)  # type: ignore[assignment]
        os.fsync, os.fdatasync = partial(self._sync, os.fsync), partial(self._sync, os.fdatasync)
        io.open = self._open  # type: ignore[assignment]

    def write(self, real: Callable[..., int], *arguments: Any) -> int:
        *file, content = arguments
        self._count(lambda: real(*file, content[: len(content) // 2]))
        return real(*arguments)

    def _on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in NAMED or (event == "open" and arguments[2] & os.O_CREAT):
            self._count()

    def _sync(self, real: Callable[[int], None], file: int) -> None:
        self._count()
        real(file)

    def _open(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if (
            "b" not in mode or mode == "rb"
        ):  # text files are the topics of these tests, and a broker writes no partial record
            return open(file, mode, *arguments, **options)  # noqa: PTH123 - replaces `open`
        raw = Raw(file, mode.replace("b", ""))
        raw.operations = self
        return io.BufferedWriter(raw)

    def _count(self, half: Callable[[], object] = int) -> None:
        self._done += 1
        if self._done == self._last:
            half()
            os._exit(KILLED)


class Raw(io.FileIO):
    """Raw file below a buffered file, whose writes are counted."""

    operations: DiskOperations

    def write(self, content: Any) -> int:
        return self.operations.write(super().write, content)


def run_in_child(job: Callable[[], None], operation: int = 0) -> int:
    """Run `job` in a child process that is killed before disk operation `operation`; return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            DiskOperations(operation).watch()
            job()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must not continue as a second pytest
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_at_every_disk_operation(job: Callable[[Path], None], directory: Path) -> list[Path]:
    """Run `job` once per disk operation, each time in another directory: kill it before the operation, then run it completely.

    Return the directories; in the last one the job was not killed.
    """
    directories = []
    while True:
        run_directory = directory / f"{len(directories) + 1}"
        directories.append(run_directory)
        code = run_in_child(partial(job, run_directory), len(directories))
        assert code in {0, KILLED}
        if code == 0:
            return directories
        assert run_in_child(partial(job, run_directory)) == 0
