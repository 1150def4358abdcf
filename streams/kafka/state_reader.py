"""Readers of committed rows in the workers' state topic, and of the events in the source topics; all raise `KafkaError`.

Readers of contacts also raise the errors of `contact.decode` for rows of another release.
"""

from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from operator import attrgetter
from typing import Any, Final

from kafka import TopicPartition
from kafka.errors import TopicAuthorizationFailedError

from models.codec import UnusableRecord, decode
from models.events import Event
from models.topics import CONTACTS, SOURCES
from streams.core.contacts import contact
from streams.core.contacts.contact import Contact
from streams.kafka.authorization import READ, RequiredRights, find_refusal
from streams.kafka.partitioner import partition_of
from streams.kafka.topic_reader import open_consumer, read_until

_OTHER_ROWS: Final = (b"\0", b"agent:")
"""Key prefixes of rows that are not contacts: committed offsets and agents."""


def read_contact(brokers: str, client: Mapping[str, Any], name: str) -> Contact | None:
    """Return the row of the contact with the id `name`; None without a row.

    It reads the whole partition, which takes long with a million rows.
    """
    key = name.encode()
    found = read_rows(brokers, client, lambda other, _: other == key, key).get(key)
    return contact.decode(found) if found else None


def read_contacts(brokers: str, client: Mapping[str, Any], wanted: Callable[[Contact], bool]) -> dict[str, Contact]:
    """Return contact id → row, of all contacts that are `wanted`. It reads all rows, about a million per minute."""

    def is_wanted(key: bytes, value: bytes) -> bool:
        return not key.startswith(_OTHER_ROWS) and wanted(contact.decode(value))

    found = read_rows(brokers, client, is_wanted)
    return {key.decode(): contact.decode(value) for key, value in found.items()}


def scan_contacts(brokers: str, client: Mapping[str, Any], note: Callable[[str, Contact], object]) -> None:
    """Call `note` with the id and row of each contact; a changed contact may come several times, its latest row last.

    Rows of deleted contacts may come too.
    """

    def pass_on(key: bytes, value: bytes) -> bool:
        if not key.startswith(_OTHER_ROWS):
            note(key.decode(), contact.decode(value))
        return False

    read_rows(brokers, client, pass_on)


def read_rows(
    brokers: str, client: Mapping[str, Any], wanted: Callable[[bytes, bytes], bool], key: bytes | None = None
) -> dict[bytes, bytes]:
    """Return key → latest committed row of the state topic, undecoded, if `wanted` accepts this key and row.

    With `key`, only the partition of that key is read. The result is empty if the topic does not exist.

    `client` holds security options of kafka-python. Raises `KafkaError` if the brokers stop answering or refuse access.
    """
    found: dict[bytes, bytes] = {}
    with open_consumer(brokers, client) as consumer:
        partitions = sorted(consumer.partitions_for_topic(CONTACTS.name) or ())
        if not partitions:
            refusal = find_refusal(brokers, client, RequiredRights({CONTACTS.name: READ}))
            if refusal is not None:  # without the right to read it, a topic seems not to exist
                raise TopicAuthorizationFailedError(refusal.text)
            return found
        if key is not None:
            partitions = [partition_of(key, len(partitions))]
        assigned = [TopicPartition(CONTACTS.name, partition) for partition in partitions]
        for _, records in read_until(consumer, consumer.end_offsets(assigned)):
            for record in records:
                if record.value is not None and wanted(record.key, record.value):
                    found[record.key] = record.value
                else:
                    found.pop(record.key, None)
    return found


def read_events(brokers: str, client: Mapping[str, Any], contacts: Container[str]) -> dict[str, list[Event]]:
    """Return contact id → published events, of `contacts`, without duplicates, in the order of time and sequence.

    It reads the source topics completely, and skips records that are not events. Contacts without events are left out.
    """
    found: dict[str, dict[str, Event]] = {}
    with open_consumer(brokers, client) as consumer:
        partitions = [
            TopicPartition(topic.name, partition)
            for topic in SOURCES.values()
            for partition in consumer.partitions_for_topic(topic.name) or ()
        ]
        for _, records in read_until(consumer, consumer.end_offsets(partitions)):
            for record in records:
                if (record.key or b"").decode(errors="replace") in contacts:
                    with suppress(UnusableRecord):
                        event = decode(record.value)
                        found.setdefault(event.subject, {}).setdefault(event.id, event)
    return {contact: sorted(events.values(), key=attrgetter("time", "sequence")) for contact, events in found.items()}
