"""Topics on a cluster of three brokers: replicas are created, checked and required for acknowledgements."""

from collections.abc import Iterator
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from streams.kafka.clients import open_client
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import MIN_INSYNC, TopicError, TopicSpec, apply_specs
from tests.support import cluster, kafka_io
from tests.support.processes import wait_until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EmbeddedKafka]]:
    with cluster.running(tmp_path_factory.mktemp("cluster")) as brokers:
        with open_client(KafkaAdminClient, {"bootstrap_servers": brokers[0].bootstrap}) as admin:
            wait_until(lambda: len(admin.describe_cluster()["brokers"]) == len(brokers), "the brokers to join")
        yield brokers


def found(bootstrap: str, name: str) -> tuple[set[int], set[int], str]:
    """Return the numbers of replicas and of in-sync replicas of a topic's partitions, and its min.insync.replicas."""
    with open_client(KafkaAdminClient, {"bootstrap_servers": bootstrap}) as admin:
        partitions: list[dict[str, Any]] = admin.describe_topics([name])[0]["partitions"]
        config = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])["topic"][name]
    replicas = {len(set(partition["replica_nodes"])) for partition in partitions}
    return replicas, {len(partition["isr_nodes"]) for partition in partitions}, config[MIN_INSYNC]["value"]


def wait_for(bootstrap: str, name: str, expected: tuple[set[int], set[int], str]) -> None:
    """Wait until `found` returns `expected`: any broker answers, and each one learns of a change a little later."""
    wait_until(lambda: found(bootstrap, name) == expected, str(expected), otherwise=lambda: found(bootstrap, name))


def test_replicas_are_created_and_must_acknowledge(brokers: list[EmbeddedKafka]) -> None:
    bootstrap = brokers[0].bootstrap
    assert apply_specs(bootstrap, [TopicSpec("old", 4)]) == ["created old with 4 partitions"]
    wait_for(bootstrap, "old", ({1}, {1}, "1"))
    sent = [("old", str(number).encode(), b"kept") for number in range(100)]
    kafka_io.produce(bootstrap, sent)

    wanted = [TopicSpec("old", 4, 3), TopicSpec("new", 4, 3)]
    planned = [
        "created new with 4 partitions",
        "set replication = 3 on old",
        f"set {MIN_INSYNC} = 2 on old",
    ]
    assert apply_specs(bootstrap, wanted, dry_run=True)[:2] == planned[:2]
    assert found(bootstrap, "old") == ({1}, {1}, "1")
    assert apply_specs(bootstrap, wanted, timeout_seconds=120) == planned
    for name in ("old", "new"):
        wait_for(bootstrap, name, ({3}, {3}, "2"))
    assert apply_specs(bootstrap, wanted) == []
    assert apply_specs(bootstrap, [TopicSpec("old", 4, 1)]) == [], "extra replicas are not removed"
    assert found(bootstrap, "old")[0] == {3}

    with pytest.raises(TopicError, match=r"old has 3 replicas, the settings say 5, but 3 brokers are running"):
        apply_specs(bootstrap, [TopicSpec("old", 4, 5)])

    brokers[2].stop()
    assert kafka_io.produce(bootstrap, [("old", b"one", b"away")]) == [0]
    assert len(kafka_io.read(bootstrap, "old")) == len(sent) + 1
    brokers[1].stop()
    wait_until(lambda: found(bootstrap, "old")[1] == {1}, "the loss of two brokers")
    refused = kafka_io.produce(bootstrap, [("old", b"two", b"away")], **{"message.timeout.ms": 2000})
    assert refused == [], "a record on only one broker is not acknowledged"


def test_unwritable_topic_is_repaired(kafka: EmbeddedKafka) -> None:
    apply_specs(kafka.bootstrap, [TopicSpec("strict", 2)])
    with open_client(KafkaAdminClient, {"bootstrap_servers": kafka.bootstrap}) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "strict", configs={MIN_INSYNC: "2"})])
    wait_until(lambda: found(kafka.bootstrap, "strict")[2] == "2", "the setting")
    assert apply_specs(kafka.bootstrap, [TopicSpec("strict", 2)]) == [f"set {MIN_INSYNC} = 1 on strict"]
