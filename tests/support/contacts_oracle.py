"""Expected output of the worker, computed from the source topics independently of engine, agent and Faust."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from confluent_kafka import Message

from models import topics
from models.codec import UnusableRecord, decode, encode
from models.events import Event
from streams.core.citizens.reattribution import REATTRIBUTION_TYPES
from streams.core.contacts import agent, contact
from streams.core.contacts.waiting_index import WaitingIndex
from streams.core.figures.figure import Dimensions, Figure, Progress, decode_figure, parse_key
from streams.core.figures.figure_counts import count_agent, count_contact, count_rings
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.core.sla.open_targets import SLA_TARGETS_TYPE
from streams.core.timeline.entries import Entry
from tests.support import kafka_io
from tests.support.bad_records import GONE
from tests.support.events import START, answered_call, make
from tests.support.figures import Figures, check_invariant

SOURCES = [topic.name for topic in topics.SOURCES.values()]
Numbers = tuple[list[int], list[int], int | None, dict[int, int] | None]


@dataclass
class ExpectedPartition:
    """Expected rows of one partition."""

    rows: dict[bytes, contact.Contact | agent.Agent] = field(default_factory=dict)
    figures: Figures = field(default_factory=Figures)
    ids: Counter[str] = field(default_factory=Counter)
    dead: Counter[tuple[str, int]] = field(default_factory=Counter)
    deliveries: int = 0
    events: int = 0


def make_lives(count: int, seconds_ago: float, start: int = 0) -> list[Event]:
    """Return events of `count` contacts of several channels, all within the last `seconds_ago` seconds."""
    at = (datetime.now(UTC) - START).total_seconds() - seconds_ago
    return [event for number in range(start, start + count) for event in _make_contact(number, at + number % 97)]


def _make_contact(number: int, at: float) -> list[Event]:
    """Return the events of one contact; its number determines its kind."""
    queue = ("mdph", "apa", "routes")[number % 3]
    subject = f"call:asterisk/siege:{number}.0"
    call = answered_call(subject, at=at, queue=queue, wait=number % 40, handle=number % 60)
    match number % 6:
        case 0:
            return call
        case 1:  # still waiting
            return call[:2]
        case 2:
            return [*call[:2], make("call.abandoned", at + 9, subject=subject, queue=queue, wait_seconds=4)]
        case 3:
            kinds = ("letter.arrived", "letter.assigned", "letter.answered")
            return [make(kind, at + step, subject=f"mail:mailroom/siege:{number}") for step, kind in enumerate(kinds)]
        case 4:
            return [make("form.submitted", at, subject=f"form:demarches/1:{number}", procedure="apa")]
        case _:
            agent_id, changes = (
                f"agent:asterisk/siege:agent:{number % 7}",
                ("logged_in", "contact_started", "ring_unanswered"),
            )
            where = {"subject": agent_id, "queue": queue, "site": "siege"}
            return [
                make("agent.state_changed", at + step, **where, change=change) for step, change in enumerate(changes)
            ]


def records(events: list[Event]) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield the events as records for `kafka_io.produce`."""
    for event in events:
        yield topics.SOURCES[event.channel].name, event.subject.encode(), encode(event)


def is_done(bootstrap: str, sources: Iterable[str] = SOURCES, state: str = topics.CONTACTS.name) -> bool:
    """Return whether the committed offsets in the topic `state` have reached the ends of the source topics."""
    ends = {(m.topic(), m.partition()): m.offset() + 1 for m in kafka_io.read(bootstrap, *sources)}
    committed: dict[tuple[str, int], int] = {}
    for (partition, key), value in kafka_io.latest(kafka_io.read(bootstrap, state)).items():
        if key == b"\x00offsets":
            committed |= {(topic, partition): offset for topic, offset in msgspec.json.decode(value).items()}
    return all(committed.get(place, 0) >= end for place, end in ends.items())


def compute(bootstrap: str) -> dict[int, ExpectedPartition]:
    """Fold the events of the source topics one after the other."""
    by_partition: defaultdict[int, ExpectedPartition] = defaultdict(ExpectedPartition)
    for message in kafka_io.read(bootstrap, *SOURCES):
        expected = by_partition[message.partition()]
        expected.deliveries += 1
        try:
            event = decode(message.value())
        except UnusableRecord:
            expected.dead[message.topic(), message.offset()] += 1
            continue
        if message.key() != event.subject.encode() or not -60 < _age_seconds(event) < 315_576_000:
            expected.dead[message.topic(), message.offset()] += 1
            continue
        if event.source == GONE:
            expected.dead[message.topic(), message.offset()] += 1
            continue
        _fold(expected, message.key(), event)
    return by_partition


def _age_seconds(event: Event) -> float:
    return (datetime.now(UTC) - event.time).total_seconds()


