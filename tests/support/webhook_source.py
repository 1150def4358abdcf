"""A webhook source that listens, for tests of the connector `webhook`."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import connectors.webhook as webhook
from connectors.sdk.config import parse
from connectors.sdk.contract import Context
from connectors.sdk.cursor import Cursor
from connectors.sdk.keys import Keys
from connectors.webhook.source import WebhookSource
from tests.support.processes import wait_until
from tests.support.webhooks import MIN_DELAY_SECONDS, OPTIONS, message, post, sign

PERSONAL = ("0639985511", "06 39 98 55 12", "Mireille Exemple", "mireille@example.org", "jean.modele", "D-7788-99")


class RunningSource:
    """A listening source with a thread that reads it, and acknowledges the messages unless `acknowledges` is false."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.source = open_source(directory, **options)
        self.port = self.source.listen()
        self.bodies_read: list[bytes] = []
        self.acknowledges = True
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._run)
        self._reader.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.bodies_read += [raw.body for raw in self.source.read(0.01)]
            if self.acknowledges:
                self.source.acknowledge(self.source.position())

    def stop_reading(self) -> None:
        self._stop.set()
        self._reader.join()

    def close(self) -> None:
        self.stop_reading()
        self.source.close()

    def post(self, name: str, body: bytes, **signing: Any) -> int:
        """Post a signed message, and return the status of the response."""
        return post(self.port, body, sign(name, body, **signing))[0]

    def post_in_thread(self, pool: ThreadPoolExecutor, name: str, body: bytes) -> Future[int]:
        """Post a message in a thread, and wait until it is read."""
        before = len(self.bodies_read)
        status = pool.submit(self.post, name, body)
        wait_until(lambda: len(self.bodies_read) > before, "the message")
        return status


def open_source(directory: Path, *, kind: type[WebhookSource] = WebhookSource, **options: Any) -> WebhookSource:
    context = Context("webhook/essai", directory, Cursor(directory), Keys(directory / "keys", directory).pseudonym_key)
    source = kind(parse(webhook.WebhookConfig, "essai", OPTIONS | options), context)  # type: ignore[arg-type]
    source.intake.stall_seconds = MIN_DELAY_SECONDS
    return source


BODY = message("ticket.taken", 1)
