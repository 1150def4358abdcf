"""Clients of kafka-python on a real Kafka leave no socket behind."""

import gc
from threading import Event, Timer

import pytest
from kafka.admin import KafkaAdminClient

from streams.kafka.clients import open_client
from streams.kafka.embedded_broker import EmbeddedKafka

pytestmark = pytest.mark.broker


def close_before_a_request_is_sent(kafka: EmbeddedKafka) -> None:
    queued, closing = Event(), Event()

    def write(request: bytes) -> None:
        write_request(request)
        queued.set()
        closing.wait()

    with open_client(KafkaAdminClient, {"bootstrap_servers": kafka.bootstrap}) as admin:
        admin.describe_cluster()
        (connection,) = admin._manager._conns.values()
        write_request, connection.transport.write = connection.transport.write, write
        admin._manager.cluster.request_update()
        queued.wait()
        Timer(0.2, closing.set).start()  # once `close` waits for the thread that sends


def test_client_leaves_no_socket(kafka: EmbeddedKafka) -> None:
    close_before_a_request_is_sent(kafka)
    gc.collect()  # a ResourceWarning makes the test fail
