"""Figures: exact counts and distributions per queue, as rows of state.

A figure row is a vector of integers; `figure_schemas` names them. The contribution of a contact is a pure function of its row. A
change of the row changes the figures by the difference, so they stay exact with late, repeated and reordered events.

Each fact counts twice: in the `total` row of its queue, and in the 5-minute `bucket` row of its time. Five minutes divide all
UTC offsets in use, so buckets add up to local days. Old buckets are merged into the `day` row of their civil day. The figures of
a day are therefore the sum of its `day` row and its remaining buckets.

`counts` holds only current facts. A fact that a later event corrects is subtracted from `counts` and added to `corrected`.
`counts + corrected` never decreases, as Prometheus requires of a counter.
"""

from collections import Counter
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from operator import add
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from models.reasons import read_stored_reason
from streams.core.figures.figure_schemas import LEFT_COUNTS, QUEUE_SCHEMA, FigureSchema

BUCKET_SECONDS: Final = 300
_BUCKET_MS: Final = BUCKET_SECONDS * 1000
HOURS: Final = 24
"""Number of local hours in a day. An hour that a clock change repeats counts as one; a skipped hour is empty."""
ARRIVALS_INDEX: Final = 0
"""Index of the number of arrived contacts, the first count of each contact channel's figure schema."""


class Dimensions(NamedTuple):
    """Key of a figure. `channel` selects the figure schema, see `FIGURE_SCHEMAS`. Other values are empty if unknown.

    Values must not differ per contact: a process accepts at most `streams.core.rows.MAX_DIMENSIONS` combinations. In derived
    figures, `channel` is a name of its own, such as `SLA` or `REASON_CHANNEL`, and `queue` holds other values. For feedback,
    `queue` is the contact's channel.
    """

    channel: str
    site: str
    service: str
    queue: str


Fact = tuple[int | None, int, int]
"""Start of the five minutes in seconds since 1970, index in counts, and duration in milliseconds or amount (0 without either).
For a stock: None, index in stocks, 0."""
Facts = tuple[Fact, ...]


class Figure(msgspec.Struct, array_like=True):
    """One row of figures. Rows with the same dimensions can be added."""

    counts: list[int]
    stocks: list[int]
    corrected: dict[int, int]
    """Index in `counts` → amount subtracted by corrections. Empty in day rows."""
    oldest_waiting_at: int | None = None
    """Arrival of the contact with the longest wait, in a queue or for a service, in milliseconds since 1970; None without waits.
    In SLA figures, the earliest passed deadline of an open clock. Only in total rows."""
    by_hour: list[int] | None = None
    """Number of arrived contacts in each of the local `HOURS`. Only in day rows."""
    open_since: dict[int, int] | None = None
    """Start of the half hour of receipt, in seconds since 1970 → number of cases that wait for a service. Only in total rows of
    cases."""


def bucket_start(at: int) -> int:
    """Return the start of the five minutes of `at` (milliseconds since 1970) in seconds since 1970."""
    return at // _BUCKET_MS * BUCKET_SECONDS


def new_figure(figure_schema: FigureSchema = QUEUE_SCHEMA) -> Figure:
    """Return a total or bucket row of zeros."""
    return Figure([0] * len(figure_schema.counts), [0] * len(figure_schema.stocks), {})


def new_day(figure_schema: FigureSchema = QUEUE_SCHEMA) -> Figure:
    """Return a day row of zeros."""
    return Figure([0] * len(figure_schema.counts), [0] * len(figure_schema.stocks), {}, by_hour=[0] * HOURS)


encode_figure: Final = msgspec.json.Encoder().encode
_decode_figure: Final = msgspec.json.Decoder(Figure).decode


def decode_figure(value: bytes, figure_schema: FigureSchema = QUEUE_SCHEMA) -> Figure:
    """Return a decoded row. Counts and stocks missing in a row of an earlier release become zeros.

    Raises `msgspec.DecodeError` for an invalid row.
    """
    figure = _decode_figure(value)
    figure.counts += [0] * (len(figure_schema.counts) - len(figure.counts))
    figure.stocks += [0] * (len(figure_schema.stocks) - len(figure.stocks))
    return figure


def count_numbers(value: bytes) -> int:
    """Return the number of counts in an encoded row, which may differ from the figure schema's in a row of another release.

    Raises `msgspec.DecodeError` for an invalid row.
    """
    return len(_decode_figure(value).counts)


def merge(into: Figure, other: Figure) -> None:
    """Add the numbers of `other` to `into`, which keeps the earlier `oldest_waiting_at` of both."""
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
    """Add the counts of a bucket that begins in the local hour `hour` to the day row `day`. `corrected` is dropped."""
    assert day.by_hour is not None
    day.counts[:] = map(add, day.counts, bucket.counts)
    day.by_hour[hour] += bucket.counts[ARRIVALS_INDEX]


