"""Who waits in a queue, and the agents who serve it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure, Formula, service_level, within
from streams.core.figures.figure_schemas import LEFT_COUNTS, QUEUE_SCHEMA, TRANSFER_CHANNEL, TRANSFER_SCHEMA
from streams.web.metrics.measure import (
    Counter,
    FigureMeasure,
    Gauge,
    Histogram,
    ReadByChannel,
    Values,
    channels_of,
    count,
    counts,
)
from streams.web.options import WebOptions

AGENT_STATES: Final = ("available", "on_contact", "paused")
CHANNELS: Final = channels_of(QUEUE_SCHEMA)


def measures(options: WebOptions) -> list[FigureMeasure]:
    """Return the metrics of queues."""
    targets = f"{options.target_seconds} s, at desks {options.desk_target_seconds} s"
    level = f"of the service level at {targets}, by the named formula."
    short = options.short_abandon_seconds
    return [
        Counter(
            "contact_transferred",
            "Handed on by an agent, by the queue where it went; empty if that is no queue, or not known.",
            count(TRANSFER_SCHEMA, "handed_on"),
            ("to",),
        ),
        Counter(
            "contact_abandoned",
            f"Abandoned while waiting; short: within {short} s.",
            dict.fromkeys(CHANNELS, lambda figure: _abandoned(figure, short)),
            ("short",),
        ),
        Counter(
            "contact_left_queue",
            "Left a queue neither answered nor abandoned, by reason, such as full, closed, diverted, timeout.",
            counts(QUEUE_SCHEMA, {name.removeprefix("left_"): name for name in LEFT_COUNTS}),
            ("reason",),
        ),
        Counter("contact_service_level_numerator", f"Numerator {level}", _level(options, 0), ("formula",)),
        Counter("contact_service_level_denominator", f"Denominator {level}", _level(options, 1), ("formula",)),
        Gauge(
            "contact_today_service_level_numerator",
            f"Of today, exact: numerator {level}",
            _level(options, 0),
            ("formula",),
            of_today=True,
        ),
        Gauge(
            "contact_today_service_level_denominator",
            f"Of today, exact: denominator {level}",
            _level(options, 1),
            ("formula",),
            of_today=True,
        ),
        Histogram("contact_wait_seconds", "Waits of the answered.", "wait", CHANNELS),
        Histogram("contact_abandon_wait_seconds", "Waits of the abandoned.", "abandon_wait", CHANNELS),
        Histogram("contact_handle_seconds", "Time of agents with contacts.", "handle", CHANNELS),
        Gauge(
            "contact_agents",
            "Agents now, in each queue that they serve, and once each under an empty queue.",
            {Channel.CALL: _agents},
            ("state",),
        ),
        Gauge(
            "contact_service_level_target_seconds",
            "Waits of at most so long are in time, for the service level; what is promised is contact_sla_target_seconds.",
            {channel: _always(options.service_level_target(channel)) for channel in CHANNELS},
        ),
    ]


def expected_dimensions(dimension_keys: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield where transfers of calls from these places are counted that go to no queue that is known: `to` is empty."""
    for channel, site, service, queue in dimension_keys:
        if channel == Channel.CALL and queue:
            yield Dimensions(TRANSFER_CHANNEL, site, service, f"{channel}:{queue}:")


def _abandoned(figure: Figure, short_seconds: int) -> Values:
    short = within(figure, "abandon_wait", short_seconds)
    return {("true",): short, ("false",): figure.counts[QUEUE_SCHEMA.index["abandoned"]] - short}


def _level(options: WebOptions, part: int) -> ReadByChannel:
    def read(target: int) -> Callable[[Figure], Values]:
        return lambda figure: {
            (formula.value,): service_level(figure, target, options.short_abandon_seconds, formula)[part]
            for formula in Formula
        }

    return {channel: read(options.service_level_target(channel)) for channel in CHANNELS}


def _agents(figure: Figure) -> Values:
    return {(state,): figure.stocks[QUEUE_SCHEMA.stock_index[f"agents_{state}"]] for state in AGENT_STATES}


def _always(number: float) -> Callable[[Figure], Values]:
    return lambda _: {(): number}
