"""Kafka cluster of three brokers, the first of which is also the controller."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from connectors.sdk.ports import free_port
from streams.kafka.embedded_broker import EmbeddedKafka


@contextmanager
def running(directory: Path) -> Iterator[list[EmbeddedKafka]]:
    """Run the three brokers for the duration of the block."""
    controller = f"127.0.0.1:{free_port()}"
    common = {
        "controller.quorum.voters": f"1@{controller}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    }
    with ExitStack() as stack:
        brokers: list[EmbeddedKafka] = []
        for number in (1, 2, 3):
            port = free_port()
            listener = f"PLAINTEXT://127.0.0.1:{port}"
            roles = "broker,controller" if number == 1 else "broker"
            listeners = f"{listener},CONTROLLER://{controller}" if number == 1 else listener
            own = {"node.id": str(number), "process.roles": roles, "listeners": listeners}
            broker = EmbeddedKafka(directory / str(number), port, config=common | own, heap="256m")
            if brokers:
                _join(brokers[0].directory, broker.directory, number)
            broker.start()
            stack.callback(broker.stop)
            brokers.append(broker)
        yield brokers


def _join(first: Path, other: Path, number: int) -> None:
    """Format the storage of another broker of the same cluster."""
    text = (first / "data" / "meta.properties").read_text()
    text = re.sub(r"node\.id=.*", f"node.id={number}", text)
    text = re.sub(r"directory\.id=.*", f"directory.id={uuid4().hex[:22]}", text)
    (other / "data").mkdir(parents=True)
    (other / "data" / "meta.properties").write_text(text)
