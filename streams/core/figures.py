"""Figures: exact counts and distributions per queue, as rows of state.

A figure row is a vector of integers with one fixed layout. What a contact contributes is a pure function of its row; a change
of the row changes the figures by the difference, so they are exact under any order, duplicate or late arrival.

Each fact is counted twice: in the `total` row of its queue, and in the 5-minute `bucket` row of the time it happened. Five
minutes divide every offset of civil time from UTC in use, so buckets add up to local days.

`counts` only ever holds what is true now. A fact that a later event corrects is taken out of it, and added to `corrected`:
`counts + corrected` never falls, which is what Prometheus asks of a counter.
"""

from bisect import bisect_left
from typing import Final, NamedTuple

import msgspec

BUCKET_SECONDS: Final = 300

# Bounds are inclusive (le), in seconds. A service-level target or short-abandon limit must be one of the bounds, so that
# changing it needs no recount. Source: the usual targets of switchboards (15, 20, 30, 60 …), one list for waits.
WAIT_BOUNDS: Final = (5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800)
HANDLE_BOUNDS: Final = (15, 30, 60, 120, 180, 300, 480, 600, 900, 1200, 1800, 3600)


class Dimensions(NamedTuple):
    """What a figure is about: all four from closed sets, empty if not known."""

    channel: str
    site: str
    service: str
    queue: str


COUNTS: Final = (
    "offered",
    "answered",
    "abandoned",
    "left_timeout",
    "left_empty",
    "left_key",
    "left_full",
    "left_closed",
    "left_diverted",
    "left_withdrawn",
    "left_incompatible",
    "left_other",
    "left_forgotten",
    "transferred",
    "ended",
    "ended_forgotten",
    "ring_unanswered",
    "wait_milliseconds",
    "abandon_wait_milliseconds",
    "handle_milliseconds",
    *(f"wait_le_{bound}" for bound in (*WAIT_BOUNDS, "inf")),
    *(f"abandon_wait_le_{bound}" for bound in (*WAIT_BOUNDS, "inf")),
    *(f"handle_le_{bound}" for bound in (*HANDLE_BOUNDS, "inf")),
)
"""Names of `Figure.counts`. A histogram slot counts what is above the bound before and at most its own: not cumulative."""

STOCKS: Final = ("waiting", "in_progress", "agents_available", "agents_on_contact", "agents_paused")
"""Names of `Figure.stocks`: how many there are now."""

INDEX: Final = {name: index for index, name in enumerate(COUNTS)}
STOCK_INDEX: Final = {name: index for index, name in enumerate(STOCKS)}
WAIT_START: Final = INDEX["wait_le_5"]
ABANDON_START: Final = INDEX["abandon_wait_le_5"]
HANDLE_START: Final = INDEX["handle_le_15"]
LEFT: Final = tuple(name for name in COUNTS if name.startswith("left_"))


class Figure(msgspec.Struct, array_like=True):
    """One row of figures: the sum of any two rows of the same dimensions is a row again."""

    counts: list[int]
    stocks: list[int]
    corrected: dict[int, int]
    """Index in `counts` → how much was taken out of it again."""
    oldest_waiting_at: int | None = None
    """When the longest waiting contact entered its queue, milliseconds since 1970; None if none waits. Total rows only."""


def new_figure() -> Figure:
    """Return a row of zeros."""
    return Figure([0] * len(COUNTS), [0] * len(STOCKS), {})


def wait_slot(start: int, bounds: tuple[int, ...], milliseconds: int) -> int:
    """Return the index in `counts` of the histogram slot for a duration."""
    return start + bisect_left(bounds, milliseconds / 1000)


class Progress(msgspec.Struct):
    """How far a partition is: one row per partition, written with every step, and by a tick when nothing happens."""

    step_at: int
    """The worker's clock at the step, milliseconds since 1970: figures are as of then."""
    event_at: int = 0
    """The latest event time seen, milliseconds since 1970."""
    events: int = 0
    """Events folded, duplicates not counted."""
    duplicates: int = 0
    """Deliveries of an event that was folded before: nothing changed."""
    dead_letters: dict[str, int] = {}
    """Reason → records that became dead letters."""


# ---------------------------------------------------------------------------------------- keys of accueil.figures.v1
# A key is a JSON array: ["total", channel, site, service, queue], ["bucket", start, channel, site, service, queue]
# (start in seconds since 1970, a multiple of BUCKET_SECONDS), or ["progress"]. The value is the JSON of a `Figure` (array) or a
# `Progress` (object). Rows of all partitions with the same key add up.
Key = tuple[str, ...] | tuple[str, int, str, str, str, str]

encode_key = msgspec.json.Encoder().encode
_decode_key = msgspec.json.Decoder(list[str | int]).decode


def total_key(dimensions: Dimensions) -> bytes:
    """Return the key of the row that counts everything since the beginning."""
    return encode_key(("total", *dimensions))


def bucket_key(start: int, dimensions: Dimensions) -> bytes:
    """Return the key of the row of the five minutes from `start`, seconds since 1970."""
    return encode_key(("bucket", start, *dimensions))


PROGRESS_KEY: Final = encode_key(("progress",))


def parse_key(key: bytes) -> tuple[str, int, Dimensions | None]:
    """Return kind (`total`, `bucket`, `progress`), bucket start (0 if none) and dimensions (None for progress)."""
    parts = _decode_key(key)
    kind = str(parts[0])
    if kind == "progress":
        return kind, 0, None
    start = int(parts[1]) if kind == "bucket" else 0
    return kind, start, Dimensions(*(str(part) for part in parts[-4:]))
