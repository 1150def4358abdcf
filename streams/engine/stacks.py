"""Where a process stands that does not get on: its threads, and what each task of its loops waits for."""

import asyncio
import faulthandler
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO


def dump(loops: Iterable[asyncio.AbstractEventLoop], file: TextIO = sys.stderr) -> None:
    """Write the stack of every thread, and for every task of `loops` the awaits it is in, outermost first. From any thread."""
    faulthandler.dump_traceback(file)
    for loop in loops:
        for task in asyncio.all_tasks(loop):
            print(f"Task {task.get_name()}:", *_awaits(task.get_coro()), sep="\n  ", file=file)
    file.flush()


def _awaits(awaited: Any) -> Iterator[str]:
    """Yield where a suspended coroutine is, and the one that it awaits; `Task.print_stack` tells only of the first."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:  # a future, or an iterator in C
            yield repr(awaited)
            return
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
