"""The alert of satisfaction, played by promtool: what it fires at, and that one that is a little different is found out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.prometheus import SATISFACTION, read_alerts
from tests.support.promtool import WEB, Scene, Values, play
from tests.web.test_rules_of_promises import mutants, two_webs

GROUPS: Final = ("accueil.satisfaction.alerts",)
WEEK: Final = 7 * 24 * 2
"""In steps of half an hour."""


def drops() -> Iterator[Scene]:
    def scene(
        name: str, fires: int, upper: Values, *, before: float = 0.8, answers: int = 30, measure: str = "csat"
    ) -> Scene:
        """`before`: the ratio of four weeks until a week ago; since then it is lower still."""
        place = f'{WEB},channel="call",site="siege",service="rsa",queue="",measure="{measure}"'
        series: dict[str, Values] = {
            f'contact_satisfaction_upper_ratio{{{place},window="7d"}}': upper,
            f'contact_satisfaction_upper_ratio{{{place},window="28d"}}': 0.1,
            f'contact_satisfaction_ratio{{{place},window="28d"}}': [*[before] * 5, 0.5],
            f'contact_satisfaction_ratio{{{place},window="7d"}}': 0.95,
            f'contact_satisfaction_answers{{{place},window="7d"}}': answers,
            f'contact_satisfaction_answers{{{place},window="28d"}}': 1000,
        }
        return Scene(f"SatisfactionDrop: {name}", series, fires, WEEK + 2, "30m")

    yield scene("a little less at best", 1, 0.79)
    yield two_webs(scene("a little less at best, told twice", 1, 0.79))
    yield scene("as much at best", 0, 0.8)
    yield scene("too few answers", 0, 0.79, answers=29)
    yield two_webs(scene("too few answers, told twice", 0, 0.79, answers=29))
    yield scene("only just", 0, [*[0.9] * (WEEK + 2), 0.79])
    yield scene("fewer who answer are no drop of satisfaction", 0, 0.79, measure="response")


SLIPS: Final = {
    " < ": " <= ",
    " offset 1w": "",
    'measure!="response",': "",
    'window="7d"': 'window="28d"',
    'window="28d"': 'window="7d"',
    "upper_ratio": "ratio",
}
"""Mistakes of other kinds."""
SCENES: Final = {"SatisfactionDrop": list(drops())}


@pytest.mark.parametrize("alert", SCENES)
def test_alert_of_satisfaction_fires_at_what_it_should(alert: str, tmp_path: Path) -> None:
    wrong, said = play(tmp_path, [SATISFACTION], GROUPS, [alert], SCENES[alert])
    assert wrong == set(), said


@pytest.mark.parametrize("alert", SCENES)
def test_alert_of_satisfaction_that_is_another_is_found_out(alert: str, tmp_path: Path) -> None:
    rule = read_alerts()[alert]
    query = rule["query"]
    slips = [query.replace(one, other) for one, other in SLIPS.items()]
    assert query not in slips
    others = {f"Mutant{number}": one for number, one in enumerate([*mutants(query), *slips])}
    file = tmp_path / "mutants.yml"
    made = [{"alert": name, "expr": one, "for": f"{rule['duration']:.0f}s"} for name, one in others.items()]
    file.write_text(json.dumps({"groups": [{"name": GROUPS[0], "rules": made}]}), encoding="utf-8")
    wrong, _ = play(tmp_path, [file], GROUPS, list(others), SCENES[alert])
    assert {name: one for name, one in others.items() if name not in wrong} == {}
