"""The engine's own figures: plumbing, per process. What happened in the business is in the job's tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from streams.engine.batch import Batch
    from streams.engine.job import Step

REGISTRY: Final = CollectorRegistry()
DELAY_BOUNDS: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)

RECORDS: Final = Counter(
    "pipeline_records_total", "Records taken from a source topic and committed", ["topic"], registry=REGISTRY
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
    "From the begin of a transaction to its commit",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
    registry=REGISTRY,
)
DELAY_SECONDS: Final = Histogram(
    "pipeline_event_delay_seconds",
    "From when Kafka took a record in to its commit: of the first of each batch, which waits longest",
    ["topic"],
    buckets=DELAY_BOUNDS,
    registry=REGISTRY,
)
RECOVERY_SECONDS: Final = Histogram(
    "pipeline_recovery_seconds",
    "From assignment of a partition to its first delivery",
    buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120),
    registry=REGISTRY,
)
DELIVERY_GAPS: Final = Counter(
    "pipeline_delivery_gaps_total",
    "Deliveries that did not follow the one before, and were fetched again",
    registry=REGISTRY,
)
INTERNAL_ERRORS: Final = Counter(
    "pipeline_internal_errors_total", "Records and ticks that our own code failed on", registry=REGISTRY
)
ASSIGNMENTS: Final = Counter(
    "pipeline_rebalances_total", "Assignments of partitions to this process", registry=REGISTRY
)
ACTIVE_PARTITIONS: Final = Gauge(
    "pipeline_active_partitions", "Partition numbers that are recovered and worked on here", registry=REGISTRY
)
LAG: Final = Gauge(
    "pipeline_consumer_lag_records",
    "Records that the sources are known to hold and no step has committed",
    registry=REGISTRY,
)


def count_step(batches: Sequence["Batch"], step: "Step", commit_seconds: float) -> None:
    """Count one committed transaction."""
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
