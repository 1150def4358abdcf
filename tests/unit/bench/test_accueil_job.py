"""The job of the engine comparison on Accueil's engine, with a real Kafka."""

from pathlib import Path

import pytest

from streams.kafka.embedded_broker import EmbeddedKafka
from tests.bench import engine


@pytest.mark.broker
def test_accueil_job_is_exact_on_a_real_kafka(
    kafka: EmbeddedKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CACHE", tmp_path)
    source = engine._fill(kafka.bootstrap, 4000, seed=2, progress=lambda _: None)
    run = engine._run(engine.CATALOGUE["accueil"], [], kafka, source)
    assert run["correct"] == "exact"
    assert (run["peer"], run["events"]) == ("Accueil", 4000)
    assert run["rows_written"] >= 1000
    assert run["events_per_cpu_second"] > 0
