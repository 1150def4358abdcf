"""Prometheus metrics of the engine, per process; business figures are in the job's tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from streams.engine.batch import Batch
    from streams.engine.job import Step

REGISTRY: Final = CollectorRegistry()
DELAY_BOUNDS: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)

RECORDS: Final = Counter(
    "pipeline_records_total", "Records of a source topic processed and committed", ["topic"], registry=REGISTRY
)
DEAD_LETTERS: Final = Counter(
    "pipeline_dead_letters_written_total", "Dead letters written by this process", ["reason"], registry=REGISTRY
)
STEPS: Final = Counter("pipeline_steps_total", "Transactions committed", ["kind"], registry=REGISTRY)
STEP_RECORDS: Final = Histogram(
    "pipeline_step_records",
    "Records per transaction",
    buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000),
    registry=REGISTRY,
)
COMMIT_SECONDS: Final = Histogram(
    "pipeline_commit_seconds",
    "Duration of a transaction, from its begin to its commit",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
    registry=REGISTRY,
)
DELAY_SECONDS: Final = Histogram(
    "pipeline_event_delay_seconds",
    "Delay from the record's Kafka timestamp to its commit, for the first record of each batch, which waits longest",
    ["topic"],
    buckets=DELAY_BOUNDS,
    registry=REGISTRY,
)
RECOVERY_SECONDS: Final = Histogram(
    "pipeline_recovery_seconds",
    "Time from the assignment of a partition until it is ready for records",
    buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120),
    registry=REGISTRY,
)
DELIVERY_GAPS: Final = Counter(
    "pipeline_delivery_gaps_total",
    "Batches that did not continue at the expected offset and were fetched again",
    registry=REGISTRY,
)
INTERNAL_ERRORS: Final = Counter(
    "pipeline_internal_errors_total", "Records and ticks that failed because of a defect of the job", registry=REGISTRY
)
ASSIGNMENTS: Final = Counter("pipeline_rebalances_total", "Partition assignments to this process", registry=REGISTRY)
ACTIVE_PARTITIONS: Final = Gauge(
    "pipeline_active_partitions", "Partition numbers that this process has recovered and processes", registry=REGISTRY
)
LAG: Final = Gauge(
    "pipeline_consumer_lag_records", "Known records of the sources that no step has committed yet", registry=REGISTRY
)


def count_step(batches: Sequence["Batch"], step: "Step", commit_seconds: float) -> None:
    """Record one committed transaction in the metrics."""
    COMMIT_SECONDS.observe(commit_seconds)
    STEPS.labels("records" if batches else "tick").inc()
    total = 0
    for batch in batches:
        RECORDS.labels(batch.tp.topic).inc(len(batch.records))
        total += len(batch.records)
        if batch.records:
            waited = (step.now - batch.records[0].timestamp) / 1000 + commit_seconds
            DELAY_SECONDS.labels(batch.tp.topic).observe(max(0.0, waited))
    if total:
        STEP_RECORDS.observe(total)
    for letter in step.dead_letters:
        DEAD_LETTERS.labels(letter.reason).inc()
