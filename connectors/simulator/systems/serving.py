"""A server of a simulated system, in a thread of its own."""

import socket
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from connectors.simulator.stage import LOCAL


class Serving:
    """It answers from the moment it is made, on this machine only, until it is closed. Raises `OSError` for a port in use."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        listener = socket.create_server((LOCAL, port))
        self._thread = Thread(target=self._server.run, args=([listener],), name=f"serving-{port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.should_exit = True
        self._thread.join()
