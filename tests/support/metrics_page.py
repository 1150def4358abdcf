"""Comparison of the `/metrics` of a process with the metrics reference page."""

from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from streams.cli.metrics import describe_processes
from streams.web.metrics.reference_page import MetricDescription

ENTRIES: Final = {metric.name: metric for metrics in describe_processes().values() for metric in metrics}
"""Name of a metric → its entry on the page."""


def find_undescribed(exposition: str) -> list[str]:
    """Return what the page does not describe in the text of a `/metrics`: a metric, its type, a label or its value."""
    found: list[str] = []
    for family in text_string_to_metric_families(exposition):
        counter = family.name.removesuffix("_created")
        if counter != family.name and ({counter, f"{counter}_total"} & ENTRIES.keys()):
            continue  # a paragraph of the page describes `X_created` for all `X`
        name = f"{family.name}_total" if family.type == "counter" else family.name
        entry = ENTRIES.get(name)
        if entry is None or family.type != _written_type(entry):
            found.append(f"{name}: {family.type}")
            continue
        labels = {item for sample in family.samples for item in sample.labels.items() if item[0] != "le"}
        found += [f"{name}: {label}={value}" for label, value in sorted(labels) if not _has_label(entry, label, value)]
    return found


def _written_type(entry: MetricDescription) -> str:
    return "gauge" if entry.kind == "info" else entry.kind


def _has_label(entry: MetricDescription, label: str, value: str) -> bool:
    return label in entry.labels and (not entry.labels[label] or value in {"", *entry.labels[label]})
