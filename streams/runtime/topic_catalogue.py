"""Specifications of Accueil's topics according to the settings, and their application to the brokers."""

from collections.abc import Mapping
from typing import Any, Final

from models.topics import DAY_MS, DEAD_LETTERS, EVENT_RETENTION_MS, TOPIC_CATALOGUE, Topic
from streams.kafka.topic_admin import NoBrokerError, TopicError, TopicSpec, apply_specs
from streams.runtime.instance_lock import wait_for_broker
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_CONFIGURATION, EXIT_RESTART
from streams.settings.schema import Settings

COMPACTED: Final = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": str(10 * 60_000),
    "max.compaction.lag.ms": str(24 * 3_600_000),
}
"""Settings of a state topic, compacted early so that a recovery reads few outdated rows."""


def specs(settings: Settings) -> list[TopicSpec]:
    """Return the specification of every topic."""
    return [
        TopicSpec(
            topic.name, settings.partitions, settings.replication, {**_retention(topic, settings), **topic.config}
        )
        for topic in TOPIC_CATALOGUE
    ]


def _retention(topic: Topic, settings: Settings) -> dict[str, str]:
    """Return the topic's options for retention, or for compaction if it is compacted.

    Kafka deletes whole segments, and writes to each for a day at most. A record may therefore exist about a day longer.
    """
    if topic.compacted:
        return dict(COMPACTED)
    retention_ms = topic.retention_ms or 0
    if topic == DEAD_LETTERS:
        retention_ms = settings.retention.dead_letters_days * DAY_MS
    elif retention_ms == EVENT_RETENTION_MS:
        retention_ms = settings.retention.events_days * DAY_MS
    return {"cleanup.policy": "delete", "retention.ms": str(retention_ms), "segment.ms": str(min(retention_ms, DAY_MS))}


def apply_topics(
    settings: Settings,
    brokers: str,
    wait_seconds: float,
    *,
    dry_run: bool = False,
    client: Mapping[str, Any] | None = None,
) -> list[str]:
    """Create or change all topics once a broker answers; return one line per change. With `dry_run`, only return the lines.

    `client` is the login to the brokers, by default that of the settings. Raise `OperatorError` if a topic cannot be changed, if
    Kafka refuses the login, or if no broker answers within `wait_seconds`.
    """
    client = settings.kafka.client_options() if client is None else client
    wait_for_broker(brokers, wait_seconds, client=client)
    try:
        return apply_specs(brokers, specs(settings), dry_run=dry_run, **client)
    except TopicError as error:
        code = EXIT_RESTART if isinstance(error, NoBrokerError) else EXIT_CONFIGURATION
        raise OperatorError(str(error), code) from None
