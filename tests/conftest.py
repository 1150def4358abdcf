"""Fixtures only; helpers live in tests/support."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.engine.broker import JVM_OPTIONS, EmbeddedKafka
from tests.support import quick_kafka

collect_ignore = ["packages"]
"""Packages of others, whose tests run where they are installed: see `tests/connectors/test_packages.py`."""
SLOW = ("faults", "broker", "browser")
"""The marks of tests that take long, the longest first."""


def pytest_configure() -> None:
    """Have what is started hundreds of times start in half the processor time: brokers, and processes of Accueil."""
    os.environ.setdefault(JVM_OPTIONS, quick_kafka.options())
    # Where it is set, as in many containers, each process would compile all of Accueil for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, begin with those that take long, so that nobody waits for one at the end."""
    if hasattr(config, "workerinput"):
        items.sort(
            key=lambda item: next((n for n, mark in enumerate(SLOW) if item.get_closest_marker(mark)), len(SLOW))
        )


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A real Kafka that all tests of the session share; tests use topics of names of their own."""
    broker = EmbeddedKafka(tmp_path_factory.mktemp("kafka"), config={"log.cleaner.backoff.ms": "500"})
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
