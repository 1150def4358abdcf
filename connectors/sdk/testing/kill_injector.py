"""Injected kills of a connector within the test process, before each of its actions in turn.

An action changes a directory entry (a file is created, renamed, removed or truncated), as reported by the interpreter's audit
events, or hands data over between source, publisher and broker (`kill_point`). After a kill all further actions are refused,
since a killed process runs no cleanup code.

Writes to an open file and writes by C libraries (SQLite) are not actions: no kill interrupts them.
"""

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Final

NAMED: Final = frozenset({"os.mkdir", "os.rename", "os.remove", "os.link", "os.truncate", "os.rmdir", "os.symlink"})
"""Audit events that count as actions; creating a file is `open`."""
OFTEN: Final = 2
"""Most occurrences of an action with one call trace that are killed, each in another run; further ones are not."""

Trace = tuple[object, ...]
"""An action and the lines of code that lead to it."""


class Killed(BaseException):
    """Ends a run. No tested code catches it, as with SIGKILL."""


class KillInjector:
    """Kills this thread's actions on files below `directory`, and at kill points: each run at a different call trace."""

    active: "ClassVar[KillInjector | None]" = None
    """The injector of the current run."""
    _is_hooked: ClassVar[bool] = False

    def __init__(self, directory: Path) -> None:
        self.count = 0
        """Number of kills until now."""
        self._thread = threading.get_ident()
        self._directory = f"{directory}{os.sep}"
        self._used: set[Trace] = set()
        self._seen: Counter[Trace] = Counter()
        self._dead = False
        if not KillInjector._is_hooked:
            sys.addaudithook(_audit)  # permanent: audit hooks cannot be removed
            KillInjector._is_hooked = True

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run the block until its end or until a kill, which is not raised further."""
        self._dead = False
        self._seen.clear()
        KillInjector.active = self
        try:
            with suppress(Killed):
                yield
        finally:
            KillInjector.active = None

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Handle an audit event; only actions on files below the directory count. Raises `Killed` as `act` does."""
        creates = event == "open" and (arguments[2] or 0) & os.O_CREAT
        if (creates or event in NAMED) and self._concerns(arguments[0]):
            truncates = creates and arguments[2] & os.O_TRUNC
            self.act(event, arguments[0] if truncates else None)

    def act(self, name: str, truncated: Any = None) -> None:
        """Raise `Killed` at a new call trace of the action `name`, and at every later action of the run.

        Do nothing at a known trace, or in another thread. Before the first kill, truncate the file `truncated`, if given, as the
        first half of the action.
        """
        if threading.get_ident() != self._thread:
            return
        if not self._dead:
            trace = (name, *_call_trace())
            self._seen[trace] += 1
            trace = (*trace, min(self._seen[trace], OFTEN))
            if trace in self._used:
                return
            self._used.add(trace)
            self.count += 1
            if truncated is not None:
                self._truncate(truncated)
            self._dead = True
        raise Killed

    def _truncate(self, path: Any) -> None:
        KillInjector.active = None  # this is the injector's own action
        with suppress(OSError):
            os.truncate(path, 0)
        KillInjector.active = self

    def _concerns(self, path: Any) -> bool:
        if isinstance(path, int):  # an open file descriptor: opening a file object on it creates nothing
            return False
        name = os.fsdecode(path)
        return name.startswith(self._directory) or not name.startswith(os.sep)  # relative to an open directory


def kill_point(name: str) -> None:
    """Mark the place before data is handed over. Raises `Killed` if a kill is due; does nothing outside `KillInjector.run`."""
    if KillInjector.active is not None:
        KillInjector.active.act(name)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if KillInjector.active is not None:
        KillInjector.active.audit(event, arguments)


def _call_trace() -> Iterator[object]:
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the only access to the call stack
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in sys.stdlib_module_names and ".testing" not in module:
            yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
