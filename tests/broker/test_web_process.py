"""Web process with a Kafka that stops and restarts."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.sdk.ports import free_port
from models.topics import FIGURES
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from tests.support import kafka_io
from tests.support.processes import Child, wait_until
from tests.support.threads import in_background
from tests.web.rows import SOCIAL, Worker

pytestmark = pytest.mark.broker
ZONE = f"Etc/GMT{datetime.now(UTC).hour - 12:+}"
"""Time zone in which it is noon, so that the figures of today stay during the tests."""
SERVE = (
    "from zoneinfo import ZoneInfo; from streams.web.app import serve; from streams.web.options import WebOptions; "
    f"serve(WebOptions({{!r}}, port={{}}, time_zone=ZoneInfo({ZONE!r})))"
)


def test_board_survives_a_missing_and_a_killed_broker(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    own_kafka.stop()
    port = free_port()
    worker = Worker()

    def ask(path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60)

    def is_listening() -> bool:
        try:
            return ask("/healthz").status_code == 200
        except httpx.ConnectError:
            return False

    def is_in(state: str) -> bool:
        answer = ask("/readyz")
        return answer.text == f"{state}\n" and answer.status_code == (200 if state == "live" else 503)

    def received() -> int:
        return int(ask("/api/board").json()["board"]["all"]["today"]["received"])

    def write() -> None:
        now = datetime.now(UTC)
        worker.offered(SOCIAL, now)
        worker.progress(now)
        kafka_io.produce(own_kafka.bootstrap, [(FIGURES.name, key, value) for key, value in worker.rows()])

    with Child(["-c", SERVE.format(own_kafka.bootstrap, port)], tmp_path / "web.log").start() as web:
        wait_until(is_listening, "the web process")
        assert is_in("no_broker")
        own_kafka.start()
        wait_until(lambda: is_in("no_topic"), "the broker to be found")
        apply_specs(own_kafka.bootstrap, [TopicSpec(FIGURES.name, 1, config=COMPACTED)])
        wait_until(lambda: is_in("no_figures"), "the topic to be found")
        write()
        wait_until(lambda: is_in("live"), "figures")
        assert received() == 1

        own_kafka.stop(signal.SIGKILL)
        wait_until(lambda: is_in("no_broker"), "the loss to be noticed")
        assert received() == 1, "the last figures remain available"
        own_kafka.start()
        write()
        wait_until(lambda: is_in("live") and received() == 2, "figures after the restart")

        own_kafka.stop(signal.SIGKILL)
        wait_until(lambda: is_in("no_broker"), "the loss to be noticed")
        assert web.stop() == 0, "it stops without a broker"


def is_without_broker(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/readyz").text == "no_broker\n"


class Scrape(NamedTuple):
    """Contact and pipeline metrics of one scrape."""

    asked_at: float
    """Time of the request on the monotonic clock."""
    values: dict[str, float]


@contextmanager
def scraping(port: int) -> Iterator[list[Scrape]]:
    """Scrape continuously, and collect the results."""
    scrapes: list[Scrape] = []

    def scrape(leaving: Event) -> None:
        with httpx.Client() as client:
            while not leaving.wait(0.01):
                asked_at = time.monotonic()
                try:
                    text = client.get(f"http://127.0.0.1:{port}/metrics").text
                except httpx.TransportError:  # the process is being killed
                    continue
                samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
                values = {s.name: s.value for s in samples if s.name.startswith(("contact_", "pipeline_")) and s.value}
                scrapes.append(Scrape(asked_at, values))

    with in_background(scrape):
        yield scrapes


def test_counters_never_decrease_in_scrapes_across_restarts(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    apply_specs(own_kafka.bootstrap, [TopicSpec(FIGURES.name, 2, config=COMPACTED)])
    worker, port = Worker(), free_port()
    now = datetime.now(UTC)
    rows: list[tuple[str, bytes, bytes]] = []
    for _ in range(2_000):
        worker.offered(SOCIAL, now)
        rows += [(FIGURES.name, key, value) for key, value in worker.rows()]
    kafka_io.produce(own_kafka.bootstrap, rows)

    with (
        Child(["-c", SERVE.format(own_kafka.bootstrap, port)], tmp_path / "web.log").start() as web,
        scraping(port) as scrapes,
    ):
        began_at = 0.0

        def restart() -> None:
            nonlocal began_at
            web.kill()
            web.wait()
            began_at = time.monotonic()
            web.start()

        def last() -> dict[str, float] | None:
            return next((values for asked_at, values in reversed(scrapes) if asked_at > began_at), None)

        def full() -> bool:
            return (last() or {}).get("contact_received_total") == 2_000

        def empty() -> bool:
            return last() == {}

        wait_until(full, "the figures")
        restart()
        wait_until(full, "the figures after a restart of the web")
        own_kafka.stop(signal.SIGKILL)
        wait_until(lambda: is_without_broker(port), "the loss to be noticed")
        assert full(), "the last figures remain available"
        restart()
        wait_until(empty, "a scrape without a broker")
        own_kafka.start()
        wait_until(full, "the figures after a restart of the broker")
        web.stop()

    assert {values.get("contact_received_total") for _, values in scrapes} == {None, 2_000}
    assert all("contact_received_total" in values for _, values in scrapes if values), "either all metrics or none"
