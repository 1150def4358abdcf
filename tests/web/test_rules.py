"""Tests of the Prometheus rules: metrics, texts and receivers."""

import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import httpx
import promql_parser
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.ports import free_port
from models.events import FeedbackScale
from streams.api.metrics import AccessMetrics
from streams.engine.metrics import REGISTRY as WORKER_REGISTRY
from streams.settings.sla_file import WatchedPolicies
from streams.web.metrics.citizens import CitizensCollector
from streams.web.metrics.descriptions import KPIS
from streams.web.metrics.sample_figures import sample_disclosed_figures
from tests.support.alertmanager import EXAMPLE
from tests.support.alertmanager import find as find_amtool
from tests.support.dashboards import walk
from tests.support.metrics_page import ENTRIES
from tests.support.processes import ROOT, Child, wait_until
from tests.support.prometheus import DEPLOYED, RULES, find, read_alerts, read_rules
from tests.unit.web.exported_metrics import ExportedMetrics
from tests.unit.web.sla_policies import ACKNOWLEDGED, ORGANISATION, VERSIONED_POLICIES
from tests.web.pipeline_scenarios import PIPELINE_SCENARIOS
from tests.web.rows import OPINION
from tests.web.satisfaction_scenarios import SATISFACTION_SCENARIOS
from tests.web.sla_scenarios import SLA_SCENARIOS

RUNBOOKS: Final = sorted((ROOT / "deploy" / "runbooks").glob("*.md"))
NAME: Final = r"[a-z][a-z0-9_:]*"
PREFIXES: Final = "contact|pipeline|connector|timeline|api|notify"
CLOSED: Final = {"result", "fact", "state", "horizon"}
"""Labels whose values all have series from the start."""


