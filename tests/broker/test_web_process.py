"""The web process as it runs, on a Kafka that comes and goes."""

import signal
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from models.topics import FIGURES
from streams.engine.broker import EmbeddedKafka, free_port
from streams.engine.topics import COMPACTED, TopicSpec, apply
from tests.support import kafka_io
from tests.support.processes import Child, wait_until
from tests.web.rows import SOCIAL, Worker

pytestmark = pytest.mark.broker
SERVE = (
    "from streams.web.app import serve; from streams.web.options import WebOptions; serve(WebOptions({!r}, port={}))"
)


def test_a_broker_may_be_away_at_the_start_and_be_killed_later(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    own_kafka.stop()
    port = free_port()
    worker = Worker()

    def ask(path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{port}{path}")

    def listens() -> bool:
        try:
            return ask("/healthz").status_code == 200
        except httpx.ConnectError:
            return False

    def is_in(state: str) -> bool:
        answer = ask("/readyz")
        return answer.text == f"{state}\n" and answer.status_code == (200 if state == "live" else 503)

    def offered() -> int:
        return int(ask("/api/board").json()["board"]["all"]["today"]["offered"])

    def write() -> None:
        now = datetime.now(UTC)
        worker.offered(SOCIAL, now)
        worker.progress(now)
        kafka_io.produce(own_kafka.bootstrap, [(FIGURES.name, key, value) for key, value in worker.rows()])

    with Child(["-c", SERVE.format(own_kafka.bootstrap, port)], tmp_path / "web.log").start() as web:
        wait_until(listens, "the web process")
        assert is_in("no_broker")
        own_kafka.start()
        wait_until(lambda: is_in("no_topic"), "the broker to be found")
        apply(own_kafka.bootstrap, [TopicSpec(FIGURES.name, 1, config=COMPACTED)])
        wait_until(lambda: is_in("no_figures"), "the topic to be found")
        write()
        wait_until(lambda: is_in("live"), "figures")
        assert offered() == 1

        own_kafka.stop(signal.SIGKILL)
        wait_until(lambda: is_in("no_broker"), "the loss to be noticed")
        assert offered() == 1, "the last figures are kept"
        own_kafka.start()
        write()
        wait_until(lambda: is_in("live") and offered() == 2, "figures after the restart")

        own_kafka.stop(signal.SIGKILL)
        wait_until(lambda: is_in("no_broker"), "the loss to be noticed")
        assert web.stop() == 0, "it stops while the broker is away"