def _fold(expected: ExpectedPartition, key: bytes, event: Event) -> None:
    before = expected.rows.get(key)
    if event.type == "agent.state_changed":
        after = agent.fold(before, event)
        if after is not before:
            count_agent(before, after, expected.figures.__getitem__)
            count_rings(before, after, expected.figures.__getitem__)
    else:
        after = contact.fold(before, event)
        if after is not before:
            count_contact(before, after, expected.figures.__getitem__)
            expected.ids[event.id] += 1
    expected.events += after is not before
    expected.rows[key] = after


def verify(bootstrap: str) -> dict[str, int]:
    """Compare the worker's output with the expected rows; fail on any difference, and return counts."""
    by_partition = compute(bootstrap)
    found = kafka_io.latest(kafka_io.read(bootstrap, topics.CONTACTS.name))
    rows = {
        (partition, key): (agent.decode if key.startswith(b"agent:") else contact.decode)(value)
        for (partition, key), value in found.items()
        if key != b"\x00offsets"
    }
    for row in rows.values():
        row.touched_at = 0  # the worker's clock
    expected_rows = {
        (partition, key): row for partition, expected in by_partition.items() for key, row in expected.rows.items()
    }
    assert rows.keys() == expected_rows.keys(), (
        f"missing {len(expected_rows.keys() - rows.keys())}, invented {len(rows.keys() - expected_rows.keys())}"
    )
    different = [place for place, row in rows.items() if row != expected_rows[place]]
    assert not different, f"{len(different)} rows differ, such as {different[0]}"
    _verify_figures(bootstrap, by_partition)
    outputs = kafka_io.read(bootstrap, topics.TIMELINE.name)
    entries = (msgspec.json.decode(m.value(), type=Entry) for m in outputs)
    # The number of moves depends on the batches; tests/faults/test_citizens* checks the final owner.
    written = Counter(entry.id for entry in entries if entry.type not in {*REATTRIBUTION_TYPES, SLA_TARGETS_TYPE})
    ids = sum((expected.ids for expected in by_partition.values()), Counter())
    assert written == ids, f"timeline: lost {list(ids - written)[:5]}, twice {list(written - ids)[:5]}"
    letters = Counter(origin_of(letter) for letter in kafka_io.read(bootstrap, topics.DEAD_LETTERS.name))
    dead = Counter(
        {(topic, p, offset): n for p, expected in by_partition.items() for (topic, offset), n in expected.dead.items()}
    )
    assert letters == dead, f"dead letters: missing {dead - letters}, too many {letters - dead}"
    uncommitted = len(kafka_io.read(bootstrap, topics.TIMELINE.name, committed=False)) - len(outputs)
    return {
        "deliveries": sum(expected.deliveries for expected in by_partition.values()),
        "events": sum(expected.events for expected in by_partition.values()),
        "rows": len(rows),
        "dead": sum(dead.values()),
        "uncommitted": uncommitted,
    }


def _verify_figures(bootstrap: str, by_partition: dict[int, ExpectedPartition]) -> None:
    figures: dict[tuple[int, int, Dimensions], Numbers] = {}
    for (partition, key), value in kafka_io.latest(kafka_io.read(bootstrap, topics.FIGURES.name)).items():
        _, start, dimensions = parse_key(key)
        if dimensions is None:
            progress = msgspec.json.decode(value, type=Progress)
            expected = by_partition[partition]
            dead = sum(expected.dead.values())
            assert progress.events == expected.events, f"partition {partition}"
            assert progress.duplicates == expected.deliveries - expected.events - dead, f"partition {partition}"
            assert sum(progress.dead_letters.values()) == dead, f"partition {partition}"
        else:
            figures[partition, start, dimensions] = _numbers(decode_figure(value, FIGURE_SCHEMAS[dimensions.channel]))
    for expected in by_partition.values():
        waiting = WaitingIndex({key: row for key, row in expected.rows.items() if isinstance(row, contact.Contact)})
        for (start, dimensions), figure in expected.figures.items():
            figure.oldest_waiting_at = None if start else waiting.oldest(dimensions)
            figure.open_since = None if start else waiting.ages(dimensions)
    expected_figures = {
        (p, *key): _numbers(figure) for p, expected in by_partition.items() for key, figure in expected.figures.items()
    }
    # Dimensions that a contact had only within one batch may have no row, which equals a row of zeros.
    assert _not_empty(figures) == _not_empty(expected_figures)
    for (_, start, dimensions), (counts, stocks, *_) in figures.items():
        if start == 0:
            check_invariant(dimensions, Figure(counts, stocks, {}))


def _not_empty(figures: dict[tuple[int, int, Dimensions], Numbers]) -> dict[tuple[int, int, Dimensions], Numbers]:
    return {key: numbers for key, numbers in figures.items() if any(numbers[0]) or any(numbers[1])}


def _numbers(figure: Figure) -> Numbers:
    return figure.counts, figure.stocks, figure.oldest_waiting_at, figure.open_since or None


def origin_of(letter: Message) -> tuple[str, int, int]:
    """Return topic, partition and offset of the record in a dead letter."""
    headers = dict(letter.headers())
    return headers["origin_topic"].decode(), int(headers["origin_partition"]), int(headers["origin_offset"])
