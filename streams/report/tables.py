"""The figures of a period as tables: pure, without words or files. Who writes them puts the words.

A row that is named stands for at least `FEWEST` contacts: smaller ones are one row, which then stands for that many too, so that
no line of a report that is passed on is about a few citizens. Of fewer opinions no score is told at all.
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
    """One cell. None where there is nothing to divide, or too little to tell."""

    value: float | None
    unit: str
    """`count`, `share` (0 to 1), `seconds`, `days`, `euros`, `score` or `points` (-100 to 100)."""
    numerator: float | None = None
    denominator: int | None = None
    low: float | None = None
    """Bounds of the confidence interval, where there is one."""
    high: float | None = None


class Row(NamedTuple):
    """One line: what it is about, and its cells, in the order of the table's columns."""

    dimensions: Dimensions | None
    """None for the sum of all; `OTHERS` for those too small to be told alone."""
    values: tuple[Value, ...]


OTHERS: Final = Dimensions("", "", "", "")


class Table(NamedTuple):
    """One table: the sum first."""

    name: str
    """Of its words: the channel, `sla` or the like."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


class Day(NamedTuple):
    """How many contacts came on a day."""

    day: date
    number: int


class ArrivalProfile(NamedTuple):
    """When the contacts of a channel came."""

    channel: str
    by_day: tuple[Day, ...]
    by_hour: tuple[int, ...]


class Coverage(NamedTuple):
    """What is known of a channel in the period."""

    channel: str
    begins_on: date | None
    """The first day of which any contact is kept, if that is not before the period."""
    days_with_contacts: int


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report tells."""

    period: Period
    formula: Formula
    tables: tuple[Table, ...]
    arrival_profiles: tuple[ArrivalProfile, ...]
    coverage: tuple[Coverage, ...]


def make_report(history: History, period: Period, options: WebOptions) -> Report:
    """Return the report of a period; `history` must hold its days."""
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
            _course(channel, daily[channel], period)
            for channel in channels
            if channel != Channel.FEEDBACK and daily[channel]
        ),
        coverage=tuple(_coverage(channel, daily[channel], history, period) for channel in channels),
    )


def _course(channel: str, days: Mapping[date, Figure], period: Period) -> ArrivalProfile:
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
Read = Callable[[Figure], tuple[Value, ...]]
Size = Callable[[Figure], int]


def _rows(
    figures: Mapping[Dimensions, Figure],
    figure_schema: FigureSchema,
    read: Read,
    key: Key,
    size: Size,
    fewest_of_all: int = 1,
) -> tuple[Row, ...]:
    """Return the sum, then a row for each key, in their order; those of a `size` below `FEWEST` together at the end.

    None at all if the sum is of fewer than `fewest_of_all`.
    """
    total, others = new_day(figure_schema), new_day(figure_schema)
    groups: dict[Dimensions, Figure] = {}
    for dimensions, figure in figures.items():
        merge(total, figure)
        merge(groups.setdefault(key(dimensions), new_day(figure_schema)), figure)
    if size(total) < fewest_of_all:
        return ()
    sized = sorted((number, dimensions) for dimensions, figure in groups.items() if (number := size(figure)))
    while sized and (sized[0][0] < MIN_CITIZENS or 0 < size(others) < MIN_CITIZENS):
        merge(others, groups[sized.pop(0)[1]])
    rows = [
        Row(None, read(total)),
        *(Row(dimensions, read(groups[dimensions])) for dimensions in sorted(dimensions for _, dimensions in sized)),
    ]
    return (*rows, *([Row(OTHERS, read(others))] if size(others) else []))


def _most(figure_schema: FigureSchema, names: Iterable[str]) -> Size:
    """Return what says of how many contacts a figure tells: the highest of these counts."""
    indexes = [figure_schema.index[name] for name in names]
    return lambda figure: max(figure.counts[index] for index in indexes)


