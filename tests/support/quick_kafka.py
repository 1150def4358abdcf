"""Kafka's classes, read and checked once for all brokers that tests start: two fifths less processor time for each start.

`python -m tests.support.quick_kafka` makes the archive if it is not there, and `make test` does so. Tests run without it as well.
"""

import os
import tempfile
from pathlib import Path
from typing import Final

from streams.engine.broker import JVM_OPTIONS, KAFKA_VERSION, QUICK_START, EmbeddedKafka

ARCHIVE: Final = Path(__file__).parents[2] / ".pytest_cache" / f"kafka-{KAFKA_VERSION}.jsa"
_OPTIONS: Final = f"-XX:+UseSerialGC {QUICK_START}"


def options() -> str:
    """Return what Java is to be told; an archive of another Java or of other jars is none to it."""
    return f"{_OPTIONS} -XX:SharedArchiveFile={ARCHIVE} -Xlog:disable" if ARCHIVE.exists() else _OPTIONS


def make() -> None:
    """Have a broker write its classes down as it ends; nothing if that was done."""
    if ARCHIVE.exists():
        return
    ARCHIVE.parent.mkdir(exist_ok=True)
    made = ARCHIVE.with_suffix(".new")
    with tempfile.TemporaryDirectory(prefix="accueil-kafka-") as folder:
        broker = EmbeddedKafka(Path(folder))
        broker.format()
        os.environ[JVM_OPTIONS] = f"{_OPTIONS} -XX:ArchiveClassesAtExit={made} -Xlog:disable"
        broker.start()
        broker.stop(timeout_seconds=60)
    made.rename(ARCHIVE)


if __name__ == "__main__":
    make()
