"""Kinds of metrics by dimensions, and the figures that their samples are made from."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Sample

from models.events import FeedbackScale
from models.locale import N_
from models.topics import Channel
from streams.core.figures.figure import Dimensions, Figure, new_figure
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    FIGURE_SCHEMAS,
    LINE_CHANNEL,
    MENU_CHANNEL,
    POST_CHANNEL,
    REASON_CHANNEL,
    SLA,
    TRANSFER_CHANNEL,
)
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
"""Dimensions of feedback, window (`day_windows.WINDOWS`)."""


class FigureRows(NamedTuple):
    """Figures of the same dimensions over several periods."""

    number: int
    """Version of the set of dimensions: increased whenever the set changes."""
    cumulative: Figures
    """Counts since the beginning, including corrected ones, and current stocks. The counts never fall, as Prometheus requires of
    a counter."""
    today: Figures
    """Exact counts of today."""
    corrected: Figures
    """The part of each count in `cumulative` that was corrected. It never falls either; the difference is the true count."""
    feedback: Mapping[WindowKey, Figure]
    """Feedback of each window: exact counts of invitations and answers; zeros without rows."""


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
    """Builds `FigureRows`. For figures that are the same objects as in the last call, it returns the same objects."""

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


@dataclass(frozen=True)
class Measure(Generic[Key]):
    """A metric; each key (dimensions, or dimensions and a window) has its own samples."""

    kind: Any
    """Class of the metric in prometheus-client."""
    name: str
    """Name without the suffix `_total`."""
    about: str
    labels: tuple[str, ...]
    """Labels after `DIMENSION_LABELS`."""
    select: Callable[[FigureRows], Mapping[Key, Figure]]
    """Returns the figures to read, by key."""
    applies_to: Callable[[Key], bool]
    """Returns whether the metric has samples for a key."""
    read: Callable[[Key, Figure], Any]
    """Returns the values of the samples of a key; equal values give equal samples."""
    add: Callable[[Any, Key, Any], None]
    """Adds the samples of a key with such values to a metric, including zeros and empty distributions."""
    has_corrected: bool = False
    """Whether `with_corrected` adds a correction metric. The metric then includes corrected counts, and never falls."""

    def family(self) -> Any:
        """Return a new metric of prometheus-client, without samples."""
        note = CORRECTED_NOTE.format(name=f"{self.name}{CORRECTED_SUFFIX}{self._suffix}") if self.has_corrected else ""
        return self.kind(self.name, f"{self.about}{note}", labels=(*DIMENSION_LABELS, *self.labels))

    def correction(self) -> "Measure[Key]":
        """Return the metric that holds the corrected counts of this one alone."""
        about = CORRECTION.format(name=f"{self.name}{self._suffix}")
        return replace(
            self,
            name=f"{self.name}{CORRECTED_SUFFIX}",
            about=about,
            select=attrgetter("corrected"),
            has_corrected=False,
        )

    @property
    def _suffix(self) -> str:
        return "_total" if self.kind is CounterMetricFamily else ""

    def collect(self, rows: FigureRows, cache: MeasureCache) -> Metric:
        """Return the metric with its `Samples`. Those of unchanged figures come from `cache`, which is updated."""
        figures = self.select(rows)
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


def counter_measure(
    name: str, about: str, reads: ReadByChannel, labels: tuple[str, ...] = (), *, has_corrected: bool = True
) -> FigureMeasure:
    """Return a counter by the channels of `reads`; `has_corrected` as in `Measure`."""
    select = attrgetter("cumulative")
    return Measure(CounterMetricFamily, name, about, labels, select, *_numbers(reads), has_corrected=has_corrected)


def gauge_measure(
    name: str, about: str, reads: ReadByChannel, labels: tuple[str, ...] = (), *, of_today: bool = False
) -> FigureMeasure:
    """Return a gauge by the channels of `reads`.

    They read `FigureRows.cumulative`, which contains the current stocks, or with `of_today` the counts of `FigureRows.today`.
    """
    select = attrgetter("today" if of_today else "cumulative")
    return Measure(GaugeMetricFamily, name, about, labels, select, *_numbers(reads))


def _numbers(reads: ReadByChannel) -> tuple[Any, Any, Any]:
    """Return `applies_to`, `read` and `add` of a `Measure` for the channels of `reads`: one number per combination of labels."""

    def read(key: Dimensions, figure: Figure) -> Values:
        return reads[key.channel](figure)

    def add(metric: Any, key: Dimensions, values: Values) -> None:
        for label_values, number in values.items():
            metric.add_metric((*label(key), *label_values), number)

    return lambda key: key.channel in reads, read, add


def window_measure(
    name: str, about: str, labels: tuple[str, ...], read_figure: ReadFigure, window: str = ""
) -> Measure[WindowKey]:
    """Return a gauge of the feedback in `window`; if that is empty, in all windows, with a label `window`."""

    def add(metric: Any, key: WindowKey, values: Values) -> None:
        dimensions, its_window = key
        for label_values, number in values.items():
            metric.add_metric((*label(dimensions), *label_values, *(() if window else (its_window,))), number)

    return Measure(
        GaugeMetricFamily,
        name,
        about,
        labels if window else (*labels, "window"),
        attrgetter("feedback"),
        lambda key: window in {"", key[1]},
        lambda _, figure: read_figure(figure),
        add,
    )


def histogram_measure(
    name: str, about: str, duration: str, channels: tuple[str, ...], clock: str = ""
) -> FigureMeasure:
    """Return a histogram of a duration of `channels`, in seconds.

    With `clock`, only SLA clocks of this kind count, and `policy` is a label.
    """
    labels = ("policy",) if clock else ()

    def read(key: Dimensions, figure: Figure) -> tuple[list[int], int]:
        """Return the counts by bucket, the last one above all bounds, and the sum in milliseconds."""
        figure_schema = FIGURE_SCHEMAS[key.channel]
        start = figure_schema.start(duration)
        end = start + len(figure_schema.durations[duration].bounds) + 1
        return figure.counts[start:end], figure.counts[figure_schema.index[f"{duration}_milliseconds"]]

    def add(metric: Any, key: Dimensions, values: tuple[list[int], int]) -> None:
        counts, milliseconds = values
        buckets = _buckets(FIGURE_SCHEMAS[key.channel].durations[duration].bounds, counts)
        metric.add_metric(label(key)[: len(DIMENSION_LABELS) + len(labels)], buckets, milliseconds / 1000)

    return Measure(
        HistogramMetricFamily,
        name,
        about,
        labels,
        attrgetter("cumulative"),
        lambda key: key.channel in channels and (not clock or label(key)[-1] == clock),
        read,
        add,
        has_corrected=True,
    )


def scores_measure(name: str, about: str, scales: tuple[FeedbackScale, ...], scale_label: str = "") -> FigureMeasure:
    """Return a histogram of survey scores, by scale; `scale_label` is empty for a metric of a single scale."""

    def add(metric: Any, key: Dimensions, values: list[dict[int, int]]) -> None:
        for scale, given in zip(scales, values, strict=True):
            labels = (*label(key), scale.value) if scale_label else label(key)
            buckets = _buckets(given, [*given.values(), 0])
            metric.add_metric(labels, buckets, sum(score * times for score, times in given.items()))

    return Measure(
        HistogramMetricFamily,
        name,
        about,
        (scale_label,) if scale_label else (),
        attrgetter("cumulative"),
        lambda key: key.channel == Channel.FEEDBACK,
        lambda _, figure: [answers(scale, figure) for scale in scales],
        add,
        has_corrected=True,
    )


def _buckets(bounds: Iterable[int], counts: Iterable[int]) -> list[tuple[str, int]]:
    return list(zip([*(f"{float(bound)}" for bound in bounds), "+Inf"], accumulate(counts), strict=True))


def with_corrected(measures: Iterable[Measure[Any]]) -> Iterator[Measure[Any]]:
    """Yield `measures`, and after each counter and histogram its correction metric, unless it has none (`has_corrected`).

    A correction metric has the same labels and buckets, and zeros from the start, so that Prometheus sees the first
    correction. The true increase is the increase of the metric minus that of its correction metric.
    """
    for measure in measures:
        yield measure
        if measure.has_corrected:
            yield measure.correction()


def label(dimensions: Dimensions) -> tuple[str, ...]:
    """Return the values of `DIMENSION_LABELS`, with the channel of the contact.

    Policy and clock follow for SLA clocks, the target queue for transfers, and the other parts of `queue` for other derived
    figures. `queue` is empty where the figure has none.
    """
    if dimensions.channel == Channel.FEEDBACK:
        return dimensions.queue, dimensions.site, dimensions.service, ""
    if dimensions.channel == SLA:
        policy, clock, channel = dimensions.queue.split(":")
        return channel, dimensions.site, dimensions.service, "", policy, clock
    if dimensions.channel == TRANSFER_CHANNEL:
        channel, queue, to = dimensions.queue.split(":")
        return channel, dimensions.site, dimensions.service, queue, to
    if dimensions.channel == REASON_CHANNEL:
        channel, reason = dimensions.queue.split(":")
        return channel, dimensions.site, dimensions.service, "", reason
    if dimensions.channel in (LINE_CHANNEL, MENU_CHANNEL):
        return Channel.CALL.value, dimensions.site, dimensions.service, "", dimensions.queue
    if dimensions.channel == CALLBACK_CHANNEL:
        return Channel.CALL.value, dimensions.site, dimensions.service, dimensions.queue
    if dimensions.channel == POST_CHANNEL:
        return Channel.MAIL.value, dimensions.site, dimensions.service, "", *dimensions.queue.split(":")
    return dimensions
