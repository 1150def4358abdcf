"""Figures in which everything that can be counted was counted once: by them the page of metrics finds what there is."""

from datetime import UTC, datetime
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

from models.instants import milliseconds
from models.policies import Policies
from models.topics import Channel
from streams.core.citizen_figures import Period
from streams.core.facts import place_of_promise
from streams.core.figures import Dimensions, Figure, Progress
from streams.core.layouts import CONTACTED, LAYOUTS, NONE, OTHER, QUEUES, REASONS
from streams.web.citizens import Published
from streams.web.merged import Day
from streams.web.metrics.promises import kinds_at
from streams.web.opinions import WINDOWS
from streams.web.view import Snapshot, Source

NOW: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENOUGH: Final = 1000
"""So often each score was given: of few nothing would be told."""


def snapshot(policies: Policies) -> Snapshot:
    """Return figures of one place of each channel, with a clock of each promise that `policies` make there."""
    at = milliseconds(NOW)
    places = [Dimensions(channel.value, "site", "service", _queue(channel)) for channel in CONTACTED]
    opinions = [Dimensions(Channel.FEEDBACK.value, "site", "service", place.channel) for place in places]
    clocks = [
        place_of_promise(version.name, kind, place)
        for place in places
        for version in policies.in_force(at)
        for kind in kinds_at(version, place)
    ]
    totals = {place: _full(place) for place in (*places, *opinions, *clocks)}
    said = {place: totals[place] for place in opinions}
    return Snapshot(
        taken_at=NOW,
        source=Source.FOLLOWING,
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
        opinions=dict.fromkeys(WINDOWS, said),
        policies=policies,
        unreadable=0,
    )


def published() -> Published:
    """Return figures of citizens, one of each."""
    return Published(
        recontact_days=7,
        starts={period: NOW.toordinal() for period in Period},
        handled_start=NOW.toordinal(),
        active={(period, "service"): ENOUGH for period in (Period.WEEK, Period.FOUR_WEEKS)},
        active_of_all=dict.fromkeys(Period, ENOUGH),
        began={
            ("service", channel, reason): ENOUGH
            for channel in CONTACTED
            for reason in (*REASONS.get(channel, ()), OTHER)
        },
        hops={("service", channel, former): ENOUGH for channel in CONTACTED for former in (*CONTACTED, NONE)},
        unidentified={("service", channel): ENOUGH for channel in CONTACTED},
        handled={
            ("service", channel, first, followed): ENOUGH
            for channel in CONTACTED
            for first, followed in product((True, False), repeat=2)
        },
        pending={("service", channel): ENOUGH for channel in CONTACTED},
        withheld=dict.fromkeys(("active", "active_of_all", "began", "hops", "unidentified", "handled", "pending"), 1),
    )


def _queue(channel: Channel) -> str:
    return "queue" if LAYOUTS[channel] is QUEUES or channel is Channel.FORM else ""


def _full(place: Dimensions) -> Figure:
    layout = LAYOUTS[place.channel]
    begun_at = int(NOW.timestamp()) - 60
    return Figure(
        [ENOUGH] * len(layout.counts), [1] * len(layout.stocks), {0: 1}, begun_at * 1000, open_since={begun_at: 2}
    )
