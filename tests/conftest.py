"""Fixtures only; helpers live in tests/support."""

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
"""Packages of others, whose tests run where they are installed: see `tests/connectors/test_packages.py`."""
SLOW = ("faults", "browser", "broker")
"""The marks of tests that take long, those first that wait most and so leave the machine to others."""


def pytest_configure() -> None:
    """Have what is started hundreds of times start in half the processor time: brokers, clients, processes of Accueil."""
    os.environ.setdefault(JVM_OPTIONS, quick_kafka.options())
    os.environ.pop("JAVA_HOME", None)  # another Java has other options
    # Each client of HTTP reads all authorities of the world, for longer than it then asks; nothing here is of any of them.
    os.environ["SSL_CERT_FILE"] = str(Path(quick_kafka.__file__).with_name("nobody.pem"))
    # Where it is set, as in many containers, each process would compile all of Accueil for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: spare the garbage collector from walking it while it grows, and ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, begin with those that take long, so that nobody waits for one at the end.

    Files that wait stand evenly among files that compute, so that neither the processors nor the tests have to wait for long.
    """
    if hasattr(config, "workerinput"):
        order = _spread(items)
        items.sort(key=lambda item: order[item.path])


def _spread(items: list[pytest.Item]) -> dict[Path, float]:
    """Return the place of each file: the slow ones of each mark are spread from 0 to 1, all others come at 1."""
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
    """What processes of Accueil are forked from, so that each need not read all the libraries."""
    if sys.platform != "linux" or os.environ.get("ACCUEIL_TESTS_FORGE") == "no":
        yield
        return
    fork_pool = Child.fork_pool = ForkPool()
    yield
    Child.fork_pool = None
    fork_pool.close()


@pytest.fixture(scope="module")
def kafka(formatted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A real Kafka that the tests of a file share; they use topics of names of their own."""
    directory = tmp_path_factory.mktemp("kafka")
    shutil.copytree(formatted, directory / "data")
    broker = EmbeddedKafka(directory, config={"log.cleaner.backoff.ms": "500"})
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def formatted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a Kafka that was formatted and never started."""
    broker = EmbeddedKafka(tmp_path_factory.mktemp("formatted"))
    broker.format()
    return broker.directory / "data"


@pytest.fixture
def own_kafka(formatted: Path, tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A real Kafka of this test alone, which it may stop, kill and start again."""
    shutil.copytree(formatted, tmp_path / "kafka" / "data")
    broker = EmbeddedKafka(tmp_path / "kafka")
    broker.start()
    yield broker
    broker.stop()
