"""Prometheus metrics of the engine."""

from types import SimpleNamespace
from typing import Any

from aiokafka.structs import TopicPartition

from streams.engine.batch import Batch
from streams.engine.job import Step
from streams.engine.metrics import REGISTRY, count_step

TOPIC = "delays"


def batch(*timestamps: int) -> Batch:
    records: list[Any] = [SimpleNamespace(timestamp=at, value=b"", offset=n) for n, at in enumerate(timestamps)]
    return Batch(TopicPartition(TOPIC, 0), records, 0, len(records))


def delay_sample(suffix: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"pipeline_event_delay_seconds_{suffix}", {"topic": TOPIC, **labels})


def test_delay_of_a_batch_is_measured_from_its_first_record_to_the_commit() -> None:
    count_step([batch(8_000, 9_900), batch()], Step(0, 10_000, []), 0.5)
    assert (delay_sample("count"), delay_sample("sum")) == (1, 2.5)
    assert (delay_sample("bucket", le="2.0"), delay_sample("bucket", le="5.0")) == (0, 1)
    count_step([batch(20_000)], Step(0, 10_000, []), 0.5)
    assert (delay_sample("count"), delay_sample("sum")) == (2, 2.5), "a clock set back counts as no delay"
