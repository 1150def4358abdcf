"""What a metric of places is, and how it is read from rows of figures."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from models.events import FeedbackScale
from models.topics import Channel
from streams.core.figures import Dimensions, Figure, new_figure
from streams.core.layouts import LAYOUTS, SLA, Layout
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


def make_rows(totals: Figures, today: Figures) -> Rows:
    """Return the rows of the places in `totals`."""
    return Rows(
        {place: msgspec.structs.replace(figure, counts=_count_ever(figure)) for place, figure in totals.items()},
        {place: today.get(place) or new_figure(LAYOUTS[place.channel]) for place in totals},
    )


def _count_ever(figure: Figure) -> list[int]:
    ever = list(figure.counts)
    for index, taken in figure.corrected.items():
        ever[index] += taken
    return ever


@dataclass(frozen=True, slots=True)
class Counter:
    """A metric that counts what ever was."""

    name: str
    """Without `_total`."""
    about: str
    reads: Reads
    labels: tuple[str, ...] = ()

    def collect(self, rows: Rows) -> Metric:
        """Return its samples: one of each place and value of the labels, zeros too."""
        metric = CounterMetricFamily(self.name, self.about, labels=(*PLACE, *self.labels))
        for labels, number in _read_all(self.reads, rows.ever):
            metric.add_metric(labels, number)
        return metric


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric of what is true now, or of today."""

    name: str
    about: str
    reads: Reads
    labels: tuple[str, ...] = ()
    of_today: bool = False

    def collect(self, rows: Rows) -> Metric:
        """Return its samples: one of each place and value of the labels, zeros too."""
        metric = GaugeMetricFamily(self.name, self.about, labels=(*PLACE, *self.labels))
        for labels, number in _read_all(self.reads, rows.today if self.of_today else rows.ever):
            metric.add_metric(labels, number)
        return metric


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution of durations, in seconds."""

    name: str
    about: str
    duration: str
    """Its name in the layout of the channels."""
    channels: tuple[str, ...]
    clock: str = ""
    """Of a promise: which clock; it is told of all policies that have it."""

    def collect(self, rows: Rows) -> Metric:
        """Return its samples: one distribution of each place, empty ones too."""
        labels = (*PLACE, "policy") if self.clock else PLACE
        metric = HistogramMetricFamily(self.name, self.about, labels=labels)
        for place, figure in rows.ever.items():
            if place.channel in self.channels and (not self.clock or label(place)[-1] == self.clock):
                layout = LAYOUTS[place.channel]
                texts = [*(f"{float(bound)}" for bound in layout.durations[self.duration].bounds), "+Inf"]
                start = layout.start(self.duration)
                cumulative = accumulate(figure.counts[start : start + len(texts)])
                milliseconds = figure.counts[layout.index[f"{self.duration}_milliseconds"]]
                buckets = list(zip(texts, cumulative, strict=True))
                metric.add_metric(label(place)[: len(labels)], buckets, milliseconds / 1000)
        return metric


@dataclass(frozen=True, slots=True)
class Scores:
    """A distribution of scores: of opinions, by the scale on which they are given."""

    name: str
    about: str
    scales: tuple[FeedbackScale, ...]
    label: str = ""
    """Says which scale, where there are several."""

    def collect(self, rows: Rows) -> Metric:
        """Return its samples: one distribution of each place and scale, empty ones too."""
        metric = HistogramMetricFamily(self.name, self.about, labels=(*PLACE, self.label) if self.label else PLACE)
        for place, figure in rows.ever.items():
            if place.channel == Channel.FEEDBACK:
                for scale in self.scales:
                    given = answers(scale, figure)
                    texts = [*(f"{float(score)}" for score in given), "+Inf"]
                    buckets = list(zip(texts, accumulate([*given.values(), 0]), strict=True))
                    labels = (*label(place), scale.value) if self.label else label(place)
                    metric.add_metric(labels, buckets, sum(score * times for score, times in given.items()))
        return metric


Measure = Counter | Gauge | Histogram | Scores


def label(place: Dimensions) -> tuple[str, ...]:
    """Return what `PLACE` says of a place: of opinions and promises, the channel that they are about; then of promises which."""
    if place.channel == Channel.FEEDBACK:
        return place.queue, place.site, place.service, ""
    if place.channel == SLA:
        policy, clock, channel = place.queue.split(":")
        return channel, place.site, place.service, "", policy, clock
    return place


def _read_all(reads: Reads, figures: Figures) -> Iterator[tuple[tuple[str, ...], float]]:
    for place, figure in figures.items():
        if read := reads.get(place.channel):
            labels = label(place)
            for values, number in read(figure).items():
                yield (*labels, *values), number


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
