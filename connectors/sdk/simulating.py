"""What simulations of source systems have in common: options of their commands, a server, and when they end."""

import math
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click
import uvicorn
from starlette.types import ASGIApp

from connectors.sdk.webhook.sender import NotTakenError
from connectors.sdk.words import say

HOST: Final = "127.0.0.1"
RETRY_SECONDS: Final = 1.0
PROGRESS_SECONDS: Final = 10.0
"""How often is said how far it is."""
F = TypeVar("F", bound=Callable[..., Any])


def port_option(default: int, *about: str) -> Callable[[F], F]:
    """Return `--port`. `about` is its text in English and in French, if not the usual one."""
    usual = "Where to listen, on this machine only.", "Où écouter, sur cette machine seulement."
    return click.option(
        "--port", type=click.IntRange(0, 65_535), default=default, show_default=True, help=say(*(about or usual))
    )


def seed_option(english: str, french: str) -> Callable[[F], F]:
    """Return `--seed`."""
    return click.option("--seed", type=int, default=1, show_default=True, help=say(english, french))


def days_option(english: str, french: str) -> Callable[[F], F]:
    """Return `--days`: how much of the past there is."""
    return click.option("--days", type=click.IntRange(0, 365), default=14, show_default=True, help=say(english, french))


def rate_option(english: str, french: str, *, default: float = 6, most: float = 500) -> Callable[[F], F]:
    """Return `--rate`: how many an hour."""
    return click.option(
        "--rate",
        type=click.FloatRange(min=0, max=most, min_open=True),
        default=default,
        show_default=True,
        help=say(english, french),
    )


def await_stop() -> threading.Event:
    """Return what is set once this process is to stop, by Ctrl-C or its supervisor."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def serving(app: ASGIApp, port: int = 0, *, date_header: bool = True) -> Iterator[str]:
    """Serve `app` on this machine until the end of the block, at an address that is yielded; at any free port if it is 0.

    Without `date_header`, the app says what time it is. Raises OSError if the port cannot be had.
    """
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, date_header=date_header))
    with socket.create_server((HOST, port)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="simulation")
        thread.start()
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def clear_port_errors(port: int) -> Iterator[None]:
    """Let a command end with one line if it cannot have its port."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{HOST}:{port}: {error.strerror}") from None


class Posting:
    """Sends until `stop` is set, and says in between how far it is; `posting` makes one."""

    def __init__(self, stop: threading.Event) -> None:
        self.taken = 0
        """How many messages were taken."""
        self._stop = stop
        self._told_at = -math.inf
        self._trouble = ""

    def insist(self, send: Callable[..., None], *what: Any) -> None:
        """Call `send(*what)` until it raises no `NotTakenError`, or it is to stop. Why a message is not taken is said once."""
        while not self._stop.is_set():
            try:
                send(*what)
            except NotTakenError as error:
                if self._trouble != str(error):
                    self._trouble = str(error)
                    click.echo(f"accueil: {self._trouble}", err=True)
                self._stop.wait(RETRY_SECONDS)
            else:
                self.taken += 1
                self._tell()
                return

    def _tell(self) -> None:
        now = time.monotonic()
        if self._trouble or now - self._told_at >= PROGRESS_SECONDS:
            self._trouble, self._told_at = "", now
            click.echo(say(f"messages taken: {self.taken}", f"messages pris : {self.taken}"))


@contextmanager
def posting(url: str, stop: threading.Event) -> Iterator[Posting]:
    """Say what is being done, and what it came to when the block ends."""
    click.echo(say(f"posting to {url} until stopped (Ctrl-C)", f"envoie à {url} jusqu'à l'arrêt (Ctrl-C)"))
    posting_ = Posting(stop)
    yield posting_
    taken = posting_.taken
    click.echo(say(f"stopped, messages taken: {taken}", f"arrêté, messages pris : {taken}"))
