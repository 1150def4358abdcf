"""Small job with all features of the engine, run in a process: `python -m tests.support.ledger_job NAME BOOTSTRAP`.

It has two source topics, a count, a sum and a deadline per key, and partition totals in a second table. It writes one output per
event, and a tick writes outputs for due deadlines. `forget` deletes a row. Some records are rejected, some make the fold fail,
and a single record of the key `jam` makes the tick fail.
"""

import argparse
import copy
import os
import random
from collections.abc import Sequence
from typing import Any

import msgspec

from streams.engine.batch import Batch
from streams.engine.engine import Engine, run
from streams.engine.job import Codec, Job, Step, Table
from streams.engine.options import Options
from streams.kafka import topic_admin
from streams.kafka.record import Record
from streams.runtime import logs
from streams.runtime.topic_catalogue import COMPACTED

PARTITIONS = 4


class Event(msgspec.Struct, omit_defaults=True):
    id: str
    amount: int = 0
    action: str = "add"  # or forget, fail, reject
    due_at: int = 0


class Row(msgspec.Struct):
    count: int = 0
    sum: int = 0
    due_at: int = 0


decode = msgspec.json.Decoder(Event).decode
encode = msgspec.json.Encoder().encode


def row_codec(kind: type[Row]) -> Codec[bytes, Row]:
    return Codec(bytes, bytes, encode, lambda _, value: msgspec.json.decode(value, type=kind), copy.copy)


class Ledger:
    """Work on one partition."""

    def __init__(self, name: str) -> None:
        self.rows = Table(f"{name}-rows", row_codec(Row))
        self.totals = Table(f"{name}-totals", row_codec(Row))
        self.tables = (self.rows, self.totals)
        self.out = f"{name}-out"
        self.due: dict[bytes, int] = {}

    def restore(self) -> None:
        self.due = {key: row.due_at for key, row in self.rows.rows.items() if row.due_at}

    undo = restore

    def fold(self, topic: str, records: Sequence[Record], step: Step) -> None:
        for record in records:
            event = decode(record.value or b"")
            key = record.key or b""
            if event.action == "reject":
                step.reject(topic, record, "invalid_field", "intended")
                continue
            total = self.totals.edit(b"total", Row)
            total.count += 1
            total.sum += event.amount
            row = self.rows.edit(key, Row)
            row.count += 1
            row.sum += event.amount
            if event.action == "fail":  # after rows were changed, which must be rolled back
                raise ZeroDivisionError("intended")
            if event.due_at:
                row.due_at = self.due[key] = event.due_at
            if event.action == "forget":
                self.rows.delete(key)
            step.outputs[self.out].append((key, encode({"id": event.id, "count": row.count})))

    def reject_record(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        step.reject(topic, record, "internal_error", type(error).__name__)

    def tick(self, step: Step) -> None:
        if (jam := self.rows.rows.get(b"jam")) and jam.count == 1:
            self.rows.edit(b"jam", Row).count = 99  # must be rolled back
            raise ZeroDivisionError("intended")
        for key, due_at in list(self.due.items()):
            if due_at <= step.now:
                del self.due[key]
                self.rows.edit(key, Row).due_at = 0
                step.outputs[self.out].append((key, encode({"id": f"due {key.decode()}", "count": 0})))


class LossyEngine(Engine):
    """Engine that loses batches between fetch and partition tasks, as around a rebalance of Faust."""

    lost_share = 0.0

    def deliver(self, batch: Batch) -> None:
        if random.random() >= self.lost_share:
            super().deliver(batch)


def make_job(name: str) -> Job:
    return Job(
        name,
        sources=[f"{name}-a", f"{name}-b"],
        states=[f"{name}-rows", f"{name}-totals"],
        outputs=[f"{name}-out"],
        dead_letters=f"{name}-dead",
        open=lambda _: Ledger(name),
    )


def make_topics(name: str, bootstrap: str, **state_config: str) -> None:
    job = make_job(name)
    plain = [topic_admin.TopicSpec(topic, PARTITIONS) for topic in (*job.sources, *job.outputs)]
    dead = topic_admin.TopicSpec(job.dead_letters, PARTITIONS, config={"max.message.bytes": "2097152"})
    states = [topic_admin.TopicSpec(topic, PARTITIONS, config={**COMPACTED, **state_config}) for topic in job.states]
    topic_admin.apply_specs(bootstrap, [*plain, dead, *states])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("bootstrap")
    parser.add_argument("--option", action="append", default=[], help="KEY=NUMBER of Options")
    parser.add_argument("--instance")
    parser.add_argument("--lose", type=float, default=0.0, help="share of batches that never arrive")
    args = parser.parse_args()
    logs.configure(style="json")
    options: dict[str, Any] = dict(option.split("=") for option in args.option)
    options = {key: float(value) if "." in value else int(value) for key, value in options.items()}
    options.setdefault("session_timeout_seconds", 3.0)
    options.setdefault("tick_seconds", 0.2)
    engine = LossyEngine(make_job(args.name), Options(args.bootstrap, instance_id=args.instance, **options))
    engine.lost_share = args.lose
    raise SystemExit(run(engine))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
