"""Ordered delivery of events to a broker, confirmed once they are stored safely.

While the broker responds, events go straight to it, up to a limit, and are confirmed when it acknowledges them. If it reports an
error, or does not acknowledge in time, the connection is closed. Unconfirmed events and all later ones then go to the spool, in
order. When the broker is back, the spool is sent first. An event may be sent twice but is never lost, and the first copies are
in order per partition.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from connectors.sdk.broker_connection import BrokerConnection, Producer
from connectors.sdk.metrics import Meter
from connectors.sdk.record import Record, pack, to_record, unpack
from connectors.sdk.spool import Spool, SpoolPosition
from models.events import Event

WINDOW_EVENTS: Final = 20_000
"""Number of unacknowledged events from which the source is not read. kafka-python's own buffer has no limit."""
SPOOL_ROOM_BYTES: Final = 24 << 20
"""Free space in the spool below which, without a broker, the source is not read.

One read and all unacknowledged events must fit."""
CHUNK_EVENTS: Final = 1_000
"""Most events sent from the spool at a time."""
PATIENCE_SECONDS: Final = 10.0
"""Longest wait for an acknowledgement; the broker then counts as unreachable."""
CONNECT_SECONDS: Final = 1.0
"""Longest wait of the constructor for a connection; without one, events first go to the spool."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Delivery:
    records: Sequence[Record]
    on_confirmed: Callable[[], None]
    from_spool: bool
    sent_at: float
    futures: Sequence[Any] = ()
    acknowledged: int = 0
    """Number of acknowledged `futures`, from the first on."""


class SpooledPublisher:
    """A `Publisher` for one thread, with the producers that `open_producer` makes.

    `open_producer` and the producers' methods may raise `failures`. After `PATIENCE_SECONDS` without an acknowledgement the
    broker counts as unreachable. Events before `reread_until_ms` are marked as read again (`connectors.sdk.reread`).
    """

    def __init__(
        self,
        spool: Spool,
        meter: Meter,
        open_producer: Callable[[], Producer],
        *,
        failures: tuple[type[Exception], ...] = (OSError,),
        reread_until_ms: int = 0,
    ) -> None:
        self._spool = spool
        self._reread_until_ms = reread_until_ms
        self._meter = meter
        self._expected = failures
        self._deliveries: deque[_Delivery] = deque()
        self._in_flight = 0
        self._connection = BrokerConnection(open_producer, failures)
        self._connection.connect(CONNECT_SECONDS)
        self._update_metrics()

    @property
    def ready(self) -> bool:
        """True if there is room for events: in the spool without a broker, or in flight with one and an empty spool."""
        if self._connection.producer is None:
            return self._spool.room >= SPOOL_ROOM_BYTES
        return self._spool.empty and self._in_flight < WINDOW_EVENTS

    @property
    def trouble(self) -> str:
        """Reason why Kafka refuses events; empty if it does not, also while no broker responds."""
        return self._connection.refusal

    @property
    def pending(self) -> bool:
        """True if deliveries wait for an acknowledgement."""
        return bool(self._deliveries)

    def publish(self, events: Sequence[Event], on_confirmed: Callable[[], None]) -> None:
        """Send `events`; without a broker, or behind spooled events, spool them and call `on_confirmed` immediately.

        Raises `SpoolFullError` if they must be spooled and do not all fit.
        """
        records = [to_record(event, self._reread_until_ms) for event in events]
        if self._connection.producer is not None and self._spool.empty:
            self._send(_Delivery(records, on_confirmed, from_spool=False, sent_at=time.monotonic()))
        else:
            self._to_spool(records)
            on_confirmed()

    def poll(self, wait_seconds: float) -> None:
        """Confirm acknowledged events, waiting up to `wait_seconds`; reconnect if necessary; send events from the spool.

        After an error, or `PATIENCE_SECONDS` without an acknowledgement, close the connection and spool the unconfirmed events.
        Raises `SpoolFullError` if they do not fit.
        """
        self._confirm(wait_seconds)
        if self._connection.producer is None:
            self._connection.connect(0.0 if self.ready else wait_seconds)
        elif self._deliveries and time.monotonic() - self._deliveries[0].sent_at > PATIENCE_SECONDS:
            self._leave_broker("no acknowledgement")
        self._send_spooled()

    def close(self) -> None:
        """Close the connection and the spool's files; unacknowledged events stay unconfirmed."""
        self._deliveries.clear()
        self._connection.close()
        self._spool.close()

    def _send(self, delivery: _Delivery) -> None:
        self._deliveries.append(delivery)
        self._in_flight += len(delivery.records)
        assert self._connection.producer is not None
        try:
            delivery.futures = self._connection.producer.send_all(delivery.records)
        except self._expected as error:
            self._leave_broker(type(error).__name__)

    def _confirm(self, wait_seconds: float) -> None:
        while self._deliveries and self._is_acknowledged(self._deliveries[0], wait_seconds):
            wait_seconds = 0.0
            delivery = self._deliveries.popleft()
            if delivery.records:
                self._in_flight -= len(delivery.records)
                self._connection.works()
                newest_ms = max(record.happened_ms for record in delivery.records)
                self._meter.count_published(len(delivery.records), newest_ms / 1000)
            delivery.on_confirmed()

    def _is_acknowledged(self, delivery: _Delivery, wait_seconds: float) -> bool:
        while delivery.acknowledged < len(delivery.futures):
            future = delivery.futures[delivery.acknowledged]
            if not future.is_done and wait_seconds > 0:
                with contextlib.suppress(*self._expected):
                    future.get(wait_seconds)
                wait_seconds = 0.0
            if future.failed():
                self._leave_broker(type(future.exception).__name__)
                return False
            if not future.is_done:
                return False
            delivery.acknowledged += 1
        return True

    def _send_spooled(self) -> None:
        while self._connection.producer is not None and self._in_flight < WINDOW_EVENTS:
            payloads, position = self._spool.read(CHUNK_EVENTS)
            if not payloads:
                return
            records = [unpack(payload) for payload in payloads]
            self._send(_Delivery(records, partial(self._drop, position), from_spool=True, sent_at=time.monotonic()))

    def _leave_broker(self, reason: str) -> None:
        """Close the connection, and rewind the spool so that its unacknowledged events are sent again.

        Append the other unacknowledged events to the spool, before any later event, and call their `on_confirmed`. Raises
        `SpoolFullError` if they do not fit; deliveries that are not stored are never confirmed.
        """
        deliveries, self._deliveries, self._in_flight = self._deliveries, deque(), 0
        log.warning("broker_left", reason=reason, unconfirmed=sum(len(delivery.records) for delivery in deliveries))
        self._meter.outages.inc()
        self._connection.abandon()
        self._spool.rewind()
        for delivery in deliveries:
            if not delivery.from_spool:
                self._to_spool(delivery.records)
                delivery.on_confirmed()

    def _to_spool(self, records: Sequence[Record]) -> None:
        if records:
            self._spool.append([pack(record) for record in records])
            self._update_metrics()

    def _drop(self, position: SpoolPosition) -> None:
        self._spool.drop(position)
        self._update_metrics()
        if self._spool.empty:
            log.info("spool_drained")

    def _update_metrics(self) -> None:
        self._meter.spool_bytes.set(self._spool.size)
        self._meter.spool_records.set(self._spool.records)
