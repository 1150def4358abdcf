"""Tests of the metrics reference page: up to date, and complete."""

import re

import promql_parser
import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from connectors.sdk.metrics import Metrics
from streams.cli import metrics as metrics_cli
from streams.cli.metrics import command, describe_processes
from streams.engine.metrics import REGISTRY
from streams.web.metrics import descriptions
from streams.web.metrics.descriptions import KPIS
from streams.web.metrics.measure import CORRECTED_SUFFIX
from tests.support.dashboards import walk
from tests.support.prometheus import DEPLOYED
from tests.unit.web.exported_metrics import NOON, ExportedMetrics, count_each_fact
from tests.unit.web.sla_policies import ACKNOWLEDGED, ORGANISATION, VERSIONED_POLICIES

PROCESSES = describe_processes()
NAMES = {metric.name: metric for metrics in PROCESSES.values() for metric in metrics}
PAGES = {"en": DEPLOYED / "METRICS.md", "fr": DEPLOYED / "METRICS.fr.md"}


@pytest.mark.parametrize("language", PAGES)
def test_committed_page_equals_the_output_of_the_command(language: str) -> None:
    printed = CliRunner().invoke(command, ["--lang", language])
    assert printed.exit_code == 0
    assert PAGES[language].read_text(encoding="utf-8") == printed.output, (
        f"accueil metrics --lang {language} > {PAGES[language]}"
    )


def test_all_exported_metrics_are_described_with_type_and_labels() -> None:
    exported = ExportedMetrics(ORGANISATION, VERSIONED_POLICIES)
    count_each_fact(exported.worker)
    exported.worker.count(ACKNOWLEDGED, NOON, "started", "due")
    exported.worker.stocks(ACKNOWLEDGED, NOON, overdue=1)
    exported.worker.progress(NOON, event_at=1, history={"mail": 1})
    for family in exported.registry.collect():
        name = f"{family.name}{'_total' * (family.type == 'counter')}{'_info' * (family.type == 'info')}"
        entry = NAMES[name]
        assert entry.kind == family.type
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} <= entry.labels.keys(), name
            for label, values in entry.labels.items():
                assert not values or label not in sample.labels or sample.labels[label] in values, (name, label)


def test_all_described_metrics_exist() -> None:
    described = {re.sub("_(total|info)$", "", metric.name) for metric in PROCESSES["web"]}
    corrections = {
        name for name in described if name.removesuffix(CORRECTED_SUFFIX) in described - {name}
    } - descriptions.TEXTS.keys()
    assert described - corrections == descriptions.TEXTS.keys()
    connectors = CollectorRegistry()
    Metrics(connectors)
    of_the_engine = (family for family in REGISTRY.collect() if family.name.startswith("pipeline_"))
    # Workers of other tests in this process export the SLA file metric too; it is described with those of web.
    there = {family.name for family in (*connectors.collect(), *of_the_engine)} - descriptions.TEXTS.keys()
    assert there == metrics_cli.TEXTS.keys()


def test_each_description_is_in_both_languages() -> None:
    french = {metric.name: metric for metrics in describe_processes("fr").values() for metric in metrics}
    for name, metric in NAMES.items():
        assert metric.formula
        assert metric.about != french[name].about, name


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name[:20])
def test_kpi_queries_use_existing_metrics(kpi: descriptions.Kpi) -> None:
    nodes = [node for node, _ in walk(promql_parser.parse(kpi.promql))]
    selectors = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    assert selectors
    for selector in selectors:
        base = re.sub("_(bucket|sum|count)$", "", selector.name) if selector.name not in NAMES else selector.name
        metric = NAMES[base]
        assert (base == selector.name) == (metric.kind != "histogram")
        for matcher in selector.matchers.matchers:
            values = metric.labels[matcher.name]
            assert not values or not matcher.value or set(matcher.value.split("|")) <= set(values), kpi.name
