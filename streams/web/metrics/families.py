"""Metrics of prometheus-client, made from the values of their samples.

`make catalogues` extracts the help texts, the second arguments of these functions, as messages to translate.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


def gauge_family(name: str, about: str, labels: Sequence[str], values: Mapping[Any, float]) -> Metric:
    """Return a gauge; `values` maps the values of `labels` to a number."""
    return _fill(GaugeMetricFamily(name, about, labels=labels), values)


def counter_family(name: str, about: str, labels: Sequence[str], values: Mapping[Any, float]) -> Metric:
    """Return a counter; `values` maps the values of `labels` to a number."""
    return _fill(CounterMetricFamily(name, about, labels=labels), values)


def _fill(metric: CounterMetricFamily | GaugeMetricFamily, values: Mapping[Any, float]) -> Metric:
    for label_values, number in values.items():
        metric.add_metric(label_values, number)
    return metric
