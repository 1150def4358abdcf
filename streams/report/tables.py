"""Figures of a period as tables; pure functions without texts or files. A satisfaction measure needs `MIN_CITIZENS` answers."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from models.events import FeedbackScale, PostageClass
from models.topics import Channel
from streams.core.figures.disclosure import MIN_CITIZENS
from streams.core.figures.figure import (
    ARRIVALS_INDEX,
    Dimensions,
    Figure,
    Formula,
    left,
    merge,
    new_day,
    service_level,
    within,
)
from streams.core.figures.figure_schemas import (
    APPOINTMENT_SCHEMA,
    CANCELLED_COUNTS,
    CASE_SCHEMA,
    CLOSED_COUNTS,
    FEEDBACK,
    FIGURE_SCHEMAS,
    QUEUE_SCHEMA,
    SLA,
    SLA_SCHEMA,
)
from streams.core.figures.satisfaction import SCALES, Measure, answers, estimate
from streams.report.derived_tables import DERIVED_READERS
from streams.report.history import History
from streams.report.period import Period
from streams.report.rows import (
    FigureCells,
    Table,
    Value,
    by_all_dimensions,
    by_queue,
    by_service,
    largest_count,
    make_table,
    share,
)
from streams.web.options import WebOptions


class Day(NamedTuple):
    """Contacts received on a day."""

    day: date
    number: int


class ArrivalProfile(NamedTuple):
    """Contacts of a channel, by day and by hour of arrival."""

    channel: str
    by_day: tuple[Day, ...]
    """All days of the period, also those without contacts."""
    by_hour: tuple[int, ...]
    """Contacts of the period in each of the 24 hours of the day, from midnight."""


class Coverage(NamedTuple):
    """Coverage of the period by the data of a channel."""

    channel: str
    begins_on: date | None
    """First day with a stored contact; None if it is before the period, which is then covered as a whole, or if there is none."""
    days_with_contacts: int


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a report."""

    period: Period
    formula: Formula
    tables: tuple[Table, ...]
    arrival_profiles: tuple[ArrivalProfile, ...]
    coverage: tuple[Coverage, ...]


def make_report(history: History, period: Period, options: WebOptions) -> Report:
    """Return the report of a period; `history` must contain its days. Tables without rows are left out."""
    by_channel: dict[str, dict[Dimensions, Figure]] = defaultdict(dict)
    daily: dict[str, dict[date, Figure]] = defaultdict(dict)
    for (day, dimensions), figure in history.days.items():
        if not period.first <= day <= period.last:
            continue
        figure_schema = FIGURE_SCHEMAS[dimensions.channel]
        merge(by_channel[dimensions.channel].setdefault(dimensions, new_day(figure_schema)), figure)
        merge(daily[dimensions.channel].setdefault(day, new_day(figure_schema)), figure)
    tables = []
    for channel, read in _READERS.items():
        if figures := by_channel.get(channel):
            tables += read(str(channel), figures, options)
    channels = [channel.value for channel in Channel if channel in by_channel or channel in history.began_on]
    return Report(
        period=period,
        formula=options.formula,
        tables=tuple(table for table in tables if table.rows),
        arrival_profiles=tuple(
            _arrival_profile(channel, daily[channel], period)
            for channel in channels
            if channel != Channel.FEEDBACK and daily[channel]
        ),
        coverage=tuple(_coverage(channel, daily[channel], history, period) for channel in channels),
    )


def _arrival_profile(channel: str, days: Mapping[date, Figure], period: Period) -> ArrivalProfile:
    total = new_day(FIGURE_SCHEMAS[channel])
    for figure in days.values():
        merge(total, figure)
    by_day = [Day(day, days[day].counts[ARRIVALS_INDEX] if day in days else 0) for day in period.days]
    return ArrivalProfile(channel, tuple(by_day), tuple(total.by_hour or ()))


def _coverage(channel: str, days: Mapping[date, Figure], history: History, period: Period) -> Coverage:
    begins_on = history.began_on.get(channel)
    is_late = begins_on is not None and begins_on >= period.first
    return Coverage(
        channel, begins_on if is_late else None, sum(1 for day in days.values() if day.counts[ARRIVALS_INDEX])
    )


