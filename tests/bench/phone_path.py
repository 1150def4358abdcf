"""The full phone path in one worker process: decode, contact fold, figures, timeline, exactly once.

    python -m tests.bench.phone_path --events 400000

Starts a Kafka, fills `contact.call.v1` with the events of made-up calls, lets one worker fold them, and prints one JSON line:
events per second from the first record taken to the last commit, CPU seconds of the worker, memory, and whether rows, figures
and timeline are exact. `--recover` then starts a second worker and says how long its recovery takes.
"""

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Producer

from models import topics
from models.codec import encode
from models.events import (
    CallAbandoned,
    CallAbandonedData,
    CallAnswered,
    CallAnsweredData,
    CallArrived,
    CallArrivedData,
    CallEnded,
    CallEndedData,
    CallQueued,
    CallQueuedData,
    EndedBy,
    Event,
)
from models.ids import contact_id, event_id
from models.topics import Channel
from streams.agents.contacts import Contacts, Times, make_job
from streams.core.visit import TimesToLive
from streams.engine.broker import EmbeddedKafka
from streams.engine.engine import Engine, Options, run
from streams.engine.topics import COMPACTED, TopicSpec, apply

PARTITIONS = 4
CALLS = list(topics.SOURCES).index(Channel.CALL)
QUEUES = [
    ("accueil", "accueil"),
    ("aide-sociale", "solidarite"),
    ("apa", "autonomie"),
    ("mdph", "autonomie"),
    ("rsa", "insertion"),
]
SOURCE = "asterisk/bench"
TIMES = Times(TimesToLive(4 * 3_600_000, 12 * 3_600_000), 400 * topics.DAY_MS, 8 * topics.DAY_MS)
ARRIVAL_SECONDS = 0.5


def calls(count: int, seed: int) -> Iterator[tuple[float, Event]]:
    """Yield (seconds after the start, event) of `count` calls, call by call: four events, or three if abandoned."""
    chance = random.Random(seed)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=count * ARRIVAL_SECONDS + 3600)
    for number in range(count):
        queue, service = chance.choice(QUEUES)
        native = f"{1_793_606_400 + number}.{number:07d}"
        common = {
            "source": SOURCE,
            "subject": contact_id(Channel.CALL, SOURCE, native),
            "sector": "social",
            "site": "siege",
            "service": service,
            "identities": f"phone:ab12-{chance.getrandbits(128):022x}"[:33],
        }
        at = number * ARRIVAL_SECONDS

        def event(
            kind: type[Event], data: object, seconds: float, common: dict = common, native: str = native
        ) -> tuple[float, Event]:
            name = kind.model_fields["type"].default
            id_ = event_id(SOURCE, f"{native}|{name}")
            return seconds, kind(id=id_, time=start + timedelta(seconds=int(seconds)), data=data, **common)

        wait, handle = float(chance.randrange(1, 240)), float(chance.randrange(30, 900))
        yield event(CallArrived, CallArrivedData(line="general"), at)
        yield event(CallQueued, CallQueuedData(queue=queue, position=1), at)
        if chance.random() < 0.12:
            yield event(CallAbandoned, CallAbandonedData(queue=queue, wait_seconds=wait), at + wait)
        else:
            agent = f"agent:ab12-{chance.randrange(100):022d}"
            yield event(CallAnswered, CallAnsweredData(queue=queue, wait_seconds=wait, agent=agent), at + wait)
            yield event(
                CallEnded,
                CallEndedData(queue=queue, ended_by=EndedBy.CALLER, handle_seconds=handle),
                at + wait + handle,
            )


def fill(bootstrap: str, count: int, seed: int) -> int:
    """Produce the events in the order of their times; return how many."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            "enable.idempotence": True,
            "linger.ms": 20,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 500_000,
        }
    )
    events = sorted(((at, event.subject, encode(event)) for at, event in calls(count, seed)), key=lambda item: item[0])
    size = 0
    for number, (_, subject, value) in enumerate(events):
        producer.produce("contact.call.v1", key=subject, value=value)
        size += len(value)
        if number % 10_000 == 0:
            producer.poll(0.05)
            if len(producer) > 300_000:
                producer.flush(60)
    if producer.flush(60):
        raise SystemExit("the broker did not confirm all events")
    print(f"{len(events)} events of {size / len(events):.0f} bytes", file=sys.stderr)
    return len(events)


def work(bootstrap: str, events: int, max_records: int) -> None:
    """Be the worker: fold until `events` are committed, print the measure as JSON, stop."""
    opened: list[Contacts] = []

    def open_(partition: int) -> Contacts:
        opened.append(made := Contacts(partition, TIMES))
        return made

    job = make_job("bench", TIMES)._replace(open=open_)
    engine = Engine(job, Options(bootstrap, directory=Path(tempfile.mkdtemp()), max_records=max_records))

    def lanes_are(what: str) -> bool:
        lanes = list(engine.lanes.values())
        return len(lanes) == PARTITIONS and all(getattr(lane, what) for lane in lanes)

    def all_taken() -> bool:
        return sum(lane.positions[lane.sources[CALLS]] for lane in engine.lanes.values()) >= events

    def measure() -> None:
        started = time.monotonic()
        while not lanes_are("ready"):
            time.sleep(0.002)
        result: dict[str, float] = {"recovered": sum(len(contacts.contacts.rows) for contacts in opened)}
        result["ready_seconds"] = round(time.monotonic() - started, 2)
        empty = resident_bytes()
        started, cpu = time.monotonic(), time.process_time()
        while not all_taken() or any(lane.busy for lane in engine.lanes.values()):
            time.sleep(0.005)
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
        rows = sum(len(contacts.contacts.rows) for contacts in opened)
        if not result["recovered"]:
            result |= {
                "events": events,
                "events_per_second": round(events / seconds),
                "events_per_cpu_second": round(events / cpu),
                "cpu_seconds": round(cpu, 2),
                "rows": rows,
                "bytes_per_contact": round((resident_bytes() - empty) / max(rows, 1)),
            }
        print(json.dumps(result), flush=True)
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=measure, daemon=True).start()
    raise SystemExit(run(engine))


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-records", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--work", metavar="BOOTSTRAP", help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work, args.events, args.max_records)
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            kafka = EmbeddedKafka(Path(folder) / "kafka")
            kafka.start()
            try:
                specs = [
                    TopicSpec(topic.name, PARTITIONS, config=COMPACTED if topic.compacted else {})
                    for topic in topics.CATALOGUE
                ]
                apply(kafka.bootstrap, specs)
                events = fill(kafka.bootstrap, args.calls, args.seed)
                again = ["--work", kafka.bootstrap, "--events", str(events), "--max-records", str(args.max_records)]
                for _ in ("fold", "recover"):
                    subprocess.run([sys.executable, "-m", "tests.bench.phone_path", *again], check=True)
            finally:
                kafka.stop()


if __name__ == "__main__":
    main()
