"""Forecast of arrivals and staffing for each queue; pure functions."""

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
"""Weeks to look back: two more than the forecast uses, since public holidays and quiet days are left out."""
MIN_ABANDONED: Final = 20
"""Minimum number of abandoned contacts for an estimate of patience."""
MIN_HANDLED: Final = 20
"""Minimum number of handled contacts for a mean handle time."""


class Staffing(NamedTuple):
    """Agents needed in the coming half hour to answer the share `service_level.attention` of the contacts within the target."""

    load: Load
    agents_erlang_c: int | None
    """Agents needed by Erlang C; None if no number reaches the target."""
    agents_erlang_a: int | None
    """Agents needed by Erlang A; None if no number reaches the target, or if the patience is unknown."""
    now: Performance | None
    """Expected performance of the present agents, by Erlang A if the patience is known; None if none are present or known."""


class QueueForecast(NamedTuple):
    """Forecast of one queue."""

    dimensions: Dimensions
    so_far: int
    """Contacts received today up to now."""
    forecast: Forecast | None
    """Forecast of the arrivals in the rest of the day; None if too few similar days are known."""
    agents: int | None
    """Agents available or on a contact now; None for visits (no agents reported), and for queues not in `History.totals`."""
    staffing: Staffing | None
    """None without a forecast, or without a mean handle time (fewer than `MIN_HANDLED` handled contacts, or no duration)."""


def forecast_queues(history: History, now: datetime, options: WebOptions) -> list[QueueForecast]:
    """Return the forecast of each queue with a contact in the days of `history`, sorted by dimensions.

    A front desk without queues counts as one; calls without a queue are left out.
    `history` must contain the last `WEEKS` weeks and today.
    """
    local = now.astimezone(options.time_zone)
    today, hour = local.date(), local.hour + local.minute / 60
    by_queue: dict[Dimensions, dict[date, Figure]] = {}
    for (day, dimensions), figure in history.days.items():
        if FIGURE_SCHEMAS[dimensions.channel] is QUEUE_SCHEMA and (
            dimensions.queue or dimensions.channel == Channel.VISIT
        ):
            by_queue.setdefault(dimensions, {})[day] = figure
    return [
        _forecast_queue(dimensions, by_queue[dimensions], today, hour, history, options)
        for dimensions in sorted(by_queue)
        if any(figure.counts[ARRIVALS_INDEX] for figure in by_queue[dimensions].values())
    ]


def _forecast_queue(
    dimensions: Dimensions, days: Mapping[date, Figure], today: date, hour: float, history: History, options: WebOptions
) -> QueueForecast:
    # Before its first contact, the queue may not have existed.
    began_on = (day for day, figure in days.items() if figure.counts[ARRIVALS_INDEX])
    first = max(history.began_on.get(dimensions.channel, today), min(began_on, default=today))
    as_of, read_until = history.as_of, history.history_read_until.get(dimensions.channel)
    complete_until = min(as_of, read_until or as_of).date() if as_of else date.min
    known = [
        PastDay(day, (days[day].by_hour if day in days else None) or [0] * HOURS)
        for day in similar_days(today, WEEKS, options.is_holiday)
        if first < day < complete_until
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
    total = new_day(QUEUE_SCHEMA)
    for figure in days.values():
        merge(total, figure)
    count = dict(zip(QUEUE_SCHEMA.counts, total.counts, strict=True))
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
    """Return the mean patience in seconds; infinite below `MIN_ABANDONED` abandoned contacts, or without any wait.

    It is the total wait of answered and abandoned contacts ÷ the number of abandoned ones. This is the maximum likelihood
    estimate of an exponential patience that is censored by answers (Mandelbaum and Zeltyn 2007, section 5).
    """
    return waited_seconds / abandoned if abandoned >= MIN_ABANDONED and waited_seconds else inf
