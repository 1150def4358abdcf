"""Metrics of queues (calls and visits) and their agents."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure, Formula, service_level, within
from streams.core.figures.figure_schemas import LEFT_COUNTS, QUEUE_SCHEMA, TRANSFER_CHANNEL, TRANSFER_SCHEMA
from streams.web.metrics.figure_readers import ReadByChannel, Values, channels_of, count, counts
from streams.web.metrics.measure import FigureMeasure, counter_measure, gauge_measure, histogram_measure
from streams.web.options import WebOptions

AGENT_STATES: Final = ("available", "on_contact", "paused")
CHANNELS: Final = channels_of(QUEUE_SCHEMA)


def measures(options: WebOptions) -> list[FigureMeasure]:
    """Return the definitions of the metrics of queues and agents; `FiguresCollector` computes their values."""
    targets = f"{options.target_seconds} s, at desks {options.desk_target_seconds} s"
    level = f"of the service level at {targets}, by formula."
    short = options.short_abandon_seconds
    return [
        counter_measure(
            "contact_transferred",
            "Contacts transferred by an agent, by target queue; empty if the target is not a queue or unknown.",
            count(TRANSFER_SCHEMA, "handed_on"),
            ("to",),
        ),
        counter_measure(
            "contact_abandoned",
            f"Contacts abandoned while waiting; short: within {short} s.",
            dict.fromkeys(CHANNELS, lambda figure: _abandoned(figure, short)),
            ("short",),
        ),
        counter_measure(
            "contact_left_queue",
            "Contacts that left a queue neither answered nor abandoned, by reason, such as full, closed, diverted or timeout.",
            counts(QUEUE_SCHEMA, {name.removeprefix("left_"): name for name in LEFT_COUNTS}),
            ("reason",),
        ),
        counter_measure("contact_service_level_numerator", f"Numerator {level}", _level(options, 0), ("formula",)),
        counter_measure("contact_service_level_denominator", f"Denominator {level}", _level(options, 1), ("formula",)),
        gauge_measure(
            "contact_today_service_level_numerator",
            f"Exact count of today: numerator {level}",
            _level(options, 0),
            ("formula",),
            of_today=True,
        ),
        gauge_measure(
            "contact_today_service_level_denominator",
            f"Exact count of today: denominator {level}",
            _level(options, 1),
            ("formula",),
            of_today=True,
        ),
        histogram_measure("contact_wait_seconds", "Waits of answered contacts.", "wait", CHANNELS),
        histogram_measure("contact_abandon_wait_seconds", "Waits of abandoned contacts.", "abandon_wait", CHANNELS),
        histogram_measure("contact_handle_seconds", "Handle times of agents.", "handle", CHANNELS),
        gauge_measure(
            "contact_agents",
            "Agents by state, in each queue that they serve, and each once under an empty queue.",
            {Channel.CALL: _agents},
            ("state",),
        ),
        gauge_measure(
            "contact_service_level_target_seconds",
            "Target wait of the service level; SLA targets are in contact_sla_target_seconds.",
            {channel: _constant(options.service_level_target(channel)) for channel in CHANNELS},
        ),
    ]


def expected_dimensions(dimension_keys: Iterable[Dimensions]) -> Iterator[Dimensions]:
    """Yield the dimensions of transfers to no known queue (with an empty `to`) from the queues of calls."""
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


def _constant(number: float) -> Callable[[Figure], Values]:
    return lambda _: {(): number}
