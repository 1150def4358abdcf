"""Fold contact events into one row per contact with Accueil's engine."""

import signal
import sys
import threading
import time
from pathlib import Path

import msgspec
from job import RECENT, Tally, arguments, state

from streams.engine import topics
from streams.engine.engine import Engine, Options, run
from streams.engine.job import Codec, Job, Record, Step, Table

PARTITIONS = 4


class Event(msgspec.Struct, gc=False):
    """The attributes that the job needs."""

    id: str
    type: str
    time: str
    service: str


class Row(msgspec.Struct, gc=False):
    """One contact: the first time of each milestone, its state, the last event ids."""

    milestones: dict[str, str]
    state: str
    recent: tuple[str, ...]


def fold(row: Row | None, event: Event) -> Row | None:
    """The contact's row after `event`, or None if the event was seen before; `row` stays as it is."""
    if row is None:
        milestones = {event.type: event.time}
        return Row(milestones, state(milestones), (event.id,))
    if event.id in row.recent:
        return None
    milestones = {**row.milestones, event.type: min(event.time, row.milestones.get(event.type, event.time))}
    return Row(milestones, state(milestones), (*row.recent[1 - RECENT :], event.id))


CODEC = Codec(
    bytes,
    bytes,
    msgspec.json.Encoder().encode,
    lambda _, value: msgspec.json.decode(value, type=Row),
    msgspec.structs.replace,
)
decode = msgspec.json.Decoder(Event).decode


class Contacts:
    """The rows of one partition."""

    def __init__(self, topic: str, tally: Tally) -> None:
        self.table = Table(topic, CODEC)
        self.tables = [self.table]
        self.tally = tally

    def restore(self) -> None:
        """Nothing is derived from the rows."""

    def fold(self, topic: str, records: list, step: Step) -> None:
        get, put, tally = self.table.rows.get, self.table.put, self.tally
        for record in records:
            event = decode(record.value)
            tally.arrive()
            key = record.key
            row = fold(get(key), event)
            if row is not None:
                put(key, row)
                tally.count_one(event.service, event.type)

    def set_aside(self, topic: str, record: Record, error: Exception, step: Step) -> None:
        step.reject(topic, record, "internal_error", type(error).__name__)

    def tick(self, step: Step) -> None:
        """Nothing falls due."""


def main() -> None:
    args = arguments(__doc__, "accueil").parse_args()
    tally = Tally(args.events)
    changelog, dead = f"{args.id}-contacts-changelog", f"{args.id}-dead"
    topics.apply(
        args.bootstrap,
        [topics.TopicSpec(changelog, PARTITIONS, config=topics.COMPACTED), topics.TopicSpec(dead, PARTITIONS)],
    )
    job = Job(args.id, [args.topic], [changelog], [], dead, lambda _: Contacts(changelog, tally))
    engine = Engine(job, Options(args.bootstrap, directory=Path(args.state_dir), max_records=args.max_records))

    def finish() -> None:
        while not tally.folded or any(lane.busy for lane in engine.lanes.values()):
            time.sleep(0.005)
        tally.finish()
        tally.report("Accueil", f"memory, exactly once", changelog)
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=finish, daemon=True).start()
    sys.exit(run(engine))


if __name__ == "__main__":
    main()
