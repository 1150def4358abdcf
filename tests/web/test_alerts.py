"""Tests of the alerts with promtool."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.prometheus import RECORDING, SLA_RULES, read_alerts
from tests.support.promtool import evaluate, run_scenarios
from tests.web.pipeline_scenarios import PIPELINE_SCENARIOS
from tests.web.satisfaction_scenarios import SATISFACTION_SCENARIOS
from tests.web.sla_scenarios import SLA_SCENARIOS

SHOWN_GROUPS: Final = ("accueil.sla_targets", "accueil.sla_targets.alerts")


@pytest.mark.parametrize("alert", SLA_SCENARIOS)
def test_sla_alert_fires_through_the_recording_rules(alert: str, tmp_path: Path) -> None:
    wrong, output = run_scenarios(tmp_path, [RECORDING, SLA_RULES], SHOWN_GROUPS, [alert], SLA_SCENARIOS[alert])
    assert not wrong, output


@pytest.mark.parametrize("alert", PIPELINE_SCENARIOS | SATISFACTION_SCENARIOS)
def test_query_of_alert_returns_the_labels_of_its_texts(alert: str, tmp_path: Path) -> None:
    query = read_alerts()[alert]["query"]
    wrong, output = evaluate(
        tmp_path, [(scenario, {alert: query}) for scenario in (PIPELINE_SCENARIOS | SATISFACTION_SCENARIOS)[alert]]
    )
    assert not wrong, output
