"""Reference page of all metrics with labels, buckets and formulas, generated from the exported metrics."""
# ruff: noqa: RUF001 - formulas have a minus sign

from collections.abc import Iterable, Mapping
from itertools import chain
from math import inf
from typing import Final, NamedTuple

from prometheus_client.core import Metric

from models.calendars import Unit
from models.locale import N_, SOURCE_LANGUAGE, translate
from models.policies import ClockKind, Policies
from streams.web.collector import FiguresCollector
from streams.web.metrics import sample_figures
from streams.web.metrics.citizens import CitizensCollector
from streams.web.metrics.descriptions import KPIS, TEXTS, MetricText
from streams.web.metrics.measure import CORRECTED_NOTE, CORRECTED_SUFFIX, CORRECTION
from streams.web.options import WebOptions

OPEN_LABELS: Final = frozenset(
    {
        "site",
        "service",
        "queue",
        "to",
        "line",
        "option",
        "policy",
        "calendar",
        "partition",
        "target",
        "version",
        "python",
        "connector",
        "topic",
        "receiver",
    }
)
"""Labels whose values the page does not list, since they differ between installations."""
SLA_FILE_VALUES: Final = {"clock": tuple(map(str, ClockKind)), "unit": tuple(map(str, Unit))}
"""Label → all values possible in an SLA file; the sample policies use only some."""
SUFFIXES: Final = {"counter": "_total", "info": "_info"}


class MetricDescription(NamedTuple):
    """Entry of one metric on the reference page, in one language."""

    name: str
    """Name in queries; for a histogram without `_bucket`, `_sum` and `_count`."""
    kind: str
    labels: Mapping[str, tuple[str, ...]]
    """Label → all its values; empty for `OPEN_LABELS`, and for correction metrics."""
    about: str
    formula: str
    buckets: tuple[str, ...]
    """Inclusive upper bounds of a histogram."""


def describe(metrics: Iterable[Metric], texts: Mapping[str, MetricText], language: str) -> list[MetricDescription]:
    """Return the entries of `metrics`. Raise `LookupError` for a metric that is missing in `texts`.

    Correction metrics need no text.
    """
    exported = list(metrics)
    corrections = {
        metric.name for metric in exported if metric.name.endswith(CORRECTED_SUFFIX) and metric.name not in texts
    }
    return [
        _describe_correction(metric, language)
        if metric.name in corrections
        else _describe(metric, texts[metric.name], f"{metric.name}{CORRECTED_SUFFIX}" in corrections, language)
        for metric in exported
    ]


def _describe(metric: Metric, text: MetricText, has_corrected: bool, language: str) -> MetricDescription:  # noqa: FBT001
    suffix = SUFFIXES.get(metric.type, "")
    about = metric.documentation
    if language != SOURCE_LANGUAGE:
        name = f"{metric.name}{CORRECTED_SUFFIX}{suffix}"
        about = text.french or translate(about.removesuffix(CORRECTED_NOTE.format(name=name)), language)
        about += translate(CORRECTED_NOTE, language, name=name) if has_corrected else ""
    return MetricDescription(
        f"{metric.name}{suffix}",
        metric.type,
        _labels_of(metric) if text.labels is None else text.labels,
        about,
        translate(text.formula, language),
        _spell(_bounds_of(metric) if text.bounds is None else text.bounds),
    )


def _describe_correction(metric: Metric, language: str) -> MetricDescription:
    """Return the entry of a correction metric, without label values and buckets: they are those of the corrected metric."""
    suffix = SUFFIXES.get(metric.type, "")
    name, other = f"{metric.name}{suffix}", f"{metric.name.removesuffix(CORRECTED_SUFFIX)}{suffix}"
    about = translate(CORRECTION, language, name=other)
    formula = translate("true count = {counter} − {corrected}", language, counter=other, corrected=name)
    return MetricDescription(name, metric.type, dict.fromkeys(_labels_of(metric), ()), about, formula, ())


