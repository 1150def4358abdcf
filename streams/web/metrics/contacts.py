"""What is counted in every channel, whatever it is called there."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures import Figure
from streams.core.layouts import APPOINTMENTS, CLOSED, CONTACTED, FEEDBACK, LAYOUTS, MATTERS, QUEUES, Layout
from streams.core.satisfaction import names_of
from streams.web.metrics.matters import FACTS, SENT, STEPS
from streams.web.metrics.measure import (
    Counter,
    Gauge,
    PlaceMeasure,
    Read,
    Reads,
    Values,
    channels_of,
    corrected,
    count,
    join,
    stocks,
    sums,
)
from streams.web.options import WebOptions
from streams.web.queues import flows_of

CALLED: Final = {"offered": "received", "booked": "received", "responded": "answered"}
"""Count of a layout → the one word for it in all channels."""
QUEUE_FLOWS: Final = ("received", "answered", "abandoned", "abandoned_short", "left", "transferred")


def measures(options: WebOptions) -> list[PlaceMeasure]:
    """Return the metrics that channels share."""
    opinions = {f"given_{scale}": list(names_of(scale).values()) for scale in FeedbackScale}
    return [
        Counter(
            "contact_received",
            "Came: to a queue, also if it turned them away; by letter, e-mail or form; or booked an appointment.",
            join(count(QUEUES, "offered"), count(MATTERS, "received"), count(APPOINTMENTS, "booked")),
        ),
        Counter(
            "contact_answered",
            "Answered by an agent; or, of what is written, by a person for the first time.",
            join(count(QUEUES, "answered"), count(MATTERS, "responded")),
        ),
        Gauge(
            "contact_backlog_items",
            "Open now: waiting in a queue or to be taken up, in_progress, or pending_citizen, who has to act or to come.",
            join(
                stocks(QUEUES, ("waiting", "in_progress")),
                stocks(MATTERS, MATTERS.stocks),
                stocks(APPOINTMENTS, ("waiting", "pending_citizen")),
            ),
            ("state",),
        ),
        Gauge(
            "contact_oldest_item_timestamp_seconds",
            "When the one came who waits longest, in a queue or for a service to act; absent if nobody does.",
            dict.fromkeys(Channel, _oldest),
        ),
        Counter(
            "contact_corrected",
            "Facts taken back, which counters still hold.",
            join(
                corrected(QUEUES, _called(QUEUES.facts)),
                *(corrected(MATTERS, _called(facts), channel) for channel, facts in FACTS.items()),
                corrected(APPOINTMENTS, _called(APPOINTMENTS.facts)),
                corrected(FEEDBACK, {"invited": ["invited"], **opinions}),
            ),
            ("fact",),
            has_twin=False,
        ),
        Gauge(
            "contact_today_items",
            f"Exact counts since midnight ({options.time_zone.key}).",
            join(
                {channel: _queue_flows(channel, options) for channel in channels_of(QUEUES)},
                *(_matter_flows(channel) for channel in STEPS),
                sums(APPOINTMENTS, _called(APPOINTMENTS.facts)),
                sums(FEEDBACK, {"invited": ["invited"], "given": [*chain.from_iterable(opinions.values())]}),
            ),
            ("flow",),
            of_today=True,
        ),
        Gauge(
            "contact_today_duration_items",
            f"What had a duration since midnight ({options.time_zone.key}), by which; waits are of the answered.",
            join(*(_durations(channel, _count_measured) for channel in LAYOUTS if channel in CONTACTED)),
            ("duration",),
            of_today=True,
        ),
        Gauge(
            "contact_today_duration_seconds",
            "The sum of these durations: divided by contact_today_duration_items, their mean of today.",
            join(*(_durations(channel, _add_up_seconds) for channel in LAYOUTS if channel in CONTACTED)),
            ("duration",),
            of_today=True,
        ),
    ]


def _called(names: Iterable[str]) -> dict[str, list[str]]:
    return {CALLED.get(name, name): [name] for name in names}


def durations_of(channel: str) -> tuple[str, ...]:
    """Return what is measured in a channel: of what is written, only what can happen there."""
    layout = LAYOUTS[channel]
    if layout is not MATTERS:
        return tuple(layout.durations)
    facts = FACTS[Channel(channel)]
    return tuple(name for name, told in layout.durations.items() if set(told.of) & set(facts))


def _durations(channel: str, measure: Callable[[Layout, Figure, str], float]) -> Reads:
    layout, names = LAYOUTS[channel], durations_of(channel)
    return {channel: lambda figure: {(name,): measure(layout, figure, name) for name in names}}


def _count_measured(layout: Layout, figure: Figure, name: str) -> float:
    return sum(figure.counts[layout.index[fact]] for fact in layout.durations[name].of)


def _add_up_seconds(layout: Layout, figure: Figure, name: str) -> float:
    return figure.counts[layout.index[f"{name}_milliseconds"]] / 1000


def _oldest(figure: Figure) -> Values:
    return {} if figure.oldest_waiting_at is None else {(): figure.oldest_waiting_at / 1000}


def _queue_flows(channel: str, options: WebOptions) -> Read:
    def read(figure: Figure) -> Values:
        flows = flows_of(figure, channel, options)
        return {(name,): getattr(flows, name) for name in QUEUE_FLOWS}

    return read


def _matter_flows(channel: Channel) -> Reads:
    flows: dict[str, Sequence[str]] = {name: (name,) for name in ("received", *STEPS[channel])}
    flows |= {"answered": ("responded",), "closed": CLOSED, "reopened": ("reopened",)}
    if channel is Channel.MAIL:
        flows["sent"] = tuple(SENT.values())
    return sums(MATTERS, flows, channel)
