"""Checks for a wrong Kafka login and for missing rights in Kafka's authorizer."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from aiokafka.conn import create_conn
from aiokafka.errors import AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.errors import KafkaError as AioKafkaError
from kafka.admin import KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError, TopicAuthorizationFailedError

from streams.kafka.clients import open_client

PLAINTEXT: Final = "PLAINTEXT"
READ: Final = frozenset({"READ"})
WRITE: Final = frozenset({"WRITE"})
LOGIN_MS: Final = 5_000
"""Longest wait for a connection to one address and its login, in milliseconds."""
CLIENT: Final = {"client_id": "accueil-rights", "request_timeout_ms": 5_000, "bootstrap_timeout_ms": 5_000}
REFUSED_LOGIN: Final = (AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError)


@dataclass(frozen=True, slots=True)
class RequiredRights:
    """Operations that Kafka's authorizer must allow to a process."""

    topics: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Operations by topic; READ and WRITE include DESCRIBE."""
    any_of: Collection[str] = ()
    """At least one of these topics must allow WRITE."""
    group: str = ""
    """Consumer group that must allow READ."""
    transactional_ids: str = ""
    """Prefix of the transactional ids that must allow WRITE; only the first id is checked."""


class Refusal(NamedTuple):
    """Message about a refusal by Kafka, with the remedy."""

    text: str
    is_login: bool = True
    """Whether the login is refused. That needs a changed setting, while missing rights may be granted at any time."""


def is_secured(client: Mapping[str, Any]) -> bool:
    """Return whether the client logs in or uses TLS; only such clients are checked before they start."""
    return bool(client.get("security_protocol", PLAINTEXT) != PLAINTEXT)


def find_refusal(bootstrap: str, client: Mapping[str, Any], needs: RequiredRights) -> Refusal | None:
    """Return Kafka's refusal of the login or of any of `needs`; None if nothing is refused, or if no broker answers the check.

    `client` holds the security options, which kafka-python and aiokafka share.
    """
    refusal, answers = _log_in(bootstrap, client)
    if refusal or not answers:
        return refusal
    try:
        with open_client(KafkaAdminClient, {"bootstrap_servers": bootstrap, **CLIENT, **client}) as admin:
            missing = _find_missing(admin, needs)
    except KafkaError:
        return None
    if not missing:
        return None
    user = client.get("sasl_plain_username")
    principal, rights = f"User:{user}" if user else "TLS", "; ".join(missing)
    return Refusal(f"rights are missing in Kafka for {principal}: {rights}: grant them (kafka-acls.sh)", is_login=False)


def _log_in(bootstrap: str, client: Mapping[str, Any]) -> tuple[Refusal | None, bool]:
    """Return the refusal of the login, and whether a broker accepted it.

    This uses aiokafka, since kafka-python 3.0.12 drops the answer to a wrong password.
    """
    options = {"request_timeout_ms": LOGIN_MS, **client}
    loop = asyncio.new_event_loop()
    try:
        for address in bootstrap.split(","):
            host, _, port = address.strip().rpartition(":")
            with suppress(OSError, TimeoutError, ValueError):
                try:
                    loop.run_until_complete(create_conn(host.strip("[]"), int(port), **options)).close()
                except REFUSED_LOGIN as error:
                    return _describe_login(client, error), False
                except AioKafkaError:
                    continue
                return None, True
    finally:
        loop.run_until_complete(asyncio.sleep(0))  # let the cancelled tasks of the connection end
        loop.close()
    return None, False


def _describe_login(client: Mapping[str, Any], error: Exception) -> Refusal:
    if isinstance(error, UnsupportedSaslMechanismError):
        mechanism = client.get("sasl_mechanism")
        return Refusal(f"Kafka does not offer the mechanism {mechanism}: change kafka.sasl_mechanism")
    user = client.get("sasl_plain_username", "")
    return Refusal(f"Kafka refuses the user {user} or its password: check kafka.sasl_username and kafka.sasl_password")


def _find_missing(admin: KafkaAdminClient, needs: RequiredRights) -> list[str]:
    """Return one text per missing operation and kind of resource, in the terms of kafka-acls.sh.

    A right that the brokers do not report, for example on a missing topic, does not count as missing.
    """
    missing: defaultdict[str, list[str]] = defaultdict(list)
    allowed = _allowed(admin, {*needs.topics, *needs.any_of})
    for topic, operations in sorted(needs.topics.items()):
        for operation in sorted(operations):
            if operation not in allowed.get(topic, operations):
                missing[operation].append(topic)
    lines = [f"{operation} topic {', '.join(topics)}" for operation, topics in sorted(missing.items())]
    if needs.any_of and not any("WRITE" in allowed.get(topic, WRITE) for topic in needs.any_of):
        lines.append(f"WRITE topic {', '.join(sorted(needs.any_of))}")
    if needs.group and not _may_read_group(admin, needs.group):
        lines.append(f"READ group {needs.group}")
    if needs.transactional_ids and not _may_describe_transactions(admin, f"{needs.transactional_ids}-0"):
        lines.append(f"WRITE transactional-id {needs.transactional_ids}-*")
    return lines


def _allowed(admin: KafkaAdminClient, topics: Collection[str]) -> dict[str, Collection[str]]:
    """Return topic → allowed operations: none if it may not be described. Missing and unanswered topics are left out."""
    found: dict[str, Collection[str]] = {}
    for topic in admin.describe_topics(sorted(topics)) if topics else ():
        if topic["error_code"] == TopicAuthorizationFailedError.errno:
            found[topic["name"]] = ()
        elif not topic["error_code"] and topic["authorized_operations"] is not None:
            found[topic["name"]] = topic["authorized_operations"]
    return found


def _may_read_group(admin: KafkaAdminClient, group: str) -> bool:
    try:
        operations = admin.describe_groups([group])[group]["authorized_operations"]
    except AuthorizationError:
        return False
    except KafkaError:
        return True  # the coordinator is not available yet
    return operations is None or "READ" in operations


def _may_describe_transactions(admin: KafkaAdminClient, transactional_id: str) -> bool:
    """Return False if DESCRIBE, which WRITE implies, is refused. Kafka has no request that reports WRITE itself."""
    try:
        admin.describe_transactions([transactional_id])
    except AuthorizationError:
        return False
    except KafkaError:
        return True
    return True
