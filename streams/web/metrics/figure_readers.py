"""Functions that read the values of a metric's samples from a figure, by channel."""

from collections.abc import Callable, Iterable, Mapping

from streams.core.figures.figure import Figure
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, FigureSchema

Values = Mapping[tuple[str, ...], float]
"""Values of the labels after `measure.DIMENSION_LABELS` → number."""
ReadFigure = Callable[[Figure], Values]
ReadByChannel = Mapping[str, ReadFigure]
"""Channel → function that reads its figures; channels without such a number are missing."""


def join(*reads: ReadByChannel) -> ReadByChannel:
    """Return the readers of several mappings as one; of two readers of one channel, the last counts."""
    return {channel: read for part in reads for channel, read in part.items()}


def channels_of(figure_schema: FigureSchema) -> tuple[str, ...]:
    """Return the channels whose figures have this schema."""
    return tuple(channel for channel, schema in FIGURE_SCHEMAS.items() if schema is figure_schema)


def count(figure_schema: FigureSchema, name: str, *channels: str) -> ReadByChannel:
    """Return a reader of one count without further labels, for `channels`; by default all channels with the figure schema."""
    index = figure_schema.index[name]
    return dict.fromkeys(channels or channels_of(figure_schema), lambda figure: {(): figure.counts[index]})


def counts(figure_schema: FigureSchema, names: Mapping[str, str], *channels: str) -> ReadByChannel:
    """Return a reader of several counts; `names` maps a label value to its count."""
    return sums(figure_schema, {value: (name,) for value, name in names.items()}, *channels)


def sums(figure_schema: FigureSchema, names: Mapping[str, Iterable[str]], *channels: str) -> ReadByChannel:
    """Return a reader of sums; `names` maps a label value to the counts to add up."""
    indices = {(value,): [figure_schema.index[name] for name in added] for value, added in names.items()}
    return dict.fromkeys(
        channels or channels_of(figure_schema),
        lambda figure: {values: sum(map(figure.counts.__getitem__, added)) for values, added in indices.items()},
    )


def stocks(figure_schema: FigureSchema, names: Iterable[str]) -> ReadByChannel:
    """Return a reader of the stocks `names`, for all channels with the figure schema; their names are the label values."""
    indices = {(name,): figure_schema.stock_index[name] for name in names}
    return dict.fromkeys(
        channels_of(figure_schema),
        lambda figure: {values: figure.stocks[index] for values, index in indices.items()},
    )


def corrected(figure_schema: FigureSchema, names: Mapping[str, Iterable[str]], *channels: str) -> ReadByChannel:
    """Return a reader of the corrections of counts (`Figure.corrected`); `names` maps a label value to the counts to add up."""
    indices = {(value,): [figure_schema.index[name] for name in added] for value, added in names.items()}
    return dict.fromkeys(
        channels or channels_of(figure_schema),
        lambda figure: {
            values: sum(figure.corrected.get(index, 0) for index in added) for values, added in indices.items()
        },
    )
