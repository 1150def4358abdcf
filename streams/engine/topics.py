"""Topic admin: create what is missing, set what differs, refuse what cannot be changed."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError

from streams.engine.clients import make_client

TOPIC_ALREADY_EXISTS: Final = 36
# A state topic keeps the last row of each key: compacted early, so that recovery reads little more than what lives.
COMPACTED: Final = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": str(10 * 60_000),
    "max.compaction.lag.ms": str(24 * 3_600_000),
}


class TopicError(RuntimeError):
    """A topic is not as it must be, and cannot be made so; the text names it and says what to do."""


class NoBrokerError(TopicError):
    """No broker answers; it may later."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How one topic must be."""

    name: str
    partitions: int
    replication: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


def apply(
    bootstrap: str, specs: Iterable[TopicSpec], *, timeout_seconds: float = 30, dry_run: bool = False, **client: Any
) -> list[str]:
    """Make every topic be as specified; return one line per change made, none if all was well. With `dry_run` none is made.

    Waits up to `timeout_seconds` for a broker. Raises `TopicError` if a topic has another number of partitions: keys would
    change their partition, so that is never repaired here. `client` goes to kafka-python (security).
    """
    wanted = {spec.name: spec for spec in specs}
    admin = _connect(bootstrap, timeout_seconds, client)
    try:
        changes = _create(admin, wanted, dry_run=dry_run)
        _refuse_other_partitions(admin, wanted)
        return changes + _configure(admin, wanted, dry_run=dry_run)
    finally:
        admin.close()


def _connect(bootstrap: str, timeout_seconds: float, client: dict[str, Any]) -> Any:
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return make_client(
                KafkaAdminClient, {"bootstrap_servers": bootstrap, "client_id": "accueil-topics", **client}
            )
        except KafkaError as error:
            if time.monotonic() > deadline:
                raise NoBrokerError(f"no Kafka broker answers at {bootstrap} ({type(error).__name__})") from None
            time.sleep(0.2)


def _existing(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    """Return name → number of partitions of those that exist."""
    there = set(admin.list_topics()) & set(names)
    if not there:
        return {}
    return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(sorted(there))}


def _create(admin: KafkaAdminClient, wanted: dict[str, TopicSpec], *, dry_run: bool) -> list[str]:
    missing = {name: spec for name, spec in wanted.items() if name not in _existing(admin, wanted)}
    if not missing:
        return []
    request = {
        name: {
            "num_partitions": spec.partitions,
            "replication_factor": spec.replication,
            "configs": dict(spec.config),
        }
        for name, spec in missing.items()
    }
    if not dry_run:
        answer = admin.create_topics(request, raise_errors=False)
        for topic in answer["topics"]:
            if topic["error_code"] not in (0, TOPIC_ALREADY_EXISTS):
                raise TopicError(f"topic {topic['name']} could not be created: {topic.get('error_message')}")
        admin.wait_for_topics(list(missing))
    return [f"created {name} with {spec.partitions} partitions" for name, spec in missing.items()]


def _refuse_other_partitions(admin: KafkaAdminClient, wanted: dict[str, TopicSpec]) -> None:
    for name, partitions in _existing(admin, wanted).items():
        if partitions != wanted[name].partitions:
            raise TopicError(
                f"topic {name} has {partitions} partitions, the configuration says {wanted[name].partitions}: "
                f"set partitions = {partitions}, or use topics of another name; keys would change their partition"
            )


def _configure(admin: KafkaAdminClient, wanted: dict[str, TopicSpec], *, dry_run: bool) -> list[str]:
    there = _existing(admin, wanted)
    configured = {name: spec for name, spec in wanted.items() if spec.config and name in there}
    if not configured:
        return []
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in configured])["topic"]
    different = {
        name: changed
        for name, spec in configured.items()
        if (changed := {k: v for k, v in spec.config.items() if found[name].get(k, {}).get("value") != v})
    }
    if different and not dry_run:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, n, configs=c) for n, c in different.items()])
    return [f"set {key} = {value} on {name}" for name, config in different.items() for key, value in config.items()]
