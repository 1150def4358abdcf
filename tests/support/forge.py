"""Processes of tests, forked from one that has read the libraries already: each starts in a third of the processor time.

Such a process is one like any other, with id, environment, output and end of its own, and reads all of Accueil's own code but
the vocabulary, `models`, itself.
"""

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
from threading import Lock
from typing import Any, Final, TextIO

from streams.engine.children import die_with_parent

ROOT: Final = Path(__file__).parents[2]
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
    "structlog",
    "uvicorn",
    "yaml",
)
"""What costs time to read and knows nothing of the process it is read by."""


class Forged:
    """A process as `subprocess.Popen` has it, in as far as tests ask."""

    def __init__(self, forge: "Forge", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._forge = forge
        self._lock = Lock()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        with self._lock:
            if self.returncode is None:
                self.returncode = self._forge.ask(poll=self.pid)
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
        if self.poll() is None:
            os.kill(self.pid, number)


class Forge:
    """The process that they are forked from, begun when one is asked for; they end with it, and it ends with this one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._channel: TextIO | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: list[str], log: Path, environment: Mapping[str, str]) -> Forged:
        """Start Python with `arguments`, its output at the end of `log`, and nothing but `environment`."""
        log.touch()
        return Forged(self, self.ask(start=arguments, log=str(log), environment=dict(environment)))

    def ask(self, **question: Any) -> Any:
        """Return the answer to a question; from any thread."""
        with self._lock:
            self._channel = self._channel or self._begin()
            self._channel.write(json.dumps(question) + "\n")
            self._channel.flush()
            return json.loads(self._channel.readline())

    def _begin(self) -> TextIO:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
            return ours.makefile("rw", encoding="utf-8")

    def close(self) -> None:
        """End it, and whatever of its processes is left."""
        if self._channel is not None and self._process is not None:
            self._channel.close()
            self._process.wait()


def _serve(descriptor: int) -> list[str]:
    """Answer until nobody asks any more; returns in each forked process, with its arguments."""
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
    sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
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
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(option, run_name="__main__")


if __name__ == "__main__":
    for name in READ:
        importlib.import_module(name)
    _run(_serve(int(sys.argv[1])))
