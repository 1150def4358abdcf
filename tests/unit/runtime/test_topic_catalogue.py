"""`apply_topics` on a real Kafka: changes and refusals."""

from pathlib import Path
from uuid import uuid4

import pytest

from models.topics import Topic
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.runtime import topic_catalogue
from streams.runtime.topic_catalogue import apply_topics
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_CONFIGURATION
from streams.settings.loader import load

pytestmark = pytest.mark.broker


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return the only topic of the catalogue, with a unique name."""
    monkeypatch.chdir(tmp_path)
    name = f"topic-{uuid4().hex[:8]}"
    monkeypatch.setattr(topic_catalogue, "TOPIC_CATALOGUE", (Topic(name, "key", "", retention_ms=60_000),))
    return name


def test_changes_are_reported(kafka: EmbeddedKafka, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert apply_topics(load(), kafka.bootstrap, 10) == [f"created {topic} with 4 partitions"]
    assert apply_topics(load(), kafka.bootstrap, 10) == []
    monkeypatch.setattr(topic_catalogue, "TOPIC_CATALOGUE", (Topic(topic, "key", "", retention_ms=120_000),))
    assert apply_topics(load(), kafka.bootstrap, 10) == [
        f"set retention.ms = 120000 on {topic}",
        f"set segment.ms = 120000 on {topic}",
    ]


def test_other_number_of_partitions_is_refused(kafka: EmbeddedKafka, topic: str) -> None:
    apply_topics(load(), kafka.bootstrap, 10)
    with pytest.raises(OperatorError) as refused:
        apply_topics(load().model_copy(update={"partitions": 8}), kafka.bootstrap, 10)
    assert refused.value.exit_code == EXIT_CONFIGURATION
    assert refused.value.message.startswith(f"topic {topic} has 4 partitions, the settings say 8, ")
    assert refused.value.message.endswith("set partitions = 4")