class _Counted:
    """The named numbers of a figure."""

    def __init__(self, figure: Figure, figure_schema: FigureSchema) -> None:
        self.figure = figure
        self._layout = figure_schema

    def number(self, *names: str) -> int:
        return sum(self.figure.counts[self._layout.index[name]] for name in names)

    def count(self, *names: str) -> Value:
        return Value(self.number(*names), "count")

    def mean(self, duration: str, *, in_days: bool = False) -> Value:
        start = self._layout.start(duration)
        slots = len(self._layout.durations[duration].bounds) + 1
        number = sum(self.figure.counts[start : start + slots])
        seconds = self.number(f"{duration}_milliseconds") / 1000
        amount, unit = (seconds / 86_400, "days") if in_days else (seconds, "seconds")
        return Value(amount / number if number else None, unit, amount, number)

    def within(self, duration: str, seconds: int) -> Value:
        start = self._layout.start(duration)
        slots = len(self._layout.durations[duration].bounds) + 1
        all_of_them = sum(self.figure.counts[start : start + slots])
        return share(within(self.figure, duration, seconds, self._layout), all_of_them)


def share(numerator: int, denominator: int) -> Value:
    """Return a part of a whole."""
    return Value(numerator / denominator if denominator else None, "share", numerator, denominator)


