"""Sending messages until they are taken, and saying in between how far it is."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from connectors.sdk.i18n import say
from connectors.sdk.webhook.sender import NotAcceptedError

RETRY_SECONDS: Final = 1.0
PROGRESS_SECONDS: Final = 10.0
"""How often is said how far it is."""


class MessagePoster:
    """Sends until `stop` is set, and says in between how far it is; `posting` makes one."""

    def __init__(self, stop: threading.Event) -> None:
        self.taken = 0
        """How many messages were taken."""
        self._stop = stop
        self._told_at = -math.inf
        self._trouble = ""

    def post_until_accepted(self, send: Callable[..., None], *what: Any) -> None:
        """Call `send(*what)` until it raises no `NotTakenError`, or it is to stop. Why a message is not taken is said once."""
        while not self._stop.is_set():
            try:
                send(*what)
            except NotAcceptedError as error:
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
def posting(url: str, stop: threading.Event) -> Iterator[MessagePoster]:
    """Say what is being done, and what it came to when the block ends."""
    click.echo(say(f"posting to {url} until stopped (Ctrl-C)", f"envoie à {url} jusqu'à l'arrêt (Ctrl-C)"))
    posting_ = MessagePoster(stop)
    yield posting_
    taken = posting_.taken
    click.echo(say(f"stopped, messages taken: {taken}", f"arrêté, messages pris : {taken}"))
