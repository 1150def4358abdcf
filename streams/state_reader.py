"""Read one row of the workers' state, as it was committed last."""

from contextlib import closing

from kafka import KafkaConsumer, TopicPartition

from models.topics import CONTACTS
from streams.core import contact
from streams.core.contact import Contact
from streams.engine.partitioner import partition_of
from streams.running import find_brokers
from streams.settings import Settings

TIMEOUT_MS = 30_000


def read_contact(settings: Settings, name: str) -> Contact | None:
    """Return the row of a contact; None if there is none. It looks at the whole partition: a million rows take a while.

    Raises `KafkaError` if the brokers do not answer.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=find_brokers(settings).split(","),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **settings.kafka.client_options(),
    )
    key, found = name.encode(), None
    with closing(consumer):
        partitions = consumer.partitions_for_topic(CONTACTS.name) or set()
        if not partitions:
            return None
        place = TopicPartition(CONTACTS.name, partition_of(key, len(partitions)))
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            for record in consumer.poll(timeout_ms=1000).get(place, ()):
                if record.key == key:
                    found = record.value
    return contact.decode(found) if found else None
