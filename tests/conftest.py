"""Shared fixtures and test order; helpers are in `tests/support`."""

import gc
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from streams.kafka.embedded_broker import JVM_OPTIONS, EmbeddedKafka
from tests.support import quick_kafka
from tests.support.fork_pool import ForkPool
from tests.support.processes import Child

collect_ignore = ["packages"]
"""Packages whose tests run after their installation, see `tests/connectors/test_packages.py`."""
os.environ |= {"LANG": "C.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}  # English, before other conftests import texts
SLOW = ("faults", "browser", "broker")
"""Marks of slow tests; those that wait most come first."""


def pytest_configure() -> None:
    """Speed up the start of brokers, clients and Accueil processes, which tests start hundreds of times."""
    os.environ.setdefault(JVM_OPTIONS, quick_kafka.options())
    os.environ.pop("JAVA_HOME", None)  # another Java version has other options
    # HTTP clients would load all public certificate authorities, which takes longer than the requests; tests need none.
    os.environ["SSL_CERT_FILE"] = str(Path(quick_kafka.__file__).with_name("nobody.pem"))
    # With this variable, set in many containers, each process would compile all modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exclude the collected tests from garbage collection, because they live until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several test processes, run slow tests first, so that none delays the end.

    Files that mostly wait are spread evenly among files that compute.
    """
    if hasattr(config, "workerinput"):
        order = _spread(items)
        items.sort(key=lambda item: order[item.path])


def _spread(items: list[pytest.Item]) -> dict[Path, float]:
    """Return the sort key of each file: slow files of each mark are spread from 0 to 1, others have 1."""
    slow: dict[str, dict[Path, None]] = {mark: {} for mark in SLOW}
    order = {item.path: 1.0 for item in items}
    for item in items:
        if mark := next(filter(item.get_closest_marker, SLOW), None):
            slow[mark][item.path] = None
    for files in reversed(slow.values()):
        order |= {path: (number + 0.5) / len(files) for number, path in enumerate(files)}
    return order


@pytest.fixture(scope="session", autouse=True)
def fork_pool() -> Iterator[None]:
    """Pool that forks Accueil processes from one with the libraries already imported."""
    if sys.platform != "linux" or os.environ.get("ACCUEIL_TESTS_FORGE") == "no":
        yield
        return
    fork_pool = Child.fork_pool = ForkPool()
    yield
    Child.fork_pool = None
    fork_pool.close()


@pytest.fixture(scope="module")
def kafka(formatted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """Kafka broker shared by the tests of a file, which use distinct topic names."""
    directory = tmp_path_factory.mktemp("kafka")
    shutil.copytree(formatted, directory / "data")
    broker = EmbeddedKafka(directory, config={"log.cleaner.backoff.ms": "500"})
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def formatted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data directory of a formatted Kafka broker that was never started."""
    broker = EmbeddedKafka(tmp_path_factory.mktemp("formatted"))
    broker.format()
    return broker.directory / "data"


@pytest.fixture
def own_kafka(formatted: Path, tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """Kafka broker of a single test, which may stop, kill and restart it."""
    shutil.copytree(formatted, tmp_path / "kafka" / "data")
    broker = EmbeddedKafka(tmp_path / "kafka")
    broker.start()
    yield broker
    broker.stop()
