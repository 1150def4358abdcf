"""Processes of tests, forked from one that has read the libraries already: each starts in a third of the processor time.

Such a process has id, environment, output and end of its own, and reads all of Accueil's own code itself but the vocabulary,
`models`, and what settings there are, `streams.settings.loader`, which each command reads. It is not like any other in what is
decided as Python starts or as a library is read: it has the hash seed, `PYTHONPATH` and the like of what it is forked from, and
finds modules of libraries that nobody imported. `ACCUEIL_TESTS_FORGE=no` starts all anew.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from signal import SIGKILL
from threading import Lock, RLock
from types import ModuleType
from typing import Any, Final, TextIO

from streams.kafka.child_processes import die_with_parent

ROOT: Final = Path(__file__).parents[2]
FURNACES: Final = 2
"""Processes that are forked from, in turn: a life and the next have not the same hash seed."""
ANSWER_SECONDS: Final = 120.0
READ: Final = (
    "aiokafka.consumer.fetcher",
    "aiokafka.producer.sender",
    "alembic.command",
    "alembic.config",
    "alembic.operations.ops",
    "fastapi",
    "fastapi.openapi.utils",
    "faust.app",
    "faust.transport.drivers.aiokafka",
    "faust.worker",
    "filelock",
    "holidays.countries.france",
    "jinja2",
    "kafka",
    "kafka.admin",
    "models.events",
    "models.policies",
    "msgspec.json",
    "murmurhash2",
    "phonenumbers",
    "prometheus_client.core",
    "psutil",
    "pydantic_settings",
    "rich.console",
    "rich.progress",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "sqlite3",
    "streams.settings.loader",
    "structlog",
    "uvicorn",
    "yaml",
)
"""What costs time to read and knows nothing of the process it is read by."""


class ForkPool:
    """Starts processes. What they are forked from is begun when one is asked for, and ends with this process, as they do."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._furnaces: list[_Furnace] = []

    def start(self, arguments: list[str], log: Path, environment: Mapping[str, str]) -> "ForkedProcess":
        """Start Python with `arguments`, its output at the end of `log`, and nothing but `environment`."""
        log.touch()
        with self._lock:
            if len(self._furnaces) < FURNACES:
                self._furnaces.append(_Furnace())
            furnace = self._furnaces.pop(0)
            pid = furnace.ask(start=arguments, log=str(log), environment=dict(environment))
            self._furnaces.append(furnace)  # one that did not answer is not asked again
        assert pid > 1
        return ForkedProcess(furnace, pid)

    def close(self) -> None:
        """End what they are forked from, and whatever of them is left."""
        while self._furnaces:
            self._furnaces.pop().close()


class ForkedProcess:
    """A process as `subprocess.Popen` has it, in as far as tests ask."""

    def __init__(self, furnace: "_Furnace", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._furnace = furnace
        self._lock = Lock()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        with self._lock:
            if self.returncode is None:
                self.returncode = self._furnace.poll(self.pid)
            return self.returncode

    def wait(self, timeout: float) -> int:
        """Return the exit code once it has ended. Raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self.returncode is None:  # and so not reaped: nobody else has its id
                os.kill(self.pid, number)


class _Furnace:
    """A process to fork from, seen from the one that asks."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(ANSWER_SECONDS)
        with ours, theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for who asks
            )
            self._channel: TextIO = ours.makefile("rw", encoding="utf-8")
        self._lock = RLock()
        self._is_closed = False

    def ask(self, **question: Any) -> Any:
        """Return the answer, from any thread. If that is cut off, so that the next would be wrong, it ends with its processes."""
        with self._lock:
            assert not self._is_closed, "what processes are forked from has ended"
            try:
                self._channel.write(json.dumps(question) + "\n")
                self._channel.flush()
                return json.loads(self._channel.readline())
            except BaseException:
                self.close()
                raise

    def poll(self, pid: int) -> int | None:
        """Return the exit code of one of its processes, None while it runs; when it was ended, so were they."""
        with self._lock:
            return -SIGKILL if self._is_closed else self.ask(poll=pid)

    def close(self) -> None:
        """End it; the kernel ends its processes."""
        self._is_closed = True
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # of what was not sent
            self._channel.close()


def _serve(descriptor: int) -> list[str]:
    """Answer until nobody asks any more; returns in each forked process, with its arguments."""
    assert "streams.engine.checkpoints" not in sys.modules  # reads its environment as it is read
    own = os.getpid()
    gc.freeze()  # what is shared is not to be walked, and so written to, by each
    with socket.socket(fileno=descriptor) as ours, ours.makefile("rw", encoding="utf-8") as channel:
        while line := channel.readline():
            question = json.loads(line)
            if "start" in question:
                answer: int | None = os.fork()
                if answer == 0:
                    _become(own, Path(question["log"]), question["environment"])
                    arguments: list[str] = question["start"]
                    return arguments
            else:
                ended, status = os.waitpid(question["poll"], os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if ended else None
            channel.write(json.dumps(answer) + "\n")
            channel.flush()
    raise SystemExit


def _become(parent: int, log: Path, environment: Mapping[str, str]) -> None:
    die_with_parent(parent)
    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()


def _run(arguments: list[str]) -> None:
    """Run what Python would with these arguments."""
    option, *rest = arguments
    if option == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.argv = [option, *rest[1:]]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    else:
        assert not option.startswith("-"), f"{option}: not known here"
        sys.argv = arguments
        sys.path[0] = str(Path(option).parent)
        runpy.run_path(option, run_name="__main__")


if __name__ == "__main__":
    for name in READ:
        importlib.import_module(name)
    _run(_serve(int(sys.argv[1])))
