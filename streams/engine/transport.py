"""A transport driver of Faust that delivers batches, and leaves offsets, seeks and state to the engine.

Faust keeps group membership, the fetch loop, flow control and the agents. What it would do on its own account (commit, seek to
what was committed, drop what looks old) is switched off for the engine's topics. Registered under Faust's entry-point group
`faust.transports` as `engine`; the private methods overridden here are pinned by a test on their source.
"""

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aiokafka.errors import NoOffsetForPartitionError
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import ConsumerMessage
from mode.utils.futures import notify

from streams.engine.assignor import CoPartitionedAssignor
from streams.engine.batch import FETCH_WAIT_MS, Batch

if TYPE_CHECKING:
    from streams.engine.engine import Engine

BUSY_POLL_SECONDS = 0.02


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread with the aiokafka consumer in it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.engine: Engine = self.app.engine
        self.cursors: dict[TopicPartition, int] = {}
        """Offset after what was handed out last, or after the last seek."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # Faust: only in its own exactly_once mode
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._partition_assignment_strategy = (CoPartitionedAssignor,)
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> dict[TopicPartition, list[Batch]]:
        try:
            fetched = await super()._fetch_records(
                consumer, active_partitions, timeout=timeout, max_records=max_records
            )
        except NoOffsetForPartitionError:
            return {}  # it began before a rebalance, and the lanes have not sought yet where to go on in what was never read
        batches = {}
        for topic, partition in active_partitions:
            tp = TopicPartition(topic, partition)  # Faust has a type of its own
            position = self._position(consumer, tp)  # no await since the records were taken: it is right after them
            start = self.cursors.get(tp)
            records = fetched.get(tp, [])
            if position is None or (not records and (start is None or position <= start)):
                continue
            if records and start is not None and records[0].offset < start:
                start = None
            batches[tp] = [Batch(tp, records, start, position)]
            self.cursors[tp] = position
        return batches

    @staticmethod
    def _position(consumer: Any, tp: TopicPartition) -> int | None:
        """Return the offset of the next fetch of a partition, None if it is no longer ours or has none yet."""
        try:
            state = consumer._subscription.subscription.assignment.state_value(tp)
        except (KeyError, AttributeError):
            return None
        return None if state is None else state._position

    async def seek_to_committed(self) -> dict[TopicPartition, int]:
        """Do nothing: Faust calls this after every rebalance, and would undo the seeks of the lanes."""
        return {}

    async def seek_partition(self, offsets: dict[TopicPartition, int]) -> None:
        """Set where the next fetches of these partitions begin."""
        consumer = self._ensure_consumer()
        for tp, offset in offsets.items():
            consumer.seek(tp, offset)
            self.cursors[tp] = offset

    async def read_committed_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the group's committed offsets, asked of the broker now."""
        consumer = self._ensure_consumer()
        return {tp: await consumer.committed(tp) for tp in tps}

    async def check_group(self) -> None:
        """Raise what the group coordinator could not get over, or that it or the fetcher is no more.

        aiokafka keeps that until asked, and Faust never asks; and a task that was cancelled keeps nothing.
        """
        consumer = self._consumer
        if consumer is None or consumer._closed is not False or consumer._coordinator is None:
            return  # not yet, or no more
        if consumer._coordinator._coordination_task.cancelled() or consumer._fetcher._fetch_task.done():
            raise RuntimeError("aiokafka's consumer has ended by itself")
        consumer._coordinator.check_errors()

    def stable_end(self, tp: TopicPartition) -> int | None:
        """Return the last stable offset that a fetch has told, None before the first one. Callable from any thread."""
        consumer = self._consumer
        try:
            state = consumer._subscription.subscription.assignment.state_value(tp)
        except (KeyError, AttributeError):
            return None
        return None if state is None else state.lso


class _NeverOld(defaultdict[Any, int | None]):
    """Faust silently drops a message whose offset is below the last one it read: so it never remembers one."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __setitem__(self, tp: Any, offset: int | None) -> None:
        pass


class Consumer(driver.Consumer):
    """Faust's consumer with the data path taken out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine: Engine = self.app.engine
        self.engine.consumer = self
        self._read_offset = _NeverOld()
        self._watch: asyncio.Task[None] | None = None

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_partition(self, offsets: dict[TopicPartition, int]) -> None:
        """Set where the next fetches of these partitions begin."""
        await self._thread.call_thread(self._thread.seek_partition, offsets)

    async def read_committed_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the group's committed offsets, asked of the broker now."""
        offsets: dict[TopicPartition, int | None] = await self._thread.call_thread(
            self._thread.read_committed_offsets, tps
        )
        return offsets

    @property
    def loops(self) -> tuple[asyncio.AbstractEventLoop, asyncio.AbstractEventLoop]:
        """The loop of the lanes, and that of aiokafka's consumer."""
        return self.loop, self._thread.thread_loop

    async def check_group(self) -> None:
        """Raise what the group coordinator could not get over."""
        await self._thread.call_thread(self._thread.check_group)

    @property
    def cursors(self) -> dict[TopicPartition, int]:
        """Offset after what was handed out last, or after the last seek."""
        cursors: dict[TopicPartition, int] = self._thread.cursors
        return cursors

    def stable_end(self, tp: TopicPartition) -> int | None:
        """Return the last stable offset that a fetch has told, None before the first one."""
        end: int | None = self._thread.stable_end(tp)
        return end

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[TopicPartition, list[Batch]]:  # noqa: ASYNC109
        self.engine.record_fetch()
        wanted = {tp for tp in active_partitions if self.engine.has_room_for(tp)}
        if not wanted:  # an EMPTY set would mean "all partitions" to aiokafka
            await self.engine.wait_for_room()
            return {}
        all_wanted = len(wanted) == len(active_partitions)
        batches = await super()._getmany(wanted, timeout if all_wanted else BUSY_POLL_SECONDS)
        self.engine.expect_batches(batch for [batch] in batches.values())
        return batches

    def _to_message(self, tp: Any, record: Batch) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic, tp.partition, record.next - 1, 0.0, 0, (), None, record, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def ack(self, message: ConsumerMessage) -> bool:
        """Forget the message. `_acked` stays empty, so Faust never has anything to commit."""
        if not message.acked:
            message.acked = True
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)
        return True

    async def _commit_offsets(self, offsets: Any, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002
        return False

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Finish the steps in hand and stop all lanes: the protocol is eager, everything is revoked every time."""
        await self.engine.close_partition_tasks()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:
        """Start the lanes in the background.

        aiokafka sends no heartbeat while this runs, so it returns at once; `Engine.wants` keeps the partitions shut until
        their lanes have recovered.
        """
        await super().on_partitions_assigned(assigned, generation_id)
        if self.should_stop or self.app.should_stop:
            return  # stopped while joining: a lane opened now would fence the next owner, and then fail
        self.engine.open_partition_tasks(assigned)

    async def on_start(self) -> None:
        """Begin to watch: not as a task of the app, which would wait for a first assignment that may never come."""
        await super().on_start()
        self._watch = self.engine.spawn(self.engine.watch())

    async def on_stop(self) -> None:
        """Finish the steps in hand before the consumer goes."""
        if self._watch is not None:
            self._watch.cancel()
        await self.engine.close_partition_tasks()
        await super().on_stop()


class Transport(driver.Transport):
    """What Faust loads for a broker URL `engine://host:port`."""

    Consumer = Consumer
