"""Kinds of metrics by dimensions, and the figures that their samples are made from."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Sample

from models.events import FeedbackScale
from models.locale import N_
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure, new_figure
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS, SLA, TRANSFER_CHANNEL
from streams.core.figures.satisfaction import answers
from streams.web.metrics.figure_readers import ReadByChannel, ReadFigure, Values

DIMENSION_LABELS: Final = Dimensions._fields
"""Labels of each metric with dimensions."""

CORRECTED_SUFFIX: Final = "_corrected"
"""Suffix of a metric that holds the corrected counts of another one."""
CORRECTION: Final = N_("Counts of {name} that later events corrected; {name} still contains them.")
"""Help text of such a metric; `name` is the other one."""
CORRECTED_NOTE: Final = N_(" Includes corrected counts, which {name} exports.")
"""End of the help text of the other one; `name` is the metric with the suffix."""

Key = TypeVar("Key")
Figures = Mapping[Dimensions, Figure]
WindowKey = tuple[Dimensions, str]
"""Dimensions of feedback, window (`feedback_windows.WINDOWS`)."""


class FigureRows(NamedTuple):
    """Figures of the same dimensions over several periods."""

    number: int
    """Version of the set of dimensions: increased whenever the set changes."""
    cumulative: Figures
    """Counts since the beginning, including corrected ones, and current stocks. They never fall, as Prometheus requires of a
    counter."""
    today: Figures
    """Exact counts of today."""
    corrected: Figures
    """Corrected counts in `cumulative`. They never fall either; the difference of both is the true count."""
    feedback: Mapping[WindowKey, Figure]
    """Feedback of each window: invitations and answers. A figure without rows contains zeros."""


class Samples(list[Sample]):
    """Samples of a metric, in `parts` by key. An unchanged part is the same object as at the last collection."""

    def __init__(self, parts: Sequence[list[Sample]]) -> None:
        super().__init__(chain.from_iterable(parts))
        self.parts: Final = parts


class _CachedSamples(NamedTuple):
    """Last samples of a key, with the figure and the values they were made from."""

    figure: Figure
    values: Any
    samples: list[Sample]


class MeasureCache:
    """Samples of the last collection of one measure."""

    def __init__(self) -> None:
        self.number = 0
        """`FigureRows.number` of the last collection."""
        self.samples: dict[Any, _CachedSamples | None] = {}
        """Key → its last samples, None for a new key. Contains only keys to which the measure applies."""


_ZEROS: Final = {channel: new_figure(figure_schema) for channel, figure_schema in FIGURE_SCHEMAS.items()}


class FigureRowsBuilder:
    """Builds `FigureRows`; unchanged figures are the same objects as in the last call."""

    def __init__(self) -> None:
        self._dimension_keys: list[Dimensions] = []
        self._number = 0
        self._split: dict[Dimensions, tuple[Figure, Figure, Figure]] = {}

    def make(
        self, dimension_keys: Iterable[Dimensions], totals: Figures, today: Figures, feedback: Mapping[str, Figures]
    ) -> FigureRows:
        """Return the rows of `dimension_keys`; missing figures are zeros."""
        dimension_keys = list(dimension_keys)
        if dimension_keys != self._dimension_keys:
            self._dimension_keys = dimension_keys
            self._number += 1
        of_feedback = [dimensions for dimensions in dimension_keys if dimensions.channel == Channel.FEEDBACK]
        counted = {
            dimensions: self._split_corrected(dimensions, totals.get(dimensions) or _ZEROS[dimensions.channel])
            for dimensions in dimension_keys
        }
        return FigureRows(
            self._number,
            {dimensions: cumulative for dimensions, (cumulative, _) in counted.items()},
            {dimensions: today.get(dimensions) or _ZEROS[dimensions.channel] for dimensions in dimension_keys},
            {dimensions: corrected for dimensions, (_, corrected) in counted.items()},
            {
                (dimensions, window): sums.get(dimensions) or _ZEROS[dimensions.channel]
                for dimensions in of_feedback
                for window, sums in feedback.items()
            },
        )

    def _split_corrected(self, dimensions: Dimensions, figure: Figure) -> tuple[Figure, Figure]:
        """Return a figure with corrected counts added back to `counts`, and one with only the corrected counts."""
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
    """A metric; each key (dimensions, or dimensions and a window) has its own samples."""

    @abstractmethod
    def family(self) -> Any:
        """Return a new metric of prometheus-client, without samples."""

    @abstractmethod
    def applies_to(self, key: Key) -> bool:
        """Return whether the metric has samples for the key."""

    @abstractmethod
    def select_figures(self, rows: FigureRows) -> Mapping[Key, Figure]:
        """Return the figures to read, by key."""

    @abstractmethod
    def read(self, key: Key, figure: Figure) -> Any:
        """Return the values of the samples of a key; equal values give equal samples."""

    @abstractmethod
    def add(self, metric: Any, key: Key, values: Any) -> None:
        """Add the samples of a key to `metric`, including zeros and empty distributions."""

    def collect(self, rows: FigureRows, cache: MeasureCache) -> Metric:
        """Return the metric with its `Samples`. Those of unchanged figures come from `cache`, which is updated."""
        figures = self.select_figures(rows)
        samples = cache.samples
        if cache.number != rows.number:
            cache.number = rows.number
            samples = cache.samples = {key: samples.get(key) for key in figures if self.applies_to(key)}
        parts = []
        for key, cached in samples.items():
            figure = figures[key]
            if cached is None or cached.figure is not figure:
                values = self.read(key, figure)
                if cached is None or cached.values != values:
                    part = self.family()
                    self.add(part, key, values)
                    cached = _CachedSamples(figure, values, part.samples)
                else:
                    cached = cached._replace(figure=figure)
                samples[key] = cached
            if cached.samples:
                parts.append(cached.samples)
        metric: Metric = self.family()
        metric.samples = Samples(parts)
        return metric


FigureMeasure = Measure[Dimensions]
"""A metric by dimensions."""


@dataclass(frozen=True, slots=True)
class Counted(FigureMeasure):
    """A metric that never falls. It includes corrected counts; its correction metric holds these alone (`with_corrected`)."""

    name: str
    """Name without the suffix `_total`."""
    about: str
    has_corrected: bool = field(default=True, kw_only=True)
    """Whether a correction metric is exported too. False if another metric holds the corrected counts."""
    is_correction: bool = field(default=False, kw_only=True)
    """True for a correction metric."""

    @property
    def suffix(self) -> str:
        """Suffix of the name in Prometheus; empty unless a subclass has one."""
        return ""

    @property
    def documentation(self) -> str:
        """Help text, which mentions the correction metric if there is one."""
        if self.is_correction:
            return CORRECTION.format(name=f"{self.name.removesuffix(CORRECTED_SUFFIX)}{self.suffix}")
        note = CORRECTED_NOTE.format(name=f"{self.name}{CORRECTED_SUFFIX}{self.suffix}")
        return f"{self.about}{note}" if self.has_corrected else self.about

    def select_figures(self, rows: FigureRows) -> Figures:
        """Return the cumulative figures, or the corrected counts for a correction metric."""
        return rows.corrected if self.is_correction else rows.cumulative

    def correction(self) -> Self:
        """Return the correction metric of this one."""
        return replace(self, name=f"{self.name}{CORRECTED_SUFFIX}", is_correction=True)


class Numbers(FigureMeasure):
    """Base of counters and gauges: one number for each combination of labels."""

    reads: ReadByChannel
    labels: tuple[str, ...]
    """Labels after `DIMENSION_LABELS`."""

    def applies_to(self, key: Dimensions) -> bool:
        """Return whether the channel of the key has this metric."""
        return key.channel in self.reads

    def read(self, key: Dimensions, figure: Figure) -> Values:
        """Return values of the labels after `DIMENSION_LABELS` → number."""
        return self.reads[key.channel](figure)

    def add(self, metric: Any, key: Dimensions, values: Values) -> None:
        """Add one sample for each number."""
        for label_values, number in values.items():
            metric.add_metric((*label(key), *label_values), number)


@dataclass(frozen=True, slots=True)
class CounterMeasure(Numbers, Counted):
    """A counter by dimensions."""

    reads: ReadByChannel
    labels: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """Suffix of the name in Prometheus."""
        return "_total"

    def family(self) -> CounterMetricFamily:
        """Return the metric without samples."""
        return CounterMetricFamily(self.name, self.documentation, labels=(*DIMENSION_LABELS, *self.labels))


@dataclass(frozen=True, slots=True)
class GaugeMeasure(Numbers):
    """A gauge of current stocks or of today's counts."""

    name: str
    about: str
    reads: ReadByChannel
    labels: tuple[str, ...] = ()
    of_today: bool = False
    """Read the counts of today, not the cumulative figures."""

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(self.name, self.about, labels=(*DIMENSION_LABELS, *self.labels))

    def select_figures(self, rows: FigureRows) -> Figures:
        """Return the figures of today if `of_today`, otherwise the cumulative ones."""
        return rows.today if self.of_today else rows.cumulative