def test_promtool_accepts_rules_and_configuration() -> None:
    for command in (
        ["check", "rules", "--lint=all", "--lint-fatal", *RULES],
        ["check", "config", DEPLOYED / "prometheus.example.yml"],
    ):
        done = subprocess.run([find("promtool"), *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_scenarios_with_and_without_firing() -> None:
    fires = {
        alert: {scenario.fires > 0 for scenario in scenarios}
        for alert, scenarios in (SLA_SCENARIOS | PIPELINE_SCENARIOS | SATISFACTION_SCENARIOS).items()
    }
    assert fires.pop("Watchdog") == {True}
    assert fires == {name: {False, True} for name in read_alerts() if name != "Watchdog"}


def test_each_alert_has_all_texts_in_both_languages() -> None:
    documented: dict[str, set[str]] = {}
    for name, alert in read_alerts().items():
        labels, notes = alert["labels"], alert["annotations"]
        assert labels.keys() == {"severity", "category"}
        assert labels["severity"] in {"critical", "warning", "none"}
        both = {f"{note}{language}" for note in ("summary", "description", "runbook_url") for language in ("", "_en")}
        assert notes.keys() - {"dashboard_url"} == both
        for language, end in (("", ".fr.md"), ("_en", ".md")):
            page, _, heading = notes[f"runbook_url{language}"].rpartition("/")[2].partition("#")
            assert heading == name.lower()
            assert page.removesuffix(end) in {"sla-targets", "pipeline", "satisfaction"}
            documented.setdefault(page, set()).add(name)
    assert documented == {
        page.name: set(re.findall(r"^## (\w+)$", page.read_text("utf-8"), re.MULTILINE)) for page in RUNBOOKS
    }


def test_alerts_reach_their_receivers() -> None:
    receivers = {
        ("service", "critical"): "superviseurs-immediat,superviseurs-courriel",
        ("service", "warning"): "superviseurs-courriel",
        ("pipeline", "critical"): "exploitation",
        ("pipeline", "warning"): "exploitation",
        ("watchdog", "none"): "temoin",
    }
    found = {(rule["labels"]["category"], rule["labels"]["severity"]): name for name, rule in read_alerts().items()}
    assert found.keys() == receivers.keys()
    for (category, severity), name in found.items():
        labels = [f"alertname={name}", f"category={category}", f"severity={severity}", "service=rsa"]
        options = [f"--config.file={EXAMPLE}", f"--verify.receivers={receivers[category, severity]}"]
        test = [find_amtool("amtool"), "config", "routes", "test", *options, *labels]
        done = subprocess.run(test, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


Samples = dict[str, dict[str, set[str]]]
"""Name → label → its values."""


def samples_of(metrics: Iterable[Metric]) -> Samples:
    found: Samples = {}
    for metric in metrics:
        if metric.type == "histogram":
            found[metric.name] = {}  # name used in the documentation
        for sample in metric.samples:
            labels = found.setdefault(sample.name, {"job": set(), "instance": set()})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


NOTIFY: Final = """
brokers = "127.0.0.1:{broker}"
data = "{data}"
[notify]
health_port = {port}
[notify.mails.a]
host = "127.0.0.1"
sender = "a@example.org"
recipients = ["b@example.org"]
"""


def notify_metrics(directory: Path) -> list[Metric]:
    """Return the metrics of `accueil notify`."""
    path, port = directory / "accueil.toml", free_port()
    path.write_text(NOTIFY.format(broker=free_port(), data=directory / "data", port=port), encoding="utf-8")
    found: list[Metric] = []

    def read_metrics() -> list[Metric]:
        with suppress(httpx.TransportError):
            found[:] = text_string_to_metric_families(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
        return [metric for metric in found if metric.name == "notify_waiting"]

    with Child(["-m", "streams.cli.main", "--config", str(path), "notify"], directory / "log") as child:
        child.start()
        wait_until(read_metrics, "notify's metrics")
    return found


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Metrics exported by the processes of Accueil."""
    web = ExportedMetrics(ORGANISATION, VERSIONED_POLICIES)
    web.worker.count(ACKNOWLEDGED, web.now, "started", "due")
    for scale in FeedbackScale:
        web.worker.count(OPINION, web.now, **{f"given_{scale}_5": 9})
    web.worker.stocks(ACKNOWLEDGED, web.now, overdue=1)
    web.worker.progress(web.now, history={"mail": 1})
    connect = CollectorRegistry()
    Meter(Metrics(connect), "asterisk/siege").count_published(1, 1.0)
    citizens = CitizensCollector(sample_disclosed_figures, ZoneInfo("Europe/Paris"))
    readers = AccessMetrics(CollectorRegistry(), 60)
    registries = (web.registry, connect, WORKER_REGISTRY, WatchedPolicies(None), readers, citizens)
    families = (registry.collect() for registry in registries)
    return {"up": {"job": set()}, **samples_of(chain(*families, notify_metrics(tmp_path_factory.mktemp("notify"))))}


def test_rules_use_existing_metrics(measured: Samples) -> None:
    recorded = {rule["name"] for rule in read_rules() if rule["type"] == "recording"}
    known = {label for labels in measured.values() for label in labels}
    used: set[str] = set()
    for rule in read_rules():
        query = rule["query"]
        for name, matchers in re.findall(rf"({NAME})\{{(.*?)\}}", query):
            for label, wanted in re.findall(rf'({NAME})=~?"(.*?)"', matchers):
                assert name in recorded or label in measured[name], query
                if label in CLOSED:
                    values = set().union(*(labels.get(label, ()) for labels in measured.values()))
                    assert set(wanted.split("|")) <= values, query
        grouping = r"(?:by|without|on|group_left) \((.*?)\)"
        labels = {label for words in re.findall(grouping, query) for label in words.split(", ") if label}
        assert labels <= known, query
        bare = re.sub(rf'{grouping}|{{.*?}}|\[.*?\]|offset \w+|".*?"', "", query)
        used |= set(re.findall(rf"(?<![\w:])({NAME})(?![\w:(]| *\()", bare)) - {"and", "or", "unless"}
    assert used - recorded <= measured.keys()
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in used - recorded} <= {"up", *ENTRIES}
    assert used >= {"up", "contact_sla_due_items", "notify_waiting", "connector_spool_bytes"}


def documented_queries() -> Iterable[str]:
    """Yield the queries in the documentation."""
    for page in sorted(DEPLOYED.glob("README*.md")):
        yield from re.findall(r"^(?:sum|max|count) .*$", page.read_text("utf-8"), re.MULTILINE)
        yield from re.findall(r"`((?:sum|max|count) .*?)`", page.read_text("utf-8"))


def test_queries_count_several_instances_once() -> None:
    found = 0
    for query in (*(rule["query"] for rule in read_rules()), *(kpi.promql for kpi in KPIS), *documented_queries()):
        for node, above in walk(promql_parser.parse(query)):
            is_metric = isinstance(node, promql_parser.VectorSelector) and re.match(
                "(contact|pipeline)_", node.name or ""
            )
            if is_metric and not any(
                isinstance(one, promql_parser.Call) and one.func.name == "absent" for one in above
            ):
                merged = [one for one in above if isinstance(one, promql_parser.AggregateExpr)][-1]
                assert str(merged.op) in {"max", "min"}, query
                labels = set(merged.modifier.labels) & {"job", "instance"} if merged.modifier else set()
                is_left_out = merged.modifier and "Without" in str(merged.modifier.type)
                of_each = "pipeline_sla_file" in node.name
                assert labels == ({"job", "instance"} if is_left_out or of_each else set()), query
                found += 1
    assert found > 60


def test_documentation_names_existing_metrics(measured: Samples) -> None:
    known = measured.keys() | ENTRIES.keys() | {rule["name"] for rule in read_rules()}
    sla_metrics = {name for name in measured if re.match("contact_(sla|calendar|queue_open)", name)}
    for page in (*RUNBOOKS, *sorted(DEPLOYED.glob("README*.md"))):
        named = set(re.findall(rf"`((?:\w+:)?(?:{PREFIXES})_{NAME})", page.read_text("utf-8")))
        assert named <= known, page
        assert page.parent != DEPLOYED or named >= sla_metrics, page
