"""Tests of the pipeline alerts with promtool."""

from pathlib import Path

import pytest

from tests.support.prometheus import read_alerts
from tests.support.promtool import ask
from tests.web.scenes_of_pipeline import AMISS


@pytest.mark.parametrize("alert", AMISS)
def test_pipeline_alert_fires_with_its_texts(alert: str, tmp_path: Path) -> None:
    query = read_alerts()[alert]["query"]
    wrong, said = ask(tmp_path, [(scene, {alert: query}) for scene in AMISS[alert]])
    assert not wrong, said
