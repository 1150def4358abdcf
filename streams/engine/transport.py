"""Faust transport driver that delivers batches and leaves offsets, seeks and state to the engine.

Faust handles group membership, the fetch loop, flow control and the agents. Its own commits, its seeks to committed offsets and
its filter of old messages are disabled. The driver is registered as `engine` in the entry-point group `faust.transports`. A test
pins the source of the private methods overridden here.
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
"""Fetch timeout while some partitions have no room, so that they are fetched soon after they have room again."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Thread that runs the aiokafka consumer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.engine: Engine = self.app.engine
        self.cursors: dict[TopicPartition, int] = {}
        """Offset after the last delivered batch or of the last seek, by partition."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # Faust sets this only in its own exactly_once mode
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
            return {}  # the fetch began before a rebalance, and the partition tasks have not yet set the start positions
        batches = {}
        for topic, partition in active_partitions:
            tp = TopicPartition(topic, partition)  # Faust uses its own type
            state = self._state(tp)
            position = state and state._position  # without an await since the fetch, so it follows these records
            start = self.cursors.get(tp)
            records = fetched.get(tp, [])
            if position is None or (not records and (start is None or position <= start)):
                continue
            if records and start is not None and records[0].offset < start:
                start = None
            batches[tp] = [Batch(tp, records, start, position)]
            self.cursors[tp] = position
        return batches

    def _state(self, tp: TopicPartition) -> Any:
        """Return aiokafka's state of an assigned partition, else None."""
        try:
            return self._consumer._subscription.subscription.assignment.state_value(tp)
        except (KeyError, AttributeError):
            return None

    async def seek_to_committed(self) -> dict[TopicPartition, int]:
        """Do nothing. Faust calls this after every rebalance, which would undo the seeks of the partition tasks."""
        return {}

    async def seek_partition(self, offsets: dict[TopicPartition, int]) -> None:
        """Set the offsets at which the next fetches of these partitions begin."""
        consumer = self._ensure_consumer()
        for tp, offset in offsets.items():
            consumer.seek(tp, offset)
            self.cursors[tp] = offset

    async def read_committed_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the group's committed offsets, read from the broker; None for a partition without one."""
        consumer = self._ensure_consumer()
        return {tp: await consumer.committed(tp) for tp in tps}

    async def check_group(self) -> None:
        """Raise the fatal error of the group coordinator, or `RuntimeError` if the coordinator or the fetcher has ended.

        aiokafka stores the error for a check that Faust never makes. A cancelled task stores no error. Does nothing before the
        start and after the stop of the consumer.
        """
        consumer = self._consumer
        if consumer is None or consumer._closed is not False or consumer._coordinator is None:
            return  # not started, or already stopped
        if consumer._coordinator._coordination_task.cancelled() or consumer._fetcher._fetch_task.done():
            raise RuntimeError("aiokafka's consumer ended unexpectedly")
        consumer._coordinator.check_errors()

    def stable_end(self, tp: TopicPartition) -> int | None:
        """Return the last stable offset that a fetch reported; None before the first fetch, and for an unassigned partition.

        Callable from any thread.
        """
        state = self._state(tp)
        return None if state is None else state.lso


class _ForgetfulOffsets(defaultdict[Any, int | None]):
    """Mapping that stores nothing, since Faust silently drops messages below the last offset stored in it."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __setitem__(self, tp: Any, offset: int | None) -> None:
        pass


class Consumer(driver.Consumer):
    """Faust's consumer, with delivery and commits replaced by the engine's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine: Engine = self.app.engine
        self.engine.consumer = self
        self._read_offset = _ForgetfulOffsets()
        self._watch: asyncio.Task[None] | None = None

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_partition(self, offsets: dict[TopicPartition, int]) -> None:
        """Set the offsets at which the next fetches of these partitions begin."""
        await self._thread.call_thread(self._thread.seek_partition, offsets)

    async def read_committed_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the group's committed offsets, read from the broker; None for a partition without one."""
        offsets: dict[TopicPartition, int | None] = await self._thread.call_thread(
            self._thread.read_committed_offsets, tps
        )
        return offsets

    @property
    def loops(self) -> tuple[asyncio.AbstractEventLoop, asyncio.AbstractEventLoop]:
        """Event loops of the partition tasks and of aiokafka's consumer."""
        return self.loop, self._thread.thread_loop

    async def check_group(self) -> None:
        """Raise the fatal error of the consumer, if any, as `ConsumerThread.check_group` does."""
        await self._thread.call_thread(self._thread.check_group)

    @property
    def cursors(self) -> dict[TopicPartition, int]:
        """Offset after the last delivered batch or of the last seek, by partition."""
        cursors: dict[TopicPartition, int] = self._thread.cursors
        return cursors

    def stable_end(self, tp: TopicPartition) -> int | None:
        """Return the last stable offset reported by a fetch; None before the first fetch, and for an unassigned partition."""
        end: int | None = self._thread.stable_end(tp)
        return end

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[TopicPartition, list[Batch]]:  # noqa: ASYNC109
        self.engine.record_fetch()
        wanted = {tp for tp in active_partitions if self.engine.has_room_for(tp)}
        if not wanted:  # aiokafka treats an empty set as "all partitions"
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
        """Discard the message without adding it to `_acked`, so that Faust has no offsets to commit."""
        if not message.acked:
            message.acked = True
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)
        return True

    async def _commit_offsets(self, offsets: Any, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002
        return False

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Finish the current steps and close all partition tasks: the eager protocol revokes all partitions every time."""
        await self.engine.close_partition_tasks()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:
        """Open the partition tasks in the background, unless the consumer or the app is stopping.

        aiokafka sends no heartbeats while this runs, so it returns immediately. `Engine.has_room_for` prevents fetches of a
        partition until its task has recovered.
        """
        await super().on_partitions_assigned(assigned, generation_id)
        if self.should_stop or self.app.should_stop:
            return  # stopped while joining: a new task would fence the next owner, and then fail
        self.engine.open_partition_tasks(assigned)

    async def on_start(self) -> None:
        """Start the watchdog here: Faust starts tasks of the app after a first assignment, which a spare worker never gets."""
        await super().on_start()
        self._watch = self.engine.spawn(self.engine.watch())

    async def on_stop(self) -> None:
        """Finish the current steps before the consumer stops."""
        if self._watch is not None:
            self._watch.cancel()
        await self.engine.close_partition_tasks()
        await super().on_stop()


class Transport(driver.Transport):
    """Transport that Faust loads for a broker URL `engine://host:port`."""

    Consumer = Consumer
