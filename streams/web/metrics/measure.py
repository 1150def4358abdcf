"""What a metric of places is, and how it is read from rows of figures."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Sample

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure, new_figure
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, SLA, TRANSFER_CHANNEL, FigureSchema
from streams.core.figures.satisfaction import answers

DIMENSION_LABELS: Final = Dimensions._fields
"""The labels of every metric of places."""

CORRECTED_SUFFIX: Final = "_corrected"
"""Suffix of a metric that holds the corrected counts of another one."""

Key = TypeVar("Key")
Figures = Mapping[Dimensions, Figure]
Values = Mapping[tuple[str, ...], float]
"""Values of the labels beside `PLACE` → number."""
ReadFigure = Callable[[Figure], Values]
ReadByChannel = Mapping[str, ReadFigure]
"""Channel → how one of its rows is read; channels that have no such number are missing."""


class FigureRows(NamedTuple):
    """The same places in several lights."""

    number: int
    """Another one if there are other places than before."""
    cumulative: Figures
    """What was ever counted, taken back since or not: it never falls, which is what Prometheus asks of a counter. With the
    stocks of now."""
    today: Figures
    """What is true of today."""
    corrected: Figures
    """The corrected counts in `ever`. They never fall either; the difference of both is true now."""
    said: Mapping[tuple[Dimensions, str], Figure]
    """Place of opinions and window (`opinions.WINDOWS`) → what is said in it."""


class Samples(list[Sample]):
    """The samples of a metric, and the lists that they come in: of one in which nothing changed the same object as before."""

    def __init__(self, parts: Sequence[list[Sample]]) -> None:
        super().__init__(chain.from_iterable(parts))
        self.parts: Final = parts


class _Told(NamedTuple):
    """What was told of a place."""

    figure: Figure
    values: Any
    samples: list[Sample]


class MeasureCache:
    """What was collected last of one measure."""

    def __init__(self) -> None:
        self.number = 0
        """Of the `Rows`, which says whether there are the same places still."""
        self.told: dict[Any, _Told | None] = {}
        """Place → what was told of it, nothing yet of a new one; others than these the measure does not tell of."""


_ZEROS: Final = {channel: new_figure(figure_schema) for channel, figure_schema in FIGURE_SCHEMAS.items()}


class FigureRowsBuilder:
    """Makes rows; of a place of which nothing changed they are the same objects as before."""

    def __init__(self) -> None:
        self._places: list[Dimensions] = []
        self._number = 0
        self._split: dict[Dimensions, tuple[Figure, Figure, Figure]] = {}

    def make(
        self, dimension_keys: Iterable[Dimensions], totals: Figures, today: Figures, feedback: Mapping[str, Figures]
    ) -> FigureRows:
        """Return the rows of `places`, where nothing came zeros."""
        dimension_keys = list(dimension_keys)
        if dimension_keys != self._places:
            self._places = dimension_keys
            self._number += 1
        asked = [dimensions for dimensions in dimension_keys if dimensions.channel == Channel.FEEDBACK]
        counted = {
            dimensions: self._count_ever(dimensions, totals.get(dimensions) or _ZEROS[dimensions.channel])
            for dimensions in dimension_keys
        }
        return FigureRows(
            self._number,
            {dimensions: cumulative for dimensions, (cumulative, _) in counted.items()},
            {dimensions: today.get(dimensions) or _ZEROS[dimensions.channel] for dimensions in dimension_keys},
            {dimensions: corrected for dimensions, (_, corrected) in counted.items()},
            {
                (dimensions, window): sums.get(dimensions) or _ZEROS[dimensions.channel]
                for dimensions in asked
                for window, sums in feedback.items()
            },
        )

    def _count_ever(self, dimensions: Dimensions, figure: Figure) -> tuple[Figure, Figure]:
        """Return all counts of a place, and the corrected ones among them."""
        if not figure.corrected:
            return figure, _ZEROS[dimensions.channel]
        before = self._split.get(dimensions)
        if before is None or before[0] is not figure:
            counts, corrected = list(figure.counts), [0] * len(figure.counts)
            for index, taken in figure.corrected.items():
                counts[index] += taken
                corrected[index] = taken
            before = self._split[dimensions] = (
                figure,
                msgspec.structs.replace(figure, counts=counts),
                msgspec.structs.replace(figure, counts=corrected),
            )
        return before[1:]


class Measure(ABC, Generic[Key]):
    """A metric of places; a key is a place, or one of several things of it that have samples each."""

    @abstractmethod
    def family(self) -> Any:
        """Return the metric without samples."""

    @abstractmethod
    def applies_to(self, key: Key) -> bool:
        """Return whether it has samples of such a place."""

    @abstractmethod
    def select_figures(self, rows: FigureRows) -> Mapping[Key, Figure]:
        """Return the rows that it is read from."""

    @abstractmethod
    def read(self, key: Key, figure: Figure) -> Any:
        """Return what its samples say of a place: if that is equal, they are."""

    @abstractmethod
    def add(self, metric: Any, key: Key, values: Any) -> None:
        """Add the samples of a place to a `family`: one of each value of the labels, zeros and empty distributions too."""

    def collect(self, rows: FigureRows, kept: MeasureCache) -> Metric:
        """Return the metric with its `Samples`."""
        figures = self.select_figures(rows)
        told = kept.told
        if kept.number != rows.number:
            kept.number = rows.number
            told = kept.told = {key: told.get(key) for key in figures if self.applies_to(key)}
        parts = []
        for key, before in told.items():
            figure = figures[key]
            if before is None or before.figure is not figure:
                values = self.read(key, figure)
                if before is None or before.values != values:
                    alone = self.family()
                    self.add(alone, key, values)
                    before = _Told(figure, values, alone.samples)
                else:
                    before = before._replace(figure=figure)
                told[key] = before
            if before.samples:
                parts.append(before.samples)
        metric: Metric = self.family()
        metric.samples = Samples(parts)
        return metric


class FigureMeasure(Measure[Dimensions]):
    """A metric of places by what was ever counted there, with the stocks of now."""

    def select_figures(self, rows: FigureRows) -> Figures:
        """Return the rows that it is read from."""
        return rows.cumulative


@dataclass(frozen=True, slots=True)
class Counted(FigureMeasure):
    """A metric that never falls: it keeps corrected counts; its twin holds these alone (`with_twins`)."""

    name: str
    """Of a counter without `_total`."""
    about: str
    has_corrected: bool = field(default=True, kw_only=True)
    """False if another metric holds its corrected counts, or if it holds those of another one."""
    is_twin: bool = field(default=False, kw_only=True)

    @property
    def suffix(self) -> str:
        """Suffix of the name in Prometheus."""
        return ""

    @property
    def documentation(self) -> str:
        """The help text."""
        if self.is_twin:
            other = f"{self.name.removesuffix(CORRECTED_SUFFIX)}{self.suffix}"
            return f"Counts of {other} that later events corrected; {other} keeps them."
        kept = (
            f" Keeps corrected counts; {self.name}{CORRECTED_SUFFIX}{self.suffix} holds them."
            if self.has_corrected
            else ""
        )
        return f"{self.about}{kept}"

    def select_figures(self, rows: FigureRows) -> Figures:
        """Return the rows to read: the corrected counts for a twin."""
        return rows.corrected if self.is_twin else rows.cumulative

    def twin(self) -> Self:
        """Return the metric of the corrected counts of this one."""
        return replace(self, name=f"{self.name}{CORRECTED_SUFFIX}", is_twin=True)


@dataclass(frozen=True, slots=True)
class Counter(Counted):
    """A metric that counts what ever was."""

    reads: ReadByChannel
    labels: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """Suffix of the name in Prometheus."""
        return "_total"

    def family(self) -> CounterMetricFamily:
        """Return the metric without samples."""
        return CounterMetricFamily(self.name, self.documentation, labels=(*DIMENSION_LABELS, *self.labels))

    def applies_to(self, key: Dimensions) -> bool:
        """Return whether its channel has such a number."""
        return key.channel in self.reads

    def read(self, key: Dimensions, figure: Figure) -> Values:
        """Return the numbers of a place."""
        return self.reads[key.channel](figure)

    def add(self, metric: CounterMetricFamily, key: Dimensions, values: Values) -> None:
        """Add the numbers of a place."""
        for more, number in values.items():
            metric.add_metric((*label(key), *more), number)


@dataclass(frozen=True, slots=True)
class Gauge(FigureMeasure):
    """A metric of what is true now, or of today."""

    name: str
    about: str
    reads: ReadByChannel
    labels: tuple[str, ...] = ()
    of_today: bool = False

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(self.name, self.about, labels=(*DIMENSION_LABELS, *self.labels))

    def applies_to(self, key: Dimensions) -> bool:
        """Return whether its channel has such a number."""
        return key.channel in self.reads

    def read(self, key: Dimensions, figure: Figure) -> Values:
        """Return the numbers of a place."""
        return self.reads[key.channel](figure)

    def add(self, metric: GaugeMetricFamily, key: Dimensions, values: Values) -> None:
        """Add the numbers of a place."""
        for more, number in values.items():
            metric.add_metric((*label(key), *more), number)

    def select_figures(self, rows: FigureRows) -> Figures:
        """Return the rows of today if it is of today."""
        return rows.today if self.of_today else rows.cumulative


@dataclass(frozen=True, slots=True)
class Histogram(Counted):
    """A distribution of durations, in seconds."""

    duration: str
    """Its name in the layout of the channels."""
    channels: tuple[str, ...]
    clock: str = ""
    """Of a promise: which clock; it is told of all policies that have it."""

    def family(self) -> HistogramMetricFamily:
        """Return the metric without samples."""
        return HistogramMetricFamily(self.name, self.documentation, labels=self._labels)

    def applies_to(self, key: Dimensions) -> bool:
        """Return whether its channel has such durations."""
        return key.channel in self.channels and (not self.clock or label(key)[-1] == self.clock)

    def read(self, key: Dimensions, figure: Figure) -> tuple[list[int], int]:
        """Return how many there are up to each bound and after the last, and their sum in milliseconds."""
        figure_schema = FIGURE_SCHEMAS[key.channel]
        start = figure_schema.start(self.duration)
        end = start + len(figure_schema.durations[self.duration].bounds) + 1
        return figure.counts[start:end], figure.counts[figure_schema.index[f"{self.duration}_milliseconds"]]

    def add(self, metric: HistogramMetricFamily, key: Dimensions, values: tuple[list[int], int]) -> None:
        """Add the distribution of a place."""
        counts, milliseconds = values
        texts = [*(f"{float(bound)}" for bound in FIGURE_SCHEMAS[key.channel].durations[self.duration].bounds), "+Inf"]
        buckets = list(zip(texts, accumulate(counts), strict=True))
        metric.add_metric(label(key)[: len(self._labels)], buckets, milliseconds / 1000)

    @property
    def _labels(self) -> tuple[str, ...]:
        return (*DIMENSION_LABELS, "policy") if self.clock else DIMENSION_LABELS


@dataclass(frozen=True, slots=True)
class Scores(Counted):
    """A distribution of scores: of opinions, by the scale on which they are given."""

    scales: tuple[FeedbackScale, ...]
    label: str = ""
    """Says which scale, where there are several."""

    def family(self) -> HistogramMetricFamily:
        """Return the metric without samples."""
        labels = (*DIMENSION_LABELS, self.label) if self.label else DIMENSION_LABELS
        return HistogramMetricFamily(self.name, self.documentation, labels=labels)

    def applies_to(self, key: Dimensions) -> bool:
        """Return whether opinions are counted there."""
        return key.channel == Channel.FEEDBACK

    def read(self, key: Dimensions, figure: Figure) -> list[dict[int, int]]:  # noqa: ARG002 - of each place alike
        """Return how many gave each score, of each scale."""
        return [answers(scale, figure) for scale in self.scales]

    def add(self, metric: HistogramMetricFamily, key: Dimensions, values: list[dict[int, int]]) -> None:
        """Add a distribution of each scale."""
        for scale, given in zip(self.scales, values, strict=True):
            texts = [*(f"{float(score)}" for score in given), "+Inf"]
            buckets = list(zip(texts, accumulate([*given.values(), 0]), strict=True))
            labels = (*label(key), scale.value) if self.label else label(key)
            metric.add_metric(labels, buckets, sum(score * times for score, times in given.items()))


def with_corrected(measures: Iterable[Measure[Any]]) -> Iterator[Measure[Any]]:
    """Yield `measures`, and after each counter and histogram its twin.

    A twin has the same labels and buckets, and zeros from the start, so that Prometheus sees the first correction. True growth is
    the growth of the metric less that of its twin.
    """
    for measure in measures:
        yield measure
        if isinstance(measure, Counted) and measure.has_corrected:
            yield measure.twin()


def label(dimensions: Dimensions) -> tuple[str, ...]:
    """Return what `PLACE` says of a place, by the channel that it is about; then of promises which, and of transfers where to."""
    if dimensions.channel == Channel.FEEDBACK:
        return dimensions.queue, dimensions.site, dimensions.service, ""
    if dimensions.channel == SLA:
        policy, clock, channel = dimensions.queue.split(":")
        return channel, dimensions.site, dimensions.service, "", policy, clock
    if dimensions.channel == TRANSFER_CHANNEL:
        channel, queue, to = dimensions.queue.split(":")
        return channel, dimensions.site, dimensions.service, queue, to
    return dimensions


# ------------------------------------------------------------------------------------------------- how a row may be read
def join(*reads: ReadByChannel) -> ReadByChannel:
    """Return one reading of all channels from readings of some."""
    return {channel: read for some in reads for channel, read in some.items()}


def channels_of(figure_schema: FigureSchema) -> tuple[str, ...]:
    """Return the channels whose rows have a layout."""
    return tuple(channel for channel, its in FIGURE_SCHEMAS.items() if its is figure_schema)


def count(figure_schema: FigureSchema, name: str, *channels: str) -> ReadByChannel:
    """Read one count, of these channels or of all that have the layout."""
    index = figure_schema.index[name]
    return dict.fromkeys(channels or channels_of(figure_schema), lambda figure: {(): figure.counts[index]})


def counts(figure_schema: FigureSchema, names: Mapping[str, str], *channels: str) -> ReadByChannel:
    """Read several counts; `names` says which count belongs to a value of the label."""
    return sums(figure_schema, {value: (name,) for value, name in names.items()}, *channels)


def sums(figure_schema: FigureSchema, names: Mapping[str, Iterable[str]], *channels: str) -> ReadByChannel:
    """Read sums of counts; `names` says which counts belong to a value of the label."""
    indices = {(value,): [figure_schema.index[name] for name in added] for value, added in names.items()}
    return dict.fromkeys(
        channels or channels_of(figure_schema),
        lambda figure: {values: sum(map(figure.counts.__getitem__, added)) for values, added in indices.items()},
    )


def stocks(figure_schema: FigureSchema, names: Iterable[str]) -> ReadByChannel:
    """Read several stocks, each a value of the label."""
    indices = {(name,): figure_schema.stock_index[name] for name in names}
    return dict.fromkeys(
        channels_of(figure_schema),
        lambda figure: {values: figure.stocks[index] for values, index in indices.items()},
    )


def corrected(figure_schema: FigureSchema, names: Mapping[str, Iterable[str]], *channels: str) -> ReadByChannel:
    """Read how much was taken out of counts; `names` says which counts belong to a value of the label."""
    indices = {(value,): [figure_schema.index[name] for name in added] for value, added in names.items()}
    return dict.fromkeys(
        channels or channels_of(figure_schema),
        lambda figure: {
            values: sum(figure.corrected.get(index, 0) for index in added) for values, added in indices.items()
        },
    )