# ---------------------------------------------------------------------------------------------------------- the channels
def _read_queues(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:
    target = options.service_level_target(channel)

    def read(figure: Figure) -> tuple[Value, ...]:
        told = _Counted(figure, QUEUE_SCHEMA)
        short = within(figure, "abandon_wait", options.short_abandon_seconds)
        answered, patient = told.number("answered"), told.number("abandoned") - short
        return (
            told.count("offered"),
            told.count("answered"),
            told.count("abandoned"),
            Value(short, "count"),
            Value(left(figure), "count"),
            share(*service_level(figure, target, options.short_abandon_seconds, options.formula)),
            share(patient, answered + patient),
            told.mean("wait"),
            told.mean("handle"),
            told.count("transferred"),
        )

    columns = (
        *("received", "answered", "abandoned", "abandoned_short", "left_otherwise"),
        *("service_level", "abandonment", "mean_wait", "mean_handle", "transferred"),
    )
    return [
        Table(channel, columns, _rows(figures, QUEUE_SCHEMA, read, _as_it_is, _most(QUEUE_SCHEMA, QUEUE_SCHEMA.facts)))
    ]


_INVITED: Final = FEEDBACK.index["invited"]
_SENT: Final = tuple(f"sent_{postage}" for postage in PostageClass)
_FIRST_RESPONSE_BOUNDS: Final = {Channel.MAIL: 15, Channel.EMAIL: 5, Channel.FORM: 15}
"""Days; see `layouts.DELAY_BOUNDS`: what administrations promise."""


def _read_matters(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    bound = _FIRST_RESPONSE_BOUNDS[Channel(channel)]

    is_registered = channel == Channel.MAIL

    def read(figure: Figure) -> tuple[Value, ...]:
        told = _Counted(figure, CASE_SCHEMA)
        return (
            told.count("received"),
            *((told.mean("registration", in_days=True),) if is_registered else ()),
            told.count("responded"),
            told.mean("first_response", in_days=True),
            told.within("first_response", bound * 86_400),
            told.count(*CLOSED_COUNTS),
            told.mean("resolution", in_days=True),
        )

    columns: tuple[str, ...] = (
        *("received", *(["mean_registration"] if is_registered else [])),
        *("responded", "mean_first_response", f"responded_within_{bound}", "closed", "mean_resolution"),
    )

    def read_sent(figure: Figure) -> tuple[Value, ...]:
        told = _Counted(figure, CASE_SCHEMA)
        euros = Value(told.number("postage_cents") / 100, "euros")
        return (told.count(*_SENT), euros, *(told.count(name) for name in _SENT))

    received = _most(CASE_SCHEMA, [name for name in CASE_SCHEMA.facts if name not in _SENT])
    tables = [Table(channel, columns, _rows(figures, CASE_SCHEMA, read, _by_queue, received))]
    if channel == Channel.MAIL:
        columns = ("sent", "postage", *_SENT)
        tables.append(
            Table("sent", columns, _rows(figures, CASE_SCHEMA, read_sent, _by_service, _most(CASE_SCHEMA, _SENT)))
        )
    return tables


def _read_appointments(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    def read(figure: Figure) -> tuple[Value, ...]:
        told = _Counted(figure, APPOINTMENT_SCHEMA)
        return (
            told.count("booked"),
            told.count("attended"),
            told.count("missed"),
            *(told.count(name) for name in CANCELLED_COUNTS),
            share(told.number("missed"), told.number("missed", "attended")),
            told.mean("lead", in_days=True),
        )

    columns = ("booked", "attended", "missed", *CANCELLED_COUNTS, "no_show", "mean_lead")
    return [
        Table(
            channel,
            columns,
            _rows(figures, APPOINTMENT_SCHEMA, read, _by_service, _most(APPOINTMENT_SCHEMA, APPOINTMENT_SCHEMA.facts)),
        )
    ]


def _read_clocks(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    def read(figure: Figure) -> tuple[Value, ...]:
        told = _Counted(figure, SLA_SCHEMA)
        return (
            told.count("started"),
            told.count("met"),
            told.count("late"),
            told.count("breached"),
            share(told.number("met"), told.number("met", "breached")),
        )

    columns = ("promised", "met", "met_late", "breached", "kept")
    size = _most(SLA_SCHEMA, ("started", "met", "late", "breached"))
    keys = {SLA: _by_promise, "sla_by_service": _as_it_is}
    # A sum over promises of minutes and of months tells nothing: it is left out.
    return [Table(name, columns, _rows(figures, SLA_SCHEMA, read, key, size)[1:]) for name, key in keys.items()]


def _read_opinions(channel: str, figures: Mapping[Dimensions, Figure], options: WebOptions) -> list[Table]:  # noqa: ARG001
    """Return who answered of those invited, then a table for each measure: by service and the channel that it is about."""
    asked = {dimensions: figure for dimensions, figure in figures.items() if figure.counts[_INVITED]}

    def read_response(figure: Figure) -> tuple[Value, ...]:
        invited, given = figure.counts[_INVITED], _most_answers(figure)
        return Value(invited, "count"), Value(given, "count"), share(given, invited)

    rows = _rows(asked, FEEDBACK, read_response, _by_queue, lambda figure: figure.counts[_INVITED])
    tables = [Table(channel, ("invited", "answered_invitation", "response_rate"), rows)]
    for measure, scale in SCALES.items():

        def size(figure: Figure, scale: FeedbackScale = scale) -> int:
            return sum(answers(scale, figure).values())

        def read(figure: Figure, measure: Measure = measure, scale: FeedbackScale = scale) -> tuple[Value, ...]:
            given = answers(scale, figure)
            return Value(sum(given.values()), "count"), satisfaction(measure, given)

        rows = _rows(figures, FEEDBACK, read, _by_queue, size, MIN_CITIZENS)
        tables.append(Table(str(measure), ("given", f"score_{measure}"), rows))
    return tables


def _most_answers(figure: Figure) -> int:
    """Return how many answered, as far as scores tell: who answers on several scales is one."""
    return max(sum(answers(scale, figure).values()) for scale in SCALES.values())


def satisfaction(measure: Measure, given: Mapping[int, int]) -> Value:
    """Return a measure of answers (score → number) with its 95 % interval; nothing of fewer than `FEWEST`."""
    unit, scale = ("points", 100) if measure is Measure.NPS else ("share", 1)
    number = sum(given.values())
    told = estimate(measure, given) if number >= MIN_CITIZENS else None
    if told is None:
        return Value(None, unit, denominator=number)
    return Value(told.ratio * scale, unit, None, number, told.lower * scale, told.upper * scale)


def _as_it_is(dimensions: Dimensions) -> Dimensions:
    return dimensions


def _by_service(dimensions: Dimensions) -> Dimensions:
    return dimensions._replace(queue="", site="")


def _by_promise(dimensions: Dimensions) -> Dimensions:
    return dimensions._replace(service="", site="")


def _by_queue(dimensions: Dimensions) -> Dimensions:
    return dimensions._replace(site="")


_READERS: Final[Mapping[str, Callable[[str, Mapping[Dimensions, Figure], WebOptions], list[Table]]]] = {
    Channel.CALL: _read_queues,
    Channel.VISIT: _read_queues,
    Channel.MAIL: _read_matters,
    Channel.EMAIL: _read_matters,
    Channel.FORM: _read_matters,
    Channel.APPOINTMENT: _read_appointments,
    Channel.FEEDBACK: _read_opinions,
    SLA: _read_clocks,
}
"""Channel → how its tables are made."""
