"""Where a process stands that does not get on: its threads, and what each task of its loops awaits."""

import asyncio
import faulthandler
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any


def dump(loops: Iterable[asyncio.AbstractEventLoop]) -> None:
    """Write to standard error the stack of every thread, and of every task of `loops` the awaits it is in, outermost first.

    It may be called from any thread, and tells places in the code alone, no values. It raises nothing: who calls has to leave.
    """
    try:
        faulthandler.dump_traceback(sys.stderr)
        for loop in loops:
            for task in asyncio.all_tasks(loop):
                print(f"Task {task.get_name()}:", *_awaits(task.get_coro()), sep="\n  ", file=sys.stderr)
    except Exception:  # noqa: BLE001 - they run on meanwhile
        traceback.print_exc()
    sys.stderr.flush()


def _awaits(awaited: Any) -> Iterator[str]:
    """Yield where a suspended coroutine is, and the one that it awaits; `Task.print_stack` tells only of the first."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:  # written in C: the end, or all that can be seen
            yield type(awaited).__qualname__
            return
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
