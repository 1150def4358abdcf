"""The transactional producer of one partition number: it writes a step whole, or nothing of it."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from typing import Any, Final

import aiokafka
from aiokafka.errors import IllegalOperation
from aiokafka.structs import TopicPartition

from streams.engine.checkpoints import reach_checkpoint
from streams.engine.job import Header, KeyValue

MAX_BATCH_BYTES: Final = 900_000  # below the broker's default limit of 1 MB for a batch
_NO_HEADERS: Final[list[Header]] = []  # the C builder takes a list only


class StepProducer:
    """Writes one step after the other: `begin`, `send` as often as needed, `commit`.

    Only who last called `start` under a transactional id can commit. After an error the outcome of the step is unknown: the
    process must not go on.
    """

    def __init__(
        self, transactional_id: str, *, timeout_seconds: float, compression: str | None, client: Mapping[str, Any]
    ) -> None:
        self._producer = aiokafka.AIOKafkaProducer(
            client_id=transactional_id,
            transactional_id=transactional_id,
            acks="all",
            compression_type=compression,
            max_batch_size=MAX_BATCH_BYTES,
            transaction_timeout_ms=int(timeout_seconds * 1000) + 5000,
            request_timeout_ms=10_000,
            retry_backoff_ms=20,
            **client,
        )
        self._sent: list[tuple[TopicPartition, Any]] = []

    async def start(self) -> None:
        """Fence the owner before (InitProducerId), and finish or abort what that one left open."""
        await self._producer.start()

    async def stop(self) -> None:
        """Let go of the connections."""
        await self._producer.stop()

    async def count_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has."""
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
        """Send records as ready-made batches: one future per batch instead of one per record."""
        batch = self._producer.create_batch()
        append = batch._builder.append
        count = 0
        for (key, value), heads in zip(pairs, headers, strict=False):
            while append(count, timestamp, key, value, heads) is None:  # full: on to the next one
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
        with self._telling_why():
            self._sent.append((tp, await self._producer.send_batch(batch, tp.topic, partition=tp.partition)))

    @contextmanager
    def _telling_why(self) -> Iterator[None]:
        """Raise what ended the transaction, where aiokafka says that there is none."""
        try:
            yield
        except IllegalOperation:
            manager = self._producer._txn_manager
            if manager.is_fatal_error():
                raise manager.wait_for_transaction_end().exception() from None
            raise

    async def commit(self, offsets: Mapping[TopicPartition, int], group: str) -> dict[TopicPartition, int]:
        """Commit what was sent, and the group's `offsets` with it; return where the next record of each partition may stand."""
        # aiokafka would commit although a batch of the transaction failed: every batch first. And the offsets after the
        # records: AddOffsetsToTxn beside a produce makes the broker's check of that produce fail, and costs a back-off.
        done = await asyncio.gather(*(future for _, future in self._sent))
        reach_checkpoint("records_sent")
        with self._telling_why():
            if offsets:
                await self._producer.send_offsets_to_transaction(offsets, group)
            reach_checkpoint("offsets_sent")
            await self._producer.commit_transaction()
        return {tp: result.offset + 1 for (tp, _), result in zip(self._sent, done, strict=True)}
