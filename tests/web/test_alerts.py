"""Tests of the alerts with promtool."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.prometheus import RECORDING, SLA_RULES, read_alerts
from tests.support.promtool import ask, run_scenarios
from tests.web.scenes_of_pipeline import AMISS
from tests.web.scenes_of_promises import SCENES
from tests.web.scenes_of_satisfaction import SCENES as DROPS

GROUPS: Final = ("accueil.promises", "accueil.promises.alerts")


@pytest.mark.parametrize("alert", SCENES)
def test_sla_alert_fires_through_the_recording_rules(alert: str, tmp_path: Path) -> None:
    wrong, output = run_scenarios(tmp_path, [RECORDING, SLA_RULES], GROUPS, [alert], SCENES[alert])
    assert not wrong, output


@pytest.mark.parametrize("alert", AMISS | DROPS)
def test_query_of_alert_returns_the_labels_of_its_texts(alert: str, tmp_path: Path) -> None:
    query = read_alerts()[alert]["query"]
    wrong, output = ask(tmp_path, [(scene, {alert: query}) for scene in (AMISS | DROPS)[alert]])
    assert not wrong, output
