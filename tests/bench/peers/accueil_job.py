"""Fold contact events into one row per contact with Accueil's engine."""

import signal
import sys
import threading
import time
from pathlib import Path

import msgspec
from job import PARTITIONS, RECENT, Tally, arguments, state

from streams.engine.engine import Engine, run
from streams.engine.job import Codec, Job, Table
from streams.engine.options import Options
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime import logs
from streams.runtime.topic_catalogue import COMPACTED


class Event(msgspec.Struct, gc=False):
    id: str
    type: str
    time: str
    service: str


class Row(msgspec.Struct, gc=False):
    milestones: dict[str, str]
    state: str
    recent: tuple[str, ...]


NEW = Row({}, "new", ())
decode, encode_row = msgspec.json.Decoder(Event).decode, msgspec.json.Encoder().encode
decode_row = msgspec.json.Decoder(Row).decode
CODEC = Codec(bytes, bytes, encode_row, lambda _, value: decode_row(value), msgspec.structs.replace)


def fold(row: Row, event: Event) -> Row | None:
    """Return the contact's row after `event`, or None for a duplicate; `row` is not changed."""
    if event.id in row.recent:
        return None
    milestones = {**row.milestones, event.type: min(event.time, row.milestones.get(event.type, event.time))}
    return Row(milestones, state(milestones), (*row.recent[1 - RECENT :], event.id))


class Contacts:
    def __init__(self, topic: str, tally: Tally) -> None:
        self.table, self.tally = Table(topic, CODEC), tally
        self.tables = [self.table]

    def fold(self, topic, records, step) -> None:
        get, put, tally = self.table.rows.get, self.table.put, self.tally
        for record in records:
            event = decode(record.value)
            tally.arrive()
            if row := fold(get(record.key, NEW), event):
                put(record.key, row)
                tally.count(event.service, event.type)

    def reject_record(self, topic, record, error, step) -> None:
        step.reject(topic, record, "internal_error", type(error).__name__)

    def restore(self) -> None:
        pass

    undo = restore

    def tick(self, step) -> None:
        pass


def main() -> None:
    logs.configure("warning")  # to stderr, since stdout is for the result
    args = arguments(__doc__, "accueil").parse_args()
    tally, rows, dead = Tally(args.events), f"{args.id}-contacts", f"{args.id}-dead"
    apply_specs(args.bootstrap, [TopicSpec(rows, PARTITIONS, config=COMPACTED), TopicSpec(dead, PARTITIONS)])
    job = Job(args.id, [args.topic], [rows], [], dead, lambda _: Contacts(rows, tally))
    engine = Engine(job, Options(args.bootstrap, directory=Path(args.state_dir)))

    def finish() -> None:
        """Wait until the transaction of the last event is committed, then stop."""
        while not tally.folded or any(partition_task.busy for partition_task in engine.partition_tasks.values()):
            time.sleep(0.005)
        tally.finish()
        tally.report("Accueil", "memory, exactly once", rows)
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=finish, daemon=True).start()
    sys.exit(run(engine))


if __name__ == "__main__":
    main()
