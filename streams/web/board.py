"""What the board shows, computed from a snapshot: the shape of `/api/board` and of every message of `/events`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

import msgspec

from streams.core.figures import (
    BUCKET_SECONDS,
    Dimensions,
    Figure,
    Formula,
    left,
    merge,
    new_figure,
    service_level,
    within,
)
from streams.core.layouts import LAYOUTS, QUEUES
from streams.web.options import QueueOptions, Thresholds, WebOptions
from streams.web.view import Snapshot, Source


class State(StrEnum):
    """Whether the figures can be trusted, and if not, what is waited for."""

    LIVE = "live"
    CATCHING_UP = "catching_up"
    """The workers write, but the figures are of an earlier time: a worker takes in what came while it was stopped, or a connector
    reads an old log, whose events may be years old."""
    SILENT = "silent"
    """The workers have written nothing for too long."""
    NO_FIGURES = "no_figures"
    """Some partition was never written to."""
    LOADING = "loading"
    NO_TOPIC = "no_topic"
    NO_BROKER = "no_broker"


class Clock(msgspec.Struct, frozen=True):
    """When it is, and when the figures are from; in milliseconds since 1970."""

    now: int
    as_of: int | None
    """None until every partition has told."""
    event_at: int | None
    """When the latest event happened: figures of now that hold nothing of the last hour may have lost a source."""
    state: State
    stale_after_seconds: float


class Ratio(msgspec.Struct, frozen=True):
    """A share that can be added up and checked."""

    numerator: int
    denominator: int


class Flows(msgspec.Struct, frozen=True):
    """What happened in a span of time."""

    received: int
    """As many as were answered, abandoned, left or still wait."""
    answered: int
    abandoned: int
    """All of them; `abandoned_short` of them within the short-abandon limit."""
    abandoned_short: int
    left: int
    """Left otherwise: turned away, sent elsewhere, given up by the switchboard …"""
    transferred: int
    service_level: Ratio
    abandonment: Ratio
    mean_wait_seconds: float | None
    """Average speed of answer; None without an answer."""
    mean_handle_seconds: float | None


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one queue, or of all."""

    waiting: int
    oldest_waiting_at: int | None
    """Milliseconds since 1970; None if nobody waits."""
    in_progress: int
    agents_available: int
    agents_on_contact: int
    agents_paused: int
    today: Flows
    recent_service_level: Ratio
    """Of the last half hour."""


class QueueThresholds(msgspec.Struct, frozen=True):
    """From where on one queue's figures ask for attention, or for action."""

    waiting: Thresholds
    longest_wait_seconds: Thresholds


class Queue(Now, frozen=True, kw_only=True):
    """One row of the table."""

    channel: str
    site: str
    service: str
    queue: str
    label_fr: str
    """No other queue has it: where several would, it says the site too."""
    label_en: str
    thresholds: QueueThresholds


class Curve(msgspec.Struct, frozen=True):
    """The civil day, in seconds since 1970, and what happened in each `step` of it so far, all queues together."""

    start: int
    end: int
    step: int
    received: list[int]
    answered: list[int]
    abandoned: list[int]


class Arrivals(msgspec.Struct, frozen=True):
    """When somebody last came by one channel and site: what tells a quiet hour from a source that is no longer read."""

    channel: str
    site: str
    until: int | None
    """Milliseconds since 1970, the end of five minutes: nobody has come since; None if nobody has come today."""


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """All that is on the board, but for the time."""

    version: str
    """Of the page: one that has another version loads itself anew."""
    formula: Formula
    """How service levels are computed."""
    target_seconds: int
    short_abandon_seconds: int
    service_level: Thresholds
    abandonment: Thresholds
    quiet_after_seconds: float
    all: Now
    queues: list[Queue]
    arrivals: list[Arrivals]
    day: Curve


class Message(msgspec.Struct, frozen=True):
    """What is sent: always the time; the board may be left out where it did not change."""

    clock: Clock
    board: Board


def make_message(snapshot: Snapshot, options: WebOptions, version: str) -> Message:
    """Return the board of `snapshot`."""
    known = {queue.dimensions: queue for queue in options.queues}
    found = {place for place in snapshot.totals if LAYOUTS[place.channel] is QUEUES}
    places = [*known, *sorted(found - known.keys())]
    queues = [known.get(place) or _unknown(place) for place in places if place.queue]
    board = Board(
        version=version,
        formula=options.formula,
        target_seconds=options.target_seconds,
        short_abandon_seconds=options.short_abandon_seconds,
        service_level=options.service_level,
        abandonment=options.abandonment,
        quiet_after_seconds=options.quiet_after_seconds,
        all=_now_of(snapshot, places, options),
        queues=[_queue_of(snapshot, queue, options) for queue in _tell_apart(queues)],
        arrivals=_arrivals_of(snapshot, [queue.dimensions for queue in queues]),
        day=_curve_of(snapshot),
    )
    return Message(_clock_of(snapshot, options), board)


def _clock_of(snapshot: Snapshot, options: WebOptions) -> Clock:
    return Clock(
        _milliseconds(snapshot.taken_at),
        snapshot.as_of,
        snapshot.event_at,
        _state_of(snapshot, options),
        options.stale_after_seconds,
    )