# ------------------------------------------------------------------------------------------------------- reading figures
def left(figure: Figure) -> int:
    """Return the number of queue stays that ended neither answered nor abandoned."""
    return sum(figure.counts[QUEUE_SCHEMA.index[name]] for name in LEFT_COUNTS)


def within(figure: Figure, duration: str, seconds: int, figure_schema: FigureSchema = QUEUE_SCHEMA) -> int:
    """Return the number of values of a duration that are at most `seconds`.

    Raises `ValueError` if `seconds` is not one of the duration's bounds, as only these are counted.
    """
    bounds = figure_schema.durations[duration].bounds
    if seconds not in bounds:
        raise ValueError(f"{seconds} s is not counted, only {', '.join(map(str, bounds))}")
    start = figure_schema.start(duration)
    return sum(figure.counts[start : start + bounds.index(seconds) + 1])


class Formula(StrEnum):
    """Formulas of the service level. The same day may give 80, 75, 66.7 or 72.7 % with these four.

    T is the target, and "in T" means after a wait of at most T. The first two are Asterisk's `ServicelevelPerf` and
    `ServicelevelPerf2`. Amazon Connect's "Service level X" equals the second, if all contacts are answered or abandoned.
    """

    ANSWERED_SHARE = "answered_share"
    """Answered in T / answered."""
    REMOVED_SHARE = "removed_share"
    """(Answered in T + abandoned in T) / (answered + abandoned)."""
    OFFERED_SHARE = "offered_share"
    """Answered in T / (answered + abandoned + left otherwise)."""
    NET_OF_SHORT = "net_of_short"
    """Answered in T / (answered + abandoned after more than the limit for short waits)."""


class Share(NamedTuple):
    """A ratio as numerator and denominator, so that shares of several queues or days can be added."""

    numerator: int
    denominator: int

    @property
    def ratio(self) -> float | None:
        """Return the ratio, from 0 to 1; None for the denominator 0."""
        return self.numerator / self.denominator if self.denominator else None


_WAIT_OF: Final = {"answered": "wait", "abandoned": "abandon_wait"}
"""Outcome of a queue stay → the duration before it."""


