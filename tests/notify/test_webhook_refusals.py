"""Webhook receivers that refuse messages: temporarily, permanently, or one message only."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.sdk.retry_after import LONGEST_ASKED_SECONDS
from connectors.sdk.webhook.sender import NotAcceptedError
from streams.notify.delivery_thread import DeliveryThread, GoneError
from streams.notify.digest_delivery import AGAIN_MS, MessageDelivery, OutgoingMessage, RefusedError
from streams.notify.options import NotifyOptions, WebhookOptions
from streams.notify.store import Receivers, Store
from streams.notify.webhook import WebhookTransport
from tests.support import notify_process
from tests.support.alertmanager import WebhookReceiver, webhook_receiver
from tests.support.notify_process import NOW, report_breaches
from tests.support.processes import wait_until
from tests.support.sla_events import SlaClockStub
from tests.support.webhooks import SECRET

RECEIVERS = Receivers((), {"desk": ("breached", "at_risk")})
MESSAGE = OutgoingMessage("1", NOW, ())


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as hook:
        yield hook


def open_transport(hook: WebhookReceiver, directory: Path) -> WebhookTransport:
    options = WebhookOptions(url=hook.url, secret=SecretStr(SECRET))
    return WebhookTransport(options, NotifyOptions(brokers="", directory=directory))


@pytest.fixture
def transport(hook: WebhookReceiver, tmp_path: Path) -> Iterator[WebhookTransport]:
    with closing(open_transport(hook, tmp_path)) as transport:
        yield transport


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with notify_process.sending_store(tmp_path, RECEIVERS) as store:
        yield store


def accepted(hook: WebhookReceiver) -> list[tuple[str, str]]:
    """Return the accepted changes with their contacts."""
    return [
        (one["what"], one["contact"].rpartition(":")[2])
        for _, body in hook.taken
        for one in body["data"].get("incidents", [body["data"]])
    ]


def is_about(*numbers: int) -> Any:
    """Return a function that returns whether a body contains any of these contacts."""

    def matches(body: Any) -> bool:
        notices = body["data"].get("incidents", [body["data"]])
        return any(one["contact"].endswith(f":{number}") for one in notices for number in numbers)

    return matches


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, RefusedError) for status in (400, 403, 404, 413, 422)),
        *((status, NotAcceptedError) for status in (401, 408, 425, 429, 500, 503)),
    ],
)
def test_status_decides_between_permanent_and_temporary_refusal(
    hook: WebhookReceiver, transport: WebhookTransport, status: int, error: type[Exception]
) -> None:
    hook.status = status
    with pytest.raises(error, match=str(status)):
        transport.send(MESSAGE)


@pytest.mark.parametrize(
    ("header", "at_least", "at_most"),
    [
        ("120", 120, 120),
        ("a date", 900, 1000),
        ("999999999999", LONGEST_ASKED_SECONDS, LONGEST_ASKED_SECONDS),
        ("bientôt".encode().decode("latin-1"), 0, 0),
        ("-5", 0, 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read(
    hook: WebhookReceiver, transport: WebhookTransport, status: int, header: str, at_least: float, at_most: float
) -> None:
    if header == "a date":
        header = format_datetime(datetime.now(UTC) + timedelta(seconds=1000), usegmt=True)
    hook.status, hook.headers = status, {"Retry-After": header}
    with pytest.raises(NotAcceptedError) as refusal:
        transport.send(MESSAGE)
    assert at_least <= refusal.value.retry_after_seconds <= at_most


@contextmanager
def running_delivery(store: Store, transport: WebhookTransport, directory: Path) -> Iterator[DeliveryThread]:
    failed = threading.Event()
    thread = DeliveryThread(MessageDelivery("desk", transport, 10), lambda: Store(directory, RECEIVERS), failed.set)
    thread.start()
    yield thread
    thread.stop()
    thread.join(60)
    assert not failed.is_set()


def test_requested_pause_is_kept(
    hook: WebhookReceiver, transport: WebhookTransport, store: Store, tmp_path: Path
) -> None:
    hook.status, hook.headers = 429, {"Retry-After": "3"}
    report_breaches(store, 1)
    with running_delivery(store, transport, tmp_path) as thread:
        wait_until(lambda: hook.times, "the first try")
        hook.status = 200
        report_breaches(store, 2)
        thread.wake()
        wait_until(lambda: len(accepted(hook)) == 2, "both messages")
    first, second, *_ = hook.times
    assert second - first >= 3


@pytest.mark.parametrize("unwanted", [(7,), (1, 30), range(1, 31)])
def test_partly_refused_digest_is_split(
    hook: WebhookReceiver, transport: WebhookTransport, store: Store, unwanted: tuple[int, ...]
) -> None:
    hook.unwanted = 400, is_about(*unwanted)
    report_breaches(store, *range(1, 31))
    MessageDelivery("desk", transport, 10).deliver(store, NOW)
    assert accepted(hook) == [("started", str(number)) for number in range(1, 31) if number not in unwanted]
    assert store.refused()["desk"].number == len(unwanted)
    assert store.waiting() == {}


def test_too_long_digest_is_split(hook: WebhookReceiver, transport: WebhookTransport, store: Store) -> None:
    hook.unwanted = 413, lambda body: len(body["data"].get("incidents", ())) > 9
    report_breaches(store, *range(1, 31))
    MessageDelivery("desk", transport, 10).deliver(store, NOW)
    assert accepted(hook) == [("started", str(number)) for number in range(1, 31)]
    assert store.refused() == {}
    ids = [headers["webhook-id"] for headers, _ in hook.taken]
    assert len(set(ids)) == len(ids) < 20


def test_refused_messages_are_repeated_except_beginnings_of_ended_incidents(
    hook: WebhookReceiver, transport: WebhookTransport, store: Store
) -> None:
    delivery = MessageDelivery("desk", transport, 10)
    hook.unwanted = 404, is_about(1, 2)
    report_breaches(store, 1, 2)
    delivery.deliver(store, NOW)
    delivery.deliver(store, NOW + AGAIN_MS)
    assert len(hook.requests) == 2
    hook.unwanted = 404, is_about()
    store.take([SlaClockStub(2).met()], {0: 9}, NOW)
    delivery.deliver(store, NOW + AGAIN_MS + 1)
    assert accepted(hook) == [("ended", "2"), ("started", "1")]
    assert store.refused() == {}


def test_refused_messages_are_repeated_at_start(
    hook: WebhookReceiver, transport: WebhookTransport, store: Store, tmp_path: Path
) -> None:
    hook.unwanted = 403, is_about(1)
    report_breaches(store, 1)
    MessageDelivery("desk", transport, 10).deliver(store, NOW)
    again = Store(tmp_path, RECEIVERS)
    again.register_receivers()
    assert again.waiting()["desk"].oldest_at == NOW
    again.close()


def test_gone_receiver_receives_nothing_until_the_next_start(
    hook: WebhookReceiver, transport: WebhookTransport, store: Store, tmp_path: Path
) -> None:
    hook.status = 410
    with pytest.raises(GoneError, match="410"):
        transport.send(MESSAGE)
    report_breaches(store, 1)
    with running_delivery(store, transport, tmp_path) as thread:
        wait_until(lambda: thread.disabled, "the end of the thread")
        report_breaches(store, 2)
        thread.wake()
        thread.join(60)
        assert "410" in thread.trouble
    assert len(hook.requests) == 2
    assert store.waiting()["desk"].number == 2
    hook.status = 200
    with closing(open_transport(hook, tmp_path)) as reopened:
        MessageDelivery("desk", reopened, 10).deliver(store, NOW)
    assert accepted(hook) == [("started", "1"), ("started", "2")]
