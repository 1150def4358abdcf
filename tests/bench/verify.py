"""Comparison of the worker's output topics with the expected results of generated calls, without code of engine or core."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from uuid import UUID

import msgspec

from models import topics
from models.topics import Channel
from streams.agents.codecs import AGENT_PREFIX
from streams.core.contacts import contact
from streams.core.contacts.stay_outcome import stay_result
from streams.core.figures.figure import Progress, decode_figure, parse_key
from streams.core.figures.figure_schemas import QUEUE_SCHEMA
from streams.engine.partition_start import OFFSETS_KEY
from tests.bench.calls import Ledger, Story
from tests.bench.records import Stored, latest

Read = Callable[[str], Iterable[Stored]]
"""Reader of the committed records of a topic, in the order of each partition."""

NAMES: Final = (
    "offered",
    "answered",
    "abandoned",
    "ended",
    "wait_milliseconds",
    "abandon_wait_milliseconds",
    "handle_milliseconds",
)


class Entry(msgspec.Struct):
    id: str


def differences(read: Read, ledger: Ledger, *, kept: bool) -> list[str]:
    """Return the differences from `ledger`. `kept` is whether the contacts must still exist, or must all be deleted."""
    return [
        *_rows(read, ledger.stories if kept else {}),
        *_figures(read, ledger, kept=kept),
        *_timeline(read, ledger),
        *_dead_letters(read, ledger),
    ]


def correct(found: list[str]) -> str:
    return "; ".join(found) or "exact"


def read_contacts(read: Read) -> dict[bytes, bytes]:
    """Return the rows of all existing contacts by id."""
    rows = latest(read(topics.CONTACTS.name))
    return {key: row for (_, key), row in rows.items() if key != OFFSETS_KEY and not key.startswith(AGENT_PREFIX)}


def _rows(read: Read, stories: dict[bytes, Story]) -> Iterator[str]:
    rows = read_contacts(read)
    if missing := len(stories.keys() - rows.keys()):
        yield f"{missing} contacts missing"
    if unknown := len(rows.keys() - stories.keys()):
        yield f"{unknown} contacts too many"
    if wrong := sum(_story(rows[key]) != story for key, story in stories.items() if key in rows):
        yield f"{wrong} contacts differ"


def _story(value: bytes) -> Story | None:
    stays = contact.decode(value).stays
    if len(stays) != 1:
        return None
    stay = stay_result(stays[0])
    closed = stay.finish == ("ended" if stay.outcome == "answered" else "")
    return Story(stays[0].dimensions.queue, stay.outcome, stay.wait_ms, stay.handle_ms) if closed else None


def _figures(read: Read, ledger: Ledger, *, kept: bool) -> Iterator[str]:
    counts: Counter[tuple[str, str]] = Counter()
    by_bucket: Counter[tuple[str, str]] = Counter()
    open_now = events = repeated = unusable = 0
    for (_, key), value in latest(read(topics.FIGURES.name)).items():
        kind, _, place = parse_key(key)
        if place is None:
            progress = msgspec.json.decode(value, type=Progress)
            events += progress.events
            repeated += progress.duplicates
            unusable += sum(progress.dead_letters.values())
            continue
        if place.channel != Channel.CALL:
            continue
        figure = decode_figure(value)
        counter = counts if kind == "total" else by_bucket
        counter.update({(place.queue, name): figure.counts[QUEUE_SCHEMA.index[name]] for name in NAMES})
        if kind == "total":
            open_now += sum(figure.stocks[QUEUE_SCHEMA.stock_index[name]] for name in ("waiting", "in_progress"))
    if +counts != ledger.counts():
        yield f"figures count {_sums(counts)} instead of {_sums(ledger.counts())}"
    if kept and +by_bucket != +counts:
        yield f"buckets add up to {_sums(by_bucket)} instead of {_sums(counts)}"
    found = {"calls open": open_now, "events": events, "repetitions": repeated, "dead letters": unusable}
    true = {"calls open": 0, "events": ledger.events, "repetitions": ledger.repeated, "dead letters": ledger.unusable}
    yield from (
        f"figures show {found[what]} {what} instead of {number}"
        for what, number in true.items()
        if found[what] != number
    )


def _sums(counts: Counter[tuple[str, str]]) -> dict[str, int]:
    return {name: sum(n for (_, each), n in counts.items() if each == name) for name in NAMES}


def _timeline(read: Read, ledger: Ledger) -> Iterator[str]:
    decode = msgspec.json.Decoder(Entry).decode
    entries = fingerprint = 0
    for _, _, value in read(topics.TIMELINE.name):
        entries += 1
        fingerprint += UUID(decode(value or b"").id).int
    if (entries, fingerprint) != (ledger.entries, ledger.fingerprint):
        other = ", not the same" if entries == ledger.entries else ""
        yield f"{entries} timeline entries instead of {ledger.entries}{other}"


def _dead_letters(read: Read, ledger: Ledger) -> Iterator[str]:
    letters = sum(1 for _ in read(topics.DEAD_LETTERS.name))
    if letters != ledger.unusable:
        yield f"{letters} dead letters instead of {ledger.unusable}"