def _state_of(snapshot: Snapshot, options: WebOptions) -> State:
    if snapshot.source is not Source.FOLLOWING:
        return State(snapshot.source.value)
    if not snapshot.partitions or not snapshot.progress.keys() >= set(snapshot.partitions):
        return State.NO_FIGURES
    oldest = _milliseconds(snapshot.taken_at) - 1000 * options.stale_after_seconds
    behind = [number for number in snapshot.partitions if snapshot.progress[number].step_at < oldest]
    if not behind:
        return State.LIVE
    writing = all(snapshot.written_at[number] >= oldest for number in behind)
    return State.CATCHING_UP if writing else State.SILENT


def _tell_apart(queues: Sequence[QueueOptions]) -> list[QueueOptions]:
    """Put behind a label that several queues have what tells them apart, mostly the site."""
    french = _unique({queue.dimensions: queue.label_fr for queue in queues})
    english = _unique({queue.dimensions: queue.label_en for queue in queues})
    return [replace(queue, label_fr=french[queue.dimensions], label_en=english[queue.dimensions]) for queue in queues]


def _unique(labels: Mapping[Dimensions, str]) -> dict[Dimensions, str]:
    unique = dict(labels)
    for known_by in (("site",), ("site", "service"), ("site", "service", "queue", "channel")):
        number = Counter(unique.values())
        for place in [place for place, label in unique.items() if number[label] > 1]:
            words = ", ".join(filter(None, (getattr(place, name) for name in known_by)))
            unique[place] = f"{labels[place]} ({words})" if words else labels[place]
    return unique


def _queue_of(snapshot: Snapshot, queue: QueueOptions, options: WebOptions) -> Queue:
    return Queue(
        **msgspec.structs.asdict(_now_of(snapshot, [queue.dimensions], options)),
        **queue.dimensions._asdict(),
        label_fr=queue.label_fr,
        label_en=queue.label_en,
        thresholds=QueueThresholds(queue.waiting, queue.longest_wait_seconds),
    )


def _now_of(snapshot: Snapshot, places: Sequence[Dimensions], options: WebOptions) -> Now:
    total = _add_up(snapshot.totals, places)
    stocks = dict(zip(QUEUES.stocks, total.stocks, strict=True)) | _agents_of(snapshot, places)
    return Now(
        **stocks,
        oldest_waiting_at=total.oldest_waiting_at,
        today=flows_of(_add_up(snapshot.today, places), options),
        recent_service_level=_service_level(_add_up(snapshot.recent, places), options),
    )


def _agents_of(snapshot: Snapshot, places: Sequence[Dimensions]) -> dict[str, int]:
    """Count agents once, if the figures do so: who serves several queues is in each of them, and once under no queue."""
    once = _add_up(snapshot.totals, [place for place in places if not place.queue])
    agents = {
        name: number for name, number in zip(QUEUES.stocks, once.stocks, strict=True) if name.startswith("agents_")
    }
    return agents if any(agents.values()) else {}


def flows_of(figure: Figure, options: WebOptions) -> Flows:
    """Return what the counts of `figure` say happened."""
    count = dict(zip(QUEUES.counts, figure.counts, strict=True))
    short = within(figure, "abandon_wait", options.short_abandon_seconds)
    patient = count["abandoned"] - short
    return Flows(
        received=count["offered"],
        answered=count["answered"],
        abandoned=count["abandoned"],
        abandoned_short=short,
        left=left(figure),
        transferred=count["transferred"],
        service_level=_service_level(figure, options),
        abandonment=Ratio(patient, count["answered"] + patient),
        mean_wait_seconds=_mean_seconds(count["wait_milliseconds"], count["answered"]),
        mean_handle_seconds=_mean_seconds(count["handle_milliseconds"], sum(figure.counts[QUEUES.start("handle") :])),
    )


def _service_level(figure: Figure, options: WebOptions) -> Ratio:
    return Ratio(*service_level(figure, options.target_seconds, options.short_abandon_seconds, options.formula))


def _arrivals_of(snapshot: Snapshot, places: Iterable[Dimensions]) -> list[Arrivals]:
    until: dict[tuple[str, str], int] = {}
    for place in places:
        source = place.channel, place.site
        end = snapshot.latest[place] + BUCKET_SECONDS if place in snapshot.latest else 0
        until[source] = max(end, until.get(source, 0))
    return [Arrivals(*source, 1000 * end or None) for source, end in until.items()]


def _curve_of(snapshot: Snapshot) -> Curve:
    day = snapshot.day
    curves = [curve for channel, curve in snapshot.curve.items() if LAYOUTS[channel] is QUEUES]
    last = max([int(snapshot.taken_at.timestamp()), *(start for curve in curves for start in curve)])
    starts = range(day.start, min(last + 1, day.end), BUCKET_SECONDS)
    received, answered, abandoned = (
        [sum(curve[start].counts[QUEUES.index[name]] for curve in curves if start in curve) for start in starts]
        for name in ("offered", "answered", "abandoned")
    )
    return Curve(day.start, day.end, BUCKET_SECONDS, received, answered, abandoned)


def _add_up(figures: Mapping[Dimensions, Figure], places: Iterable[Dimensions]) -> Figure:
    total = new_figure()
    for place in places:
        if place in figures:
            merge(total, figures[place])
    return total


def _mean_seconds(milliseconds: int, number: int) -> float | None:
    return round(milliseconds / number / 1000, 1) if number else None


def _unknown(place: Dimensions) -> QueueOptions:
    return QueueOptions(place, label_fr=place.queue, label_en=place.queue)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
