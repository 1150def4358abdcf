"""Unit tests of rules, run by promtool: what is measured, step by step, and which alerts fire then."""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.prometheus import find

WEB: Final = 'job="accueil-web",instance="a"'
"""The labels of what is scraped of a board."""
Values = Sequence[float | None] | float
"""A value per step, None where there is none; or one that stays. The last of several stays too."""


@dataclass(frozen=True)
class Scene:
    """What Prometheus sees, and whether an alert fires at the end."""

    name: str
    series: Mapping[str, Values]
    fires: int
    steps: int
    """How many there are."""
    step: str = "1m"

    def write(self, alerts: Iterable[str]) -> dict[str, Any]:
        """Return it as promtool has it: each of `alerts` fires so many times."""
        number, unit = re.fullmatch(r"(\d+)([mhd])", self.step).groups()  # type: ignore[union-attr]
        expected = [{"labels": "{}", "value": self.fires}] if self.fires else []
        return {
            "name": self.name,
            "interval": self.step,
            "input_series": [
                {"series": series, "values": _spell(values, self.steps)} for series, values in self.series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) # {self.name}',
                    "eval_time": f"{int(number) * self.steps}{unit}",
                    "exp_samples": expected,
                }
                for alert in alerts
            ],
        }


def _spell(values: Values, steps: int) -> str:
    told = [values] if isinstance(values, int | float) else list(values)
    told += [told[-1]] * (steps + 1 - len(told))
    return " ".join("_" if value is None else repr(value) for value in told[: steps + 1])


def play(
    directory: Path, rules: Sequence[Path], groups: Sequence[str], alerts: Sequence[str], scenes: Sequence[Scene]
) -> tuple[set[str], str]:
    """Play `scenes`, all of one step, with `rules`, whose `groups` are evaluated in that order.

    Return which of `alerts` fired when they should not, or the reverse, and what promtool says of that.
    """
    file = directory / "scenes.test.yml"
    test = {
        "rule_files": [str(path) for path in rules],
        "evaluation_interval": scenes[0].step,
        "group_eval_order": list(groups),
        "tests": [scene.write(alerts) for scene in scenes],
    }
    file.write_text(json.dumps(test), encoding="utf-8")
    done = subprocess.run([find("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    wrong = set(re.findall(r'alertname=\\?"(\w+)\\?"', said))
    assert bool(done.returncode) is bool(wrong), said
    return wrong, said
