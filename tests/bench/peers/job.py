"""Common code of the Python jobs: fold, figures and measurements; uses only the standard library."""

import argparse
import json
import resource
import time
from collections import Counter
from typing import Any

PARTITIONS = 4
RECENT = 8


def fold(row: dict[str, Any] | None, event: dict[str, Any]) -> dict[str, Any] | None:
    """Return the contact's row after `event`, or None for a duplicate."""
    if row is None:
        row = {"milestones": {}, "state": "new", "recent": []}
    recent = row["recent"]
    if event["id"] in recent:
        return None
    milestones = row["milestones"]
    # ISO 8601 in UTC with a fixed width: text order is time order.
    milestones[event["type"]] = min(event["time"], milestones.get(event["type"], event["time"]))
    row["state"] = state(milestones)
    row["recent"] = [*recent[1 - RECENT :], event["id"]]
    return row


def state(milestones: dict[str, str]) -> str:
    if "call.ended" in milestones or "feedback.given" in milestones:
        return "closed"
    return "in_progress" if "call.answered" in milestones else "waiting"


class Tally:
    """Figures by service and type, and measurements since the first event."""

    def __init__(self, events: int):
        self.events = events
        self.arrived = 0
        self.counts: Counter[tuple[str, str]] = Counter()

    def arrive(self) -> None:
        if not self.arrived:
            self._started, self._cpu = time.monotonic(), time.process_time()
        self.arrived += 1

    def count(self, service: str, type_: str) -> None:
        self.counts[service, type_] += 1

    @property
    def folded(self) -> bool:
        return self.arrived >= self.events

    def finish(self) -> None:
        self._seconds = time.monotonic() - self._started
        self._cpu_seconds = time.process_time() - self._cpu

    def report(self, peer: str, configuration: str, changelog: str) -> None:
        result = {
            "peer": peer,
            "configuration": configuration,
            "events": self.events,
            "seconds": round(self._seconds, 3),
            "events_per_second": round(self.events / self._seconds),
            "cpu_seconds": round(self._cpu_seconds, 3),
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "counts": {f"{service}/{type_}": count for (service, type_), count in sorted(self.counts.items())},
            "changelog": changelog,
        }
        print(json.dumps(result), flush=True)


def arguments(description: str, name: str) -> argparse.ArgumentParser:
    """The arguments of every job; `name` is part of the default application id."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bootstrap", required=True, help="host:port of the broker")
    parser.add_argument("--topic", default="src")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many events the topic holds")
    parser.add_argument(
        "--id", default=f"peer-{name}-{time.time_ns() // 1_000_000}", help="application id, new for each run"
    )
    parser.add_argument("--state-dir", required=True, help="where local state is kept")
    return parser
