"""Expected output of the ledger job, computed independently from the source topics, and its comparison."""

import itertools
from collections import Counter, defaultdict
from contextlib import AbstractContextManager

import msgspec

from streams.kafka.partitioner import partition_of
from tests.support import contacts_oracle, kafka_io
from tests.support.ledger_job import PARTITIONS, Event, Row, decode, make_job


def record(name: str, topic: str, key: str, event: Event) -> tuple[str, bytes, bytes]:
    """Return a record for `kafka_io.produce`."""
    return f"{name}-{topic}", key.encode(), msgspec.json.encode(event)


def make_events(name: str, count: int, *, keys: int = 50, start: int = 0) -> list[tuple[str, bytes, bytes]]:
    """Return `count` events without special actions, spread over two topics."""
    return [
        record(name, "ab"[number % 2], f"key-{number * 7919 % keys}", Event(f"e{start + number}", amount=number % 100))
        for number in range(count)
    ]


def trickle(
    name: str, bootstrap: str, *, seed: int = 1, count: int = 150, pause_seconds: float = 0.1
) -> AbstractContextManager[None]:
    """Produce batches of `count` events in the background with pauses, until the block ends."""
    batches = (make_events(name, count, start=nth * 1000 + seed * 10_000_000) for nth in itertools.count())
    return kafka_io.trickle(bootstrap, batches, pause_seconds)


def is_done(name: str, bootstrap: str) -> bool:
    """Return whether the committed offsets in the job's state have reached the ends of its sources."""
    return contacts_oracle.is_done(bootstrap, make_job(name).sources, f"{name}-rows")


def verify(name: str, bootstrap: str) -> dict[str, int]:
    """Compare rows, totals, outputs and dead letters with the sources; return counts, fail on any difference."""
    job = make_job(name)
    sources = kafka_io.read(bootstrap, *job.sources)
    rows: defaultdict[tuple[int, bytes], Row] = defaultdict(Row)
    totals: defaultdict[int, Row] = defaultdict(Row)
    ids: Counter[str] = Counter()
    dead: Counter[tuple[str, int, int]] = Counter()
    forgotten: set[tuple[int, bytes]] = set()
    for message in sources:
        event = decode(message.value())
        if event.action in {"reject", "fail"}:
            dead[message.topic(), message.partition(), message.offset()] += 1
            continue
        place = message.partition(), message.key()
        rows[place].count += 1
        rows[place].sum += event.amount
        totals[message.partition()].count += 1
        totals[message.partition()].sum += event.amount
        ids[event.id] += 1
        if event.due_at:
            ids[f"due {message.key().decode()}"] += 1
        if event.action == "forget":
            forgotten.add(place)
    expected = {place: (row.count, row.sum) for place, row in rows.items() if place not in forgotten}
    assert _rows(bootstrap, f"{name}-rows") == expected, "rows differ"
    assert _rows(bootstrap, f"{name}-totals") == {(p, b"total"): (t.count, t.sum) for p, t in totals.items()}
    outputs = kafka_io.read(bootstrap, f"{name}-out")
    written = Counter(str(msgspec.json.decode(m.value())["id"]) for m in outputs)
    assert written == ids, f"lost {list(ids - written)[:5]}, twice {list(written - ids)[:5]}"
    assert all(m.partition() == partition_of(m.key(), PARTITIONS) for m in outputs)
    letters = kafka_io.read(bootstrap, f"{name}-dead")
    assert Counter(contacts_oracle.origin_of(letter) for letter in letters) == dead, "dead letters differ"
    counts = {"events": len(sources), "rows": len(expected), "outputs": len(outputs), "dead": len(letters)}
    return counts | {"uncommitted": count_uncommitted(name, bootstrap)}


def count_uncommitted(name: str, bootstrap: str) -> int:
    """Return the number of outputs that were written and never committed."""
    out = f"{name}-out"
    return len(kafka_io.read(bootstrap, out, committed=False)) - len(kafka_io.read(bootstrap, out))


def _rows(bootstrap: str, topic: str) -> dict[tuple[int, bytes], tuple[int, int]]:
    found = kafka_io.latest(kafka_io.read(bootstrap, topic))
    return {
        place: (row.count, row.sum)
        for place, value in found.items()
        if place[1] != b"\x00offsets" and (row := msgspec.json.decode(value, type=Row))
    }
