"""Child processes of tests, which can be killed, restarted and inspected, and never outlive their test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import ClassVar, Self

import psutil

from streams.kafka.child_processes import die_with_parent
from tests.support.fork_pool import ROOT, ForkedProcess, ForkPool

PATIENCE_SECONDS = 240.0
"""Longest wait for a process; processes with low priority (`nice`) are slow while other tests run."""


def wait_until(
    condition: Callable[[], object],
    what: str,
    timeout_seconds: float = PATIENCE_SECONDS,
    otherwise: Callable[[], object] | None = None,
) -> None:
    """Wait until `condition()` is true. After `timeout_seconds`, fail with the result of `otherwise()`.

    Slow conditions are checked less often, to leave the processor to the awaited work.
    """
    deadline = time.monotonic() + timeout_seconds
    checked_at = time.monotonic()
    while not condition():
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"waited {timeout_seconds:.0f} s for {what}: {otherwise and otherwise()}")
        time.sleep(min(max(0.02, 8 * (now - checked_at)), 0.5))
        checked_at = time.monotonic()


class Child:
    """Process that can be killed and started again; its output is in `log`."""

    fork_pool: ClassVar[ForkPool | None] = None
    """Pool to fork from; None starts a fresh Python."""

    def __init__(self, arguments: list[str], log: Path, **environment: str) -> None:
        self.arguments = arguments
        self.log = log
        self.environment = environment
        self.exits: list[int] = []
        self.process: subprocess.Popen[bytes] | ForkedProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self.log.exists():
            print(f"--- end of {self.log.name}\n{self.text[-40_000:]}")
        if self.alive:
            self.kill(signal.SIGCONT)
            self.kill()
            self.wait()

    def start(self, **environment: str) -> "Child":
        """Start the process; `environment` applies to this start only."""
        defaults = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        variables = {**os.environ, **defaults, **self.environment, **environment}
        if self.fork_pool:
            self.process = self.fork_pool.start(self.arguments, self.log, variables)
            return self
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=variables,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
            )
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout_seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for the end, and return the exit code, which is negative for a signal."""
        assert self.process is not None
        code = self.process.wait(timeout_seconds)
        self.exits.append(code)
        return code

    def stop(self) -> int:
        """Send SIGTERM as soon as the process handles it, and return the exit code."""
        wait_until(lambda: not self.alive or self._catches(signal.SIGTERM), f"the SIGTERM handler of {self.log.name}")
        self.kill(signal.SIGTERM)
        return self.wait()

    def _catches(self, number: int) -> bool:
        status = Path(f"/proc/{self.pid}/status")
        if not status.exists():
            return True  # unknown on other systems than Linux
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
        return bool(int(fields["SigCgt"], 16) >> (number - 1) & 1)

    def wait_for(self, text: str, count: int = 1, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the log contains `text` `count` times; fail if the process ends before."""

        def found() -> bool:
            alive = self.alive  # read first, so that the log of an ended process is complete
            if self.text.count(text) >= count:
                return True
            assert alive, f"{self.log.name} ended with {self.process and self.process.returncode}: {self.text[-3000:]}"
            return False

        wait_until(found, f"{count} x {text!r} in {self.log.name}", timeout_seconds)

    def wait_for_new(self, text: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the log contains `text` once more than now, also after a restart of the process."""
        before = self.text.count(text)
        wait_until(lambda: self.text.count(text) > before, f"another {text!r} in {self.log.name}", timeout_seconds)

    @property
    def stopped(self) -> bool:
        """Whether SIGSTOP has stopped the process."""
        return _is_stopped(Path(f"/proc/{self.pid}/stat"))


def _is_stopped(stat: Path) -> bool:
    return stat.read_text().rpartition(")")[2].split()[0] == "T"


def is_running(pid: int) -> bool:
    """Return whether a process exists and has not ended; one that ended may wait for its parent as a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop all threads of process `pid` for the duration of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: all(map(_is_stopped, Path(f"/proc/{pid}/task").glob("*/stat"))), f"process {pid} is stopped")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def supervised(child: Child) -> Iterator[Child]:
    """Restart `child` whenever it exits, like a supervisor, until the block ends."""
    leaving = Event()

    def watch() -> None:
        # The child dies with the thread that started it, so this thread also stops it.
        while not leaving.is_set():
            if not child.alive:
                code = child.process.returncode if child.process else 0
                child.start()
                child.exits.append(code or 0)  # last, because a waiting test may kill the new process
            leaving.wait(0.05)
        if child.alive:
            child.stop()

    child.start()
    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        with child:
            yield child
            leaving.set()
            thread.join()
    finally:
        leaving.set()
        thread.join()
