"""Unit tests of Prometheus rules with promtool: input series, expected query results and expected alerts."""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.support.prometheus import find

WEB: Final = 'job="accueil-web",instance="a"'
"""Labels of the metrics of a board."""
OTHER: Final = 'job="board",instance="b"'
"""Labels of a second board that is scraped as another job."""
Values = Sequence[float | None] | float
"""One value per step (None: no sample), or a constant value. The last value of a sequence continues."""
Samples = Mapping[str, float]
"""Values by series."""


@dataclass(frozen=True)
class RuleScenario:
    """Input series and the expected result of a rule at the end."""

    name: str
    series: Mapping[str, Values]
    fires: int
    """Number of firing alerts at the end."""
    steps: int
    """Number of steps."""
    step: str = "1m"
    result: Samples | None = None
    """Expected result of the rule's query at the end, by labels; None: any result with as many samples as alerts fire."""

    def alert_test(self, alerts: Iterable[str]) -> dict[str, Any]:
        """Return a promtool test in which each of `alerts` fires `fires` times at the end."""
        return {
            "name": self.name,
            "interval": self.step,
            "input_series": self._input_series,
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) # {self.name}',
                    "eval_time": self._at(self.steps),
                    "exp_samples": [{"labels": "{}", "value": self.fires}] if self.fires else [],
                }
                for alert in alerts
            ],
        }

    def query_test(self, queries: Mapping[str, str]) -> dict[str, Any]:
        """Return a promtool test in which each query, by its mark, gives the expected result at the end."""
        result, wrapper = self.result, "{}"
        if result is None:
            result, wrapper = {"{}": self.fires} if self.fires else {}, "count({})"
        return {
            "name": self.name,
            "interval": self.step,
            "input_series": self._input_series,
            "promql_expr_test": [
                {
                    "expr": f"{wrapper.format(query)} # {mark}@",
                    "eval_time": self._at(self.steps),
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in result.items()],
                }
                for mark, query in queries.items()
            ],
        }

    def _at(self, step: int) -> str:
        number, unit = re.fullmatch(r"(\d+)([smhd])", self.step).groups()  # type: ignore[union-attr]
        return f"{int(number) * step}{unit}"

    @property
    def _input_series(self) -> list[dict[str, str]]:
        return [{"series": series, "values": _spell(values, self.steps)} for series, values in self.series.items()]


def with_two_boards(scenario: RuleScenario) -> RuleScenario:
    """Return the scenario with the same series from two boards."""
    other = {series.replace(WEB, OTHER): values for series, values in scenario.series.items()}
    return replace(scenario, series={**scenario.series, **other})


def _spell(values: Values, steps: int) -> str:
    samples = [values] if isinstance(values, int | float) else list(values)
    samples += [samples[-1]] * (steps + 1 - len(samples))
    return " ".join("_" if value is None else repr(value) for value in samples[: steps + 1])


def run_scenarios(
    directory: Path,
    rules: Sequence[Path],
    groups: Sequence[str],
    alerts: Sequence[str],
    scenarios: Sequence[RuleScenario],
) -> tuple[set[str], str]:
    """Run `scenarios`, all with the same step, with `rules`, whose `groups` are evaluated in this order.

    Return the wrongly firing or missing `alerts` and promtool's output.
    """
    test = {
        "rule_files": [str(path) for path in rules],
        "evaluation_interval": scenarios[0].step,
        "group_eval_order": list(groups),
        "tests": [scenario.alert_test(alerts) for scenario in scenarios],
    }
    return _run(directory, [test], r'alertname=\\?"(\w+)\\?"')


def evaluate(directory: Path, scenarios: Iterable[tuple[RuleScenario, Mapping[str, str]]]) -> tuple[set[str], str]:
    """Evaluate the queries of each scenario at its end in one promtool, without rules.

    Return the marks of the queries with a wrong result and promtool's output.
    """
    tests: dict[str, list[dict[str, Any]]] = {}
    for scenario, queries in scenarios:
        tests.setdefault(scenario.step, []).append(scenario.query_test(queries))
    files = [{"evaluation_interval": step, "tests": found} for step, found in tests.items()]
    return _run(directory, files, r"# (\w+)@")


def _run(directory: Path, tests: Sequence[dict[str, Any]], mark: str) -> tuple[set[str], str]:
    files = [directory / f"{number}.test.yml" for number in range(len(tests))]
    for file, test in zip(files, tests, strict=True):
        file.write_text(json.dumps(test), encoding="utf-8")
    completed = subprocess.run([find("promtool"), "test", "rules", *files], capture_output=True, text=True, check=False)
    output = completed.stdout + completed.stderr
    wrong = set(re.findall(mark, output))
    assert bool(completed.returncode) is bool(wrong), output
    return wrong, output
