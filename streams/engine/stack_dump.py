"""Where a process stands that does not get on: its threads, and what each task of its loops awaits."""

import asyncio
import contextlib
import faulthandler
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from typing import Any


def dump(loops: Iterable[asyncio.AbstractEventLoop]) -> None:
    """Write to standard error the stack of every thread, whether it is at work, and of every task of `loops` the awaits it is in.

    It may be called from any thread, and tells places in the code alone, no values. What it cannot tell it leaves out.
    """
    try:
        faulthandler.dump_traceback(sys.stderr)
        for loop in loops:
            for task in asyncio.all_tasks(loop):
                print(f"Task {task.get_name()}:", *_awaits(task.get_coro()), sep="\n  ", file=sys.stderr)
        _tell_work(1.0)
    except Exception:  # noqa: BLE001 - they run on meanwhile
        traceback.print_exc()
    sys.stderr.flush()


def _tell_work(seconds: float) -> None:
    """Tell of each thread what it computes meanwhile: one in an endless loop has the same stack as one that sleeps in it."""
    clocks = {thread: time.pthread_getcpuclockid(thread.ident) for thread in threading.enumerate() if thread.ident}
    before = {thread: time.clock_gettime(clock) for thread, clock in clocks.items()}
    time.sleep(seconds)
    for thread, clock in clocks.items():
        with contextlib.suppress(OSError):  # it has ended
            used = time.clock_gettime(clock) - before[thread]
            print(f"Thread 0x{thread.ident:016x}, {thread.name}: {used:.3f} s of work in {seconds} s", file=sys.stderr)


def _awaits(awaited: Any) -> Iterator[str]:
    """Yield where a suspended coroutine is, then the one it awaits, and so on; `Task.print_stack` tells of the first alone."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:  # written in C: the end, or all that can be seen
            yield type(awaited).__qualname__
            return
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
