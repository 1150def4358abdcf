"""Kafka broker that requires a login and checks ACLs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from connectors.sdk.ports import free_port
from streams.kafka.clients import open_client
from streams.kafka.embedded_broker import EmbeddedKafka

LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
PASSWORD = "essai"
ADMIN, USER = "admin", "accueil"


def client(user: str = USER, password: str = PASSWORD) -> dict[str, Any]:
    """Return the login options of a client."""
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


def environment(kafka: EmbeddedKafka, data: Path, password: str = PASSWORD) -> dict[str, str]:
    """Return the environment of an Accueil process that logs in as `USER`."""
    return {
        "ACCUEIL_BROKERS": kafka.bootstrap,
        "ACCUEIL_DATA": str(data),
        "ACCUEIL_LOG__FORMAT": "json",
        "ACCUEIL_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "ACCUEIL_KAFKA__SASL_MECHANISM": "PLAIN",
        "ACCUEIL_KAFKA__SASL_USERNAME": USER,
        "ACCUEIL_KAFKA__SASL_PASSWORD": password,
    }


@contextmanager
def running(directory: Path) -> Iterator[EmbeddedKafka]:
    """Run the broker; `ADMIN` has all rights, `USER` initially none."""
    port, controller = free_port(), free_port()
    config = {
        "listeners": f"SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"SASL_PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "inter.broker.listener.name": "SASL_PLAINTEXT",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": "PLAIN",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{ADMIN}",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
            f'{LOGIN} required username="{ADMIN}" password="{PASSWORD}" '
            f'user_{ADMIN}="{PASSWORD}" user_{USER}="{PASSWORD}";'
        ),
    }
    kafka = EmbeddedKafka(directory, port, config=config, heap="256m")
    kafka.start()
    try:
        yield kafka
    finally:
        kafka.stop()


def grant(kafka: EmbeddedKafka, operation: str, kind: str, names: Iterable[str], *, prefixed: bool = False) -> None:
    """Allow `USER` an operation on topics, groups or transactional ids."""
    pattern = ACLResourcePatternType.PREFIXED if prefixed else ACLResourcePatternType.LITERAL
    acls = [
        ACL(
            f"User:{USER}",
            "*",
            ACLOperation[operation],
            ACLPermissionType.ALLOW,
            ResourcePattern(ResourceType[kind], name, pattern),
        )
        for name in names
    ]
    with open_client(KafkaAdminClient, {"bootstrap_servers": kafka.bootstrap, **client(ADMIN)}) as admin:
        admin.create_acls(acls)
