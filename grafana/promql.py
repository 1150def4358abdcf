"""Builders of PromQL queries.

All instances of `accueil web` export the same values, so queries use `max` over the instances, never `sum`. A ratio with a
denominator of 0 returns no sample instead of NaN, so that panels show their text for no data.

Counters and histograms include corrected counts, because Prometheus takes a falling counter for a restart. The corrected counts
are a metric of their own: the true increase is the increase of the first minus that of the second.
"""

from typing import Final, Literal

from streams.web.metrics.measure import CORRECTED_SUFFIX

SCRAPED: Final = "instance, job"
"""Labels of a scraped process."""
WITHOUT_CORRECTION: Final = frozenset(
    {"contact_postage_euros_total", "contact_postage_corrected_euros_total", "contact_collect_errors_total"}
)
"""Counters without a correction metric."""
RANGE: Final = "$__range"
"""The selected time range."""
RATE: Final = "$__rate_interval"
"""Time between two points of a graph, and at least four scrapes."""


def once(query: str) -> str:
    """Return a query that counts each series once, although several instances of `accueil web` export it."""
    return f"max without ({SCRAPED}) ({query})"


def total(query: str, by: str = "") -> str:
    """Return a query for the sum of `query`, for each value of the labels `by`; of all series if `by` is empty."""
    return f"sum by ({by}) ({query})" if by else f"sum({query})"


def ratio(numerator: str, denominator: str) -> str:
    """Return a query for the quotient of two queries, a share or a mean. It has no sample if the denominator is 0."""
    return f"({numerator})\n/\n(({denominator}) > 0)"


def wilson_bound(share: str, number: str, sign: Literal["+", "-"]) -> str:
    """Return a query for the Wilson bound at 95 % (Wilson 1927, uncorrected) of a share, by the queries `share` and `number`.

    `number` returns the number of items. `sign`: "+" for the upper bound, "-" for the lower one.
    """
    z = 1.96
    margin = f"{z} * sqrt(({share}) * (1 - ({share})) / ({number}) + {z * z / 4:.4f} / ({number}) ^ 2)"
    return f"(({share}) + {z * z / 2:.4f} / ({number})\n{sign} {margin})\n/\n(1 + {z * z:.4f} / ({number}))"


def correction_of(counter: str) -> str | None:
    """Return the correction metric of a counter or a histogram series; None if it has none."""
    if not counter.startswith(("contact_", "post_")) or counter in WITHOUT_CORRECTION:
        return None
    stem, _, part = counter.rpartition("_")
    return f"{stem}{CORRECTED_SUFFIX}_{part}"


def since(query: str) -> str:
    """Return a query for the seconds since the time that `query` returns; 0 if that time is in the future, by another clock."""
    return f"clamp_min(time() - {query}, 0)"


