"""Figures: exact counts and distributions per queue, as rows of state.

A figure row is a vector of integers; `layouts` says what each of them counts. What a contact contributes is a pure function of
its row; a change of the row changes the figures by the difference, so they are exact under any order, duplicate or late arrival.

Each fact is counted twice: in the `total` row of its queue, and in the 5-minute `bucket` row of the time it happened. Five
minutes divide every offset of civil time from UTC in use, so buckets add up to local days: which they do once they are old, in
the `day` row of their civil day. So a day's figures are the sum of its `day` row and of the buckets of it that there still are.

`counts` only ever holds what is true now. A fact that a later event corrects is taken out of it, and added to `corrected`:
`counts + corrected` never falls, which is what Prometheus asks of a counter.
"""

from datetime import date, datetime
from enum import StrEnum
from operator import add
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from streams.core.figures.figure_schemas import LEFT_COUNTS, QUEUE_SCHEMA, FigureSchema

BUCKET_SECONDS: Final = 300
HOURS: Final = 24
"""Of the clock: an hour that a change of the clocks repeats is told together, one that it leaves out is empty."""
ARRIVALS_INDEX: Final = 0
"""In every layout the first count says how many contacts came."""


class Dimensions(NamedTuple):
    """What a figure is about: all four from closed sets, empty if not known. The channel says which numbers there are."""

    channel: str
    site: str
    service: str
    queue: str


class Figure(msgspec.Struct, array_like=True):
    """One row of figures: the sum of any two rows of the same dimensions is a row again."""

    counts: list[int]
    stocks: list[int]
    corrected: dict[int, int]
    """Index in `counts` → how much was taken out of it again."""
    oldest_waiting_at: int | None = None
    """When the contact came that waits longest, in a queue or for a service to act; milliseconds since 1970, None if none waits.
    Total rows only."""
    by_hour: list[int] | None = None
    """How many contacts came in each of the `HOURS` of the clock. Day rows only."""
    open_since: dict[int, int] | None = None
    """Half hour of receipt, seconds since 1970 → matters that wait for a service to act. Total rows of matters only."""


def new_figure(figure_schema: FigureSchema = QUEUE_SCHEMA) -> Figure:
    """Return a row of zeros."""
    return Figure([0] * len(figure_schema.counts), [0] * len(figure_schema.stocks), {})


def new_day(figure_schema: FigureSchema = QUEUE_SCHEMA) -> Figure:
    """Return a row of zeros for a day."""
    return Figure([0] * len(figure_schema.counts), [0] * len(figure_schema.stocks), {}, by_hour=[0] * HOURS)


encode_figure: Final = msgspec.json.Encoder().encode
_decode_figure: Final = msgspec.json.Decoder(Figure).decode


def decode_figure(value: bytes, figure_schema: FigureSchema = QUEUE_SCHEMA) -> Figure:
    """Return the row of `encode_figure`; one that a release with fewer counts or stocks wrote gets zeros for the others.

    Raises `msgspec.DecodeError` for what is no row.
    """
    figure = _decode_figure(value)
    figure.counts += [0] * (len(figure_schema.counts) - len(figure.counts))
    figure.stocks += [0] * (len(figure_schema.stocks) - len(figure.stocks))
    return figure


def count_numbers(value: bytes) -> int:
    """Return how many counts the row of `encode_figure` has as it was written."""
    return len(_decode_figure(value).counts)


def merge(into: Figure, other: Figure) -> None:
    """Add `other` to `into`: sums, and the earlier `oldest_waiting_at`."""
    if other.by_hour is not None:
        into.by_hour = [*map(add, into.by_hour or [0] * HOURS, other.by_hour)]
    if other.open_since is not None:
        known = into.open_since or {}
        into.open_since = known | {since: known.get(since, 0) + more for since, more in other.open_since.items()}
    into.counts[:] = map(add, into.counts, other.counts)
    into.stocks[:] = map(add, into.stocks, other.stocks)
    for index, taken in other.corrected.items():
        into.corrected[index] = into.corrected.get(index, 0) + taken
    into.oldest_waiting_at = min(
        (at for at in (into.oldest_waiting_at, other.oldest_waiting_at) if at is not None), default=None
    )


def merge_into_day(day: Figure, bucket: Figure, hour: int) -> None:
    """Add a bucket, which began in that hour of the clock, to the row of its day."""
    assert day.by_hour is not None
    day.counts[:] = map(add, day.counts, bucket.counts)
    day.by_hour[hour] += bucket.counts[ARRIVALS_INDEX]


# ------------------------------------------------------------------------------------------------------- reading figures
def left(figure: Figure) -> int:
    """Return how many left a queue neither answered nor by hanging up."""
    return sum(figure.counts[QUEUE_SCHEMA.index[name]] for name in LEFT_COUNTS)


def within(figure: Figure, duration: str, seconds: int, figure_schema: FigureSchema = QUEUE_SCHEMA) -> int:
    """Return how many of the layout's durations of that name were at most `seconds`.

    Raises `ValueError` that names the bounds if `seconds` is none of them: between two bounds nobody counted.
    """
    bounds = figure_schema.durations[duration].bounds
    if seconds not in bounds:
        raise ValueError(f"{seconds} s is not counted, only {', '.join(map(str, bounds))}")
    start = figure_schema.start(duration)
    return sum(figure.counts[start : start + bounds.index(seconds) + 1])


