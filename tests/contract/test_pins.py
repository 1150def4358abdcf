"""Private code of Faust, aiokafka, kafka-python and uvicorn that Accueil overrides is unchanged.

If this fails after an upgrade: read the change, run tests/broker, tests/faults and tests/connectors, and then write the new hash,
which the failure prints.
"""

import hashlib
import importlib
import inspect

import pytest

PINS = {
    "aiokafka.consumer.fetcher:FetchResult": "d7db13f06de8248c",
    "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request": "59bf948fff47eed5",
    "aiokafka.consumer.fetcher:Fetcher._update_fetch_positions": "d7774d8241dc6a7e",
    "aiokafka.consumer.fetcher:Fetcher.fetched_records": "be4348896b9b66af",
    "aiokafka.consumer.fetcher:PartitionRecords": "94aa0da0dbec8d1b",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._heartbeat_routine": "61d01028952239d0",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.check_errors": "ba6ca51ad34838d9",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.ensure_active_group": "33c84c1a93012e81",
    "aiokafka.coordinator.assignors.sticky.sticky_assignor:StickyPartitionAssignor._metadata": "593a9b2043a922c6",
    "aiokafka.coordinator.assignors.sticky.sticky_assignor:StickyPartitionAssignor.assign": "bfe0e0bbb0fdcf19",
    "aiokafka.consumer.subscription_state:TopicPartitionState": "2b83334afadf6d98",
    "aiokafka.producer.message_accumulator:BatchBuilder": "8050802ca7514186",
    "aiokafka.producer.message_accumulator:MessageAccumulator.add_batch": "5ed1c5b1367ad854",
    "aiokafka.producer.producer:AIOKafkaProducer.create_batch": "c4efda4bb7a09741",
    "aiokafka.producer.producer:AIOKafkaProducer.commit_transaction": "c7f9677c89413f97",
    "aiokafka.producer.producer:AIOKafkaProducer.send_batch": "bf42b0f0c5c0646d",
    "aiokafka.producer.sender:AddPartitionsToTxnHandler": "112129b2ac04fe8e",
    "aiokafka.record.default_records:_DefaultRecordBatchPy": "f63fbb5a8a247d54",
    "aiokafka.record.memory_records:_MemoryRecordsPy": "795a0314fbca30af",
    "faust.transport.consumer:Consumer._commit_offsets": "1a69799041188441",
    "faust.transport.consumer:Consumer._drain_messages": "44a2500309e83c63",
    "faust.transport.consumer:Consumer.ack": "5fcf41cf45153475",
    "faust.transport.consumer:Consumer.getmany": "4b168d84882a70d6",
    "faust.transport.consumer:Consumer.on_partitions_assigned": "29ce96596f05a18c",
    "faust.transport.consumer:Consumer.on_partitions_revoked": "d04b7ae72c6fc206",
    "faust.transport.consumer:Consumer.perform_seek": "0e8c130ff4b0afd8",
    "faust.transport.consumer:ThreadDelegateConsumer._getmany": "f9d47aa9010b5ff2",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": "c2701bfc3e6f6cad",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._fetch_records": "39a2c6c79fc1455a",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.seek_to_committed": "775ab0adc4b052ab",
    "faust.transport.drivers.aiokafka:Consumer._new_consumer_thread": "0870ec53dea75083",
    "faust.transport.drivers.aiokafka:Consumer._to_message": "7c24f6511b2fcef7",
    "kafka.producer.future:FutureRecordMetadata": "ed5ba95ce664a7e3",
    "kafka.producer.kafka:KafkaProducer.send": "70c63bac7acf5e37",
    "kafka.producer.producer_batch:ProducerBatch": "0131c28c39c7d089",
    "kafka.producer.record_accumulator:RecordAccumulator.append": "834a501e1eab0788",
    "kafka.record.default_records:DefaultRecordBatchBuilder": "7c6cd5a96f22a904",
    "kafka.record.memory_records:MemoryRecordsBuilder": "096063c426771696",
    "uvicorn.protocols.http.h11_impl:H11Protocol": "c2573d455fed4ec2",
    "mode.worker:Worker._sentinel_task": "6e66058cf3e1b616",
    "mode.worker:Worker._shutdown_loop": "6ad3b1129015ee12",
}


@pytest.mark.parametrize("location", PINS)
def test_overridden_code_is_unchanged(location: str) -> None:
    module, _, path = location.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert hashlib.sha256(inspect.getsource(found).encode()).hexdigest()[:16] == PINS[location]
