"""Options of one worker process of the engine."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """Connection, limits and timeouts of one worker process; durations in seconds."""

    bootstrap: str
    tick_seconds: float = 1.0
    max_records: int = 10_000
    """Maximum number of source records in one transaction."""
    full_step_records: int = 1000
    """Number of fetched records that starts a step immediately, without lingering."""
    linger_seconds: float = 0.05
    """Minimum interval between the steps of one partition, unless a full step is queued.

    A transaction costs as much for one record as for a hundred. A record after a quiet moment is processed immediately."""
    serialize_steps: bool = False
    """Run the steps of all partitions one at a time, and fold adjacent batches of one topic in a step with a single call.

    For jobs that write to a database: each fold has a fixed cost, and a step takes seconds. Another partition's transaction must
    not stay open for that time."""
    session_timeout_seconds: float = 15.0
    no_progress_seconds: float = 180.0
    """Time without progress after which the process exits. Watched are the event loop, the fetcher, and partition tasks that have
    work or are closing.

    A process that could not exit reports itself as unhealthy half a minute later, so that its supervisor can kill it."""
    internal_errors: int = 100
    """Maximum number of dead letters per hour caused by defects of the job; one more stops the worker."""
    skip_expired: bool = False
    """Continue after records that retention deleted before they were processed, instead of refusing to start."""
    instance_id: str | None = None
    """Id for static group membership: a worker that restarts within the session timeout keeps its partitions."""
    directory: Path = Path(tempfile.gettempdir())
    """Data directory that Faust requires; nothing is stored there."""
    client: Mapping[str, Any] = field(default_factory=dict)
    """Security options for aiokafka: `security_protocol`, `ssl_context`, `sasl_mechanism`, `sasl_plain_username` …"""

    @property
    def connection(self) -> dict[str, Any]:
        """Connection options of aiokafka's clients."""
        return {"bootstrap_servers": self.bootstrap, **self.client}
