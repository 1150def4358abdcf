"""Tests of the metrics reference page: up to date, and complete."""

import re
from types import SimpleNamespace
from typing import Any

import prometheus_client
import promql_parser
import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, generate_latest

from connectors.sdk.metrics import Metrics
from models.timestamps import milliseconds
from models.topics import Channel
from streams.api.metrics import AccessMetrics
from streams.cli import metrics as metrics_cli
from streams.cli.metrics import command, describe_processes
from streams.core.contacts.history_detection import MIN_OLD_EVENTS, HistoryDetector
from streams.engine.metrics import REGISTRY as ENGINE_REGISTRY
from streams.notify.metrics import NotifyMetrics
from streams.web.metrics import descriptions
from streams.web.metrics.descriptions import KPIS
from streams.web.metrics.measure import CORRECTED_SUFFIX
from streams.web.metrics.reference_page import SUFFIXES
from tests.support.dashboards import walk
from tests.support.metrics_page import ENTRIES, find_undescribed
from tests.support.prometheus import DEPLOYED
from tests.unit.web.exported_metrics import NOON, ExportedMetrics, count_each_fact
from tests.unit.web.sla_policies import ACKNOWLEDGED, ORGANISATION, VERSIONED_POLICIES

PROCESSES = describe_processes()
PAGES = {"en": DEPLOYED / "METRICS.md", "fr": DEPLOYED / "METRICS.fr.md"}


@pytest.mark.parametrize("language", PAGES)
def test_committed_page_equals_the_output_of_the_command(language: str) -> None:
    printed = CliRunner().invoke(command, ["--lang", language])
    assert printed.exit_code == 0
    assert PAGES[language].read_text(encoding="utf-8") == printed.output, (
        f"accueil metrics --lang {language} > {PAGES[language]}"
    )


def test_all_figures_are_described_with_type_and_labels() -> None:
    exported = ExportedMetrics(ORGANISATION, VERSIONED_POLICIES)
    count_each_fact(exported.worker)
    exported.worker.count(ACKNOWLEDGED, NOON, "started", "due")
    exported.worker.stocks(ACKNOWLEDGED, NOON, overdue=1)
    exported.worker.progress(NOON, event_at=1, history=channels_with_history())
    assert find_undescribed(generate_latest(exported.registry).decode()) == []


def channels_with_history() -> dict[str, int]:
    """Return what a worker records as `Progress.history` while it reads the history of every channel."""
    detector, now = HistoryDetector(), milliseconds(NOON)
    for channel in [*Channel] * MIN_OLD_EVENTS:
        event: Any = SimpleNamespace(type="", channel=channel, source="")
        detector.note(event, 1, now, now, 0, is_known=False)
    return detector.channels(now)


def test_the_page_describes_exactly_the_metrics_of_the_registries() -> None:
    described = {
        process: {metric.name.removesuffix(SUFFIXES.get(metric.kind, "")) for metric in metrics}
        for process, metrics in PROCESSES.items()
    }
    figures = described.pop("web")
    corrections = {
        name for name in figures if name.removesuffix(CORRECTED_SUFFIX) in figures - {name}
    } - descriptions.TEXTS.keys()
    assert figures - corrections == descriptions.TEXTS.keys()
    connectors, api = CollectorRegistry(), CollectorRegistry()
    Metrics(connectors)
    AccessMetrics(api, 1)
    registries = (ENGINE_REGISTRY, connectors, api, NotifyMetrics(), prometheus_client.REGISTRY)
    # Workers of other tests in this process export the SLA file metric too; it is described with those of web.
    exported = {family.name for registry in registries for family in registry.collect()} - figures
    assert exported == set().union(*described.values()) == metrics_cli.TEXTS.keys()


def test_each_description_is_in_both_languages() -> None:
    french = {metric.name: metric for metrics in describe_processes("fr").values() for metric in metrics}
    for name, metric in ENTRIES.items():
        assert metric.formula
        assert metric.about != french[name].about, name


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name[:20])
def test_kpi_queries_use_existing_metrics(kpi: descriptions.Kpi) -> None:
    nodes = [node for node, _ in walk(promql_parser.parse(kpi.promql))]
    selectors = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    assert selectors
    for selector in selectors:
        base = re.sub("_(bucket|sum|count)$", "", selector.name) if selector.name not in ENTRIES else selector.name
        metric = ENTRIES[base]
        assert (base == selector.name) == (metric.kind != "histogram")
        for matcher in selector.matchers.matchers:
            values = metric.labels[matcher.name]
            assert not values or not matcher.value or set(matcher.value.split("|")) <= set(values), kpi.name
