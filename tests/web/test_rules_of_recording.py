"""Tests of the recording rules with promtool, for several instances and jobs."""

from pathlib import Path

from tests.support.prometheus import read_rules
from tests.support.promtool import ask
from tests.web.scenes_of_recording import RECORDED


def test_recorded_series_match_their_formulas(tmp_path: Path) -> None:
    rules = {rule["name"]: rule["query"] for rule in read_rules() if rule["type"] == "recording"}
    assert rules.keys() == RECORDED.keys(), "by these names dashboards and alerts know them"
    wrong, said = ask(tmp_path, [(scene, {"recorded": rules[name]}) for name in RECORDED for scene in RECORDED[name]])
    assert not wrong, said