@dataclass(frozen=True, slots=True)
class WindowMeasure(Measure[WindowKey]):
    """A gauge of the feedback in a window."""

    name: str
    about: str
    labels: tuple[str, ...]
    """Labels after `DIMENSION_LABELS`, before `window`."""
    read_figure: ReadFigure
    window: str = ""
    """The only window of the metric; empty: all of them, with a label `window`."""

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        window = () if self.window else ("window",)
        return GaugeMetricFamily(self.name, self.about, labels=(*DIMENSION_LABELS, *self.labels, *window))

    def applies_to(self, key: WindowKey) -> bool:
        """Return whether the metric has the window of the key."""
        return self.window in {"", key[1]}

    def select_figures(self, rows: FigureRows) -> Mapping[WindowKey, Figure]:
        """Return the feedback by dimensions and window."""
        return rows.feedback

    def read(self, key: WindowKey, figure: Figure) -> Values:  # noqa: ARG002 - the same for all keys
        """Return values of `labels` → number."""
        return self.read_figure(figure)

    def add(self, metric: GaugeMetricFamily, key: WindowKey, values: Values) -> None:
        """Add one sample for each number."""
        dimensions, window = key
        for label_values, number in values.items():
            metric.add_metric((*label(dimensions), *label_values, *(() if self.window else (window,))), number)


