"""Tests of the satisfaction alert with promtool."""

from pathlib import Path

import pytest

from tests.support.prometheus import read_alerts
from tests.support.promtool import ask
from tests.web.scenes_of_satisfaction import SCENES


@pytest.mark.parametrize("alert", SCENES)
def test_satisfaction_alert_fires_with_its_texts(alert: str, tmp_path: Path) -> None:
    query = read_alerts()[alert]["query"]
    wrong, said = ask(tmp_path, [(scene, {alert: query}) for scene in SCENES[alert]])
    assert not wrong, said