def describe_web_metrics(policies: Policies, others: Iterable[Metric], language: str) -> list[MetricDescription]:
    """Return the entries of `accueil web` with `policies`, from sample figures; `others` are further metrics of its process.

    Raise `LookupError` for a metric without a text.
    """
    options = WebOptions(brokers="")
    figures = FiguresCollector(lambda _: sample_figures.snapshot(policies), options, lambda: sample_figures.NOW)
    citizens = CitizensCollector(sample_figures.sample_disclosed_figures, options.time_zone)
    return describe(chain(figures.collect(), citizens.collect(), others), TEXTS, language)


def write_markdown(language: str, sections: Mapping[str, Iterable[MetricDescription]]) -> str:
    """Return the page as Markdown; `sections` maps a process to its entries."""
    title, kpis = translate("Metrics", language), translate("KPIs as queries", language)
    heading = translate("Metrics exported by", language)
    columns = " | ".join(translate(column, language) for column in COLUMNS)
    lines = [f"# {title}", *(translate(text, language) for text in HEAD)]
    for process, metrics in sections.items():
        rows = [_write_row(metric, language) for metric in metrics]
        lines += [f"## {heading} `accueil {process}`", "\n".join([f"| {columns} |", "|---|---|---|", *rows])]
    lines.append(f"## {kpis}")
    for kpi in KPIS:
        lines += [f"{translate(kpi.name, language)}{_colon(language)}", f"```promql\n{kpi.promql}\n```"]
    return "\n\n".join(lines) + "\n"


HEAD: Final = (
    N_("*[En français](METRICS.fr.md)*"),
    N_("Generated by `accueil metrics`; do not edit."),
    N_(
        "Each metric has one entry, even if several processes export it. `accueil timeline` also exports the metrics of"
        " `accueil worker`, and `accueil worker` also `pipeline_sla_file_last_reload_successful`. `accueil web`, `accueil api`,"
        " `accueil connect` and `accueil notify` also export the `process_` metrics of `accueil broker`, and the last two its"
        " `python_` metrics. A series `X_created` is the time, in seconds since 1970, since which the counter `X_total` or the"
        " histogram `X` counts. A label is empty if its value is unknown."
    ),
    N_(
        "A bucket counts values up to and including its bound `le`. All instances of `accueil web` export the same"
        " values: combine them with `max without (instance, job)`, never with `sum`. For feedback, SLA clocks, reasons, lines,"
        " voice menus and counted post, `channel` is the channel of the contact, and `queue` is empty. Counters and histograms"
        " never fall: a count that a later event corrects stays in `X`. `X_corrected` exports the corrected counts with the same"
        " labels and buckets. The true increase over a period is therefore `increase(X[28d]) - increase(X_corrected[28d])`, for"
        " each bucket, sum and count."
        " `contact_corrected_total` counts the same corrections by fact."
    ),
)
"""Paragraphs above the tables."""
COLUMNS: Final = (N_("metric"), N_("meaning"), N_("what is counted"))


def _write_row(metric: MetricDescription, language: str) -> str:
    labels = ", ".join(
        f"{name}: {' '.join(f'`{value}`' for value in values)}" if values else name
        for name, values in metric.labels.items()
    )
    counted = metric.formula
    if metric.buckets:
        buckets = translate("Buckets", language)
        counted += f"<br>{buckets}{_colon(language)} {', '.join(metric.buckets)}"
    cells = (f"`{metric.name}`<br>{metric.kind}{'; ' if labels else ''}{labels}", metric.about, counted)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _colon(language: str) -> str:
    return " :" if language == "fr" else ":"


def _labels_of(metric: Metric) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys(name for sample in metric.samples for name in sample.labels if name != "le")
    return {
        name: () if name in OPEN_LABELS else SLA_FILE_VALUES.get(name) or tuple(dict.fromkeys(_values_of(metric, name)))
        for name in names
    }


def _values_of(metric: Metric, label: str) -> list[str]:
    return [sample.labels[label] for sample in metric.samples if label in sample.labels]


def _bounds_of(metric: Metric) -> tuple[float, ...]:
    return tuple({float(sample.labels["le"]) for sample in metric.samples if "le" in sample.labels} - {inf})


def _spell(bounds: Iterable[float]) -> tuple[str, ...]:
    return tuple(f"{bound:g}" for bound in sorted(bounds))
