"""Reports of benchmarks: medians of rounds, ratios, goals, tables and JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

Run = Mapping[str, Any]
"""Results of one run by name."""


def medians(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the median of each number over several runs, and all values of anything else."""
    first, *_ = runs
    return {name: _middle([run[name] for run in runs]) for name in first}


def _middle(values: Sequence[Any]) -> Any:
    if all(isinstance(value, int | float) for value in values):
        return median(values)
    different = list(dict.fromkeys(values))
    return different[0] if len(different) == 1 else " / ".join(map(str, different))


def group(runs: Iterable[Run], *names: str) -> list[list[Run]]:
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(run[name] for name in names), []).append(run)
    return list(groups.values())


class Goal(NamedTuple):
    name: str
    """Name in JSON."""
    what: str
    """Description for tables."""
    measured: float
    wanted: float
    at_least: bool = True
    """Whether the goal is a minimum; else it is a maximum."""

    @property
    def met(self) -> bool:
        return self.measured >= self.wanted if self.at_least else self.measured <= self.wanted

    def to_json(self) -> dict[str, Any]:
        sign = ">=" if self.at_least else "<="
        return {"goal": self.name, "measured": self.measured, "wanted": f"{sign} {self.wanted:g}", "met": self.met}


def goals_table(goals: Sequence[Goal]) -> str:
    rows = [
        [
            goal.what,
            number(goal.measured),
            f"{'≥' if goal.at_least else '≤'} {number(goal.wanted)}",
            "yes" if goal.met else "NO",
        ]
        for goal in goals
    ]
    return table(["goal", "measured", "wanted", "met"], rows)


def number(value: float) -> str:
    """Return the number with thousands separators and at least three digits."""
    size = abs(value)
    digits = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """Return a Markdown table that is aligned in a terminal: the first `texts` columns left, the others right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    left = [index < texts for index in range(len(head))]
    rule = ["-" * width if is_left else "-" * (width - 1) + ":" for width, is_left in zip(widths, left, strict=True)]
    lines = [
        [
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(row, widths, left, strict=True)
        ]
        for row in (head, *rows)
    ]
    lines.insert(1, rule)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
