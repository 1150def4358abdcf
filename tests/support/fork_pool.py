"""Pool of test processes forked from a template with the libraries already imported, which saves two thirds of the start.

A forked process has its own id, environment, output and exit. It imports Accueil's own code itself, except `models` and
`streams.settings.loader`. It differs from a fresh process in everything that is fixed at the start of Python or at the import of
a library: hash seed, `PYTHONPATH`, and already imported modules. `ACCUEIL_TESTS_FORGE=no` disables the pool.
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
TEMPLATES: Final = 2
"""Template processes used in turn, so that consecutive starts of a process have different hash seeds."""
ANSWER_SECONDS: Final = 120.0
"""Longest wait for a response of a template."""
PRELOADED: Final = (
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
"""Modules with a slow import that does not depend on the process."""


class ForkPool:
    """Pool that starts processes. Templates start on demand; they and the forked processes end with this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._templates: list[_Template] = []

    def start(self, arguments: list[str], log: Path, environment: Mapping[str, str]) -> "ForkedProcess":
        """Start Python with `arguments` and exactly `environment`, appending its output to `log`."""
        log.touch()
        with self._lock:
            if len(self._templates) < TEMPLATES:
                self._templates.append(_Template())
            template = self._templates.pop(0)
            pid = template.ask(start=arguments, log=str(log), environment=dict(environment))
            self._templates.append(template)  # a template that did not answer is not used again
        assert pid > 1
        return ForkedProcess(template, pid)

    def close(self) -> None:
        """End the templates and the remaining processes."""
        while self._templates:
            self._templates.pop().close()


class ForkedProcess:
    """Forked process with the methods of `subprocess.Popen` that tests need."""

    def __init__(self, template: "_Template", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._template = template
        self._lock = Lock()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        with self._lock:
            if self.returncode is None:
                self.returncode = self._template.poll(self.pid)
            return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end, and return the exit code. Raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal unless the process has ended."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self.returncode is None:  # not reaped, so the id is not reused
                os.kill(self.pid, number)


class _Template:
    """Client side of a template process."""

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
                process_group=0,  # Ctrl-C must only reach pytest
            )
            self._channel: TextIO = ours.makefile("rw", encoding="utf-8")
        self._lock = RLock()
        self._is_closed = False

    def ask(self, **request: Any) -> Any:
        """Send a request and return the response. Thread-safe. An interrupted exchange ends the template and its processes."""
        with self._lock:
            assert not self._is_closed, "the template process has ended"
            try:
                self._channel.write(json.dumps(request) + "\n")
                self._channel.flush()
                return json.loads(self._channel.readline())
            except BaseException:
                self.close()
                raise

    def poll(self, pid: int) -> int | None:
        """Return the exit code of a forked process, or None while it runs; processes of a closed template were killed."""
        with self._lock:
            return -SIGKILL if self._is_closed else self.ask(poll=pid)

    def close(self) -> None:
        """End the template; the kernel ends its processes."""
        self._is_closed = True
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # unsent data
            self._channel.close()


def _serve(descriptor: int) -> list[str]:
    """Answer requests until the channel closes. Returns in each forked process, with its arguments."""
    assert "streams.engine.checkpoints" not in sys.modules  # it reads the environment at import
    own = os.getpid()
    gc.freeze()  # garbage collection would copy shared memory in each process
    with socket.socket(fileno=descriptor) as ours, ours.makefile("rw", encoding="utf-8") as channel:
        while line := channel.readline():
            request = json.loads(line)
            if "start" in request:
                answer: int | None = os.fork()
                if answer == 0:
                    _become(own, Path(request["log"]), request["environment"])
                    arguments: list[str] = request["start"]
                    return arguments
            else:
                ended, status = os.waitpid(request["poll"], os.WNOHANG)
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
    """Run the program that Python would run with these arguments."""
    option, *rest = arguments
    if option == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.argv = [option, *rest[1:]]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    else:
        assert not option.startswith("-"), f"{option}: not supported"
        sys.argv = arguments
        sys.path[0] = str(Path(option).parent)
        runpy.run_path(option, run_name="__main__")


if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    _run(_serve(int(sys.argv[1])))
