"""Complete phone path in one worker process: decoding, contacts, figures, timeline and dead letters, exactly once.

    python -m tests.bench --only phone

A real Kafka contains the events of the Asterisk connector for generated calls. One worker folds all of them, and a second one
recovers the rows of the first. Then all output is compared with the expected results of the calls.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from confluent_kafka.admin import AdminClient

from models import topics
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import apply_specs
from streams.runtime.topic_catalogue import specs
from streams.settings.schema import Settings
from tests.bench.calls import TOPIC, Calls, Ledger, Record
from tests.bench.measuring import cpu_seconds
from tests.bench.records import produce, read, running_kafka
from tests.bench.report import Goal, Run, medians, number, table
from tests.bench.verify import correct, differences
from tests.support.processes import Child

CALLS_PER_SECOND: Final = 4
"""Rate of a whole country, so that a quarter of a million calls fit into a day."""
LONGEST_WAIT_SECONDS: Final = 240
LONGEST_TALK_SECONDS: Final = 900
LIMIT_SECONDS: Final = 900
DERIVED: Final = [topic.name for topic in (*topics.STATES, topics.TIMELINE, topics.DEAD_LETTERS)]

Progress = Callable[[str], None]


def measure(*, rounds: int, calls: int = 275_000, progress: Progress) -> dict[str, Any]:
    """Fold the events of `calls` calls with one worker and recover the rows with another, `rounds` times; return all runs."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder, running_kafka(Path(folder) / "kafka") as kafka:
        _make_topics(kafka.bootstrap)
        ledger = _fill(kafka.bootstrap, calls, progress)
        runs = []
        for turn in range(1, rounds + 1):
            run = _run(kafka, ledger, Path(folder) / f"round-{turn}")
            runs.append({"round": turn, **run})
            progress(f"{turn}/{rounds} {number(run['events_per_second'])}/s, {run['correct']}")
    return {"runs": runs, "median": medians(runs) | {"round": None}}


def _make_topics(bootstrap: str) -> None:
    apply_specs(bootstrap, specs(Settings()))


def _fill(bootstrap: str, count: int, progress: Progress) -> Ledger:
    calls = Calls(1, longest_wait=LONGEST_WAIT_SECONDS, longest_talk=LONGEST_TALK_SECONDS)
    begin = int(time.time()) - count // CALLS_PER_SECOND - 2 * LONGEST_TALK_SECONDS

    def records() -> Iterator[Record]:
        for line in calls.lines(begin + nth / CALLS_PER_SECOND for nth in range(count)):
            yield from calls.records(line)

    produced, size = produce(bootstrap, TOPIC, records())
    many, about = number(produced), f"{size / produced:.0f}"
    progress(f"{many} records of {about} bytes")
    return calls.ledger


def _run(kafka: EmbeddedKafka, ledger: Ledger, folder: Path) -> dict[str, Any]:
    _forget_derived(kafka.bootstrap)
    broker = kafka.pid
    assert broker is not None, "the broker does not run"
    before = cpu_seconds(broker)
    folded = _work(kafka.bootstrap, ledger.records, folder)
    broker_cpu = cpu_seconds(broker) - before
    recovered = _work(kafka.bootstrap, None, folder)
    return folded | {
        "broker_cpu_seconds": broker_cpu,
        "recovery_seconds": recovered["recovery_seconds"],
        "recovered_contacts": recovered["recovered_contacts"],
        "bytes_per_recovered_contact": recovered["bytes_per_contact"],
        "correct": correct(differences(partial(read, kafka.bootstrap), ledger, kept=True)),
    }


def _forget_derived(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})  # keep a reference, else it is closed before the answer
    for deleted in admin.delete_topics(DERIVED).values():
        deleted.result()
    _make_topics(bootstrap)


def _work(bootstrap: str, records: int | None, folder: Path) -> dict[str, Any]:
    """Let one worker fold `records` records, or only recover; return its measurements."""
    folder.mkdir(exist_ok=True)
    result = folder / "result.json"
    place = ["--bootstrap", bootstrap, "--directory", str(folder), "--app-id", f"bench-{folder.name}"]
    what = [*([] if records is None else ["--records", str(records)]), "--result", str(result)]
    with Child(["-m", "tests.bench.phone_worker", *place, *what], folder / "worker.log") as worker:
        worker.start()
        if code := worker.wait(LIMIT_SECONDS):
            raise click.ClickException(f"the worker ended with {code}:\n{worker.text[-2000:]}")
    measured: dict[str, Any] = json.loads(result.read_text())
    return measured


def goals(result: Run) -> list[Goal]:
    run = result["median"]
    return [
        Goal("phone.events_per_second", "phone path, events/s", run["events_per_second"], 50_000),
        Goal("phone.bytes_per_contact", "bytes per live contact", run["bytes_per_contact"], 1500, at_least=False),
        Goal(
            "phone.recovery_seconds",
            f"seconds to recover {number(run['recovered_contacts'])} contacts",
            run["recovery_seconds"],
            5,
            at_least=False,
        ),
    ]


def is_exact(result: Run) -> bool:
    return all(run["correct"] == "exact" for run in result["runs"])


def show(result: Run) -> str:
    columns = {
        "events/s": "events_per_second",
        "events/CPU s": "events_per_cpu_second",
        "CPU s": "cpu_seconds",
        "broker CPU s": "broker_cpu_seconds",
        "contacts": "contacts",
        "bytes/contact": "bytes_per_contact",
        "recovery s": "recovery_seconds",
        "bytes/contact after it": "bytes_per_recovered_contact",
    }
    named = [*((str(run["round"]), run) for run in result["runs"]), ("median", result["median"])]
    rows = [
        [name, run["correct"], number(run["events"]), *(number(run[column]) for column in columns.values())]
        for name, run in named
    ]
    head = ["round", "all that was written", "events"]
    return table([*head, *columns], rows, texts=2)
