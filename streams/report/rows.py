"""Rows of the tables of a report.

Each named row counts at least `MIN_CITIZENS` contacts, so that no named line of a published report is about few citizens. Smaller
rows are combined into one, which reaches this minimum too unless the total is below it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from streams.core.figures.disclosure import MIN_CITIZENS
from streams.core.figures.figure import Dimensions, Figure, merge, new_day, within
from streams.core.figures.figure_schemas import FigureSchema


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


class TableRow(NamedTuple):
    """A row: its dimensions, and its cells in the order of the columns."""

    dimensions: Dimensions | None
    """None for the total; `OTHERS` for the row that combines small ones."""
    values: tuple[Value, ...]


OTHERS: Final = Dimensions("", "", "", "")
"""Dimensions of the row that combines small ones."""


class Table(NamedTuple):
    """A table; its first row is the total, except in tables of SLA targets, which have none."""

    name: str
    """Key of its texts: a channel, `sent`, `sla`, `sla_by_service`, a satisfaction measure, or one of `derived_tables`."""
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


Key = Callable[[Dimensions], Dimensions]
"""Function that returns, for the dimensions of a figure, those of its row."""
Size = Callable[[Figure], int]
"""Function that returns the number of contacts in a figure, for the minimum of a row."""


def make_table(
    name: str,
    figures: Mapping[Dimensions, Figure],
    figure_schema: FigureSchema,
    read: "Callable[[FigureCells], dict[str, Value]]",
    key: Key,
    size: Size | None = None,
    minimum_total: int = 1,
) -> Table:
    """Return a table with the total, then a row for each key with contacts, sorted by dimensions. `OTHERS` comes last, if needed.

    `read` returns column → cell. `OTHERS` combines the rows with a `size` below `MIN_CITIZENS`, then the next larger ones until
    it reaches this minimum too. There are no rows if the size of the total is below `minimum_total`.
    """
    size = size or largest_count(figure_schema, figure_schema.facts)
    total, others = new_day(figure_schema), new_day(figure_schema)
    columns = tuple(read(FigureCells(total, figure_schema)))
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
    cells = ((dimensions, read(FigureCells(figure, figure_schema))) for dimensions, figure in chosen)
    return Table(name, columns, tuple(TableRow(dimensions, tuple(values.values())) for dimensions, values in cells))


def largest_count(figure_schema: FigureSchema, names: Iterable[str]) -> Size:
    """Return a function that estimates the number of contacts in a figure as the highest of these counts."""
    indexes = [figure_schema.index[name] for name in names]
    return lambda figure: max(figure.counts[index] for index in indexes)


class FigureCells:
    """Builds cells from the named counts of a figure."""

    def __init__(self, figure: Figure, figure_schema: FigureSchema) -> None:
        self.figure = figure
        self._schema = figure_schema

    def number(self, *names: str) -> int:
        """Return the sum of these counts."""
        return sum(self.figure.counts[self._schema.index[name]] for name in names)

    def count(self, *names: str) -> Value:
        """Return a cell with the sum of these counts."""
        return Value(self.number(*names), "count")

    def measured(self, duration: str) -> int:
        """Return the number of facts with this duration."""
        start = self._schema.start(duration)
        return sum(self.figure.counts[start : start + len(self._schema.durations[duration].bounds) + 1])

    def mean(self, duration: str, *, in_days: bool = False) -> Value:
        """Return a cell with the mean of a duration, in seconds or in days."""
        number = self.measured(duration)
        seconds = self.number(f"{duration}_milliseconds") / 1000
        amount, unit = (seconds / 86_400, "days") if in_days else (seconds, "seconds")
        return Value(amount / number if number else None, unit, amount, number)

    def within(self, duration: str, seconds: int) -> Value:
        """Return a cell with the share of the facts whose duration is at most `seconds`."""
        return share(within(self.figure, duration, seconds, self._schema), self.measured(duration))


def share(numerator: int, denominator: int) -> Value:
    """Return a cell with the share `numerator` ÷ `denominator`, or without a value if `denominator` is 0."""
    return Value(numerator / denominator if denominator else None, "share", numerator, denominator)


def by_all_dimensions(dimensions: Dimensions) -> Dimensions:
    """Return the key of a row for each channel, site, service and queue."""
    return dimensions


def by_service(dimensions: Dimensions) -> Dimensions:
    """Return the key of a row for each service."""
    return dimensions._replace(queue="", site="")


def by_queue(dimensions: Dimensions) -> Dimensions:
    """Return the key of a row for each service and queue."""
    return dimensions._replace(site="")
