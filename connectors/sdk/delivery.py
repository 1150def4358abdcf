"""Deliver events to a broker, in order, and confirm them only once they are safe.

While the broker answers, events go straight to it, a bounded number at a time, and are confirmed when it has acknowledged them.
When it does not acknowledge in time, or reports an error, the connection is given up, and what was not confirmed goes to
the spool, in order; so does all that comes after. When it is back, the spool is sent first. An event may so be sent twice, never
lost, and the first copies are in order per partition.
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
"""How many events may be on their way: kafka-python's own buffer has no bound."""
SPOOL_ROOM_BYTES: Final = 24 << 20
"""With less room in the spool, the source is not read: what one reading gives, and what is on its way, must fit."""
CHUNK_EVENTS: Final = 1_000
CONNECT_SECONDS: Final = 1.0
"""How long the first connection is waited for before events go to the spool."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Delivery:
    records: Sequence[Record]
    on_confirmed: Callable[[], None]
    from_spool: bool
    sent_at: float
    futures: Sequence[Any] = ()
    acknowledged: int = 0
    """How many of them from the first on."""


class SpooledPublisher:
    """A `Publisher` for one thread, to the broker of the producers that `open_producer` makes.

    That, and what a producer does, may raise `failures`. After `patience_seconds` without an acknowledgement the broker counts as
    away. Events of before `reread_until_ms` are marked as read a second time (`connectors.sdk.reread`).
    """

    def __init__(
        self,
        spool: Spool,
        meter: Meter,
        open_producer: Callable[[], Producer],
        *,
        failures: tuple[type[Exception], ...] = (OSError,),
        patience_seconds: float = 10.0,
        reread_until_ms: int = 0,
    ) -> None:
        self._spool = spool
        self._reread_until_ms = reread_until_ms
        self._meter = meter
        self._patience = patience_seconds
        self._expected = failures
        self._deliveries: deque[_Delivery] = deque()
        self._on_their_way = 0
        self._link = BrokerConnection(open_producer, failures)
        self._link.connect(CONNECT_SECONDS)
        self._show_spool()

    @property
    def ready(self) -> bool:
        """Whether there is room: on the way to the broker, or on disk while it is away."""
        if self._link.producer is None:
            return self._spool.room >= SPOOL_ROOM_BYTES
        return self._spool.empty and self._on_their_way < WINDOW_EVENTS

    @property
    def trouble(self) -> str:
        """Why Kafka refuses what is sent, in words; empty if it does not, also while no broker answers."""
        return self._link.refusal

    @property
    def pending(self) -> bool:
        """Whether something is on its way."""
        return bool(self._deliveries)

    def publish(self, events: Sequence[Event], on_confirmed: Callable[[], None]) -> None:
        """Send `events`, or spool them. Raises `SpoolFullError` if they must be spooled and there is no room for all."""
        records = [to_record(event, self._reread_until_ms) for event in events]
        if self._link.producer is not None and self._spool.empty:
            self._send(_Delivery(records, on_confirmed, from_spool=False, sent_at=time.monotonic()))
        else:
            self._to_spool(records)
            on_confirmed()

    def poll(self, wait_seconds: float) -> None:
        """Confirm what was acknowledged, waiting for it if asked to; (re)connect; send what is in the spool."""
        self._settle(wait_seconds)
        if self._link.producer is None:
            self._link.connect(0.0 if self.ready else wait_seconds)
        elif self._deliveries and time.monotonic() - self._deliveries[0].sent_at > self._patience:
            self._leave_broker("no acknowledgement")
        self._drain()

    def close(self) -> None:
        """Let go of the broker and the spool's files."""
        self._deliveries.clear()
        self._link.close()
        self._spool.close()

    def _send(self, delivery: _Delivery) -> None:
        self._deliveries.append(delivery)
        self._on_their_way += len(delivery.records)
        assert self._link.producer is not None
        try:
            delivery.futures = self._link.producer.send_all(delivery.records)
        except self._expected as error:
            self._leave_broker(type(error).__name__)

    def _settle(self, wait_seconds: float) -> None:
        while self._deliveries and self._is_acknowledged(self._deliveries[0], wait_seconds):
            wait_seconds = 0.0
            delivery = self._deliveries.popleft()
            if delivery.records:
                self._on_their_way -= len(delivery.records)
                self._link.works()
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

    def _drain(self) -> None:
        while self._link.producer is not None and self._on_their_way < WINDOW_EVENTS:
            payloads, mark = self._spool.read(CHUNK_EVENTS)
            if not payloads:
                return
            records = [unpack(payload) for payload in payloads]
            self._send(_Delivery(records, partial(self._drop, mark), from_spool=True, sent_at=time.monotonic()))

    def _leave_broker(self, reason: str) -> None:
        """Give the connection up, so that nothing overtakes what was not confirmed, and put that into the spool."""
        deliveries, self._deliveries, self._on_their_way = self._deliveries, deque(), 0
        log.warning("broker_left", reason=reason, unconfirmed=sum(len(delivery.records) for delivery in deliveries))
        self._meter.outages.inc()
        self._link.abandon()
        self._spool.rewind()
        for delivery in deliveries:
            if not delivery.from_spool:
                self._to_spool(delivery.records)
                delivery.on_confirmed()

    def _to_spool(self, records: Sequence[Record]) -> None:
        if records:
            self._spool.append([pack(record) for record in records])
            self._show_spool()

    def _drop(self, mark: SpoolPosition) -> None:
        self._spool.drop(mark)
        self._show_spool()
        if self._spool.empty:
            log.info("spool_drained")

    def _show_spool(self) -> None:
        self._meter.spool_bytes.set(self._spool.size)
        self._meter.spool_records.set(self._spool.records)
