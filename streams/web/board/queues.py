"""Board figures of queues: calls on the telephone and visits at front desks."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from models.topics import Channel
from streams.core.figures.figure import BUCKET_SECONDS, Dimensions, Figure, left, service_level, within
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, QUEUE_SCHEMA
from streams.web.board.sla_targets import calendar_of
from streams.web.options import LONGEST_WAIT_SECONDS, QueueOptions, Thresholds, WebOptions
from streams.web.sums import Ratio, add_up, divide_seconds
from streams.web.view import Snapshot

CHANNELS: Final = tuple(channel for channel, figure_schema in FIGURE_SCHEMAS.items() if figure_schema is QUEUE_SCHEMA)
"""Channels with queues, in the order of the board."""


class Flows(msgspec.Struct, frozen=True):
    """Counts, rates and means of one or several queues in a span of time.

    `service_level` has the target and the `Formula` of `WebOptions`. A `Ratio` with denominator 0 is undefined.
    """

    received: int
    """Contacts that entered a queue: answered, abandoned, left or still waiting."""
    answered: int
    abandoned: int
    """All abandoned, including `abandoned_short`, those within the short-abandon limit."""
    abandoned_short: int
    left: int
    """Left the queue for another reason: turned away, diverted, timed out …"""
    transferred: int
    service_level: Ratio
    abandonment: Ratio
    """Abandonment rate without `abandoned_short`: other abandoned ÷ (answered + other abandoned)."""
    mean_wait_seconds: float | None
    """Average speed of answer; None if none was answered."""
    mean_handle_seconds: float | None
    """Mean duration of conversations that ended or were transferred; None if none was."""


class LiveFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Current figures of one queue or of all queues of a channel."""

    waiting: int
    oldest_waiting_at: int | None
    """Arrival of the contact that waits longest, milliseconds since 1970; None if none waits."""
    in_progress: int
    agents_available: int | None
    """None, like the next two, for visits: only switchboards report agents. Calls have 0 if no source reports agents."""
    agents_on_contact: int | None
    agents_paused: int | None
    today: Flows
    recent_service_level: Ratio
    """Service level of the last half hour."""


class QueueThresholds(msgspec.Struct, frozen=True):
    """Thresholds of one queue."""

    waiting: Thresholds
    longest_wait_seconds: Thresholds


class Queue(LiveFigures, frozen=True, kw_only=True):
    """Current figures, labels and thresholds of one queue: a row of the table of queues."""

    channel: str
    site: str
    service: str
    queue: str
    """Empty at a front desk with a single queue."""
    label_fr: str
    """Unique within the channel: the site, or more, is added where several queues have the same label."""
    label_en: str
    thresholds: QueueThresholds
    calendar: str
    """Calendar of its opening hours (see `SlaOverview.openings`); empty if none is known."""


class Curve(msgspec.Struct, frozen=True):
    """Calls of today until now, in steps of `step` seconds, all queues together.

    `start` and `end` are those of the whole day, in seconds since 1970.
    """

    start: int
    end: int
    step: int
    received: list[int]
    answered: list[int]
    abandoned: list[int]


class LastArrival(msgspec.Struct, frozen=True):
    """Latest arrival at one site of a channel, to detect a source that is no longer read."""

    channel: str
    site: str
    until: int | None
    """End of the latest five minutes with an arrival, milliseconds since 1970.

    None without one today or in the last half hour."""
    quiet_after_seconds: float


def queues_of(snapshot: Snapshot, options: WebOptions) -> list[Queue]:
    """Return all queues by channel: the configured ones in their order, then those found in the data, sorted by dimensions.

    Call figures without a queue count agents, and are left out.
    """
    known = {queue.dimensions for queue in options.queues}
    found = sorted(
        dimensions
        for dimensions in snapshot.totals.keys() - known
        if dimensions.channel in CHANNELS and (dimensions.queue or dimensions.channel == Channel.VISIT)
    )
    queues = [*options.queues, *queue_options_of(found, options)]
    return [
        _queue_of(snapshot, queue, options)
        for channel in CHANNELS
        for queue in make_labels_unique([queue for queue in queues if queue.dimensions.channel == channel])
    ]


def calls_of(snapshot: Snapshot, options: WebOptions) -> LiveFigures:
    """Return the current figures of all calls together."""
    dimension_keys = {
        dimensions for dimensions in (*options.known, *snapshot.totals) if dimensions.channel == Channel.CALL
    }
    return _now_of(snapshot, sorted(dimension_keys), Channel.CALL, options)


def flows_of(figure: Figure, channel: str, options: WebOptions) -> Flows:
    """Return the flows of `figure`, whose `channel` is `call` or `visit`."""
    count = dict(zip(QUEUE_SCHEMA.counts, figure.counts, strict=True))
    short = within(figure, "abandon_wait", options.short_abandon_seconds)
    abandoned_late = count["abandoned"] - short
    return Flows(
        received=count["offered"],
        answered=count["answered"],
        abandoned=count["abandoned"],
        abandoned_short=short,
        left=left(figure),
        transferred=count["transferred"],
        service_level=_service_level(figure, channel, options),
        abandonment=Ratio(abandoned_late, count["answered"] + abandoned_late),
        mean_wait_seconds=divide_seconds(count["wait_milliseconds"], count["answered"]),
        mean_handle_seconds=divide_seconds(
            count["handle_milliseconds"], sum(figure.counts[QUEUE_SCHEMA.start("handle") :])
        ),
    )


