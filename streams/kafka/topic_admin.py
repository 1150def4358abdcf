"""Topic administration: create missing topics, correct settings and replicas, refuse a wrong number of partitions."""

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError, TopicAuthorizationFailedError

from models.locale import _
from streams.kafka.clients import open_client

TOPIC_ALREADY_EXISTS: Final = 36
MIN_INSYNC: Final = "min.insync.replicas"
COPYING_SECONDS: Final = 0.2
"""Pause between two checks of replicas that are being copied."""
RIGHTS: Final = "CREATE, ALTER, ALTER_CONFIGS, DESCRIBE_CONFIGS"
"""Operations on the topics that this module needs."""


class TopicError(RuntimeError):
    """A topic differs from its specification and cannot be corrected; the message names it and the remedy."""


class NoBrokerError(TopicError):
    """No broker answers at the moment."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """Specification of one topic."""

    name: str
    partitions: int
    replication: int = 1
    """Minimum number of replicas of each partition."""
    config: Mapping[str, str] = field(default_factory=dict)


def apply_specs(
    bootstrap: str, specs: Iterable[TopicSpec], *, timeout_seconds: float = 30, dry_run: bool = False, **client: Any
) -> list[str]:
    """Create or change topics as specified; return one line per change, made or postponed. With `dry_run`, only return them.

    Wait up to `timeout_seconds` for a broker, and again for added replicas to be in sync; no error if they are not. `client`
    holds security options of kafka-python.

    Raises `NoBrokerError` if no broker answers, and `TopicError` if brokers or rights are missing, or if a topic has a wrong
    number of partitions. This number is never changed, since keys would move to other partitions. Raises `KafkaError` for
    other failures.
    """
    wanted = {spec.name: spec for spec in specs}
    with ExitStack() as stack:
        admin = _connect(stack, bootstrap, timeout_seconds, client)
        try:
            changes = _create(admin, wanted, dry_run=dry_run)
            _refuse_other_partitions(admin, wanted)
            changes += _replicate(admin, wanted, timeout_seconds, dry_run=dry_run)
            return changes + _configure(admin, wanted, dry_run=dry_run)
        except AuthorizationError as error:
            raise _missing_rights(str(error)) from None


def _connect(stack: ExitStack, bootstrap: str, timeout_seconds: float, client: dict[str, Any]) -> Any:
    config = {"bootstrap_servers": bootstrap, "client_id": "accueil-topics", **client}
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return stack.enter_context(open_client(KafkaAdminClient, config))
        except KafkaError as error:
            if time.monotonic() > deadline:
                place = f"{bootstrap} ({type(error).__name__})"
                raise NoBrokerError(_("no Kafka broker answers at {place}", place=place)) from None
            time.sleep(0.2)


def _existing(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    """Return name → number of partitions, for the topics in `names` that exist."""
    return {topic["name"]: len(topic["partitions"]) for topic in _describe(admin, names)}


def _describe(admin: KafkaAdminClient, names: Iterable[str]) -> list[Any]:
    existing = set(admin.list_topics()) & set(names)
    return list(admin.describe_topics(sorted(existing))) if existing else []


def _min_insync(replicas: int) -> int:
    """Return the number of replicas that must acknowledge a record: with three replicas, one broker may be down."""
    return 2 if replicas >= 3 else 1


def _create(admin: KafkaAdminClient, wanted: dict[str, TopicSpec], *, dry_run: bool) -> list[str]:
    missing = {name: spec for name, spec in wanted.items() if name not in _existing(admin, wanted)}
    if not missing:
        return []
    request = {
        name: {
            "num_partitions": spec.partitions,
            "replication_factor": spec.replication,
            "configs": {MIN_INSYNC: str(_min_insync(spec.replication)), **spec.config},
        }
        for name, spec in missing.items()
    }
    if not dry_run:
        answer = admin.create_topics(request, raise_errors=False)
        for topic in answer["topics"]:
            if topic["error_code"] == TopicAuthorizationFailedError.errno:
                raise TopicError(
                    _(
                        "topic {topic} could not be created: grant {rights} on the topics (kafka-acls.sh)",
                        topic=topic["name"],
                        rights=RIGHTS,
                    )
                )
            if topic["error_code"] not in (0, TOPIC_ALREADY_EXISTS):
                why = topic.get("error_message")
                raise TopicError(_("topic {topic} could not be created: {why}", topic=topic["name"], why=why))
        admin.wait_for_topics(list(missing))
    return [
        _("created {topic} with {count} partitions", topic=name, count=spec.partitions)
        for name, spec in missing.items()
    ]


def _refuse_other_partitions(admin: KafkaAdminClient, wanted: dict[str, TopicSpec]) -> None:
    for name, partitions in _existing(admin, wanted).items():
        if partitions != wanted[name].partitions:
            raise TopicError(
                _(
                    "topic {topic} has {found} partitions, the settings say {wanted}, which would move keys: set "
                    "partitions = {found}",
                    topic=name,
                    found=partitions,
                    wanted=wanted[name].partitions,
                )
            )


def _replicate(
    admin: KafkaAdminClient, wanted: dict[str, TopicSpec], timeout_seconds: float, *, dry_run: bool
) -> list[str]:
    """Add missing replicas and wait until they are in sync, at most `timeout_seconds`; return one line per topic.

    The leader of each partition stays the same. Raises `TopicError` if fewer brokers run than a topic needs.
    """
    few = [
        (topic["name"], partition["partition_index"], list(partition["replica_nodes"]))
        for topic in _describe(admin, wanted)
        for partition in topic["partitions"]
        if len(partition["replica_nodes"]) < wanted[topic["name"]].replication
    ]
    if not few:
        return []
    brokers = sorted(
        broker["broker_id"] for broker in admin.describe_cluster()["brokers"] if not broker.get("is_fenced")
    )
    moves: dict[TopicPartition, list[int]] = {}
    for name, number, replicas in few:
        replication = wanted[name].replication
        if replication > len(brokers):
            raise TopicError(
                _(
                    "topic {topic} has {found} replicas, the settings say {wanted}, but {brokers} brokers are "
                    "running: start more, or set replication = {found}",
                    topic=name,
                    found=len(replicas),
                    wanted=replication,
                    brokers=len(brokers),
                )
            )
        others = [broker for broker in brokers if broker not in replicas]
        others = others[number % len(others) :] + others[: number % len(others)]
        moves[TopicPartition(name, number)] = (replicas + others)[:replication]
    if not dry_run:
        for partition, error in admin.alter_partition_reassignments(moves).items():
            if error is not None:
                raise TopicError(
                    _(
                        "topic {topic} could not be copied to more brokers: {why}",
                        topic=partition.topic,
                        why=error.__name__,
                    )
                )
        _wait_for_replicas(admin, moves, timeout_seconds)
    names = sorted({partition.topic for partition in moves})
    return [_set(f"replication = {wanted[name].replication}", name) for name in names]


def _set(setting: str, topic: str) -> str:
    return _("set {setting} on {topic}", setting=setting, topic=topic)


def _missing_rights(why: str) -> TopicError:
    return TopicError(
        _(
            "topics could not be read or changed ({why}): grant {rights} on the topics, ALTER on the "
            "cluster (kafka-acls.sh)",
            why=why,
            rights=RIGHTS,
        )
    )


def _wait_for_replicas(
    admin: KafkaAdminClient, moves: Mapping[TopicPartition, list[int]], timeout_seconds: float
) -> None:
    deadline = time.monotonic() + timeout_seconds
    names = {partition.topic for partition in moves}
    while time.monotonic() < deadline:
        behind = [
            key
            for topic in _describe(admin, names)
            for partition in topic["partitions"]
            if (key := TopicPartition(topic["name"], partition["partition_index"])) in moves
            and set(partition["isr_nodes"]) < set(moves[key])
        ]
        if not behind:
            return
        time.sleep(COPYING_SECONDS)


def _configure(admin: KafkaAdminClient, wanted: dict[str, TopicSpec], *, dry_run: bool) -> list[str]:
    topics = _describe(admin, wanted)
    if not topics:
        return []
    names = [topic["name"] for topic in topics]
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = admin.describe_configs(resources, config_filter="all")["topic"]
    different: dict[str, dict[str, str]] = {}
    changes: list[str] = []
    for topic in topics:
        name = topic["name"]
        now = {key: value.get("value") for key, value in found[name].items()}
        if not now:
            raise _missing_rights(name)
        changed = {key: value for key, value in wanted[name].config.items() if now.get(key) != value}
        replicas = min(len(partition["replica_nodes"]) for partition in topic["partitions"])
        in_sync = min(len(partition["isr_nodes"]) for partition in topic["partitions"])
        min_insync = _min_insync(replicas)
        if MIN_INSYNC not in changed and not min_insync <= int(now.get(MIN_INSYNC) or 0) <= replicas:
            if in_sync >= min_insync:
                changed[MIN_INSYNC] = str(min_insync)
            else:  # setting it now would block all writes until the other replicas have caught up
                changes.append(
                    _(
                        "{topic}: {count} of {all} replicas are in sync, min.insync.replicas is set by a later accueil "
                        "topics apply",
                        topic=name,
                        count=in_sync,
                        all=replicas,
                    )
                )
        if changed:
            different[name] = changed
    if different and not dry_run:
        altered = [ConfigResource(ConfigResourceType.TOPIC, n, configs=c) for n, c in different.items()]
        for name, result in admin.alter_configs(altered)["topic"].items():
            if result != "OK":
                raise _missing_rights(f"{name}: {result}")
    changes += [_set(f"{key} = {value}", name) for name, config in different.items() for key, value in config.items()]
    return changes
