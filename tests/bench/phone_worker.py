"""Worker like `accueil worker` that measures itself: it folds the records of the topic of calls, then stops."""

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from streams.agents.contacts import make_job
from streams.engine.engine import Engine, run
from streams.runtime import logs
from streams.runtime.worker import options, times
from streams.settings.schema import Settings
from tests.bench.calls import TOPIC
from tests.bench.measuring import live_bytes

POLL_SECONDS: Final = 0.02


class MeasuredEngine(Engine):
    """Engine that records its memory and time before its first row."""

    assigned_at = 0.0
    empty_bytes = 0

    def open_partition_tasks(self, assigned: Iterable[Any]) -> None:
        self.empty_bytes = live_bytes()
        self.assigned_at = time.monotonic()
        super().open_partition_tasks(assigned)

    @property
    def is_ready(self) -> bool:
        return self.readiness()[0]

    def has_committed(self, records: int) -> bool:
        """Return whether the first `records` records of the calls are committed."""
        partition_tasks = list(self.partition_tasks.values())
        taken = sum(
            next_
            for partition_task in partition_tasks
            for source, next_ in partition_task.positions.items()
            if source.topic == TOPIC
        )
        return taken >= records and not any(partition_task.busy for partition_task in partition_tasks)

    @property
    def contacts(self) -> int:
        return sum(
            len(table.rows)
            for partition_task in self.partition_tasks.values()
            for table in partition_task.job.tables[:1]
        )


def measure(engine: MeasuredEngine, records: int | None) -> dict[str, float]:
    """Wait until the engine has folded `records` records, or has only recovered; return the measurements."""
    _wait_until(lambda: engine.is_ready)
    ready_at, cpu = time.monotonic(), time.process_time()
    result: dict[str, float] = {
        "recovered_contacts": engine.contacts,
        "recovery_seconds": ready_at - engine.assigned_at,
    }
    if records is not None:
        _wait_until(lambda: engine.has_committed(records))
        seconds, cpu = time.monotonic() - ready_at, time.process_time() - cpu
        result = {
            "events": records,
            "seconds": seconds,
            "events_per_second": records / seconds,
            "cpu_seconds": cpu,
            "events_per_cpu_second": records / cpu,
        }
    contacts = engine.contacts
    result["contacts"] = contacts
    result["bytes_per_contact"] = (live_bytes() - engine.empty_bytes) / max(contacts, 1)
    return result


def _wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(POLL_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True, help="host:port of the broker")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--app-id", required=True)
    parser.add_argument("--records", type=int, help="number of records to fold; by default, only recover")
    parser.add_argument("--result", type=Path, required=True, help="where to write the measurements")
    args = parser.parse_args()
    logs.configure()
    settings = Settings(brokers=args.bootstrap, data=args.directory)
    engine = MeasuredEngine(make_job(args.app_id, times(settings)), options(settings))

    def follow() -> None:
        args.result.write_text(json.dumps(measure(engine, args.records)))
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    sys.exit(run(engine))


if __name__ == "__main__":
    main()
