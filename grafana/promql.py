"""Queries. Several `accueil web` say the same of everything, so that it is `max`, never `sum`, over those that are scraped.

A ratio without a denominator is no sample, instead of NaN: where nothing happened, panels say so.

Counters and histograms of figures keep corrected counts, since Prometheus takes a falling counter for a restart. The corrected
counts are a metric of their own: true growth is the growth of the first less that of the second.
"""

from typing import Final, Literal

from streams.web.metrics.measure import CORRECTED_SUFFIX

SCRAPED: Final = "instance, job"
"""The labels that tell one scraped process from another."""
ALONE: Final = frozenset(
    {"contact_postage_euros_total", "contact_postage_corrected_euros_total", "contact_collect_errors_total"}
)
"""Counters without a twin."""
RANGE: Final = "$__range"
"""The time that is looked at."""
RATE: Final = "$__rate_interval"
"""Between two points of a curve, and at least four scrapes."""


def once(query: str) -> str:
    """Return what each `accueil web` says, once."""
    return f"max without ({SCRAPED}) ({query})"


def total(query: str, by: str = "") -> str:
    """Return the sum, for each value of the labels `by`."""
    return f"sum by ({by}) ({query})" if by else f"sum({query})"


def ratio(numerator: str, denominator: str) -> str:
    """Return a share or a mean; nothing where the denominator is 0."""
    return f"({numerator})\n/\n(({denominator}) > 0)"


def wilson_bound(share: str, number: str, sign: Literal["+", "-"]) -> str:
    """Return a Wilson bound, 95 %, of a share of a `number`: the upper one by "+" (Wilson 1927, without correction)."""
    z = 1.96
    margin = f"{z} * sqrt(({share}) * (1 - ({share})) / ({number}) + {z * z / 4:.4f} / ({number}) ^ 2)"
    return f"(({share}) + {z * z / 2:.4f} / ({number})\n{sign} {margin})\n/\n(1 + {z * z:.4f} / ({number}))"


def name_twin(counter: str) -> str | None:
    """Return the metric of the corrected counts of a counter, or of a part of a histogram; None if there is none."""
    if not counter.startswith("contact_") or counter in ALONE:
        return None
    stem, _, part = counter.rpartition("_")
    return f"{stem}{CORRECTED_SUFFIX}_{part}"


def since(query: str) -> str:
    """Return how long ago a time is, in seconds, and 0 where another clock is ahead."""
    return f"clamp_min(time() - {query}, 0)"


class Scope:
    """Chooses series by the variables of a page, whose names are those of labels."""

    def __init__(self, *variables: str) -> None:
        self.variables: Final = variables

    def select(self, metric: str, *matchers: str) -> str:
        """Return the series of a metric that are looked at."""
        chosen = [f'{name}=~"${name}"' for name in self.variables]
        return f"{metric}{{{', '.join((*chosen, *matchers))}}}"

    def gauge_sum(self, metric: str, *matchers: str, by: str = "", ago: str = "") -> str:
        """Return the sum of a gauge, now or so long `ago`."""
        series = self.select(metric, *matchers)
        return total(once(f"{series} offset {ago}" if ago else series), by)

    def minimum(self, metric: str, *matchers: str, by: str = "") -> str:
        """Return the least of a gauge, as the earliest of times."""
        series = self.select(metric, *matchers)
        return f"min by ({by}) ({series})" if by else f"min({series})"

    def age(self, metric: str, *matchers: str, by: str = "") -> str:
        """Return how long ago the earliest is, in seconds."""
        return since(self.minimum(metric, *matchers, by=by))

    def increase(self, counter: str, *matchers: str, by: str = "", window: str = RANGE) -> str:
        """Return how much a counter grew, without corrected counts; Prometheus extrapolates, so that it need not be whole.

        Where Prometheus has no corrected counts, as before an upgrade, it is the growth of the counter alone.
        """
        grown = once(f"increase({self.select(counter, *matchers)}[{window}])")
        if (twin := name_twin(counter)) is None:
            return total(grown, by)
        taken_back = once(f"increase({self.select(twin, *matchers)}[{window}])")
        return total(f"{grown} - {taken_back} or {grown}", by)

    def increase_per_step(self, counter: str, *matchers: str, by: str = "") -> str:
        """Return how much a counter grew from one point of a curve to the next."""
        return self.increase(counter, *matchers, by=by, window=RATE)

    def rate(self, counter: str, *matchers: str, by: str = "", window: str = RATE) -> str:
        """Return how fast a counter grows."""
        return total(once(f"rate({self.select(counter, *matchers)}[{window}])"), by)

    def mean(self, histogram: str, *matchers: str, by: str = "", window: str = RANGE) -> str:
        """Return the mean of what was measured in `window`."""
        return ratio(
            self.increase(f"{histogram}_sum", *matchers, by=by, window=window),
            self.increase(f"{histogram}_count", *matchers, by=by, window=window),
        )

    def share_at_most(self, histogram: str, bound: str, *matchers: str, by: str = "", window: str = RANGE) -> str:
        """Return the share of what was measured that is at most `bound`, one of the buckets' as Prometheus writes it."""
        return ratio(
            self.increase(f"{histogram}_bucket", f'le="{bound}"', *matchers, by=by, window=window),
            self.increase(f"{histogram}_count", *matchers, by=by, window=window),
        )

    def buckets(self, histogram: str, *matchers: str, window: str = RATE) -> str:
        """Return the distribution, by the upper bounds of its buckets."""
        return self.increase(f"{histogram}_bucket", *matchers, by="le", window=window)

    def quantile(self, share: float, histogram: str, *matchers: str, by: str = "", window: str = RANGE) -> str:
        """Return what a share of all measured is at most: estimated within a bucket."""
        labels = f"le, {by}" if by else "le"
        return (
            f"histogram_quantile({share}, {self.increase(f'{histogram}_bucket', *matchers, by=labels, window=window)})"
        )

    def today(self, flow: str, *matchers: str, by: str = "", ago: str = "") -> str:
        """Return the exact number of what happened since midnight, on this day or so long `ago`."""
        return self.gauge_sum("contact_today_items", f'flow="{flow}"', *matchers, by=by, ago=ago)

    def mean_today(self, duration: str, *matchers: str, by: str = "") -> str:
        """Return the exact mean of a duration since midnight, in seconds."""
        which = f'duration="{duration}"'
        return ratio(
            self.gauge_sum("contact_today_duration_seconds", which, *matchers, by=by),
            self.gauge_sum("contact_today_duration_items", which, *matchers, by=by),
        )

    def service_level(self, window: str, *matchers: str, by: str = "") -> str:
        """Return the service level of `window`, by each formula unless `matchers` choose one."""
        return ratio(
            self.increase("contact_service_level_numerator_total", *matchers, by=by, window=window),
            self.increase("contact_service_level_denominator_total", *matchers, by=by, window=window),
        )

    def service_level_today(self, *matchers: str, by: str = "") -> str:
        """Return the exact service level since midnight, by each formula unless `matchers` choose one."""
        return ratio(
            self.gauge_sum("contact_today_service_level_numerator", *matchers, by=by),
            self.gauge_sum("contact_today_service_level_denominator", *matchers, by=by),
        )
