"""Read committed SLA events from the position in the store.

There is no consumer group: positions are stored with the results, in the same transaction.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from threading import Event
from typing import Any, Final

import structlog
from pydantic import ValidationError

from models.sla import AnySlaEvent, decode_sla
from streams.kafka.topic_reader import Phase, Record, TopicReader
from streams.notify.store import DAY_MS, Store

MAX_POLL_RECORDS: Final = 5_000
FORGET_SECONDS: Final = 3600.0

log = structlog.get_logger(__name__)


class State(StrEnum):
    """State of reading, as shown by /readyz; the names are those of `Phase`."""

    NO_BROKER = "no_broker"
    REFUSED = "refused"
    NO_TOPIC = "sla_no_topic"
    LOADING = "sla_loading"
    FOLLOWING = "sla_following"


class Reader:
    """Keep `store` up to date with the topic, and call `changed` when notifications may be due. For one thread."""

    def __init__(
        self,
        store: Store,
        brokers: str,
        client: Mapping[str, Any],
        *,
        changed: Callable[[], None],
        keep_ended_days: int,
        topic: str,
    ) -> None:
        self.state = State.NO_BROKER
        self.records = 0
        self.unreadable = 0
        self.moved_at = time.monotonic()
        """Monotonic time of the last progress, including attempts to reach the broker."""
        self._store = store
        self._changed = changed
        self._keep_ms = keep_ended_days * DAY_MS
        self._topic = topic
        self._forget_at = 0.0
        self._following: dict[int, int] = {}
        client = {"client_id": "accueil-notify", **client}
        self._reader = TopicReader(topic, self, brokers, client, max_poll_records=MAX_POLL_RECORDS)

    def run(self, stopping: Event) -> None:
        """Read until `stopping` is set, also through broker restarts. Raises `ConnectorError` if the store cannot be written."""
        self._reader.run(stopping)

    def begin(self, topic_id: str, beginnings: Mapping[int, int]) -> Mapping[int, int]:
        """Return partition → offset at which reading continues: the stored one, else the beginning.

        A new `topic_id` discards the stored offsets.
        """
        next_offsets = {**beginnings, **self._store.topic(topic_id)}
        for partition, beginning in beginnings.items():
            if next_offsets[partition] < beginning:
                count = beginning - next_offsets[partition]
                log.warning("records_expired", topic=self._topic, partition=partition, count=count)
        self._following = next_offsets
        return next_offsets

    def take(self, records: Mapping[int, Sequence[Record]], next_offsets: Mapping[int, int]) -> None:
        """Store the results and next offsets of records in one transaction; call `changed` if an incident changed.

        Records before the expected offset start a reread. Also release incidents that were held back long enough, and every hour
        delete old data.
        """
        self.moved_at, now = time.monotonic(), round(time.time() * 1000)
        if records:
            if any(batch[0].offset < self._following[partition] for partition, batch in records.items()):
                self._store.reread()  # the broker lost the end of the topic, so reading starts again
            self._following |= next_offsets
            events = [event for partition, batch in records.items() for event in self._decode(partition, batch)]
            if self._store.take(events, next_offsets, now):
                self._changed()
        if self._store.release(now):
            self._changed()
        if self.moved_at >= self._forget_at:
            self._store.forget(now - self._keep_ms)
            self._forget_at = self.moved_at + FORGET_SECONDS

    def set_state(self, phase: Phase, detail: str) -> None:
        """Record the state of reading, and log a change. The end of the topic ends a reread; the first end starts sending."""
        self.moved_at = time.monotonic()
        if phase is Phase.FOLLOWING and self._store.is_rereading:
            self._store.catch_up()
        if phase is Phase.FOLLOWING and not self._store.is_sending:
            self._store.start_sending(round(time.time() * 1000))
            self._changed()
        if (state := State[phase.name]) is not self.state:
            self.state = state
            if phase is Phase.REFUSED:
                log.warning("kafka_refuses", error=detail)
            else:
                log.info(state.value, topic=self._topic)

    def _decode(self, partition: int, records: Sequence[Record]) -> Iterator[AnySlaEvent]:
        for record in records:
            self.records += 1
            try:
                yield decode_sla(record.value or b"")
            except ValidationError:
                self.unreadable += 1
                log.warning("sla_unreadable", topic=self._topic, partition=partition, offset=record.offset)
