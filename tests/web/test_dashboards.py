"""Test that a real Prometheus returns data for each query of the dashboards."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx
import pytest

from connectors.sdk.ports import free_port
from grafana.generator import DASHBOARDS
from streams.cli.metrics import describe_processes
from streams.web.options import WebOptions
from tests.support import demo
from tests.support.dashboards import PanelQuery, panel_queries, queries_without_data
from tests.support.metrics_page import find_undescribed
from tests.support.processes import Child, wait_until
from tests.support.prometheus import running, shorten
from tests.unit.web.sla_policies import ACKNOWLEDGED
from tests.web.rows import APPOINTMENT, CALLBACK, OPINION, REASONS
from tests.web.served import SampleCitizens, serving

QUERIES: Final = [one for path in sorted((DASHBOARDS / "fr").glob("*.json")) for one in panel_queries(path)]
"""Queries are the same in all languages (`tests/unit/grafana`)."""
MAY_BE_EMPTY: Final = {
    "contact_citizens_of_all_services": "only for a completed week, and from five citizens on",
    "contact_citizen_handled": "the same",
    "contact_citizen_contacts": "the same",
    "contact_recommendation_score": "a scale without any answer has no series, and the simulated survey uses others",
    "contact_effort_score": "the same",
    "contact_sla_oldest_overdue_timestamp_seconds": "nothing is overdue",
    "contact_appointment_total": "few appointments are missed, and the demo has read its past before the first scrape",
    "contact_reason_total": "only some contacts have a reason",
    "contact_voice_message_hearing_seconds": "agents listen to messages, and call back, hours later",
    "contact_callback_seconds": "the same",
    "ALERTS": "nothing is wrong",
}
"""Metric → why it may have no data in normal operation."""
OPTIONAL: Final = [one for one in QUERIES if any(metric in one.expr for metric in MAY_BE_EMPTY)]
LIVELY: Final = {
    "ACCUEIL_DEMO__CALLS_PER_HOUR": "600",
    "ACCUEIL_DEMO__CONTACTS_PER_YEAR": "2000000",
    "LC_ALL": "C",
}
NOTIFY: Final = """
[notify]
health_port = {port}
[notify.mails.supervisors]
host = "127.0.0.1"
sender = "accueil@example.org"
recipients = ["supervisors@example.org"]
"""
FIRING: Final = {"groups": [{"name": "example", "rules": [{"alert": "Example", "expr": "vector(1)"}]}]}


@pytest.mark.broker
@pytest.mark.timeout(900)
def test_demo_has_data_for_each_dashboard_query_and_exports_only_described_metrics(tmp_path: Path) -> None:
    with demo.start(tmp_path, free_port(), **LIVELY) as up:
        jobs = {f"accueil-{name}": target for name, target in up.metrics_addresses().items()}
        settings, port = tmp_path / "accueil.toml", free_port()
        settings.write_text(NOTIFY.format(port=port), encoding="utf-8")
        jobs["accueil-notify"] = f"127.0.0.1:{port}"
        command = ["-m", "streams.cli.main", f"--config={settings}", "notify"]
        notify = Child(command, tmp_path / "notify.log", ACCUEIL_DATA=str(tmp_path))
        with (
            notify.start(),
            running(tmp_path / "prometheus", rules=shorten(tmp_path), jobs=jobs, every="3s") as prometheus,
        ):
            left: Iterable[PanelQuery] = [one for one in QUERIES if one not in OPTIONAL]

            def missing() -> object:
                nonlocal left
                left = queries_without_data(prometheus, left)
                return left

            wait_until(lambda: not missing(), "data for each query", 600, otherwise=missing)
            exported = {job: httpx.get(f"http://{target}/metrics").text for job, target in jobs.items()}
        assert exported.keys() >= {f"accueil-{name}" for name in describe_processes().keys() - {"broker"}}
        assert [(job, found) for job, text in exported.items() if (found := find_undescribed(text))] == []


def test_queries_that_are_empty_in_the_demo_return_data_once_it_exists(tmp_path: Path) -> None:
    rules = tmp_path / "firing.yml"
    rules.write_text(json.dumps(FIRING), encoding="utf-8")
    assert all(any(metric in one.expr for one in OPTIONAL) for metric in MAY_BE_EMPTY), "each listed query exists"
    with (
        serving(WebOptions(brokers=""), citizens=SampleCitizens()) as served,
        running(tmp_path / "prometheus", served.url.removeprefix("http://"), rules=[rules]) as prometheus,
    ):
        served.follow()
        served.worker.count(ACKNOWLEDGED, served.now(), "started")
        served.worker.stocks(ACKNOWLEDGED, served.now(), overdue=1)

        def missing() -> object:
            served.worker.count(OPINION, served.now(), given_nps_0_10_9=1, given_ces_1_5_4=1)
            served.worker.count(APPOINTMENT, served.now(), booked=1, attended=1, missed=1)
            for reason in REASONS:
                served.worker.count(reason, served.now(), reason_contacts=1)
            served.worker.count(CALLBACK, served.now(), "message_heard", "called_back", amount=60)
            return queries_without_data(prometheus, OPTIONAL)

        wait_until(lambda: not missing(), "data for each query", otherwise=missing)
