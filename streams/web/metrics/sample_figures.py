"""Sample figures in which each count is set, so that the reference page finds all metrics and label values."""

from datetime import UTC, datetime
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

from models.events import CountedPostClass, PostDirection
from models.policies import Policies
from models.timestamps import milliseconds
from models.topics import Channel
from streams.core.citizens.citizen_figures import Period
from streams.core.figures.facts import target_dimensions
from streams.core.figures.figure import Dimensions, Figure, Progress
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    CONTACT_CAUSES,
    CONTACT_CHANNELS,
    FIGURE_SCHEMAS,
    LINE_CHANNEL,
    MENU_CHANNEL,
    NO_PREVIOUS_CHANNEL,
    OTHER_CAUSE,
    POST_CHANNEL,
    QUEUE_SCHEMA,
    REASON_CHANNEL,
)
from streams.web.board.day_windows import WINDOWS
from streams.web.citizens import DisclosedFigures
from streams.web.merged_rows import Day
from streams.web.metrics.sla_targets import kinds_at
from streams.web.topic_view import ReaderState
from streams.web.view import Snapshot

NOW: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENOUGH: Final = 1000
"""Value of each count, above all minimums for publication."""


def snapshot(policies: Policies) -> Snapshot:
    """Return figures for one queue or service of each channel, with the SLA clocks of `policies`."""
    at = milliseconds(NOW)
    dimension_keys = [Dimensions(channel.value, "site", "service", _queue(channel)) for channel in CONTACT_CHANNELS]
    feedback = [
        Dimensions(Channel.FEEDBACK.value, "site", "service", dimensions.channel) for dimensions in dimension_keys
    ]
    clocks = [
        target_dimensions(version.name, kind, dimensions)
        for dimensions in dimension_keys
        for version in policies.in_force(at)
        for kind in kinds_at(version, dimensions)
    ]
    derived = [
        Dimensions(kind, "site", "service", queue)
        for kind, queue in (
            *((REASON_CHANNEL, f"{channel}:reason") for channel in CONTACT_CHANNELS),
            (LINE_CHANNEL, "line"),
            (MENU_CHANNEL, "option"),
            (CALLBACK_CHANNEL, "queue"),
            *(
                (POST_CHANNEL, f"{direction}:{of_class}")
                for direction, of_class in product(PostDirection, CountedPostClass)
            ),
        )
    ]
    totals = {dimensions: _full(dimensions) for dimensions in (*dimension_keys, *feedback, *clocks, *derived)}
    answers = {dimensions: totals[dimensions] for dimensions in feedback}
    return Snapshot(
        taken_at=NOW,
        reader_state=ReaderState.FOLLOWING,
        day=Day.of(NOW, ZoneInfo("Europe/Paris")),
        partitions=(0,),
        progress={0: Progress(step_at=at, event_at=at, history={Channel.MAIL.value: at})},
        written_at={0: at},
        totals=totals,
        today=totals,
        recent={},
        curve={},
        latest={},
        due={},
        feedback=dict.fromkeys(WINDOWS, answers),
        policies=policies,
        unreadable=0,
    )


def sample_disclosed_figures() -> DisclosedFigures:
    """Return citizen figures with each label value once."""
    return DisclosedFigures(
        recontact_days=7,
        starts={period: NOW.toordinal() for period in Period},
        handled_start=NOW.toordinal(),
        active={(period, "service"): ENOUGH for period in (Period.WEEK, Period.FOUR_WEEKS)},
        active_of_all=dict.fromkeys(Period, ENOUGH),
        contacts_by_cause={
            ("service", channel, cause): ENOUGH
            for channel in CONTACT_CHANNELS
            for cause in (*CONTACT_CAUSES.get(channel, ()), OTHER_CAUSE)
        },
        contacts_by_previous_channel={
            ("service", channel, previous): ENOUGH
            for channel in CONTACT_CHANNELS
            for previous in (*CONTACT_CHANNELS, NO_PREVIOUS_CHANNEL)
        },
        unidentified={("service", channel): ENOUGH for channel in CONTACT_CHANNELS},
        handled={
            ("service", channel, is_first, is_followed): ENOUGH
            for channel in CONTACT_CHANNELS
            for is_first, is_followed in product((True, False), repeat=2)
        },
        pending={("service", channel): ENOUGH for channel in CONTACT_CHANNELS},
        withheld=dict.fromkeys(("active", "active_of_all", "began", "hops", "unidentified", "handled", "pending"), 1),
    )


def _queue(channel: Channel) -> str:
    return "queue" if FIGURE_SCHEMAS[channel] is QUEUE_SCHEMA or channel is Channel.FORM else ""


def _full(dimensions: Dimensions) -> Figure:
    figure_schema = FIGURE_SCHEMAS[dimensions.channel]
    begun_at = int(NOW.timestamp()) - 60
    return Figure(
        [ENOUGH] * len(figure_schema.counts),
        [1] * len(figure_schema.stocks),
        {0: 1},
        begun_at * 1000,
        open_since={begun_at: 2},
    )
