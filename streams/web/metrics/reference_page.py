"""The page of metrics: what each means, of what it is made, its labels and buckets. It is made of what is exported."""
# ruff: noqa: RUF001 - a minus is no hyphen

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain
from math import inf
from typing import Any, Final, NamedTuple

from prometheus_client.core import Metric

from models.calendars import Unit
from models.policies import ClockKind, Policies
from streams.web.citizens import DisclosedFigures
from streams.web.collector import FiguresCollector
from streams.web.metrics import sample_figures
from streams.web.metrics.citizens import CitizensCollector
from streams.web.metrics.descriptions import KPIS, TEXTS, MetricText
from streams.web.metrics.french_formulas import FRENCH_FORMULAS
from streams.web.metrics.measure import CORRECTED_SUFFIX
from streams.web.options import WebOptions
from streams.web.view import Snapshot

OPEN: Final = frozenset(
    {
        "site",
        "service",
        "queue",
        "to",
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
"""Labels whose values come from settings and files; those of the others are told."""
OF_THE_SLA_FILE: Final = {"clock": tuple(map(str, ClockKind)), "unit": tuple(map(str, Unit))}
"""Label → all that an SLA file may say, of which the example has some."""
SUFFIXES: Final = {"counter": "_total", "info": "_info"}


class MetricDescription(NamedTuple):
    """One metric."""

    name: str
    """As queries have it; of a histogram without `_bucket`, `_sum` and `_count`."""
    kind: str
    labels: Mapping[str, tuple[str, ...]]
    """Label → all its values; none if settings say which there are."""
    english: str
    french: str
    formula: str
    formula_french: str
    buckets: tuple[str, ...]
    """Upper bounds, inclusive; of a histogram."""


def describe(metrics: Iterable[Metric], texts: Mapping[str, MetricText]) -> list[MetricDescription]:
    """Return what is to be said of `metrics`. Raises `LookupError` for one that `texts` do not explain."""
    known = list(metrics)
    twins = {metric.name for metric in known if metric.name.endswith(CORRECTED_SUFFIX) and metric.name not in texts}
    return [
        _describe_twin(metric)
        if metric.name in twins
        else _describe(metric, texts[metric.name], has_corrected=f"{metric.name}{CORRECTED_SUFFIX}" in twins)
        for metric in known
    ]


def _describe(metric: Metric, text: MetricText, *, has_corrected: bool) -> MetricDescription:
    suffix = SUFFIXES.get(metric.type, "")
    kept = (
        f" Garde les comptes corrigés ensuite ; {metric.name}{CORRECTED_SUFFIX}{suffix} les compte à part."
        if has_corrected
        else ""
    )
    return MetricDescription(
        f"{metric.name}{suffix}",
        metric.type,
        _labels_of(metric) if text.labels is None else text.labels,
        metric.documentation,
        f"{text.french}{kept}",
        text.formula,
        FRENCH_FORMULAS.get(text.formula, text.formula),
        _spell(_bounds_of(metric) if text.bounds is None else text.bounds),
    )


def _describe_twin(metric: Metric) -> MetricDescription:
    """Return the text of a twin; its labels and buckets are those of the other metric."""
    other, suffix = metric.name.removesuffix(CORRECTED_SUFFIX), SUFFIXES.get(metric.type, "")
    return MetricDescription(
        f"{metric.name}{suffix}",
        metric.type,
        dict.fromkeys(_labels_of(metric), ()),
        metric.documentation,
        f"Comptes de {other}{suffix} corrigés ensuite ; {other}{suffix} les garde.",
        f"true count = {other}{suffix} − {metric.name}{suffix}",
        f"compte vrai = {other}{suffix} − {metric.name}{suffix}",
        (),
    )


def describe_web_metrics(policies: Policies, others: Iterable[Metric] = ()) -> list[MetricDescription]:
    """Return all metrics of `accueil web`, as the promises of `policies` make them; `others` are those of its process."""
    options = WebOptions(brokers="")
    figures = FiguresCollector(_Example(policies), options, lambda: sample_figures.NOW)
    citizens = CitizensCollector(_Told(), options.time_zone)
    return describe(chain(figures.collect(), citizens.collect(), others), TEXTS)


def write_markdown(language: str, sections: Mapping[str, Iterable[MetricDescription]]) -> str:
    """Return the page as Markdown; `sections` are by the process that tells of them."""
    words = PAGE_TEXTS[language]
    lines = [f"# {words['title']}", "", words["language"], "", words["generated"], "", words["intro"], ""]
    for process, metrics in sections.items():
        lines += [f"## {words['of']} `accueil {process}`", "", f"| {' | '.join(words['heads'])} |", "|---|---|---|"]
        lines += [_write_row(metric, language) for metric in metrics]
        lines.append("")
    lines += [f"## {words['kpis']}", ""]
    for kpi in KPIS:
        about = kpi.french if language == "fr" else kpi.english
        lines += [f"{about}{words['colon']}", "", "```promql", kpi.promql, "```", ""]
    return "\n".join(lines)


PAGE_TEXTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "en": {
        "title": "Metrics",
        "language": "*[En français](METRICS.fr.md)*",
        "generated": "Written by `accueil metrics`; change nothing by hand.",
        "intro": "A bucket counts what is at most its bound `le`. Several `accueil web`"
        " say the same:"
        " `max without (instance, job)`, never `sum`. Of opinions and promises `channel` is the one that they are about, and"
        " `queue` is"
        " empty. Counters and histograms never fall: a count that a later event corrects stays in `X`, and `X_corrected` holds it"
        " too, with the same labels and buckets. So `increase(X[28d]) - increase(X_corrected[28d])` is true of a period, for each"
        " bucket, sum and count. `contact_corrected_total` holds the same by fact.",
        "of": "Told by",
        "heads": ("metric", "meaning", "what is counted"),
        "buckets": "Buckets",
        "kpis": "What is made of them",
        "colon": ":",
    },
    "fr": {
        "title": "Métriques",
        "language": "*[In English](METRICS.md)*",
        "generated": "Écrit par `accueil metrics --lang fr` ; ne rien changer à la main.",
        "intro": "Une classe compte ce qui vaut au plus sa borne `le`."
        " Plusieurs `accueil web`"
        " disent la même chose : `max without (instance, job)`, jamais `sum`. Pour les avis et les promesses, `channel` est"
        " le canal"
        " concerné, et `queue` est vide. Compteurs et histogrammes ne baissent jamais : un compte corrigé ensuite reste dans `X`,"
        " et `X_corrected` l'a aussi, avec les mêmes étiquettes et classes. Sur une période, le chiffre vrai est donc"
        " `increase(X[28d]) - increase(X_corrected[28d])`, pour chaque classe, somme et compte."
        " `contact_corrected_total` dit la même chose par fait.",
        "of": "Ce que dit",
        "heads": ("métrique", "sens", "ce qui est compté"),
        "buckets": "Classes",
        "kpis": "Ce qu'on en tire",
        "colon": " :",
    },
}
"""Language → the page's words."""


def _write_row(metric: MetricDescription, language: str) -> str:
    labels = ", ".join(
        f"{name}: {' '.join(f'`{value}`' for value in values)}" if values else name
        for name, values in metric.labels.items()
    )
    about = metric.french if language == "fr" else metric.english
    colon = PAGE_TEXTS[language]["colon"]
    buckets = f"<br>{PAGE_TEXTS[language]['buckets']}{colon} {', '.join(metric.buckets)}" if metric.buckets else ""
    formula = metric.formula_french if language == "fr" else metric.formula
    cells = (f"`{metric.name}`<br>{metric.kind}{'; ' if labels else ''}{labels}", about, f"{formula}{buckets}")
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _labels_of(metric: Metric) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys(name for sample in metric.samples for name in sample.labels if name != "le")
    return {
        name: () if name in OPEN else OF_THE_SLA_FILE.get(name) or tuple(dict.fromkeys(_values_of(metric, name)))
        for name in names
    }


def _values_of(metric: Metric, label: str) -> list[str]:
    return [sample.labels[label] for sample in metric.samples if label in sample.labels]


def _bounds_of(metric: Metric) -> tuple[float, ...]:
    return tuple({float(sample.labels["le"]) for sample in metric.samples if "le" in sample.labels} - {inf})


def _spell(bounds: Iterable[float]) -> tuple[str, ...]:
    return tuple(f"{bound:g}" for bound in sorted(bounds))


class _Example:
    """A view of the example."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def snapshot(self, _: datetime) -> Snapshot:
        """Return it."""
        return sample_figures.snapshot(self._policies)


class _Told:
    """A view of the example's citizens."""

    def disclosed_figures(self) -> DisclosedFigures:
        """Return it."""
        return sample_figures.sample_disclosed_figures()
