"""Unit tests of rules, run by promtool: what is measured, step by step, what a rule says of that, and which alerts fire then."""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.support.prometheus import find

WEB: Final = 'job="accueil-web",instance="a"'
"""The labels of what is scraped of a board."""
OTHER: Final = 'job="board",instance="b"'
"""Those of a second one, that is scraped as another job."""
Values = Sequence[float | None] | float
"""A value per step, None where there is none; or one that stays. The last of several stays too."""


Samples = Mapping[str, float]
"""Series → value."""


@dataclass(frozen=True)
class RuleScenario:
    """What Prometheus sees, and what a rule says of that at the end."""

    name: str
    series: Mapping[str, Values]
    fires: int
    """How many alerts there are at the end."""
    steps: int
    """How many there are."""
    step: str = "1m"
    shows: Samples | None = None
    """What the rule's query answers at the end, with its labels; by default as many as fire, whatever they are."""
    since: int | None = None
    """The step from which on it is true, if its alert fires at the end, just after it has waited, and not a step before."""

    def write(self, alerts: Iterable[str]) -> dict[str, Any]:
        """Return it as promtool has it: each of `alerts` fires so many times, and none before it has waited."""
        moments = [(self._at(self.steps), self.fires)]
        if self.since is not None and self.steps:
            moments.append((self._at(self.steps - 1), 0))
        return {
            "name": self.name,
            "interval": self.step,
            "input_series": self._told,
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) # {self.name}',
                    "eval_time": moment,
                    "exp_samples": [{"labels": "{}", "value": fires}] if fires else [],
                }
                for alert in alerts
                for moment, fires in moments
            ],
        }

    def put(self, queries: Mapping[str, str]) -> dict[str, Any]:
        """Return it as promtool has it: each of the queries, by a mark of its own, answers what the scene shows at its end."""
        shows, asked = self.shows, "{}"
        if shows is None:
            shows, asked = {"{}": self.fires} if self.fires else {}, "count({})"
        return {
            "name": self.name,
            "interval": self.step,
            "input_series": self._told,
            "promql_expr_test": [
                {
                    "expr": f"{asked.format(query)} # {mark}@",
                    "eval_time": self._at(self.steps),
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in shows.items()],
                }
                for mark, query in queries.items()
            ],
        }

    def _at(self, step: int) -> str:
        number, unit = re.fullmatch(r"(\d+)([smhd])", self.step).groups()  # type: ignore[union-attr]
        return f"{int(number) * step}{unit}"

    @property
    def _told(self) -> list[dict[str, str]]:
        return [{"series": series, "values": _spell(values, self.steps)} for series, values in self.series.items()]


def two_webs(scene: RuleScenario) -> RuleScenario:
    """Return the same as two boards tell it."""
    other = {series.replace(WEB, OTHER): values for series, values in scene.series.items()}
    return replace(scene, series={**scene.series, **other})


def _spell(values: Values, steps: int) -> str:
    told = [values] if isinstance(values, int | float) else list(values)
    told += [told[-1]] * (steps + 1 - len(told))
    return " ".join("_" if value is None else repr(value) for value in told[: steps + 1])


def run_scenarios(
    directory: Path, rules: Sequence[Path], groups: Sequence[str], alerts: Sequence[str], scenes: Sequence[RuleScenario]
) -> tuple[set[str], str]:
    """Play `scenes`, all of one step, with `rules`, whose `groups` are evaluated in that order.

    Return which of `alerts` fired when they should not, or the reverse, and what promtool says of that.
    """
    test = {
        "rule_files": [str(path) for path in rules],
        "evaluation_interval": scenes[0].step,
        "group_eval_order": list(groups),
        "tests": [scene.write(alerts) for scene in scenes],
    }
    return _run(directory, [test], r'alertname=\\?"(\w+)\\?"')


def wait(directory: Path, alerts: Iterable[tuple[dict[str, str], RuleScenario]]) -> tuple[set[str], str]:
    """Play each alert, of its name, expression and `for`, with the scene, all in one promtool, and return what `play` does."""
    tests = []
    for number, (alert, scene) in enumerate(alerts):
        rules = directory / f"{number}.rules.yml"
        rules.write_text(json.dumps({"groups": [{"name": "alone", "rules": [alert]}]}), encoding="utf-8")
        tests.append(
            {
                "rule_files": [str(rules)],
                "evaluation_interval": scene.step,
                "tests": [scene.write([alert["alert"]])],
            }
        )
    return _run(directory, tests, r'alertname=\\?"(\w+)\\?"')


def ask(directory: Path, scenes: Iterable[tuple[RuleScenario, Mapping[str, str]]]) -> tuple[set[str], str]:
    """Ask each scene's queries at its end, all in one promtool; no rule is evaluated.

    Return the marks of those that answered something else in one of them, and what promtool says of that.
    """
    tests: dict[str, list[dict[str, Any]]] = {}
    for scene, queries in scenes:
        tests.setdefault(scene.step, []).append(scene.put(queries))
    files = [{"evaluation_interval": step, "tests": found} for step, found in tests.items()]
    return _run(directory, files, r"# (\w+)@")


def _run(directory: Path, tests: Sequence[dict[str, Any]], mark: str) -> tuple[set[str], str]:
    files = [directory / f"{number}.test.yml" for number in range(len(tests))]
    for file, test in zip(files, tests, strict=True):
        file.write_text(json.dumps(test), encoding="utf-8")
    done = subprocess.run([find("promtool"), "test", "rules", *files], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    wrong = set(re.findall(mark, said))
    assert bool(done.returncode) is bool(wrong), said
    return wrong, said
