"""Metrics common to all channels."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures.case_facts import FACTS, SENT, STEPS
from streams.core.figures.figure import Figure
from streams.core.figures.figure_schemas import (
    APPOINTMENT_SCHEMA,
    CASE_SCHEMA,
    CLOSED_COUNTS,
    CONTACT_CHANNELS,
    FEEDBACK,
    FIGURE_SCHEMAS,
    QUEUE_SCHEMA,
    FigureSchema,
)
from streams.core.figures.satisfaction import score_names
from streams.web.board.queues import flows_of
from streams.web.metrics.figure_readers import (
    ReadByChannel,
    ReadFigure,
    Values,
    channels_of,
    corrected,
    count,
    join,
    stocks,
    sums,
)
from streams.web.metrics.measure import FigureMeasure, counter_measure, gauge_measure
from streams.web.options import WebOptions

FACT_NAMES: Final = {"offered": "received", "booked": "received", "responded": "answered"}
"""Name of a count in a figure schema → its name in metrics, common to all channels. Other counts keep their names."""
QUEUE_FLOWS: Final = ("received", "answered", "abandoned", "abandoned_short", "left", "transferred")


def measures(options: WebOptions) -> list[FigureMeasure]:
    """Return the definitions of the metrics common to all channels; `FiguresCollector` computes their values."""
    given = {f"given_{scale}": list(score_names(scale).values()) for scale in FeedbackScale}
    return [
        counter_measure(
            "contact_received",
            "Contacts received: calls and visits that entered a queue, even if turned away; letters, e-mails and forms;"
            " booked appointments.",
            join(count(QUEUE_SCHEMA, "offered"), count(CASE_SCHEMA, "received"), count(APPOINTMENT_SCHEMA, "booked")),
        ),
        counter_measure(
            "contact_answered",
            "Calls and visits answered by an agent; letters, e-mails and forms answered by a person for the first time.",
            join(count(QUEUE_SCHEMA, "answered"), count(CASE_SCHEMA, "responded")),
        ),
        gauge_measure(
            "contact_backlog_items",
            "Open contacts: waiting (in a queue or not taken up yet), in_progress, or pending_citizen (the citizen has to act"
            " or to come).",
            join(
                stocks(QUEUE_SCHEMA, ("waiting", "in_progress")),
                stocks(CASE_SCHEMA, CASE_SCHEMA.stocks),
                stocks(APPOINTMENT_SCHEMA, ("waiting", "pending_citizen")),
            ),
            ("state",),
        ),
        gauge_measure(
            "contact_oldest_item_timestamp_seconds",
            "Arrival time of the contact that waits longest, in a queue or for the service; absent if none waits.",
            dict.fromkeys(Channel, _oldest),
        ),
        counter_measure(
            "contact_corrected",
            "Facts corrected later, which counters still contain.",
            join(
                corrected(QUEUE_SCHEMA, _fact_names(QUEUE_SCHEMA.facts)),
                *(corrected(CASE_SCHEMA, _fact_names(facts), channel) for channel, facts in FACTS.items()),
                corrected(APPOINTMENT_SCHEMA, _fact_names(APPOINTMENT_SCHEMA.facts)),
                corrected(FEEDBACK, {"invited": ["invited"], **given}),
            ),
            ("fact",),
            has_corrected=False,
        ),
        gauge_measure(
            "contact_today_items",
            f"Exact counts since midnight ({options.time_zone.key}).",
            join(
                {channel: _queue_flows(channel, options) for channel in channels_of(QUEUE_SCHEMA)},
                *(_case_flows(channel) for channel in STEPS),
                sums(APPOINTMENT_SCHEMA, _fact_names(APPOINTMENT_SCHEMA.facts)),
                sums(FEEDBACK, {"invited": ["invited"], "given": [*chain.from_iterable(given.values())]}),
            ),
            ("flow",),
            of_today=True,
        ),
        gauge_measure(
            "contact_today_duration_items",
            f"Durations measured since midnight ({options.time_zone.key}), by kind; waits are those of answered contacts.",
            join(*(_durations(channel, _count_measured) for channel in FIGURE_SCHEMAS if channel in CONTACT_CHANNELS)),
            ("duration",),
            of_today=True,
        ),
        gauge_measure(
            "contact_today_duration_seconds",
            "Sum of these durations; divided by contact_today_duration_items, it is their mean of today.",
            join(*(_durations(channel, _add_up_seconds) for channel in FIGURE_SCHEMAS if channel in CONTACT_CHANNELS)),
            ("duration",),
            of_today=True,
        ),
    ]


def _fact_names(names: Iterable[str]) -> dict[str, list[str]]:
    return {FACT_NAMES.get(name, name): [name] for name in names}


def durations_of(channel: str) -> tuple[str, ...]:
    """Return the names of the durations of a channel; a case channel has only those of facts in `FACTS`."""
    figure_schema = FIGURE_SCHEMAS[channel]
    if figure_schema is not CASE_SCHEMA:
        return tuple(figure_schema.durations)
    facts = FACTS[Channel(channel)]
    return tuple(name for name, duration in figure_schema.durations.items() if set(duration.of) & set(facts))


def _durations(channel: str, measure: Callable[[FigureSchema, Figure, str], float]) -> ReadByChannel:
    figure_schema, names = FIGURE_SCHEMAS[channel], durations_of(channel)
    return {channel: lambda figure: {(name,): measure(figure_schema, figure, name) for name in names}}


def _count_measured(figure_schema: FigureSchema, figure: Figure, name: str) -> float:
    return sum(figure.counts[figure_schema.index[fact]] for fact in figure_schema.durations[name].of)


def _add_up_seconds(figure_schema: FigureSchema, figure: Figure, name: str) -> float:
    return figure.counts[figure_schema.index[f"{name}_milliseconds"]] / 1000


def _oldest(figure: Figure) -> Values:
    return {} if figure.oldest_waiting_at is None else {(): figure.oldest_waiting_at / 1000}


def _queue_flows(channel: str, options: WebOptions) -> ReadFigure:
    def read(figure: Figure) -> Values:
        flows = flows_of(figure, channel, options)
        return {(name,): getattr(flows, name) for name in QUEUE_FLOWS}

    return read


def _case_flows(channel: Channel) -> ReadByChannel:
    flows: dict[str, Sequence[str]] = {name: (name,) for name in ("received", *STEPS[channel])}
    flows |= {"answered": ("responded",), "closed": CLOSED_COUNTS, "reopened": ("reopened",)}
    if channel is Channel.MAIL:
        flows["sent"] = tuple(SENT.values())
    return sums(CASE_SCHEMA, flows, channel)
