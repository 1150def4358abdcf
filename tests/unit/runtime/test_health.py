"""Health server: HTTP answers of the checks."""

from collections.abc import Iterator
from threading import Event, Thread

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from streams.runtime.health import HealthServer, State


class Process:
    """Fake process whose state the test changes."""

    def __init__(self) -> None:
        self.healthy: State = (True, "step 0.2 s ago")
        self.ready: State = (False, "recovering 3 of 4")


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def http(process: Process) -> Iterator[httpx.Client]:
    registry = CollectorRegistry()
    Counter("accueil_steps", "Steps.", registry=registry).inc(3)
    server = HealthServer(
        "127.0.0.1", 0, healthy=lambda: process.healthy, ready=lambda: process.ready, registry=registry
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        yield client
    server.close()


def test_endpoints_report_the_current_states(process: Process, http: httpx.Client) -> None:
    assert (http.get("/healthz").status_code, http.get("/healthz").text) == (200, "step 0.2 s ago\n")
    assert (http.get("/readyz").status_code, http.get("/readyz").text) == (503, "recovering 3 of 4\n")
    process.ready = (True, "4 of 4")
    process.healthy = (False, "no step for 61 s")
    assert http.get("/readyz?verbose").status_code == 200
    assert (http.get("/healthz").status_code, http.get("/healthz").text) == (503, "no step for 61 s\n")


def test_exception_of_a_check_counts_as_failure_without_its_message(http: httpx.Client, process: Process) -> None:
    del process.healthy  # the check raises AttributeError
    answer = http.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "AttributeError\n")


def test_metrics_come_from_the_given_registry_only(http: httpx.Client) -> None:
    lines = [line for line in http.get("/metrics").text.splitlines() if line.startswith("accueil_steps_total")]
    assert lines == ["accueil_steps_total 3.0"]
    assert "python_info" not in http.get("/metrics").text


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_healthz_answers_while_readyz_waits_for_a_database(path: str) -> None:
    called, released = Event(), Event()

    def ready() -> State:
        called.set()
        return released.wait(30), "ready"

    class Held(Collector):
        def collect(self) -> Iterator[Metric]:
            called.set()
            released.wait(30)
            yield from ()

        def describe(self) -> list[Metric]:
            return []

    registry = CollectorRegistry()
    registry.register(Held())
    server = HealthServer("127.0.0.1", 0, healthy=lambda: (True, "live"), ready=ready, registry=registry)
    url = f"http://127.0.0.1:{server.port}"
    statuses: list[int] = []
    waiting = Thread(target=lambda: statuses.append(httpx.get(url + path, timeout=60).status_code))
    waiting.start()
    try:
        assert called.wait(10)
        assert httpx.get(f"{url}/healthz", timeout=10).text == "live\n"
        assert statuses == []
    finally:
        released.set()
        waiting.join()
        server.close()
    assert statuses == [200]
