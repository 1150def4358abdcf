"""Client that sends messages until they are accepted, and prints its progress."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from connectors.sdk.webhook.sender import NotAcceptedError
from models.locale import _

RETRY_SECONDS: Final = 1.0
"""Pause before a message is sent again."""
PROGRESS_SECONDS: Final = 10.0
"""Interval of progress messages."""


class MessagePoster:
    """Sends messages until `stop` is set, and prints the progress. Created by `posting`."""

    def __init__(self, stop: threading.Event) -> None:
        self.taken = 0
        """Number of accepted messages."""
        self._stop = stop
        self._reported_at = -math.inf
        self._trouble = ""

    def post_until_accepted(self, send: Callable[..., None], *message: Any) -> None:
        """Call `send(*message)` until it does not raise `NotAcceptedError`, or `stop` is set. Print each new error once."""
        while not self._stop.is_set():
            try:
                send(*message)
            except NotAcceptedError as error:
                if self._trouble != str(error):
                    self._trouble = str(error)
                    click.echo(f"accueil: {self._trouble}", err=True)
                self._stop.wait(RETRY_SECONDS)
            else:
                self.taken += 1
                self._report()
                return

    def _report(self) -> None:
        now = time.monotonic()
        if self._trouble or now - self._reported_at >= PROGRESS_SECONDS:
            self._trouble, self._reported_at = "", now
            click.echo(_("messages accepted: {taken}", taken=self.taken))


@contextmanager
def posting(url: str, stop: threading.Event) -> Iterator[MessagePoster]:
    """Yield a `MessagePoster`; print a message before, and the number of accepted messages after the block."""
    click.echo(_("posting to {url} until stopped (Ctrl-C)", url=url))
    poster = MessagePoster(stop)
    yield poster
    taken = poster.taken
    click.echo(_("stopped, messages accepted: {taken}", taken=taken))
