"""HTTP server for the app of a simulated system."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from connectors.sdk.simulation import HOST
from connectors.sdk.sockets import listen

STOP_SECONDS: Final = 2
"""Longest wait for open connections at the end, in seconds."""


@contextmanager
def serving(app: ASGIApp, port: int = 0, *, date_header: bool = True) -> Iterator[str]:
    """Serve `app` on this machine at `port`, or any free one, and yield its URL. Raises `OSError`.

    `date_header`: responses have a Date header.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            date_header=date_header,
            timeout_graceful_shutdown=STOP_SECONDS,  # a client that polls keeps its connection open for ever
        )
    )
    with listen(HOST, port) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="simulation")
        thread.start()
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