@dataclass(frozen=True, slots=True)
class HistogramMeasure(Counted):
    """A histogram of durations in seconds."""

    duration: str
    """Name of the duration in the figure schema of the channels."""
    channels: tuple[str, ...]
    clock: str = ""
    """Kind of SLA clock, for durations of SLA clocks; empty for others."""

    def family(self) -> HistogramMetricFamily:
        """Return the metric without samples."""
        return HistogramMetricFamily(self.name, self.documentation, labels=self._labels)

    def applies_to(self, key: Dimensions) -> bool:
        """Return whether the channel of the key has this duration and, with `clock`, whether the key is of such clocks."""
        return key.channel in self.channels and (not self.clock or label(key)[-1] == self.clock)

    def read(self, key: Dimensions, figure: Figure) -> tuple[list[int], int]:
        """Return the counts by bucket, the last one above all bounds, and the sum in milliseconds."""
        figure_schema = FIGURE_SCHEMAS[key.channel]
        start = figure_schema.start(self.duration)
        end = start + len(figure_schema.durations[self.duration].bounds) + 1
        return figure.counts[start:end], figure.counts[figure_schema.index[f"{self.duration}_milliseconds"]]

    def add(self, metric: HistogramMetricFamily, key: Dimensions, values: tuple[list[int], int]) -> None:
        """Add the histogram of the key."""
        counts, milliseconds = values
        bounds = [*(f"{float(bound)}" for bound in FIGURE_SCHEMAS[key.channel].durations[self.duration].bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(counts), strict=True))
        metric.add_metric(label(key)[: len(self._labels)], buckets, milliseconds / 1000)

    @property
    def _labels(self) -> tuple[str, ...]:
        return (*DIMENSION_LABELS, "policy") if self.clock else DIMENSION_LABELS


@dataclass(frozen=True, slots=True)
class ScoresMeasure(Counted):
    """A histogram of survey scores, by scale."""

    scales: tuple[FeedbackScale, ...]
    label: str = ""
    """Label for the scale; empty for a metric of a single scale."""

    def family(self) -> HistogramMetricFamily:
        """Return the metric without samples."""
        labels = (*DIMENSION_LABELS, self.label) if self.label else DIMENSION_LABELS
        return HistogramMetricFamily(self.name, self.documentation, labels=labels)

    def applies_to(self, key: Dimensions) -> bool:
        """Return whether the key is of feedback."""
        return key.channel == Channel.FEEDBACK

    def read(self, key: Dimensions, figure: Figure) -> list[dict[int, int]]:  # noqa: ARG002 - the same for all keys
        """Return score → number of answers, for each scale."""
        return [answers(scale, figure) for scale in self.scales]

    def add(self, metric: HistogramMetricFamily, key: Dimensions, values: list[dict[int, int]]) -> None:
        """Add one histogram for each scale."""
        for scale, given in zip(self.scales, values, strict=True):
            bounds = [*(f"{float(score)}" for score in given), "+Inf"]
            buckets = list(zip(bounds, accumulate([*given.values(), 0]), strict=True))
            labels = (*label(key), scale.value) if self.label else label(key)
            metric.add_metric(labels, buckets, sum(score * times for score, times in given.items()))


def with_corrected(measures: Iterable[Measure[Any]]) -> Iterator[Measure[Any]]:
    """Yield `measures`, and after each counter and histogram its correction metric, unless it has none (`has_corrected`).

    A correction metric has the same labels and buckets, and zeros from the start, so that Prometheus sees the first
    correction. The true increase is the increase of the metric minus that of its correction metric.
    """
    for measure in measures:
        yield measure
        if isinstance(measure, Counted) and measure.has_corrected:
            yield measure.correction()


def label(dimensions: Dimensions) -> tuple[str, ...]:
    """Return the values of `DIMENSION_LABELS`, with the channel of the contact.

    Policy and clock follow for SLA clocks, and the target queue for transfers.
    """
    if dimensions.channel == Channel.FEEDBACK:
        return dimensions.queue, dimensions.site, dimensions.service, ""
    if dimensions.channel == SLA:
        policy, clock, channel = dimensions.queue.split(":")
        return channel, dimensions.site, dimensions.service, "", policy, clock
    if dimensions.channel == TRANSFER_CHANNEL:
        channel, queue, to = dimensions.queue.split(":")
        return channel, dimensions.site, dimensions.service, queue, to
    return dimensions
