"""Stack dump of a stuck process: its threads, and the awaits of each asyncio task."""

import asyncio
import faulthandler
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any


def dump(loops: Iterable[asyncio.AbstractEventLoop]) -> None:
    """Write the stack of every thread, and the chain of awaits of every task of `loops`, to standard error.

    Callable from any thread. The output contains only places in the code, no values. An error during the dump is printed, not
    raised.
    """
    try:
        faulthandler.dump_traceback(sys.stderr)
        for loop in loops:
            for task in asyncio.all_tasks(loop):
                print(f"Task {task.get_name()}:", *_await_chain(task.get_coro()), sep="\n  ", file=sys.stderr)
    except Exception:  # noqa: BLE001 - the loops keep running during the dump
        traceback.print_exc()
    sys.stderr.flush()


def _await_chain(awaited: Any) -> Iterator[str]:
    """Yield the position of a suspended coroutine, then of the one it awaits, and so on.

    `Task.print_stack` shows only the first of them.
    """
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:  # implemented in C: nothing further is visible
            yield type(awaited).__qualname__
            return
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