def last_arrivals_of(snapshot: Snapshot, options: WebOptions) -> list[LastArrival]:
    """Return the latest arrival at each site, for the channels with a limit (`WebOptions.quiet_after`)."""
    until: dict[tuple[str, str], int] = {}
    for dimensions in dict.fromkeys((*options.known, *sorted(snapshot.totals))):
        # Call figures without a queue count agents, not arrivals.
        if dimensions.queue or dimensions.channel != Channel.CALL:
            source = dimensions.channel, dimensions.site
            end = snapshot.latest[dimensions] + BUCKET_SECONDS if dimensions in snapshot.latest else 0
            until[source] = max(end, until.get(source, 0))
    return [
        LastArrival(*source, 1000 * end or None, limit)
        for source, end in until.items()
        if (limit := options.quiet_after(source[0])) is not None
    ]


def curve_of(snapshot: Snapshot) -> Curve:
    """Return the calls of today until now, in buckets of five minutes; buckets without calls are zeros."""
    day, curve = snapshot.day, snapshot.curve.get(Channel.CALL, {})
    last = max([int(snapshot.taken_at.timestamp()), *curve])
    starts = range(day.start, min(last + 1, day.end), BUCKET_SECONDS)
    received, answered, abandoned = (
        [curve[start].counts[QUEUE_SCHEMA.index[name]] if start in curve else 0 for start in starts]
        for name in ("offered", "answered", "abandoned")
    )
    return Curve(day.start, day.end, BUCKET_SECONDS, received, answered, abandoned)


def make_labels_unique(queues: Sequence[QueueOptions]) -> list[QueueOptions]:
    """Return the queues with unique labels: the site, or more, is added to labels that several queues share."""
    french = unique_labels({queue.dimensions: queue.label_fr for queue in queues})
    english = unique_labels({queue.dimensions: queue.label_en for queue in queues})
    return [replace(queue, label_fr=french[queue.dimensions], label_en=english[queue.dimensions]) for queue in queues]


def unique_labels(labels: Mapping[Dimensions, str]) -> dict[Dimensions, str]:
    """Return the labels, with the site, or more, added to those that several dimensions share."""
    unique = dict(labels)
    for fields in (("site",), ("site", "service"), ("site", "service", "queue", "channel")):
        number = Counter(unique.values())
        for dimensions in [dimensions for dimensions, label in unique.items() if number[label] > 1]:
            addition = ", ".join(filter(None, (getattr(dimensions, name) for name in fields)))
            unique[dimensions] = f"{labels[dimensions]} ({addition})" if addition else labels[dimensions]
    return unique


def queue_options_of(dimension_keys: Iterable[Dimensions], options: WebOptions) -> list[QueueOptions]:
    """Return the options of queues. The label of a queue that is not configured is its name; without one, its service or site."""
    configured = {queue.dimensions: queue for queue in options.queues}
    return [configured.get(dimensions) or _unconfigured(dimensions, options) for dimensions in dimension_keys]


def _unconfigured(dimensions: Dimensions, options: WebOptions) -> QueueOptions:
    name = dimensions.queue or dimensions.site
    french, english = (
        options.service_labels(dimensions.service) if dimensions.service and not dimensions.queue else (name, name)
    )
    return QueueOptions(
        dimensions, french, english, longest_wait_seconds=LONGEST_WAIT_SECONDS[Channel(dimensions.channel)]
    )


def _queue_of(snapshot: Snapshot, queue: QueueOptions, options: WebOptions) -> Queue:
    dimensions = queue.dimensions
    return Queue(
        **msgspec.structs.asdict(_now_of(snapshot, [dimensions], dimensions.channel, options)),
        **dimensions._asdict(),
        label_fr=queue.label_fr,
        label_en=queue.label_en,
        thresholds=QueueThresholds(queue.waiting, queue.longest_wait_seconds),
        calendar=calendar_of(snapshot, [dimensions]),
    )


def _now_of(snapshot: Snapshot, dimension_keys: Sequence[Dimensions], channel: str, options: WebOptions) -> LiveFigures:
    total = add_up(snapshot.totals, dimension_keys, QUEUE_SCHEMA)
    stocks: dict[str, int | None] = dict(zip(QUEUE_SCHEMA.stocks, total.stocks, strict=True))
    return LiveFigures(
        **stocks | _agents_of(snapshot, dimension_keys, channel),  # type: ignore[arg-type]
        oldest_waiting_at=total.oldest_waiting_at,
        today=flows_of(add_up(snapshot.today, dimension_keys, QUEUE_SCHEMA), channel, options),
        recent_service_level=_service_level(add_up(snapshot.recent, dimension_keys, QUEUE_SCHEMA), channel, options),
    )


def _agents_of(snapshot: Snapshot, dimension_keys: Sequence[Dimensions], channel: str) -> dict[str, int | None]:
    """Return the numbers of agents that replace the sums over `dimension_keys`; empty if the sums stay.

    An agent of several queues is counted in each of them, and once more under an empty queue. The numbers are those of the empty
    queue, if any is not 0. For visits, they are None.
    """
    if channel != Channel.CALL:
        return {name: None for name in QUEUE_SCHEMA.stocks if name.startswith("agents_")}
    total = add_up(snapshot.totals, [dimensions for dimensions in dimension_keys if not dimensions.queue], QUEUE_SCHEMA)
    agents = {
        name: number
        for name, number in zip(QUEUE_SCHEMA.stocks, total.stocks, strict=True)
        if name.startswith("agents_")
    }
    return dict(agents) if any(agents.values()) else {}


def _service_level(figure: Figure, channel: str, options: WebOptions) -> Ratio:
    target = options.service_level_target(channel)
    return Ratio(*service_level(figure, target, options.short_abandon_seconds, options.formula))