class Formula(StrEnum):
    """What is called service level: the same day gives 80, 75, 66.7 or 72.7 % by these four, so one must say which.

    T is the target, and "in T" means after a wait of at most T. The first two are Asterisk's `ServicelevelPerf` and
    `ServicelevelPerf2`; Amazon Connect's "Service level X" is the second, if nobody leaves the queue otherwise.
    """

    ANSWERED_SHARE = "answered_share"
    """Answered in T / answered."""
    REMOVED_SHARE = "removed_share"
    """(Answered in T + abandoned in T) / (answered + abandoned)."""
    OFFERED_SHARE = "offered_share"
    """Answered in T / (answered + abandoned + left otherwise)."""
    NET_OF_SHORT = "net_of_short"
    """Answered in T / (answered + abandoned, without those within the limit for short waits)."""


class Share(NamedTuple):
    """A ratio that keeps its parts, so that shares of several queues or days can be added up."""

    numerator: int
    denominator: int

    @property
    def ratio(self) -> float | None:
        """From 0 to 1; None while there is nothing to take a share of."""
        return self.numerator / self.denominator if self.denominator else None


def service_level(
    figure: Figure, target_seconds: int, short_seconds: int, formula: Formula = Formula.NET_OF_SHORT
) -> Share:
    """Return the service level for a target; abandoned calls that waited at most `short_seconds` are short.

    Raises `ValueError` if one of the two is not in `WAIT_BOUNDS`.
    """
    counts = figure.counts
    answered, abandoned = counts[QUEUE_SCHEMA.index["answered"]], counts[QUEUE_SCHEMA.index["abandoned"]]
    answered_in_time = within(figure, "wait", target_seconds)
    match formula:
        case Formula.ANSWERED_SHARE:
            return Share(answered_in_time, answered)
        case Formula.REMOVED_SHARE:
            abandoned_in_time = within(figure, "abandon_wait", target_seconds)
            return Share(answered_in_time + abandoned_in_time, answered + abandoned)
        case Formula.OFFERED_SHARE:
            return Share(answered_in_time, answered + abandoned + left(figure))
        case Formula.NET_OF_SHORT:
            short = within(figure, "abandon_wait", short_seconds)
            return Share(answered_in_time, answered + abandoned - short)


# -------------------------------------------------------------------------------------------------------------- progress
class Progress(msgspec.Struct):
    """How far a partition is: one row per partition, written with every step, and by a tick when nothing happens."""

    step_at: int
    """All that happened by then is counted, as far as anybody told it: milliseconds since 1970. Now, or earlier while the worker
    catches up, or a connector reads an old log."""
    event_at: int = 0
    """The latest event time seen, milliseconds since 1970."""
    events: int = 0
    """Events folded, duplicates not counted."""
    duplicates: int = 0
    """Deliveries of an event that was folded before: nothing changed."""
    dead_letters: dict[str, int] = {}
    """Reason → records that became dead letters."""
    told_at: dict[str, int] = {}
    """Only in rows of earlier releases: source of calls or visits → when its latest contact began, milliseconds since
    1970."""
    sla: str = ""
    """By which SLA file the clocks of all open contacts are set: its fingerprint."""
    promised_at: int = 0
    """As of when the timelines were last told what is still to be kept, milliseconds since 1970; 0: of nothing yet."""
    history: dict[str, int] = {}
    """Channel, but for calls, of which history is being read → as of when, milliseconds since 1970: figures of it lack what came
    since. Of calls `step_at` says so."""
    began_at: int = 0
    """When the partition was first counted, milliseconds since 1970; 0: by an earlier release, which did not say."""
    dropped: dict[str, int] | None = None
    """Source → time of the latest event in any of its rows that were dropped, milliseconds since 1970. An older event that no row
    knows may have been counted. None: written by an earlier release."""
    lengths: dict[str, int] | None = None
    """Channel, or what stands in its place → how many numbers its rows count. None: written by an earlier release."""
    added: dict[str, list[tuple[int, int]]] = {}
    """The same → index of the first of some numbers that a release has added, and since when the partition counts them,
    milliseconds since 1970."""


# ---------------------------------------------------------------------------------------- keys of accueil.figures.v1
# A key is a JSON array: ["total", channel, site, service, queue], ["bucket", start, channel, site, service, queue]
# (start in seconds since 1970, a multiple of BUCKET_SECONDS), ["day", "2026-11-25", channel, site, service, queue] (a civil day
# of the worker's time zone), or ["progress"]. The value is the JSON of a `Figure` (array) or a
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


def day_key(day: date, dimensions: Dimensions) -> bytes:
    """Return the key of the row of the buckets of a civil day that are kept no more."""
    return encode_key(("day", day.isoformat(), *dimensions))


def local_time(start: int, zone: ZoneInfo) -> datetime:
    """Return the time of the clocks of `zone` at which a bucket begins."""
    return datetime.fromtimestamp(start, zone)


PROGRESS_KEY: Final = encode_key(("progress",))


def parse_key(key: bytes) -> tuple[str, int, Dimensions | None]:
    """Return kind (`total`, `bucket`, `day`, `progress`), start and dimensions (None for progress).

    The start is that of a bucket, the ordinal of a day (`date.toordinal`), and 0 of all else.
    """
    parts = _decode_key(key)
    kind = str(parts[0])
    if kind == "progress":
        return kind, 0, None
    start = 0
    if kind == "bucket":
        start = int(parts[1])
    elif kind == "day":
        start = date.fromisoformat(str(parts[1])).toordinal()
    return kind, start, Dimensions(*(str(part) for part in parts[-4:]))
