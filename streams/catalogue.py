"""The topics of the vocabulary as the engine is to make them."""

from models.topics import CATALOGUE, Topic
from streams.engine.topics import COMPACTED, TopicError, TopicSpec, apply
from streams.running import wait_for_broker
from streams.settings import Settings


def specs(settings: Settings) -> list[TopicSpec]:
    """Return how every topic must be."""
    return [
        TopicSpec(topic.name, settings.partitions, settings.replication, {**_retention(topic), **topic.config})
        for topic in CATALOGUE
    ]


def _retention(topic: Topic) -> dict[str, str]:
    if topic.compacted:
        return dict(COMPACTED)
    return {"cleanup.policy": "delete", "retention.ms": str(topic.retention_ms)}


def apply_topics(settings: Settings, brokers: str, wait_seconds: float) -> list[str]:
    """Make all topics be so, once a broker answers; return one line per change.

    Raises `TopicError`, and `OperatorError` if no broker answers for `wait_seconds`.
    """
    wait_for_broker(brokers, wait_seconds)
    return apply(brokers, specs(settings), **settings.kafka.client_options())


__all__ = ["TopicError", "apply_topics", "specs"]
