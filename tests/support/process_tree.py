"""Process trees with small Python programs as children, and their console lines."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import psutil

from connectors.sdk.ports import free_port
from streams.runtime.supervisor import ProcessTree, Program
from tests.support.processes import PATIENCE_SECONDS, is_running

SERVE = """
import signal, sys, time
from streams.runtime.health import HealthServer
healthy = {"yes": True, "ready": len(sys.argv) < 5}
well = lambda: (healthy["yes"], "")
ready = lambda: (healthy["ready"], "no_broker")
signal.signal(signal.SIGUSR1, lambda *_: healthy.update(yes=False))
signal.signal(signal.SIGUSR2, lambda *_: healthy.update(ready=not healthy["ready"]))
signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[2], "a").write(sys.argv[3] + "\\n"), sys.exit(0)))
server = HealthServer("127.0.0.1", int(sys.argv[1]), healthy=well, ready=ready)
while True:
    time.sleep(0.05)  # not signal.pause(), which misses a signal just before it
"""
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
)

_of_other_tests: Final = set[psutil.Process]()
"""Children before the latest `run`, such as a broker or a browser that several tests share."""


class ConsoleLines(list[tuple[str, str]]):
    """Lines shown on the console."""

    def __call__(self, name: str, text: str) -> None:
        self.append((name, text))

    def of(self, name: str) -> list[str]:
        return [text for who, text in self if who == name]

    def count(self, part: str) -> int:  # type: ignore[override]
        return sum(part in text for _, text in self)


def python(name: str, code: str, *arguments: str, **options: object) -> Program:
    command = (sys.executable, "-c", code, *arguments)
    return Program(name, command, dict(os.environ), **options)  # type: ignore[arg-type]


def server(name: str, journal: Path, *never_ready: str) -> Program:
    port = free_port()
    return python(name, SERVE, str(port), str(journal), name, *never_ready, health=("127.0.0.1", port))


def run(
    tmp_path: Path, console: ConsoleLines, grow: Callable[[ProcessTree], Awaitable[None]], *, verbose: bool = False
) -> None:
    async def main() -> None:
        _of_other_tests.clear()
        _of_other_tests.update(psutil.Process().children())
        await asyncio.wait_for(ProcessTree(tmp_path / "logs", console, verbose=verbose).run(grow), PATIENCE_SECONDS)

    asyncio.run(main())


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def children() -> list[psutil.Process]:
    """Return the living children of this process that did not exist before the latest `run`."""
    return [child for child in psutil.Process().children() if child not in _of_other_tests and is_running(child.pid)]


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0.01)
