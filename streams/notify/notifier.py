"""The process `accueil notify`: read SLA events and notify all receivers."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

from filelock import FileLock, Timeout
from prometheus_client.core import Metric

from connectors.sdk.errors import ConnectorError, InstanceInUseError
from connectors.sdk.files import make_private_directory
from models.locale import _
from streams.notify import alertmanager
from streams.notify.alertmanager import AlertWriter, Client
from streams.notify.alertmanager_delivery import AlertmanagerDelivery
from streams.notify.delivery_thread import STOP_SECONDS, Delivery, DeliveryThread
from streams.notify.digest_delivery import MessageDelivery, MessageTransport, OutgoingMessage
from streams.notify.incidents import IncidentKind, Unsent
from streams.notify.mail import MailTransport
from streams.notify.metrics import NotifyMetrics
from streams.notify.options import NotifyOptions, Severity
from streams.notify.reader import Reader, State
from streams.notify.store import Receivers, Store
from streams.notify.webhook import WebhookTransport

STUCK_SECONDS: Final = 60.0
HOUR_MS: Final = 3_600_000


def transports(options: NotifyOptions) -> Iterator[tuple[str, MessageTransport]]:
    """Yield the name and a new transport of each receiver of messages. The caller closes the transports."""
    for name, webhook in options.settings.webhooks.items():
        yield f"webhooks.{name}", WebhookTransport(webhook, options)
    for table, mail in options.settings.mails.items():
        for name, recipient in mail.mailboxes(f"mails.{table}").items():
            yield name, MailTransport(mail, recipient, options)


def receivers(options: NotifyOptions) -> Receivers:
    """Return the names of all receivers, and the kinds of incidents that each receiver of messages gets."""
    settings = options.settings
    queued = {f"webhooks.{name}": _kinds(webhook.severities) for name, webhook in settings.webhooks.items()}
    mailboxes = {
        name: _kinds(mail.severities)
        for table, mail in settings.mails.items()
        for name in mail.mailboxes(f"mails.{table}")
    }
    names = tuple(f"alertmanagers.{name}" for name in settings.alertmanagers)
    return Receivers(names, queued | mailboxes, mailboxes.keys())


def send_test_messages(options: NotifyOptions) -> Iterator[tuple[str, str]]:
    """Send a test to each receiver, one per iteration; yield its name and the error, for people (empty if none)."""
    now = round(time.time() * 1000)
    for name, receiver in options.settings.alertmanagers.items():
        with closing(Client(receiver)) as client:
            yield f"alertmanagers.{name}", _trouble_of(partial(client.post, [alertmanager.make_test_alert(now)]))
    for name, transport in transports(options):
        with closing(transport):
            yield name, _trouble_of(partial(transport.send, OutgoingMessage(f"test-{now}", now, ())))


class Notifier:
    """The notifier process. Other methods than `run` may be called from any thread."""

    def __init__(self, options: NotifyOptions) -> None:
        self._options = options
        self._stopping = Event()
        self._failed = False
        self._threads = [DeliveryThread(delivery, self._open, self._give_up) for delivery in self._deliveries()]
        self._reader: Reader | None = None

    def run(self, stopping: Event) -> bool:
        """Read and notify until `stopping` is set; return False if a delivery thread failed, which also sets `stopping`.

        Raises `InstanceInUseError` if another process uses the directory, and `ConnectorError` if it cannot be written.
        """
        self._stopping = stopping
        make_private_directory(self._options.directory)
        with _locked(self._options.directory), closing(self._open()) as store:
            store.register_receivers()
            self._reader = Reader(
                store,
                self._options.brokers,
                self._options.client,
                changed=self._wake,
                keep_ended_days=self._options.settings.keep_ended_days,
                topic=self._options.topic,
            )
            for thread in self._threads:
                thread.start()
            try:
                self._reader.run(stopping)
            finally:
                self._stop()
        return not self._failed

    def healthy(self) -> tuple[bool, str]:
        """Return whether reading made progress in the last `STUCK_SECONDS`, and a description. True before `run`."""
        reader = self._reader
        return reader is None or time.monotonic() - reader.moved_at < STUCK_SECONDS, "reading"

    def ready(self) -> tuple[bool, str]:
        """Return whether the end of the topic is reached, and a description.

        It has the receivers' errors, if there are any and the end is reached, else the state of reading.
        """
        state = self._reader.state if self._reader else State.NO_BROKER
        if state is not State.FOLLOWING:
            return False, state
        with closing(self._open()) as store:
            refused = store.refused()
        found = [f"{thread.delivery.name}: {thread.trouble}" for thread in self._threads if thread.trouble]
        found += [f"{name}: {number} x {reason}" for name, (number, reason) in refused.items()]
        return True, "; ".join(found) or state

    def collect(self) -> Iterator[Metric]:
        """Yield the Prometheus metrics; none before `run` has begun to read."""
        reader = self._reader
        if reader is None:
            return
        with closing(self._open()) as store:
            opened, waiting, set_aside, unsent = store.count_open(), store.waiting(), store.refused(), store.unsent()
        metrics = NotifyMetrics()
        for kind in IncidentKind:
            metrics.incidents_open.add_metric([kind], opened.get(kind, 0))
            for reason in Unsent:
                metrics.incidents_unsent.add_metric([kind, reason], unsent.get((kind.value, reason.value), 0))
        metrics.following.add_metric([], reader.state is State.FOLLOWING)
        metrics.records.add_metric([], reader.records)
        metrics.unreadable.add_metric([], reader.unreadable)
        for thread in self._threads:
            name = thread.delivery.name
            found = waiting.get(name)
            age_seconds = time.time() - found.oldest_at / 1000 if found and found.oldest_at else 0
            metrics.sent.add_metric([name], thread.delivery.sent)
            metrics.failed.add_metric([name], thread.failures)
            metrics.waiting.add_metric([name], found.number if found else 0)
            metrics.oldest_waiting_seconds.add_metric([name], age_seconds)
            metrics.refused.add_metric([name], set_aside[name].number if name in set_aside else 0)
            metrics.disabled.add_metric([name], thread.disabled)
        yield from metrics.collect()

    def _deliveries(self) -> Iterator[Delivery]:
        writer = AlertWriter(self._options)
        for name, receiver in self._options.settings.alertmanagers.items():
            yield AlertmanagerDelivery(f"alertmanagers.{name}", receiver, writer)
        for name, transport in transports(self._options):
            yield MessageDelivery(name, transport, self._options.settings.digest_above)

    def _open(self) -> Store:
        return Store(
            self._options.directory, receivers(self._options), round(self._options.settings.max_age_hours * HOUR_MS)
        )

    def _wake(self) -> None:
        for thread in self._threads:
            thread.wake()

    def _give_up(self) -> None:
        self._failed = True
        self._stopping.set()

    def _stop(self) -> None:
        for thread in self._threads:
            thread.stop()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))


def _kinds(severities: tuple[Severity, ...]) -> tuple[str, ...]:
    return tuple(kind for kind, severity in alertmanager.LEVELS.items() if severity in severities)


def _trouble_of(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except ConnectorError as error:
        return str(error)
    return ""


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Lock `directory` for this process, or raise `InstanceInUseError`. The lock is released however the process ends."""
    try:
        with FileLock(directory / "lock", timeout=0.5):
            yield
    except Timeout:
        raise InstanceInUseError(_("{directory} is in use by another accueil notify", directory=directory)) from None
