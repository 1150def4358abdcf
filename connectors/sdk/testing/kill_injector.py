"""Kills a connector in process, before one act after the other.

An act is what is done to a disk by name (a file is made, renamed, removed, emptied), as the interpreter announces it, and what is
handed over between source, publisher and broker (`reach`). After its kill nothing more is done: what code does on its way out,
and no process does that is killed, is refused.

What is written into an open file, or by a library in C (SQLite), is no act: no kill falls in its midst.
"""

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

NAMED: Final = frozenset({"os.mkdir", "os.rename", "os.remove", "os.link", "os.truncate", "os.rmdir", "os.symlink"})
"""What the interpreter announces, whoever calls it; making a file is `open`."""
OFTEN: Final = 2
"""What is done again and again in one life is cut off before the first and before the second time."""

Way = tuple[object, ...]
"""An act, and the lines of code that lead to it."""


class Killed(BaseException):
    """Ends a life; nobody catches it, as nobody survives SIGKILL."""


class KillInjector:
    """Kills what this thread does to files below `directory`: one life after the other, by another way to an act each."""

    def __init__(self, directory: Path) -> None:
        self.count = 0
        self._thread = threading.get_ident()
        self._directory = f"{directory}{os.sep}"
        self._cut: set[Way] = set()
        self._gone: Counter[Way] = Counter()
        self._dead = False

    @contextmanager
    def life(self) -> Iterator[None]:
        """Live: to the end of the block, or to a kill before."""
        self._dead = False
        self._gone.clear()
        _listen(self)
        try:
            with suppress(Killed):
                yield
        finally:
            _listen(None)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of what is about to be done. Raises `Killed` instead."""
        making = event == "open" and (arguments[2] or 0) & os.O_CREAT
        if (making or event in NAMED) and self._concerns(arguments[0]):
            emptied = making and arguments[2] & os.O_TRUNC
            self.act(event, arguments[0] if emptied else None)

    def act(self, what: str, emptied: Any = None) -> None:
        """Be about to do `what`, or having done the first half of it: to have `emptied` a file. Raises `Killed` instead."""
        if threading.get_ident() != self._thread:
            return
        if not self._dead:
            way = (what, *_way_here())
            self._gone[way] += 1
            way = (*way, min(self._gone[way], OFTEN))
            if way in self._cut:
                return
            self._cut.add(way)
            self.count += 1
            if emptied is not None:
                self._empty(emptied)
            self._dead = True
        raise Killed

    def _empty(self, path: Any) -> None:
        _listening.kills = None  # it is our doing
        with suppress(OSError):
            os.truncate(path, 0)
        _listening.kills = self

    def _concerns(self, path: Any) -> bool:
        if isinstance(path, int):  # open already: to give it a file object makes nothing
            return False
        name = os.fsdecode(path)
        return name.startswith(self._directory) or not name.startswith(os.sep)  # in a directory that is open


def kill_point(name: str) -> None:
    """Be about to hand something over. Raises `Killed` instead."""
    if _listening.kills is not None:
        _listening.kills.act(name)


class _Listening:
    kills: KillInjector | None = None
    hooked = False


_listening: Final = _Listening()


def _listen(kills: KillInjector | None) -> None:
    _listening.kills = kills
    if not _listening.hooked:
        sys.addaudithook(_hear)  # for good: none can be taken away
        _listening.hooked = True


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening.kills is not None:
        _listening.kills.hear(event, arguments)


def _way_here() -> Iterator[object]:
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the call stack has no other door
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in sys.stdlib_module_names and ".testing" not in module:
            yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
