"""Tests of the SLA alerts with promtool."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.prometheus import RECORDING, SLA_RULES, read_alerts
from tests.support.promtool import ask, run_scenarios
from tests.web.scenes_of_promises import SCENES, UNITS

GROUPS: Final = ("accueil.promises", "accueil.promises.alerts")


@pytest.mark.parametrize("alert", SCENES)
def test_promises_alert_fires_as_expected(alert: str, tmp_path: Path) -> None:
    wrong, said = run_scenarios(tmp_path, [RECORDING, SLA_RULES], GROUPS, [alert], SCENES[alert])
    assert not wrong, said


@pytest.mark.parametrize("alert", UNITS)
def test_promises_alert_has_its_texts(alert: str, tmp_path: Path) -> None:
    query = read_alerts()[alert]["query"]
    wrong, said = ask(tmp_path, [(scene, {alert: query}) for scene in UNITS[alert]])
    assert not wrong, said
