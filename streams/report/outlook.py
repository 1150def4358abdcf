"""What is to be expected of each queue today, and how many agents that takes: pure."""

from collections.abc import Mapping
from datetime import date, datetime
from math import inf
from typing import Final, NamedTuple

from models.topics import Channel
from streams.core.figures import CAME, HOURS, Dimensions, Figure, merge, new_day
from streams.core.forecast import MOST_DAYS, Forecast, Past, days_like, forecast
from streams.core.layouts import LAYOUTS, QUEUES
from streams.core.staffing import Load, Performance, agents_for, perform
from streams.report.history import History
from streams.web.options import WebOptions

WEEKS: Final = MOST_DAYS + 2
"""So far back days are asked for: one or two of them may be public holidays."""
FEWEST_ABANDONED: Final = 20
"""Of fewer callers who gave up it is not known how patient they are."""
FEWEST_HANDLED: Final = 20
"""Of fewer calls it is not known how long they take."""


class Staffing(NamedTuple):
    """How many agents it takes in the half hour that begins."""

    load: Load
    patient: int | None
    """By Erlang C; None if no number would do."""
    impatient: int | None
    """By Erlang A; None if it is not known how patient callers are, too."""
    now: Performance | None
    """How those do who are there now, by Erlang A if patience is known; None if nobody is."""


class Outlook(NamedTuple):
    """One queue."""

    place: Dimensions
    so_far: int
    """Contacts that came today."""
    forecast: Forecast | None
    """None if too few days like this are known."""
    agents: int | None
    """Who is available or on a contact in this queue now; None where nobody tells."""
    staffing: Staffing | None
    """None without a forecast, or where too few calls are known to say how long they take."""


def look_out(history: History, now: datetime, options: WebOptions) -> list[Outlook]:
    """Return the outlook of each queue of which a contact is known in the last `WEEKS` weeks, by channel and name.

    `history` must hold the days since then, today among them.
    """
    local = now.astimezone(options.time_zone)
    today, hour = local.date(), local.hour + local.minute / 60
    by_place: dict[Dimensions, dict[date, Figure]] = {}
    for (day, place), figure in history.days.items():
        if LAYOUTS[place.channel] is QUEUES and (place.queue or place.channel == Channel.VISIT):
            by_place.setdefault(place, {})[day] = figure
    return [
        _look_at(place, by_place[place], today, hour, history, options)
        for place in sorted(by_place)
        if any(figure.counts[CAME] for figure in by_place[place].values())
    ]


def _look_at(
    place: Dimensions, days: Mapping[date, Figure], today: date, hour: float, history: History, options: WebOptions
) -> Outlook:
    began_on = (day for day, figure in days.items() if figure.counts[CAME])  # before that it may not have been there
    first = max(history.began_on.get(place.channel, today), min(began_on, default=today))
    read = history.being_read.get(place.channel)
    known = [
        Past(day, (days[day].by_hour if day in days else None) or [0] * HOURS)
        for day in days_like(today, WEEKS, options.is_holiday)
        if day > first and (read is None or day < read.date())
    ]
    expected = forecast(known, hour)
    agents = None
    if place.channel == Channel.CALL and place in history.totals:
        stocks = history.totals[place].stocks
        agents = sum(stocks[QUEUES.stock_index[name]] for name in ("agents_available", "agents_on_contact"))
    so_far = days[today].counts[CAME] if today in days else 0
    return Outlook(place, so_far, expected, agents, _staff(place, days, expected, agents, options))


def _staff(
    place: Dimensions, days: Mapping[date, Figure], expected: Forecast | None, agents: int | None, options: WebOptions
) -> Staffing | None:
    if expected is None:
        return None
    lately = new_day(QUEUES)
    for figure in days.values():
        merge(lately, figure)
    count = dict(zip(QUEUES.counts, lately.counts, strict=True))
    handled = count["ended"] + count["transferred"]
    if handled < FEWEST_HANDLED or not count["handle_milliseconds"]:
        return None
    load = Load(
        expected.per_hour,
        count["handle_milliseconds"] / handled / 1000,
        estimate_patience(
            count["wait_milliseconds"] / 1000 + count["abandon_wait_milliseconds"] / 1000, count["abandoned"]
        ),
    )
    target, share = options.target_of(place.channel), options.service_level.attention
    return Staffing(
        load=load,
        patient=agents_for(load._replace(patience_seconds=inf), target, share),
        impatient=None if load.patience_seconds == inf else agents_for(load, target, share),
        now=perform(load, agents, target) if agents else None,
    )


def estimate_patience(waited_seconds: float, abandoned: int) -> float:
    """Return for how long callers would wait on the average; without end where too few gave up to tell.

    All that was waited, by whoever, for each who gave up: the maximum likelihood of an exponential patience, of which an answer
    shows a part only (Mandelbaum and Zeltyn 2007, section 5).
    """
    return waited_seconds / abandoned if abandoned >= FEWEST_ABANDONED and waited_seconds else inf
