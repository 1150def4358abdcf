"""Codecs of the contacts agent's rows: keys and values of its state topics."""

from copy import copy
from datetime import date
from typing import Final

import msgspec

from streams.core.contacts import agent, contact
from streams.core.contacts.agent import Agent
from streams.core.contacts.contact import Contact
from streams.core.figures.figure import (
    PROGRESS_KEY,
    Dimensions,
    Figure,
    Progress,
    bucket_key,
    day_key,
    decode_figure,
    decode_progress,
    encode_figure,
    parse_key,
    total_key,
)
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, FigureSchema
from streams.core.rows import UnknownRowVersion
from streams.engine.job import Codec

FigureKey = tuple[int, Dimensions]
"""Bucket start in seconds since 1970 (0 for a total) and dimensions."""
DayKey = tuple[date, Dimensions]
"""Civil day and dimensions."""
AGENT_PREFIX: Final = b"agent:"


def _contact_key(key: bytes) -> bytes | None:
    return None if key.startswith(AGENT_PREFIX) else key


def _agent_key(key: bytes) -> bytes | None:
    return key if key.startswith(AGENT_PREFIX) else None


def _progress_key(key: bytes) -> bytes | None:
    return key if key == PROGRESS_KEY else None


def _dump_figure_key(key: FigureKey) -> bytes:
    start, dimensions = key
    return bucket_key(start, dimensions) if start else total_key(dimensions)


def _load_figure_key(key: bytes) -> FigureKey | None:
    kind, start, dimensions = parse_key(key)
    return None if dimensions is None or kind == "day" else (start, dimensions)


def _load_day_key(key: bytes) -> DayKey | None:
    kind, start, dimensions = parse_key(key)
    return (date.fromordinal(start), dimensions) if dimensions is not None and kind == "day" else None


def _load_figure(key: FigureKey | DayKey, value: bytes) -> Figure:
    channel = key[1].channel
    figure_schema = FIGURE_SCHEMAS.get(channel)
    if figure_schema is None:
        raise UnknownRowVersion(f"figures of channel {channel}, which this release does not have")
    return load_counts(value, figure_schema, f"figures of channel {channel}")


def load_counts(value: bytes, figure_schema: FigureSchema, name: str) -> Figure:
    """Return a decoded row of figures; counts and stocks that an earlier release lacks are zeros.

    Raises `UnknownRowVersion` for a row of a later release, with more numbers; its message begins with `name`. Raises
    `msgspec.DecodeError` for an invalid row.
    """
    row = decode_figure(value, figure_schema)
    found, known = len(row.counts) + len(row.stocks), len(figure_schema.counts) + len(figure_schema.stocks)
    if found > known:
        raise UnknownRowVersion(f"{name} of {found} fields, this release reads {known}")
    return row


def copy_figure(row: Figure) -> Figure:
    """Return a copy that can be changed without changing the original."""
    return Figure(
        [*row.counts],
        [*row.stocks],
        {**row.corrected},
        row.oldest_waiting_at,
        row.by_hour and [*row.by_hour],
        row.open_since,  # immutable by convention: always replaced
    )


def _copy_progress(row: Progress) -> Progress:
    dropped = None if row.dropped is None else {**row.dropped}
    added = {channel: [*since] for channel, since in row.added.items()}
    return msgspec.structs.replace(row, dead_letters={**row.dead_letters}, dropped=dropped, added=added)


_encode_progress: Final = msgspec.json.Encoder().encode

CONTACTS: Final[Codec[bytes, Contact]] = Codec(
    bytes, _contact_key, contact.encode, lambda _, value: contact.decode(value), copy
)
AGENTS: Final[Codec[bytes, Agent]] = Codec(bytes, _agent_key, agent.encode, lambda _, value: agent.decode(value), copy)
FIGURES: Final[Codec[FigureKey, Figure]] = Codec(
    _dump_figure_key, _load_figure_key, encode_figure, _load_figure, copy_figure
)
DAYS: Final[Codec[DayKey, Figure]] = Codec(
    lambda key: day_key(*key), _load_day_key, encode_figure, _load_figure, copy_figure
)
PROGRESS: Final[Codec[bytes, Progress]] = Codec(
    bytes, _progress_key, _encode_progress, lambda _, value: decode_progress(value), _copy_progress
)
