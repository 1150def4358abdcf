"""Read rows of the workers' state, as they were committed last."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from models.topics import CONTACTS
from streams.core import contact
from streams.core.contact import Contact
from streams.engine.partitioner import partition_of
from streams.running import find_brokers, wait_for_broker
from streams.settings import Settings
from streams.topic_reader import CLIENT, CONSUMER, opened

BROKER_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 30.0
"""A broker that has brought nothing for so long is away."""
_OTHER_ROWS: Final = (b"\0", b"agent:")
"""How the keys of rows begin that are no contact's: how far topics are taken, and agents."""


def read_contact(settings: Settings, name: str) -> Contact | None:
    """Return the row of a contact, of the demo if that is what runs here; None if there is none.

    It looks at the whole partition: a million rows take a while. Raises as `read_rows`, and `OperatorError` if no broker answers.
    """
    key = name.encode()
    found = _read(settings, lambda other, _: other == key, key).get(key)
    return contact.decode(found) if found else None


def read_contacts(settings: Settings, wanted: Callable[[Contact], bool]) -> dict[str, Contact]:
    """Return by name the rows of all contacts that are `wanted`, of the demo if that is what runs here.

    It looks at all rows: a million take a minute. Raises as `read_contact`.
    """
    found = _read(settings, lambda key, value: not key.startswith(_OTHER_ROWS) and wanted(contact.decode(value)))
    return {key.decode(): contact.decode(value) for key, value in found.items()}


def _read(settings: Settings, wanted: Callable[[bytes, bytes], bool], key: bytes | None = None) -> dict[bytes, bytes]:
    brokers = find_brokers(settings, or_demo=True)
    wait_for_broker(brokers, BROKER_SECONDS)
    return read_rows(brokers, settings.kafka.client_options(), wanted, key)


def read_rows(
    brokers: str, client: Mapping[str, Any], wanted: Callable[[bytes, bytes], bool], key: bytes | None = None
) -> dict[bytes, bytes]:
    """Return the rows whose key and value are `wanted`, as they were committed last; with `key` of its partition alone.

    `client` goes to kafka-python (security). Raises `KafkaError` if the brokers do not go on answering.
    """
    found: dict[bytes, bytes] = {}
    config = {"bootstrap_servers": brokers, **CLIENT, **CONSUMER, **client}
    with opened(KafkaConsumer, config) as consumer:
        partitions = sorted(consumer.partitions_for_topic(CONTACTS.name) or ())
        if not partitions:
            return found
        if key is not None:
            partitions = [partition_of(key, len(partitions))]
        places = [TopicPartition(CONTACTS.name, partition) for partition in partitions]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        moved_at = time.monotonic()
        while open_ := [place for place in places if consumer.position(place) < ends[place]]:
            before = sum(map(consumer.position, open_))
            for records in consumer.poll(timeout_ms=1000).values():
                for record in records:
                    if record.value is not None and wanted(record.key, record.value):
                        found[record.key] = record.value
                    else:
                        found.pop(record.key, None)
            if sum(map(consumer.position, open_)) > before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > SILENT_SECONDS:
                raise KafkaTimeoutError(f"{CONTACTS.name} could not be read to its end")
    return found
