"""Topics and processes of Accueil on a real broker, for tests that kill and restart them."""

from collections.abc import Iterable
from pathlib import Path

from models.topics import TOPIC_CATALOGUE, Topic
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from tests.support.processes import Child

PARTITIONS = 4


def create_topics(bootstrap: str, topics: Iterable[Topic] = TOPIC_CATALOGUE) -> None:
    """Create topics with `PARTITIONS` partitions and the configuration of the catalogue."""
    configs = {topic.name: topic.config | (COMPACTED if topic.compacted else {}) for topic in topics}
    apply_specs(bootstrap, [TopicSpec(name, PARTITIONS, config=config) for name, config in configs.items()])


def accueil_process(command: str, bootstrap: str, directory: Path, name: str = "", **environment: str) -> Child:
    """Return a process of an `accueil` command, not yet started. Its log file has its `name`, by default the command."""
    return Child(
        ["-m", "streams.cli.main", command],
        directory / f"{name or command}.log",
        ACCUEIL_BROKERS=bootstrap,
        ACCUEIL_DATA=str(directory / "data"),
        ACCUEIL_LOG__FORMAT="json",
        ACCUEIL_WORKER__SESSION_TIMEOUT_SECONDS="3",
        **environment,
    )