# ---------------------------------------------------------------------------------------------------------- the channels
def _read_queues(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:
    target = options.service_level_target(channel)

    def read(cells: FigureCells) -> dict[str, Value]:
        short = within(cells.figure, "abandon_wait", options.short_abandon_seconds)
        answered, abandoned_late = cells.number("answered"), cells.number("abandoned") - short
        level = service_level(cells.figure, target, options.short_abandon_seconds, options.formula)
        return {
            "received": cells.count("offered"),
            "answered": cells.count("answered"),
            "abandoned": cells.count("abandoned"),
            "abandoned_short": Value(short, "count"),
            "left_otherwise": Value(left(cells.figure), "count"),
            "service_level": share(*level),
            "abandonment": share(abandoned_late, answered + abandoned_late),
            "mean_wait": cells.mean("wait"),
            "mean_handle": cells.mean("handle"),
            "transferred": cells.count("transferred"),
        }

    return [make_table(channel, figures, QUEUE_SCHEMA, read, by_all_dimensions)]


_INVITED: Final = FEEDBACK.index["invited"]
_SENT: Final = tuple(f"sent_{postage}" for postage in PostageClass)
_FIRST_RESPONSE_BOUNDS: Final = {Channel.MAIL: 15, Channel.EMAIL: 5, Channel.FORM: 15}
"""Channel → usual target for the first response in days; a bound of `figure_schemas.DELAY_BOUNDS`."""


def _read_cases(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    bound = _FIRST_RESPONSE_BOUNDS[Channel(channel)]

    def read(cells: FigureCells) -> dict[str, Value]:
        is_registered = channel == Channel.MAIL
        return {
            "received": cells.count("received"),
            **({"mean_registration": cells.mean("registration", in_days=True)} if is_registered else {}),
            "responded": cells.count("responded"),
            "mean_first_response": cells.mean("first_response", in_days=True),
            f"responded_within_{bound}": cells.within("first_response", bound * 86_400),
            "closed": cells.count(*CLOSED_COUNTS),
            "mean_resolution": cells.mean("resolution", in_days=True),
        }

    def read_sent(cells: FigureCells) -> dict[str, Value]:
        postage = Value(cells.number("postage_cents") / 100, "euros")
        return {"sent": cells.count(*_SENT), "postage": postage, **{name: cells.count(name) for name in _SENT}}

    received = largest_count(CASE_SCHEMA, [name for name in CASE_SCHEMA.facts if name not in _SENT])
    tables = [make_table(channel, figures, CASE_SCHEMA, read, by_queue, received)]
    if channel == Channel.MAIL:
        tables.append(
            make_table("sent", figures, CASE_SCHEMA, read_sent, by_service, largest_count(CASE_SCHEMA, _SENT))
        )
    return tables


def _read_appointments(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    def read(cells: FigureCells) -> dict[str, Value]:
        return {
            **{name: cells.count(name) for name in ("booked", "attended", "missed", *CANCELLED_COUNTS)},
            "no_show": share(cells.number("missed"), cells.number("missed", "attended")),
            "mean_lead": cells.mean("lead", in_days=True),
        }

    return [make_table(channel, figures, APPOINTMENT_SCHEMA, read, by_service)]


def _read_clocks(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    def read(cells: FigureCells) -> dict[str, Value]:
        return {
            "started": cells.count("started"),
            "met": cells.count("met"),
            "met_late": cells.count("late"),
            "breached": cells.count("breached"),
            "kept": share(cells.number("met"), cells.number("met", "breached")),
        }

    size = largest_count(SLA_SCHEMA, ("started", "met", "late", "breached"))
    keys = {SLA: _by_target, "sla_by_service": by_all_dimensions}
    tables = [make_table(name, figures, SLA_SCHEMA, read, key, size) for name, key in keys.items()]
    # No total: a sum over targets of minutes and of months has no meaning.
    return [table._replace(rows=table.rows[1:]) for table in tables]


def _read_feedback(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    """Return a table of response rates, then one for each measure, by service and channel of the contact."""
    invited_figures = {dimensions: figure for dimensions, figure in figures.items() if figure.counts[_INVITED]}

    def read_response(cells: FigureCells) -> dict[str, Value]:
        invited, given = cells.number("invited"), _count_respondents(cells.figure)
        return {
            "invited": Value(invited, "count"),
            "answered_invitation": Value(given, "count"),
            "response_rate": share(given, invited),
        }

    def count_invited(figure: Figure) -> int:
        return figure.counts[_INVITED]

    tables = [make_table(channel, invited_figures, FEEDBACK, read_response, by_queue, count_invited)]
    for measure, scale in SCALES.items():

        def size(figure: Figure, scale: FeedbackScale = scale) -> int:
            return sum(answers(scale, figure).values())

        def read(cells: FigureCells, measure: Measure = measure, scale: FeedbackScale = scale) -> dict[str, Value]:
            given = answers(scale, cells.figure)
            return {"given": Value(sum(given.values()), "count"), f"score_{measure}": satisfaction(measure, given)}

        tables.append(make_table(str(measure), figures, FEEDBACK, read, by_queue, size, MIN_CITIZENS))
    return tables


def _count_respondents(figure: Figure) -> int:
    """Return the number of respondents, estimated as the answers on the most used scale."""
    return max(sum(answers(scale, figure).values()) for scale in SCALES.values())


def satisfaction(measure: Measure, given: Mapping[int, int]) -> Value:
    """Return a measure of answers (score → number) with its 95 % interval; no value below `MIN_CITIZENS` answers."""
    unit, scale = ("points", 100) if measure is Measure.NPS else ("share", 1)
    number = sum(given.values())
    estimated = estimate(measure, given) if number >= MIN_CITIZENS else None
    if estimated is None:
        return Value(None, unit, denominator=number)
    return Value(estimated.ratio * scale, unit, None, number, estimated.lower * scale, estimated.upper * scale)


def _by_target(dimensions: Dimensions) -> Dimensions:
    return dimensions._replace(service="", site="")


_READERS: Final[Mapping[str, Callable[[str, Mapping[Dimensions, Figure], WebOptions], list[Table]]]] = {
    Channel.MAIL: _read_cases,
    Channel.EMAIL: _read_cases,
    Channel.CALL: _read_queues,
    Channel.FORM: _read_cases,
    Channel.APPOINTMENT: _read_appointments,
    Channel.VISIT: _read_queues,
    Channel.FEEDBACK: _read_feedback,
    **DERIVED_READERS,
    SLA: _read_clocks,
}
"""Channel → function that reads its tables, in the order of the report."""
