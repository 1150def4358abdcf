"""Age of figures under load: delay from an event of any channel to the board, and to a scrape of `/metrics`.

    python -m tests.bench --only freshness

`accueil up --demo` runs Kafka, worker, timelines, board, connectors and simulated systems. In addition, this process publishes
events of contacts on all channels at a steady rate like a connector, follows `/events` like a browser, and scrapes `/metrics`
continuously. The delay of an event runs from just before its publication to the message, or the end of the scrape, that shows it.
"""

import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from models.topics import DEAD_LETTERS
from streams.runtime import instance_lock
from streams.settings.schema import Settings
from tests.bench.contact_load import ContactGenerator, send
from tests.bench.latency import Up, started_up
from tests.bench.measuring import percentile
from tests.bench.records import read
from tests.bench.report import Goal, Run, number, table
from tests.bench.shown_counts import (
    SCRAPE_SECONDS,
    SHOWN,
    Board,
    Scrapes,
    Series,
    Shown,
    delays_of,
    read_board,
    read_metrics,
)
from tests.support import kafka_io
from tests.support.processes import wait_until

CALM_EVENTS: Final = 60
"""Maximum number of events per second of the demo after it has read its history."""
CALM_SECONDS: Final = 10
STARTS_SECONDS: Final = 400
LIMIT_SECONDS: Final = 60
PLANNING_SECONDS: Final = 20
"""Time to generate all events before the first is due, since they contain their times."""

Progress = Callable[[str], None]

_COUNTED: Final = re.compile(rb'^pipeline_events_processed_total\{result="ok"\} (.+)$', re.MULTILINE)
_WORKER: Final = re.compile(r"^ +worker +(http://\S+/metrics)$", re.MULTILINE)
_STEPS: Final = re.compile(
    r"^(pipeline_(?:step_records|commit_seconds|event_delay_seconds)_(?:sum|count))(?:{.*})? (\S+)$", re.MULTILINE
)


class Steps:
    """Metrics of the worker's steps since the creation of this object."""

    def __init__(self, console: Path) -> None:
        found = _WORKER.search(console.read_text(encoding="utf-8"))
        assert found is not None, "the worker's metrics were not found"
        self._url = found[1]
        self._before = self._scrape()

    def measure(self) -> dict[str, float]:
        """Return the number of steps, and the mean of records per step, commit time, and delay of a step's first record."""
        now = self._scrape()
        since = {name: number - self._before.get(name, 0.0) for name, number in now.items()}

        def mean(name: str) -> float:
            return since[f"{name}_sum"] / max(1.0, since[f"{name}_count"])

        return {
            "steps": since["pipeline_step_records_count"],
            "step_records": mean("pipeline_step_records"),
            "commit_ms": 1000 * mean("pipeline_commit_seconds"),
            "worker_delay_ms": 1000 * mean("pipeline_event_delay_seconds"),
        }

    def _scrape(self) -> dict[str, float]:
        sums: defaultdict[str, float] = defaultdict(float)
        with urlopen(self._url, timeout=LIMIT_SECONDS) as answer:
            for name, value in _STEPS.findall(answer.read().decode()):
                sums[name] += float(value)
        return dict(sums)


# ----------------------------------------------------------------------------------------------------------- measuring
def measure(*, rate: float = 1_000, seconds: float = 60, progress: Progress) -> dict[str, Any]:
    """Return the delays of all visible events, at `rate` events per second for `seconds`."""
    with (
        tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder,
        started_up(Path(folder), "up", "--demo") as demo,
    ):
        progress("the demo reads its history …")
        _await_calm(demo.url)
        found = instance_lock.read(Path(folder) / "demo")
        assert found is not None, "the demo does not run"
        worker = Steps(Path(folder) / "console.log")
        login = kafka_io.login(Path(found.password_file).read_text(encoding="utf-8").strip())
        return _measure(demo, worker, found.brokers, login, rate, seconds, progress)


