"""Transactional producer of one partition number: it writes all records of a step, or none."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from typing import Any, Final

import aiokafka
from aiokafka.errors import IllegalOperation
from aiokafka.structs import TopicPartition

from streams.engine.checkpoints import reach_checkpoint
from streams.engine.job import KeyValue
from streams.kafka.record import Header

COMPRESSION: Final = "zstd"
"""Compression of written batches. aiokafka's lz4 uses the slowest level and takes five times as long."""
TRANSACTION_TIMEOUT_SECONDS: Final = 60.0
MAX_BATCH_BYTES: Final = 900_000
"""Maximum size of a batch in bytes, below the broker's default limit of 1 MB."""
_NO_HEADERS: Final[list[Header]] = []  # a list, not a tuple: aiokafka's C builder accepts nothing else


class StepProducer:
    """Write steps one after the other: `begin`, any number of `send`, `commit`.

    Only the producer that called `start` last for a transactional id can commit. After an error the outcome of the step is
    unknown, and the process must exit.
    """

    def __init__(self, transactional_id: str, client: Mapping[str, Any]) -> None:
        self._producer = aiokafka.AIOKafkaProducer(
            client_id=transactional_id,
            transactional_id=transactional_id,
            acks="all",
            compression_type=COMPRESSION,
            max_batch_size=MAX_BATCH_BYTES,
            transaction_timeout_ms=int(TRANSACTION_TIMEOUT_SECONDS * 1000) + 5000,
            request_timeout_ms=10_000,
            retry_backoff_ms=20,
            **client,
        )
        self._sent: list[tuple[TopicPartition, Any]] = []

    async def start(self) -> None:
        """Fence the previous owner (InitProducerId), and complete or abort its open transaction."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._producer.stop()

    async def count_partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return len(await self._producer.partitions_for(topic))

    async def begin(self) -> None:
        """Begin a transaction."""
        await self._producer.begin_transaction()
        self._sent.clear()

    async def send(
        self,
        tp: TopicPartition,
        pairs: Iterable[KeyValue],
        timestamp: int,
        headers: Iterable[list[Header]] = repeat(_NO_HEADERS),
    ) -> None:
        """Send records to `tp`, all with `timestamp` (milliseconds since 1970); `commit` waits for their acknowledgement.

        The records are in prepared batches, which need one future per batch instead of one per record.
        """
        batch = self._producer.create_batch()
        append = batch._builder.append
        count = 0
        for (key, value), own_headers in zip(pairs, headers, strict=False):
            while append(count, timestamp, key, value, own_headers) is None:  # the batch is full
                await self._send_batch(tp, batch, count)
                batch = self._producer.create_batch()
                append = batch._builder.append
                count = 0
            count += 1
        if count:
            await self._send_batch(tp, batch, count)

    async def _send_batch(self, tp: TopicPartition, batch: Any, count: int) -> None:
        batch._relative_offset = count
        batch.close()
        with self._raising_cause():
            self._sent.append((tp, await self._producer.send_batch(batch, tp.topic, partition=tp.partition)))

    @contextmanager
    def _raising_cause(self) -> Iterator[None]:
        """Raise the error that ended the transaction, where aiokafka only reports that none is open."""
        try:
            yield
        except IllegalOperation:
            manager = self._producer._txn_manager
            if manager.is_fatal_error():
                raise manager.wait_for_transaction_end().exception() from None
            raise

    async def commit(self, offsets: Mapping[TopicPartition, int], group: str) -> dict[TopicPartition, int]:
        """Commit the sent records and the group's `offsets`. Return partition → offset after the last record sent to it."""
        # Wait for every batch first: aiokafka would commit even if a batch of the transaction failed.
        # Send the offsets after the records: AddOffsetsToTxn during a produce request fails the broker's check of that request,
        # which costs a back-off.
        results = await asyncio.gather(*(future for _, future in self._sent))
        reach_checkpoint("records_sent")
        with self._raising_cause():
            if offsets:
                await self._producer.send_offsets_to_transaction(offsets, group)
            reach_checkpoint("offsets_sent")
            await self._producer.commit_transaction()
        return {tp: result.offset + 1 for (tp, _), result in zip(self._sent, results, strict=True)}
