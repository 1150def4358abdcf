"""The topics of the vocabulary as the engine is to make them."""

import time

from models.topics import CATALOGUE, Topic
from streams.engine.broker import listens
from streams.engine.topics import COMPACTED, TopicError, TopicSpec, apply
from streams.settings import Settings
from streams.terminal import EXIT_RESTART, OperatorError
from streams.words import say


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
    _wait_until_listening(brokers, wait_seconds)
    return apply(brokers, specs(settings), **settings.kafka.client_options())


def _wait_until_listening(brokers: str, wait_seconds: float) -> None:
    """Return once any of `brokers` takes connections: sooner than a Kafka client that backs off."""
    deadline = time.monotonic() + wait_seconds
    while not any(map(listens, brokers.split(","))):
        if time.monotonic() > deadline:
            raise OperatorError(
                say(
                    f"no Kafka broker answers at {brokers} after {wait_seconds:g} s",
                    f"aucun broker Kafka ne répond à {brokers} après {wait_seconds:g} s",
                ),
                EXIT_RESTART,
            )
        time.sleep(0.1)


__all__ = ["TopicError", "apply_topics", "specs"]
