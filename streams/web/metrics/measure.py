"""What a metric of places is, and how it is read from rows of figures."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, NamedTuple

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Sample

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures import Dimensions, Figure, new_figure
from streams.core.layouts import LAYOUTS, SLA, TRANSFER, Layout
from streams.core.satisfaction import answers

PLACE: Final = Dimensions._fields
"""The labels of every metric of places."""

Figures = Mapping[Dimensions, Figure]
Values = Mapping[tuple[str, ...], float]
"""Values of the labels beside `PLACE` → number."""
Read = Callable[[Figure], Values]
Reads = Mapping[str, Read]
"""Channel → how one of its rows is read; channels that have no such number are missing."""


class Rows(NamedTuple):
    """The same places in two lights."""

    ever: Figures
    """What was ever counted, taken back since or not: it never falls, which is what Prometheus asks of a counter. With the
    stocks of now."""
    today: Figures
    """What is true of today."""


Kept = dict[Dimensions, tuple[Figure, list[Sample]]]
"""Of one measure: place → the row that was read last, and its samples, which another row of the place will replace."""
_ZEROS: Final = {channel: new_figure(layout) for channel, layout in LAYOUTS.items()}


class RowsMaker:
    """Makes rows; of a place of which nothing changed they are the same objects as before."""

    def __init__(self) -> None:
        self._ever: dict[Dimensions, tuple[Figure, Figure]] = {}

    def make(self, places: Iterable[Dimensions], totals: Figures, today: Figures) -> Rows:
        """Return the rows of `places`, where nothing came zeros."""
        places = list(places)
        return Rows(
            {place: self._count_ever(place, totals.get(place) or _ZEROS[place.channel]) for place in places},
            {place: today.get(place) or _ZEROS[place.channel] for place in places},
        )

    def _count_ever(self, place: Dimensions, figure: Figure) -> Figure:
        if not figure.corrected:
            return figure
        before = self._ever.get(place)
        if before is None or before[0] is not figure:
            counts = list(figure.counts)
            for index, taken in figure.corrected.items():
                counts[index] += taken
            before = self._ever[place] = figure, msgspec.structs.replace(figure, counts=counts)
        return before[1]


class Measure(ABC):
    """A metric of places."""

    @abstractmethod
    def family(self) -> Any:
        """Return the metric without samples."""

    @abstractmethod
    def tells_of(self, place: Dimensions) -> bool:
        """Return whether it has samples of such a place."""

    @abstractmethod
    def add(self, metric: Any, place: Dimensions, figure: Figure) -> None:
        """Add the samples of a place to a `family`: one of each value of the labels, zeros and empty distributions too."""

    def pick(self, rows: Rows) -> Figures:
        """Return the rows that it is read from."""
        return rows.ever

    def collect(self, rows: Rows, kept: Kept) -> Metric:
        """Return the metric with its samples; those of rows that are `kept` as they were read before."""
        metric: Metric = self.family()
        samples = metric.samples
        for place, figure in self.pick(rows).items():
            before = kept.get(place)
            if before is None or before[0] is not figure:
                alone = self.family()
                if self.tells_of(place):
                    self.add(alone, place, figure)
                before = kept[place] = figure, alone.samples
            samples += before[1]
        return metric


@dataclass(frozen=True, slots=True)
class Counter(Measure):
    """A metric that counts what ever was."""

    name: str
    """Without `_total`."""
    about: str
    reads: Reads
    labels: tuple[str, ...] = ()

    def family(self) -> CounterMetricFamily:
        """Return the metric without samples."""
        return CounterMetricFamily(self.name, self.about, labels=(*PLACE, *self.labels))

    def tells_of(self, place: Dimensions) -> bool:
        """Return whether its channel has such a number."""
        return place.channel in self.reads

    def add(self, metric: CounterMetricFamily, place: Dimensions, figure: Figure) -> None:
        """Add the numbers of a place."""
        for values, number in self.reads[place.channel](figure).items():
            metric.add_metric((*label(place), *values), number)


@dataclass(frozen=True, slots=True)
class Gauge(Measure):
    """A metric of what is true now, or of today."""

    name: str
    about: str
    reads: Reads
    labels: tuple[str, ...] = ()
    of_today: bool = False

    def family(self) -> GaugeMetricFamily:
        """Return the metric without samples."""
        return GaugeMetricFamily(self.name, self.about, labels=(*PLACE, *self.labels))

    def tells_of(self, place: Dimensions) -> bool:
        """Return whether its channel has such a number."""
        return place.channel in self.reads

    def add(self, metric: GaugeMetricFamily, place: Dimensions, figure: Figure) -> None:
        """Add the numbers of a place."""
        for values, number in self.reads[place.channel](figure).items():
            metric.add_metric((*label(place), *values), number)

    def pick(self, rows: Rows) -> Figures:
        """Return the rows of today if it is of today."""
        return rows.today if self.of_today else rows.ever


@dataclass(frozen=True, slots=True)
class Histogram(Measure):
    """A distribution of durations, in seconds."""

    name: str
    about: str
    duration: str
    """Its name in the layout of the channels."""
    channels: tuple[str, ...]
    clock: str = ""
    """Of a promise: which clock; it is told of all policies that have it."""

    def family(self) -> HistogramMetricFamily:
        """Return the metric without samples."""
        return HistogramMetricFamily(self.name, self.about, labels=self._labels)

    def tells_of(self, place: Dimensions) -> bool:
        """Return whether its channel has such durations."""
        return place.channel in self.channels and (not self.clock or label(place)[-1] == self.clock)

    def add(self, metric: HistogramMetricFamily, place: Dimensions, figure: Figure) -> None:
        """Add the distribution of a place."""
        layout = LAYOUTS[place.channel]
        texts = [*(f"{float(bound)}" for bound in layout.durations[self.duration].bounds), "+Inf"]
        start = layout.start(self.duration)
        cumulative = accumulate(figure.counts[start : start + len(texts)])
        milliseconds = figure.counts[layout.index[f"{self.duration}_milliseconds"]]
        buckets = list(zip(texts, cumulative, strict=True))
        metric.add_metric(label(place)[: len(self._labels)], buckets, milliseconds / 1000)

    @property
    def _labels(self) -> tuple[str, ...]:
        return (*PLACE, "policy") if self.clock else PLACE


@dataclass(frozen=True, slots=True)
class Scores(Measure):
    """A distribution of scores: of opinions, by the scale on which they are given."""

    name: str
    about: str
    scales: tuple[FeedbackScale, ...]
    label: str = ""
    """Says which scale, where there are several."""

    def family(self) -> HistogramMetricFamily:
        """Return the metric without samples."""
        return HistogramMetricFamily(self.name, self.about, labels=(*PLACE, self.label) if self.label else PLACE)

    def tells_of(self, place: Dimensions) -> bool:
        """Return whether opinions are counted there."""
        return place.channel == Channel.FEEDBACK

    def add(self, metric: HistogramMetricFamily, place: Dimensions, figure: Figure) -> None:
        """Add a distribution of each scale."""
        for scale in self.scales:
            given = answers(scale, figure)
            texts = [*(f"{float(score)}" for score in given), "+Inf"]
            buckets = list(zip(texts, accumulate([*given.values(), 0]), strict=True))
            labels = (*label(place), scale.value) if self.label else label(place)
            metric.add_metric(labels, buckets, sum(score * times for score, times in given.items()))


def label(place: Dimensions) -> tuple[str, ...]:
    """Return what `PLACE` says of a place, by the channel that it is about; then of promises which, and of transfers where to."""
    if place.channel == Channel.FEEDBACK:
        return place.queue, place.site, place.service, ""
    if place.channel == SLA:
        policy, clock, channel = place.queue.split(":")
        return channel, place.site, place.service, "", policy, clock
    if place.channel == TRANSFER:
        channel, queue, to = place.queue.split(":")
        return channel, place.site, place.service, queue, to
    return place


# ------------------------------------------------------------------------------------------------- how a row may be read
def join(*reads: Reads) -> Reads:
    """Return one reading of all channels from readings of some."""
    return {channel: read for some in reads for channel, read in some.items()}


def channels_of(layout: Layout) -> tuple[str, ...]:
    """Return the channels whose rows have a layout."""
    return tuple(channel for channel, its in LAYOUTS.items() if its is layout)


def count(layout: Layout, name: str, *channels: str) -> Reads:
    """Read one count, of these channels or of all that have the layout."""
    index = layout.index[name]
    return dict.fromkeys(channels or channels_of(layout), lambda figure: {(): figure.counts[index]})


def counts(layout: Layout, names: Mapping[str, str], *channels: str) -> Reads:
    """Read several counts; `names` says which count belongs to a value of the label."""
    return sums(layout, {value: (name,) for value, name in names.items()}, *channels)


def sums(layout: Layout, names: Mapping[str, Iterable[str]], *channels: str) -> Reads:
    """Read sums of counts; `names` says which counts belong to a value of the label."""
    indices = {(value,): [layout.index[name] for name in added] for value, added in names.items()}
    return dict.fromkeys(
        channels or channels_of(layout),
        lambda figure: {values: sum(map(figure.counts.__getitem__, added)) for values, added in indices.items()},
    )


def stocks(layout: Layout, names: Iterable[str]) -> Reads:
    """Read several stocks, each a value of the label."""
    indices = {(name,): layout.stock_index[name] for name in names}
    return dict.fromkeys(
        channels_of(layout),
        lambda figure: {values: figure.stocks[index] for values, index in indices.items()},
    )


def corrected(layout: Layout, names: Mapping[str, Iterable[str]], *channels: str) -> Reads:
    """Read how much was taken out of counts; `names` says which counts belong to a value of the label."""
    indices = {(value,): [layout.index[name] for name in added] for value, added in names.items()}
    return dict.fromkeys(
        channels or channels_of(layout),
        lambda figure: {
            values: sum(figure.corrected.get(index, 0) for index in added) for values, added in indices.items()
        },
    )
