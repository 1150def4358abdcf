"""Read one row of the workers' state, as it was committed last."""

import time
from typing import Final

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


def read_contact(settings: Settings, name: str) -> Contact | None:
    """Return the row of a contact, of the demo if that is what runs here; None if there is none.

    It looks at the whole partition: a million rows take a while. Raises `KafkaError` if the brokers do not go on answering, and
    `OperatorError` if they do not answer at all.
    """
    brokers = find_brokers(settings, or_demo=True)
    wait_for_broker(brokers, BROKER_SECONDS)
    key, found = name.encode(), None
    config = {"bootstrap_servers": brokers, **CLIENT, **CONSUMER, **settings.kafka.client_options()}
    with opened(KafkaConsumer, config) as consumer:
        partitions = consumer.partitions_for_topic(CONTACTS.name) or set()
        if not partitions:
            return None
        place = TopicPartition(CONTACTS.name, partition_of(key, len(partitions)))
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        moved_at = time.monotonic()
        while (position := consumer.position(place)) < end:
            for record in consumer.poll(timeout_ms=1000).get(place, ()):
                if record.key == key:
                    found = record.value
            if consumer.position(place) > position:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > SILENT_SECONDS:
                raise KafkaTimeoutError(f"{CONTACTS.name} could not be read to its end")
    return contact.decode(found) if found else None
