"""Work in the background of a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket
from threading import Event, Thread

import uvicorn


@contextmanager
def in_background(work: Callable[[Event], object]) -> Iterator[None]:
    """Run `work` in a thread during the block. At its end, set the event, upon which `work` must return."""
    stop = Event()
    thread = Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def serving_on(listener: socket, server: uvicorn.Server) -> Iterator[None]:
    """Run `server` on `listener` in a thread during the block."""
    thread = Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