class FormulaTerm(NamedTuple):
    """A count or a stock of a figure schema, optionally limited by duration bounds in milliseconds."""

    name: str
    at_most: int | None = None
    more_than: int | None = None

    def count(self, figure: Figure) -> int:
        """Return the number of facts that the term counts in a row of queue figures.

        Raises `KeyError` for a stock, and for a bound on another count than answered or abandoned. Raises `ValueError` for a
        bound that `within` cannot count.
        """
        duration = _WAIT_OF[self.name] if (self.at_most, self.more_than) != (None, None) else ""
        found = figure.counts[QUEUE_SCHEMA.index[self.name]]
        if self.at_most is not None:
            found = within(figure, duration, self.at_most // 1000)
        if self.more_than is not None:
            found -= within(figure, duration, self.more_than // 1000)
        return found

    def holds(self, name: str, amount: int) -> bool:
        """Return whether the term counts a fact with this name and duration `amount` (in milliseconds)."""
        return (
            name == self.name
            and (self.at_most is None or amount <= self.at_most)
            and (self.more_than is None or amount > self.more_than)
        )


class FigureFormula(NamedTuple):
    """Formula of a figure: a number of facts, or a share."""

    numerator: tuple[FormulaTerm, ...]
    denominator: tuple[FormulaTerm, ...] = ()
    """Empty for a figure that is a number of facts, not a share."""

    def judge(self, name: str, amount: int) -> tuple[bool, bool]:
        """Return whether the numerator counts a fact with this name and amount, and whether the denominator does."""
        return any(term.holds(name, amount) for term in self.numerator), any(
            term.holds(name, amount) for term in self.denominator
        )


@cache
def service_level_formula(formula: Formula, target_seconds: int, short_seconds: int) -> FigureFormula:
    """Return the formula of the service level for a target.

    For `NET_OF_SHORT`, abandoned queue stays with a wait of at most `short_seconds` do not count; other formulas ignore it.
    """
    answered, abandoned = FormulaTerm("answered"), FormulaTerm("abandoned")
    in_time = answered._replace(at_most=target_seconds * 1000)
    match formula:
        case Formula.ANSWERED_SHARE:
            return FigureFormula((in_time,), (answered,))
        case Formula.REMOVED_SHARE:
            return FigureFormula((in_time, abandoned._replace(at_most=target_seconds * 1000)), (answered, abandoned))
        case Formula.OFFERED_SHARE:
            return FigureFormula((in_time,), (answered, abandoned, *map(FormulaTerm, LEFT_COUNTS)))
        case Formula.NET_OF_SHORT:
            return FigureFormula((in_time,), (answered, abandoned._replace(more_than=short_seconds * 1000)))


def service_level(
    figure: Figure, target_seconds: int, short_seconds: int, formula: Formula = Formula.NET_OF_SHORT
) -> Share:
    """Return the service level for a target, by `service_level_formula`.

    Raises `ValueError` if `target_seconds` or, for `NET_OF_SHORT`, `short_seconds` is not in `WAIT_BOUNDS`.
    """
    numerator, denominator = service_level_formula(formula, target_seconds, short_seconds)
    return Share(sum(term.count(figure) for term in numerator), sum(term.count(figure) for term in denominator))


# -------------------------------------------------------------------------------------------------------------- progress
class Progress(msgspec.Struct):
    """Progress of a partition, written with every step of records, and periodically. Times are milliseconds since 1970."""

    step_at: int
    """All published events up to this time are counted. Earlier than now while the worker catches up, or while a connector reads
    an old log."""
    event_at: int = 0
    """Latest event time."""
    events: int = 0
    """Number of folded events, without duplicates."""
    duplicates: int = 0
    """Number of records with an event that was folded before."""
    dead_letters: dict[str, int] = {}
    """Reason → number of dead letters."""
    told_at: dict[str, int] = {}
    """Only in rows of earlier releases: source of calls or visits → start of its latest contact."""
    sla: str = ""
    """Fingerprint of the SLA file that set the clocks of all open contacts; `renewal.RENEWAL_PENDING` while they are renewed."""
    sla_targets_at: int = msgspec.field(default=0, name="promised_at")
    """Latest time assigned to a record of open SLA targets; 0 if none was assigned."""
    history: dict[str, int] = {}
    """Channel, except calls, whose history is being read → time up to which its figures are complete. For calls, `step_at`
    serves this purpose."""
    began_at: int = 0
    """Time of the partition's first count; 0 in rows of earlier releases."""
    dropped: dict[str, int] | None = None
    """Source → latest event time in its deleted rows. An older event of an unknown contact may have been counted before. None in
    rows of an earlier release."""
    lengths: dict[str, int] | None = None
    """Channel, or name in its place → number of counts in its rows. None in rows of an earlier release."""
    added: dict[str, list[tuple[int, int]]] = {}
    """Channel, or name in its place → for each release that added counts: index of the first, and time from which the partition
    counts them."""


_decode_progress: Final = msgspec.json.Decoder(Progress).decode


def decode_progress(value: bytes) -> Progress:
    """Return a decoded row, with the current values of reasons. Raises `msgspec.DecodeError` for an invalid row."""
    row = _decode_progress(value)
    dead_letters: Counter[str] = Counter()
    for reason, number in row.dead_letters.items():
        dead_letters[read_stored_reason(reason)] += number
    row.dead_letters = dict(dead_letters)
    return row


# ---------------------------------------------------------------------------------------- keys of accueil.figures.v1
# A key is a JSON array: ["total", channel, site, service, queue], ["bucket", start, channel, site, service, queue]
# (start in seconds since 1970, a multiple of BUCKET_SECONDS), ["day", "2026-11-25", channel, site, service, queue] (a civil day
# of the worker's time zone), or ["progress"]. The value is the JSON of a `Figure` (array) or a
# `Progress` (object). Rows of all partitions with the same key add up.
encode_key = msgspec.json.Encoder().encode
_decode_key = msgspec.json.Decoder(list[str | int]).decode


def total_key(dimensions: Dimensions) -> bytes:
    """Return the key of the row with all facts since the first event."""
    return encode_key(("total", *dimensions))


def bucket_key(start: int, dimensions: Dimensions) -> bytes:
    """Return the key of the row of the five minutes from `start`, in seconds since 1970."""
    return encode_key(("bucket", start, *dimensions))


def day_key(day: date, dimensions: Dimensions) -> bytes:
    """Return the key of the row with the merged old buckets of a civil day."""
    return encode_key(("day", day.isoformat(), *dimensions))


def local_time(start: int, zone: ZoneInfo) -> datetime:
    """Return the local time of `start`, the beginning of a bucket in seconds since 1970."""
    return datetime.fromtimestamp(start, zone)


PROGRESS_KEY: Final = encode_key(("progress",))


def parse_key(key: bytes) -> tuple[str, int, Dimensions | None]:
    """Return kind (`total`, `bucket`, `day`, `progress`), start and dimensions (None for progress).

    The start is in seconds since 1970 for a bucket, an ordinal (`date.toordinal`) for a day, and 0 for other kinds.
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
