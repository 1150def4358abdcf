"""Figures of a period as tables; pure functions without texts or files.

Each named row counts at least `MIN_CITIZENS` contacts, so that no named line of a published report is about few citizens. Smaller
rows are combined into one, which reaches this minimum too unless the total is below it. A satisfaction measure needs as many
answers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
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
    FigureSchema,
)
from streams.core.figures.satisfaction import SCALES, Measure, answers, estimate
from streams.report.history import History
from streams.report.period import Period
from streams.web.options import WebOptions


class Value(NamedTuple):
    """A cell. `value` is None if the denominator is 0, or the number of answers is below the minimum."""

    value: float | None
    unit: str
    """`count`, `share` (0 to 1), `seconds`, `days`, `euros` or `points` (-100 to 100)."""
    numerator: float | None = None
    """For a share or a mean: `value` is `numerator` ÷ `denominator`.

    None for counts and euros, and for satisfaction measures, whose `denominator` is the number of answers."""
    denominator: int | None = None
    low: float | None = None
    """Lower bound of the confidence interval; None, like `high`, without one."""
    high: float | None = None


class Row(NamedTuple):
    """A row: its dimensions, and its cells in the order of the columns."""

    dimensions: Dimensions | None
    """None for the total; `OTHERS` for the row that combines small ones."""
    values: tuple[Value, ...]


OTHERS: Final = Dimensions("", "", "", "")
"""Dimensions of the row that combines small ones."""


class Table(NamedTuple):
    """A table; its first row is the total, except in tables of SLA targets, which have none."""

    name: str
    """Key of its texts: a channel, `sent` (letters), `sla`, `sla_by_service` or a satisfaction measure."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


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
    for channel in (*Channel, SLA):
        if figures := by_channel.get(channel):
            tables += _READERS[channel](str(channel), figures, options)
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


# ------------------------------------------------------------------------------------------------------------------- rows
Key = Callable[[Dimensions], Dimensions]
"""Function that returns, for the dimensions of a figure, those of its row."""
Size = Callable[[Figure], int]
"""Function that returns the number of contacts in a figure, for the minimum of a row."""


def _table(
    name: str,
    figures: Mapping[Dimensions, Figure],
    figure_schema: FigureSchema,
    read: "Callable[[_FigureCells], dict[str, Value]]",
    key: Key,
    size: Size | None = None,
    minimum_total: int = 1,
) -> Table:
    """Return a table with the total, then a row for each key with contacts, sorted by dimensions. `OTHERS` comes last, if needed.

    `read` returns column → cell. `OTHERS` combines the rows with a `size` below `MIN_CITIZENS`, then the next larger ones until
    it reaches this minimum too. There are no rows if the size of the total is below `minimum_total`.
    """
    size = size or _largest_count(figure_schema, figure_schema.facts)
    total, others = new_day(figure_schema), new_day(figure_schema)
    columns = tuple(read(_FigureCells(total, figure_schema)))
    groups: dict[Dimensions, Figure] = {}
    for dimensions, figure in figures.items():
        merge(total, figure)
        merge(groups.setdefault(key(dimensions), new_day(figure_schema)), figure)
    if size(total) < minimum_total:
        return Table(name, columns, ())
    sized = sorted((number, dimensions) for dimensions, figure in groups.items() if (number := size(figure)))
    while sized and (sized[0][0] < MIN_CITIZENS or 0 < size(others) < MIN_CITIZENS):
        merge(others, groups[sized.pop(0)[1]])
    chosen = [(None, total), *((dimensions, groups[dimensions]) for dimensions in sorted(place for _, place in sized))]
    if size(others):
        chosen.append((OTHERS, others))
    cells = ((dimensions, read(_FigureCells(figure, figure_schema))) for dimensions, figure in chosen)
    return Table(name, columns, tuple(Row(dimensions, tuple(values.values())) for dimensions, values in cells))


def _largest_count(figure_schema: FigureSchema, names: Iterable[str]) -> Size:
    """Return a function that estimates the number of contacts in a figure as the highest of these counts."""
    indexes = [figure_schema.index[name] for name in names]
    return lambda figure: max(figure.counts[index] for index in indexes)


class _FigureCells:
    """Builds cells from the named counts of a figure."""

    def __init__(self, figure: Figure, figure_schema: FigureSchema) -> None:
        self.figure = figure
        self._schema = figure_schema

    def number(self, *names: str) -> int:
        return sum(self.figure.counts[self._schema.index[name]] for name in names)

    def count(self, *names: str) -> Value:
        return Value(self.number(*names), "count")

    def measured(self, duration: str) -> int:
        """Return the number of facts with this duration."""
        start = self._schema.start(duration)
        return sum(self.figure.counts[start : start + len(self._schema.durations[duration].bounds) + 1])

    def mean(self, duration: str, *, in_days: bool = False) -> Value:
        number = self.measured(duration)
        seconds = self.number(f"{duration}_milliseconds") / 1000
        amount, unit = (seconds / 86_400, "days") if in_days else (seconds, "seconds")
        return Value(amount / number if number else None, unit, amount, number)

    def within(self, duration: str, seconds: int) -> Value:
        return share(within(self.figure, duration, seconds, self._schema), self.measured(duration))


