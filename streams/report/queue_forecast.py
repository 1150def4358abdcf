"""What is to be expected of each queue today, and how many agents that takes: pure."""

from collections.abc import Mapping
from datetime import date, datetime
from math import inf
from typing import Final, NamedTuple

from models.topics import Channel
from streams.core.figures.figure import ARRIVALS_INDEX, HOURS, Dimensions, Figure, merge, new_day
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, QUEUE_SCHEMA
from streams.core.forecast.arrivals import MAX_DAYS, Forecast, PastDay, forecast, similar_days
from streams.core.forecast.staffing import Load, Performance, agents_needed, estimate_performance
from streams.report.history import History
from streams.web.options import WebOptions

WEEKS: Final = MAX_DAYS + 2
"""So far back days are asked for: one or two of them may be public holidays."""
MIN_ABANDONED: Final = 20
"""Of fewer callers who gave up it is not known how patient they are."""
MIN_HANDLED: Final = 20
"""Of fewer calls it is not known how long they take."""


class Staffing(NamedTuple):
    """How many agents it takes in the half hour that begins."""

    load: Load
    agents_erlang_c: int | None
    """By Erlang C; None if no number would do."""
    agents_erlang_a: int | None
    """By Erlang A; None if it is not known how patient callers are, too."""
    now: Performance | None
    """How those do who are there now, by Erlang A if patience is known; None if nobody is."""


class QueueForecast(NamedTuple):
    """One queue."""

    dimensions: Dimensions
    so_far: int
    """Contacts that came today."""
    forecast: Forecast | None
    """None if too few days like this are known."""
    agents: int | None
    """Who is available or on a contact in this queue now; None where nobody tells."""
    staffing: Staffing | None
    """None without a forecast, or where too few calls are known to say how long they take."""


def forecast_queues(history: History, now: datetime, options: WebOptions) -> list[QueueForecast]:
    """Return the outlook of each queue of which a contact is known in the last `WEEKS` weeks, by channel and name.

    `history` must hold the days since then, today among them.
    """
    local = now.astimezone(options.time_zone)
    today, hour = local.date(), local.hour + local.minute / 60
    by_place: dict[Dimensions, dict[date, Figure]] = {}
    for (day, dimensions), figure in history.days.items():
        if FIGURE_SCHEMAS[dimensions.channel] is QUEUE_SCHEMA and (
            dimensions.queue or dimensions.channel == Channel.VISIT
        ):
            by_place.setdefault(dimensions, {})[day] = figure
    return [
        _look_at(dimensions, by_place[dimensions], today, hour, history, options)
        for dimensions in sorted(by_place)
        if any(figure.counts[ARRIVALS_INDEX] for figure in by_place[dimensions].values())
    ]


def _look_at(
    dimensions: Dimensions, days: Mapping[date, Figure], today: date, hour: float, history: History, options: WebOptions
) -> QueueForecast:
    began_on = (
        day for day, figure in days.items() if figure.counts[ARRIVALS_INDEX]
    )  # before that it may not have been there
    first = max(history.began_on.get(dimensions.channel, today), min(began_on, default=today))
    read = history.history_read_until.get(dimensions.channel)
    known = [
        PastDay(day, (days[day].by_hour if day in days else None) or [0] * HOURS)
        for day in similar_days(today, WEEKS, options.is_holiday)
        if day > first and (read is None or day < read.date())
    ]
    expected = forecast(known, hour)
    agents = None
    if dimensions.channel == Channel.CALL and dimensions in history.totals:
        stocks = history.totals[dimensions].stocks
        agents = sum(stocks[QUEUE_SCHEMA.stock_index[name]] for name in ("agents_available", "agents_on_contact"))
    so_far = days[today].counts[ARRIVALS_INDEX] if today in days else 0
    return QueueForecast(dimensions, so_far, expected, agents, _staff(dimensions, days, expected, agents, options))


def _staff(
    dimensions: Dimensions,
    days: Mapping[date, Figure],
    expected: Forecast | None,
    agents: int | None,
    options: WebOptions,
) -> Staffing | None:
    if expected is None:
        return None
    lately = new_day(QUEUE_SCHEMA)
    for figure in days.values():
        merge(lately, figure)
    count = dict(zip(QUEUE_SCHEMA.counts, lately.counts, strict=True))
    handled = count["ended"] + count["transferred"]
    if handled < MIN_HANDLED or not count["handle_milliseconds"]:
        return None
    load = Load(
        expected.per_hour,
        count["handle_milliseconds"] / handled / 1000,
        estimate_patience(
            count["wait_milliseconds"] / 1000 + count["abandon_wait_milliseconds"] / 1000, count["abandoned"]
        ),
    )
    target, share = options.service_level_target(dimensions.channel), options.service_level.attention
    return Staffing(
        load=load,
        agents_erlang_c=agents_needed(load._replace(patience_seconds=inf), target, share),
        agents_erlang_a=None if load.patience_seconds == inf else agents_needed(load, target, share),
        now=estimate_performance(load, agents, target) if agents else None,
    )


def estimate_patience(waited_seconds: float, abandoned: int) -> float:
    """Return for how long callers would wait on the average; without end where too few gave up to tell.

    All that was waited, by whoever, for each who gave up: the maximum likelihood of an exponential patience, of which an answer
    shows a part only (Mandelbaum and Zeltyn 2007, section 5).
    """
    return waited_seconds / abandoned if abandoned >= MIN_ABANDONED and waited_seconds else inf
