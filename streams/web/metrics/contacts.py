"""What is counted in every channel, whatever it is called there."""

from collections.abc import Iterable, Sequence
from typing import Final

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures import Figure
from streams.core.layouts import APPOINTMENTS, CLOSED, FEEDBACK, MATTERS, QUEUES
from streams.web.metrics.matters import FACTS, SENT, STEPS
from streams.web.metrics.measure import (
    Counter,
    Gauge,
    Measure,
    Read,
    Reads,
    Values,
    channels_of,
    corrected,
    count,
    counts,
    join,
    stocks,
    sums,
)
from streams.web.options import WebOptions
from streams.web.queues import flows_of
from streams.web.services import names_of

CALLED: Final = {"offered": "received", "booked": "received", "responded": "answered"}
"""Count of a layout → the one word for it in all channels."""
QUEUE_FLOWS: Final = ("received", "answered", "abandoned", "abandoned_short", "left", "transferred")


def measures(options: WebOptions, scales: Sequence[FeedbackScale]) -> list[Measure]:
    """Return the metrics that channels share; of opinions, those on `scales`."""
    opinions = [name for scale in scales for name in names_of(scale).values()]
    return [
        Counter(
            "contact_received",
            "Came: to a queue, also if it turned them away; by letter, e-mail or form; or booked an appointment.",
            join(count(QUEUES, "offered"), count(MATTERS, "received"), count(APPOINTMENTS, "booked")),
        ),
        Counter(
            "contact_answered",
            "Taken by an agent; or, of what is written, answered by a person for the first time.",
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
                corrected(FEEDBACK, _called(["invited", *opinions])),
            ),
            ("fact",),
        ),
        Gauge(
            "contact_today_items",
            f"Exact counts since midnight ({options.time_zone.key}).",
            join(
                {channel: _queue_flows(channel, options) for channel in channels_of(QUEUES)},
                *(_matter_flows(channel) for channel in STEPS),
                counts(APPOINTMENTS, _called(APPOINTMENTS.facts)),
                sums(FEEDBACK, {"invited": ["invited"], "given": opinions}),
            ),
            ("flow",),
            of_today=True,
        ),
    ]


def _called(names: Iterable[str]) -> dict[str, str]:
    return {CALLED.get(name, name): name for name in names}


def _oldest(figure: Figure) -> Values:
    return {} if figure.oldest_waiting_at is None else {(): figure.oldest_waiting_at / 1000}


def _queue_flows(channel: str, options: WebOptions) -> Read:
    def read(figure: Figure) -> Values:
        flows = flows_of(figure, channel, options)
        return {(name,): getattr(flows, name) for name in QUEUE_FLOWS}

    return read


def _matter_flows(channel: Channel) -> Reads:
    flows: dict[str, Sequence[str]] = {name: (name,) for name in ("received", *STEPS[channel])}
    flows |= {"answered": ("responded",), "closed": CLOSED}
    if channel is Channel.MAIL:
        flows["sent"] = tuple(SENT.values())
    return sums(MATTERS, flows, channel)