class Scope:
    """Selects series by the variables of a page, which are named like labels. Its methods return PromQL of these series."""

    def __init__(self, *variables: str) -> None:
        self.variables: Final = variables

    def select(self, metric: str, *matchers: str) -> str:
        """Return the selector of the series of a metric that fit the variables of the page and `matchers`."""
        chosen = [f'{name}=~"${name}"' for name in self.variables]
        return f"{metric}{{{', '.join((*chosen, *matchers))}}}"

    def gauge_sum(self, metric: str, *matchers: str, by: str = "", ago: str = "") -> str:
        """Return the sum of a gauge, now or, with `ago` (such as `7d`), that much earlier."""
        series = self.select(metric, *matchers)
        return total(once(f"{series} offset {ago}" if ago else series), by)

    def minimum(self, metric: str, *matchers: str, by: str = "") -> str:
        """Return the minimum of a gauge, such as the earliest time."""
        series = self.select(metric, *matchers)
        return f"min by ({by}) ({series})" if by else f"min({series})"

    def age(self, metric: str, *matchers: str, by: str = "") -> str:
        """Return the seconds since the earliest of the times in a gauge."""
        return since(self.minimum(metric, *matchers, by=by))

    def increase(self, counter: str, *matchers: str, by: str = "", window: str = RANGE) -> str:
        """Return the increase of a counter without corrected counts. Prometheus extrapolates, so it may be fractional.

        Without samples of the correction metric, such as before an upgrade, it is the increase of the counter alone.
        """
        raw = once(f"increase({self.select(counter, *matchers)}[{window}])")
        if (correction := correction_of(counter)) is None:
            return total(raw, by)
        corrected = once(f"increase({self.select(correction, *matchers)}[{window}])")
        return total(f"{raw} - {corrected} or {raw}", by)

    def increase_per_step(self, counter: str, *matchers: str, by: str = "") -> str:
        """Return the increase of a counter between two points of a graph."""
        return self.increase(counter, *matchers, by=by, window=RATE)

    def rate(self, counter: str, *matchers: str, by: str = "", window: str = RATE) -> str:
        """Return the rate of a counter per second, including corrected counts."""
        return total(once(f"rate({self.select(counter, *matchers)}[{window}])"), by)

    def mean(self, histogram: str, *matchers: str, by: str = "", window: str = RANGE) -> str:
        """Return the mean of a histogram over `window`."""
        return ratio(
            self.increase(f"{histogram}_sum", *matchers, by=by, window=window),
            self.increase(f"{histogram}_count", *matchers, by=by, window=window),
        )

    def share_at_most(self, histogram: str, bound: str, *matchers: str, by: str = "", window: str = RANGE) -> str:
        """Return the share of values up to `bound`, a bucket bound in the format of Prometheus."""
        return ratio(
            self.increase(f"{histogram}_bucket", f'le="{bound}"', *matchers, by=by, window=window),
            self.increase(f"{histogram}_count", *matchers, by=by, window=window),
        )

    def buckets(self, histogram: str, *matchers: str, window: str = RATE) -> str:
        """Return the increase of all buckets, by `le`."""
        return self.increase(f"{histogram}_bucket", *matchers, by="le", window=window)

    def quantile(self, share: float, histogram: str, *matchers: str, by: str = "", window: str = RANGE) -> str:
        """Return a quantile, estimated within its bucket."""
        labels = f"le, {by}" if by else "le"
        return (
            f"histogram_quantile({share}, {self.increase(f'{histogram}_bucket', *matchers, by=labels, window=window)})"
        )

    def share_without(self, part: str, whole: str, by: str = "") -> str:
        """Return the share of `whole` that `part` does not count; both are counters, and `part` counts some of `whole`."""
        all_items = self.increase(whole, by=by)
        return ratio(f"{all_items} - {self.increase(part, by=by)}", all_items)

    def today(self, flow: str, *matchers: str, by: str = "", ago: str = "") -> str:
        """Return the exact count of a flow since midnight; with `ago` (such as `7d`), the count that much earlier."""
        return self.gauge_sum("contact_today_items", f'flow="{flow}"', *matchers, by=by, ago=ago)

    def mean_today(self, duration: str, *matchers: str, by: str = "") -> str:
        """Return the exact mean of a duration since midnight, in seconds."""
        matcher = f'duration="{duration}"'
        return ratio(
            self.gauge_sum("contact_today_duration_seconds", matcher, *matchers, by=by),
            self.gauge_sum("contact_today_duration_items", matcher, *matchers, by=by),
        )

    def service_level(self, window: str, *matchers: str, by: str = "") -> str:
        """Return the service level over `window`; needs `matchers` or `by` for the formula."""
        return ratio(
            self.increase("contact_service_level_numerator_total", *matchers, by=by, window=window),
            self.increase("contact_service_level_denominator_total", *matchers, by=by, window=window),
        )

    def service_level_today(self, *matchers: str, by: str = "") -> str:
        """Return the exact service level since midnight; needs `matchers` or `by` for the formula."""
        return ratio(
            self.gauge_sum("contact_today_service_level_numerator", *matchers, by=by),
            self.gauge_sum("contact_today_service_level_denominator", *matchers, by=by),
        )