def share(numerator: int, denominator: int) -> Value:
    """Return a cell with the share `numerator` ÷ `denominator`, or without a value if `denominator` is 0."""
    return Value(numerator / denominator if denominator else None, "share", numerator, denominator)


# ---------------------------------------------------------------------------------------------------------- the channels
def _read_queues(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:
    target = options.service_level_target(channel)

    def read(cells: _FigureCells) -> dict[str, Value]:
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

    return [_table(channel, figures, QUEUE_SCHEMA, read, _unchanged)]


_INVITED: Final = FEEDBACK.index["invited"]
_SENT: Final = tuple(f"sent_{postage}" for postage in PostageClass)
_FIRST_RESPONSE_BOUNDS: Final = {Channel.MAIL: 15, Channel.EMAIL: 5, Channel.FORM: 15}
"""Channel → usual target for the first response in days; a bound of `figure_schemas.DELAY_BOUNDS`."""


def _read_cases(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    bound = _FIRST_RESPONSE_BOUNDS[Channel(channel)]

    def read(cells: _FigureCells) -> dict[str, Value]:
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

    def read_sent(cells: _FigureCells) -> dict[str, Value]:
        postage = Value(cells.number("postage_cents") / 100, "euros")
        return {"sent": cells.count(*_SENT), "postage": postage, **{name: cells.count(name) for name in _SENT}}

    received = _largest_count(CASE_SCHEMA, [name for name in CASE_SCHEMA.facts if name not in _SENT])
    tables = [_table(channel, figures, CASE_SCHEMA, read, _by_queue, received)]
    if channel == Channel.MAIL:
        tables.append(_table("sent", figures, CASE_SCHEMA, read_sent, _by_service, _largest_count(CASE_SCHEMA, _SENT)))
    return tables


def _read_appointments(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    def read(cells: _FigureCells) -> dict[str, Value]:
        return {
            **{name: cells.count(name) for name in ("booked", "attended", "missed", *CANCELLED_COUNTS)},
            "no_show": share(cells.number("missed"), cells.number("missed", "attended")),
            "mean_lead": cells.mean("lead", in_days=True),
        }

    return [_table(channel, figures, APPOINTMENT_SCHEMA, read, _by_service)]


def _read_clocks(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    def read(cells: _FigureCells) -> dict[str, Value]:
        return {
            "promised": cells.count("started"),
            "met": cells.count("met"),
            "met_late": cells.count("late"),
            "breached": cells.count("breached"),
            "kept": share(cells.number("met"), cells.number("met", "breached")),
        }

    size = _largest_count(SLA_SCHEMA, ("started", "met", "late", "breached"))
    keys = {SLA: _by_target, "sla_by_service": _unchanged}
    tables = [_table(name, figures, SLA_SCHEMA, read, key, size) for name, key in keys.items()]
    # No total: a sum over targets of minutes and of months has no meaning.
    return [table._replace(rows=table.rows[1:]) for table in tables]


def _read_feedback(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    """Return a table of response rates, then one for each measure, by service and channel of the contact."""
    invited_figures = {dimensions: figure for dimensions, figure in figures.items() if figure.counts[_INVITED]}

    def read_response(cells: _FigureCells) -> dict[str, Value]:
        invited, given = cells.number("invited"), _count_respondents(cells.figure)
        return {
            "invited": Value(invited, "count"),
            "answered_invitation": Value(given, "count"),
            "response_rate": share(given, invited),
        }

    def count_invited(figure: Figure) -> int:
        return figure.counts[_INVITED]

    tables = [_table(channel, invited_figures, FEEDBACK, read_response, _by_queue, count_invited)]
    for measure, scale in SCALES.items():

        def size(figure: Figure, scale: FeedbackScale = scale) -> int:
            return sum(answers(scale, figure).values())

        def read(cells: _FigureCells, measure: Measure = measure, scale: FeedbackScale = scale) -> dict[str, Value]:
            given = answers(scale, cells.figure)
            return {"given": Value(sum(given.values()), "count"), f"score_{measure}": satisfaction(measure, given)}

        tables.append(_table(str(measure), figures, FEEDBACK, read, _by_queue, size, MIN_CITIZENS))
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


def _unchanged(dimensions: Dimensions) -> Dimensions:
    return dimensions


def _by_service(dimensions: Dimensions) -> Dimensions:
    return dimensions._replace(queue="", site="")


def _by_target(dimensions: Dimensions) -> Dimensions:
    return dimensions._replace(service="", site="")


def _by_queue(dimensions: Dimensions) -> Dimensions:
    return dimensions._replace(site="")


_READERS: Final[Mapping[str, Callable[[str, Mapping[Dimensions, Figure], WebOptions], list[Table]]]] = {
    Channel.CALL: _read_queues,
    Channel.VISIT: _read_queues,
    Channel.MAIL: _read_cases,
    Channel.EMAIL: _read_cases,
    Channel.FORM: _read_cases,
    Channel.APPOINTMENT: _read_appointments,
    Channel.FEEDBACK: _read_feedback,
    SLA: _read_clocks,
}
