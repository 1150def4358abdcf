"""`accueil timeline rebuild`: rebuild the timelines' database from its Kafka topic."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

import click
import msgspec
from kafka import TopicPartition

from models.locale import _
from models.topics import TIMELINE
from streams.agents.timeline import with_record_time
from streams.cli.base import confirm, pass_settings
from streams.cli.output_tables import format_time, yes_option
from streams.core.citizens import reattribution
from streams.core.contacts.contact import REMOVALS
from streams.core.sla import open_targets
from streams.core.sla.open_targets import SLA_TARGETS_TYPE, SlaTargetsEntry
from streams.core.timeline.entries import Entry, decode
from streams.kafka.broker_login import PASSWORD_FILE
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_reader import open_consumer, read_until
from streams.runtime.instance_lock import (
    Cluster,
    broker_errors,
    embedded_broker_login,
    ensure_password,
    find,
    find_cluster,
    kafka_errors,
    wait_for_broker,
)
from streams.runtime.prechecks import claim_data_directory
from streams.runtime.timeline_database import opened_timeline
from streams.settings.schema import Settings
from streams.timeline.database import Refused
from streams.timeline.store import Timeline

BATCH_RECORDS: Final = 2_000
"""Maximum number of records per transaction of the database."""


class Rebuilt(NamedTuple):
    """Number and age of the records read."""

    records: int
    first_at: int | None
    """Kafka timestamp of the oldest record, in milliseconds since 1970; None without records."""


@click.command(
    help=_(
        "Rebuild a new or restored timelines' database from Kafka. Entries that Kafka no longer "
        "holds and revoked links can only come from a backup."
    )
)
@yes_option
@pass_settings
def command(settings: Settings, *, yes: bool) -> None:
    days = settings.retention.events_days
    question = _("read the last {days} days of {name} into the timelines' database?", days=days, name=TIMELINE.name)
    if not yes and not confirm(question):
        raise click.Abort
    with kafka_errors(), _cluster(settings) as cluster, opened_timeline(settings) as timeline:
        rebuilt = rebuild(timeline, cluster.brokers, cluster.client)
    since = _("nothing") if rebuilt.first_at is None else format_time(rebuilt.first_at, settings.web.zone)
    click.echo(
        _(
            "records of {name} read again: {records}, the oldest of {since}",
            name=TIMELINE.name,
            records=rebuilt.records,
            since=since,
        )
    )


@contextmanager
def _cluster(settings: Settings) -> Iterator[Cluster]:
    """Yield the configured or running broker; start Accueil's own for the duration if there is neither."""
    if settings.brokers or find(settings):
        cluster = find_cluster(settings)
        wait_for_broker(cluster.brokers, client=cluster.client, reads=[TIMELINE.name])
        yield cluster
        return
    with claim_data_directory(settings.data):
        if not (settings.data / "kafka").exists():
            find_cluster(settings)  # raises the error: no broker
        kafka = EmbeddedKafka(settings.data / "kafka", settings.broker_port, password=ensure_password(settings.data))
        with broker_errors():
            kafka.start()
        try:
            yield Cluster(kafka.bootstrap, embedded_broker_login(settings.data / PASSWORD_FILE).client_options())
        finally:
            kafka.stop()


def rebuild(timeline: Timeline, brokers: str, client: dict[str, Any]) -> Rebuilt:
    """Apply all records that the topic has at the start, as `_write` does. Store the positions after them, if they are later.

    Entries already in the database do not change.
    """
    count, first_at = 0, None
    with open_consumer(brokers, client) as consumer:
        numbers = consumer.partitions_for_topic(TIMELINE.name) or ()
        ends = consumer.end_offsets([TopicPartition(TIMELINE.name, number) for number in sorted(numbers)])
        for _, records in read_until(consumer, ends):
            for start in range(0, len(records), BATCH_RECORDS):
                _write(timeline, records[start : start + BATCH_RECORDS])
            count += len(records)
            first_at = min(first_at or records[0].timestamp, records[0].timestamp)
    positions = timeline.read_positions()
    for partition, end in ends.items():
        if end > positions.get(partition.partition, -1):
            timeline.write((), (), (partition.partition, end))
    return Rebuilt(count, first_at)


def _write(timeline: Timeline, records: Sequence[Any]) -> None:
    """Write the entries and SLA targets among `records`.

    Skip reattributions, and records that are invalid or that the database refuses: those are dead letters already.
    """
    entries: list[Entry] = []
    targets: list[SlaTargetsEntry] = []
    for record in records:
        if record.value is None:
            continue
        with suppress(msgspec.DecodeError):
            entry = decode(record.value)
            if entry.type == SLA_TARGETS_TYPE:
                targets.append(open_targets.decode(record.value))
            elif entry.type not in reattribution.REATTRIBUTION_TYPES:
                entries.append(with_record_time(entry, record) if entry.type in REMOVALS else entry)
    try:
        timeline.write(entries, targets)
    except Refused:
        half = len(records) // 2
        for part in (records[:half], records[half:]) if half else ():
            _write(timeline, part)