def _measure(
    demo: Up,
    worker: Steps,
    bootstrap: str,
    login: Mapping[str, str],
    rate: float,
    seconds: float,
    progress: Progress,
) -> dict[str, Any]:
    begins_at = datetime.now(UTC) + timedelta(seconds=PLANNING_SECONDS)
    planned = ContactGenerator(1, Settings().partitions).plan(begins_at, rate, seconds)
    board, scrapes = Board(demo.url), Scrapes(demo.url)
    wait_until(lambda: board.seen and scrapes.seen, "board and metrics", LIMIT_SECONDS)
    progress(f"{len(planned)} events …")
    time.sleep(max(0.0, (begins_at - datetime.now(UTC)).total_seconds()))
    before, began_at = demo.cpu_seconds(), time.monotonic()
    sent, taken = send(bootstrap, planned, **login)
    took = time.monotonic() - began_at
    after, steps = demo.cpu_seconds(), worker.measure()
    on_board = _by_count(sent, lambda shown: shown.board)
    in_metrics = _by_count(sent, lambda shown: shown.metric)
    wait_until(
        lambda: (
            _contains(on_board, read_board(board.seen[-1][1]))
            and _contains(in_metrics, read_metrics(scrapes.seen[-1][1]))
        ),
        "all of it",
        LIMIT_SECONDS,
    )
    scrapes.stop()
    delays = {
        "board": delays_of(on_board, board.seen, read_board),
        "metrics": delays_of(in_metrics, scrapes.seen, read_metrics),
        "kafka": [1000 * one for one in taken],
    }
    dead = sum(1 for record in read(bootstrap, DEAD_LETTERS.name, **login) if b'"bench' in (record.value or b""))
    return {
        "events": len(planned),
        "events_per_second": len(planned) / took,
        "kinds": len({one.kind for one in planned}),
        "scrape_ms": 1000 * percentile(scrapes.took, 0.5),
        "messages_per_second": len(board.seen) / took,
        "message_bytes": len(board.seen[-1][1]),
        **{
            f"{where}_{name}_ms": one
            for where, values in delays.items()
            for name, one in (("p50", percentile(values, 0.5)), ("p99", percentile(values, 0.99)), ("max", max(values)))
        },
        **{f"{where}_samples": len(values) for where, values in delays.items()},
        **steps,
        "core_share": {name: (after[name] - before[name]) / took for name in before},
        "dead_letters": dead,
    }


def _by_count(sent: Mapping[tuple[str, str], list[float]], where: Callable[[Shown], str]) -> dict[Series, list[float]]:
    """Return the publication times by service and count. Each count of a service counts one kind of event."""
    found: defaultdict[Series, list[float]] = defaultdict(list)
    for (service, kind), times in sent.items():
        if name := where(SHOWN[kind]):
            found[service, name] += times
    return dict(found)


def _contains(sent: Mapping[Series, list[float]], shown: Mapping[Series, int]) -> bool:
    return all(shown.get(series, 0) >= len(times) for series, times in sent.items())


def _await_calm(url: str) -> None:
    """Wait until the history is read, when the rate of events is low."""
    counted: list[tuple[float, float]] = []

    def is_calm() -> bool:
        with urlopen(f"{url}/metrics", timeout=LIMIT_SECONDS) as answer:
            found = _COUNTED.search(answer.read())
        if found is None:
            return False
        counted.append((time.monotonic(), float(found[1])))
        at, number = next(
            one for one in reversed(counted) if one[0] <= counted[-1][0] - CALM_SECONDS or one is counted[0]
        )
        elapsed = counted[-1][0] - at
        return elapsed >= CALM_SECONDS and (counted[-1][1] - number) / elapsed < CALM_EVENTS

    wait_until(is_calm, "the demo to be as of now", STARTS_SECONDS)


# -------------------------------------------------------------------------------------------------------------- results
def goals(result: Run) -> list[Goal]:
    return [
        Goal("freshness.events_per_second", "events/s sent", result["events_per_second"], 990),
        *(
            Goal(f"freshness.{where}_p99_ms", what, result[f"{where}_p99_ms"], 1000, at_least=False)
            for where, what in (("board", "event to board, p99 ms"), ("metrics", "event to /metrics, p99 ms"))
        ),
    ]


def is_exact(result: Run) -> bool:
    """Return whether no event was rejected; without a shown event there would be no result."""
    return bool(result["dead_letters"] == 0)


def show(result: Run) -> str:
    named = {"kafka": "acknowledged by Kafka", "board": "on the board", "metrics": "in a scrape of /metrics"}
    head = ["after ms", "events", "p50", "p99", "max"]
    rows = [
        [
            what,
            number(result[f"{where}_samples"]),
            *(number(round(result[f"{where}_{name}_ms"])) for name in ("p50", "p99", "max")),
        ]
        for where, what in named.items()
    ]
    rate, kinds = number(result["events_per_second"]), result["kinds"]
    summary = (
        f"{rate} events/s of {kinds} types beside the demo; a scrape took {result['scrape_ms']:.0f} ms, the next began"
        f" {SCRAPE_SECONDS * 1000:.0f} ms later; {result['messages_per_second']:.1f} messages/s of"
        f" {number(result['message_bytes'])} bytes"
    )
    steps = (
        f"worker: {number(result['steps'])} steps of {result['step_records']:.0f} records, {result['commit_ms']:.0f} ms to"
        f" commit; {result['worker_delay_ms']:.0f} ms from Kafka to its commit for the first record of one, in the mean"
    )
    processes = [[name, number(100 * share)] for name, share in result["core_share"].items()]
    columns = ["process", "% of a core"]
    return "\n\n".join([table(head, rows), summary, steps, table(columns, processes)])
