"""Login of all clients of the worker to a Kafka that requires it."""

from pathlib import Path

import pytest

from models.topics import TOPIC_CATALOGUE
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.ports import free_port
from streams.kafka.topic_admin import TopicSpec, apply_specs
from tests.support.processes import Child

pytestmark = pytest.mark.broker
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
FOLLOWER_CLIENT = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": "accueil",
    "sasl_plain_password": "essai",
}


def test_worker_logs_in(tmp_path: Path) -> None:
    port, controller = free_port(), free_port()
    config = {
        "listeners": f"SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"SASL_PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "inter.broker.listener.name": "SASL_PLAINTEXT",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
            f'{LOGIN} required username="accueil" password="essai" user_accueil="essai";'
        ),
    }
    kafka = EmbeddedKafka(tmp_path / "kafka", port, config=config)
    kafka.start()
    try:
        apply_specs(kafka.bootstrap, [TopicSpec(topic.name, 4) for topic in TOPIC_CATALOGUE], **FOLLOWER_CLIENT)
        child = Child(
            ["-m", "streams.cli.main", "worker"],
            tmp_path / "worker.log",
            ACCUEIL_BROKERS=kafka.bootstrap,
            ACCUEIL_DATA=str(tmp_path / "data"),
            ACCUEIL_LOG__FORMAT="json",
            ACCUEIL_KAFKA__SECURITY_PROTOCOL="SASL_PLAINTEXT",
            ACCUEIL_KAFKA__SASL_MECHANISM="PLAIN",
            ACCUEIL_KAFKA__SASL_USERNAME="accueil",
            ACCUEIL_KAFKA__SASL_PASSWORD="essai",
        )
        with child.start():
            child.wait_for('"event": "partition_opened"', 4)
            assert "essai" not in child.text
            assert child.stop() == 0
    finally:
        kafka.stop()
