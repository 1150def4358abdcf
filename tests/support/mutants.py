"""Mutation of Prometheus queries: each mutant changes one part of the query."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import promql_parser as promql

COMPARED: Final = {">": (">=", "<"), "<": ("<=", ">"), ">=": (">", "<="), "<=": ("<", ">="), "==": ("!=", ">=", "<=")}
"""Mutations of comparison operators."""
COUNTED: Final = {"+": "-", "-": "+", "*": "/", "/": "*"}
COMMUTES: Final = {"==", "+", "*"}
COMBINED: Final = {"and": ("unless", "or"), "unless": ("and",), "or": ("and",)}
AGGREGATED: Final = {"max": ("min", "sum"), "min": ("max", "sum"), "sum": ("max",), "count": ("sum",)}
CALLED: Final = {
    "increase": "delta",
    "max_over_time": "min_over_time",
    "min_over_time": "max_over_time",
}
FACTORS: Final = (0.8, 1.2)
"""Factors applied to thresholds."""


def mutants(query: str) -> dict[str, str]:
    """Return the valid mutants of `query` with a description of their changes.

    Mutations change thresholds, comparisons, operators, functions and windows. They remove guards, labels and matchers, and they
    swap or drop operands.
    """
    parsed = promql.parse(query)
    metrics = sorted({str(node.name) for node in _nodes(parsed) if isinstance(node, promql.VectorSelector)})
    found: dict[str, str] = {}
    for place, node in enumerate(_nodes(parsed)):
        for other in _others(node, metrics):
            with suppress(ValueError):
                mutant = " ".join(_replace(parsed, place, promql.parse(other)).prettify().split())
                found.setdefault(mutant, " ".join(f"{node.prettify()} => {other}".split()))
    found.pop(" ".join(parsed.prettify().split()), None)
    return {mutant: change for mutant, change in found.items() if _parses(mutant)}


def _parses(query: str) -> bool:
    with suppress(ValueError):
        return bool(promql.parse(query))
    return False


def _nodes(parsed: Any) -> list[Any]:
    """Return all nodes, in the order of `promql.walk`."""
    found: list[Any] = []
    promql.walk(parsed, None, found.append)
    return found


def _replace(parsed: Any, place: int, other: Any) -> Any:
    visited = iter(range(10_000))
    return promql.transform(parsed, None, lambda _: other if next(visited) == place else None)


def _others(node: Any, metrics: list[str]) -> Iterator[str]:
    text = node.prettify()
    match node:
        case promql.NumberLiteral():
            yield from (f"{factor * node.val:g}" for factor in FACTORS) if node.val else ("1",)
        case promql.StringLiteral():
            yield f'"{node.val}other"'
        case promql.VectorSelector():
            yield from _other_selectors(text, node, metrics)
        case promql.MatrixSelector():
            yield from _other_durations(text, r"(?<=\[)\w+(?=\])")
        case promql.AggregateExpr():
            yield from (re.sub(rf"^{node.op}", other, text) for other in AGGREGATED[str(node.op)])
            yield from _fewer_labels(f"{node.op} ", str(node.modifier or ""), f" ({node.expr.prettify()})")
        case promql.Call():
            if node.func.name in CALLED:
                yield text.replace(node.func.name, CALLED[node.func.name], 1)
            if node.args:
                yield f"({node.args[0].prettify()})"
        case promql.BinaryExpr():
            yield from _other_operations(node)


def _other_selectors(text: str, node: Any, metrics: list[str]) -> Iterator[str]:
    yield from (re.sub(rf"^{re.escape(node.name)}", other, text) for other in metrics)
    matchers = [str(matcher) for matcher in node.matchers.matchers]
    for matcher in matchers:
        others = [other for other in matchers if other != matcher]
        yield text.replace(f"{{{','.join(matchers)}}}", f"{{{','.join(others)}}}" if others else "")
        label, operator, value = re.fullmatch(r"(\w+)([=!~]+)(.*)", matcher).groups()  # type: ignore[union-attr]
        turned = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[operator]
        yield text.replace(matcher, f"{label}{turned}{value}")
        values = value.strip('"').split("|")
        for removed in values if len(values) > 1 else ():
            yield text.replace(matcher, f'{label}{operator}"{"|".join(v for v in values if v != removed)}"')
    if node.offset:
        yield from _other_durations(text, r"(?<=offset )\w+")
        yield re.sub(r" offset \w+", "", text)


def _other_durations(text: str, pattern: str) -> Iterator[str]:
    for factor in (0.5, 2):
        yield re.sub(pattern, lambda found: promql.display_duration(promql.parse_duration(found[0]) * factor), text)  # noqa: B023


def _fewer_labels(before: str, modifier: str, after: str) -> Iterator[str]:
    """Yield the text without each single label, and without the whole clause."""
    if modifier:
        yield before + after.lstrip()
    for clause in re.finditer(r"(by|without|on|group_left) \((.+?)\)", modifier):
        labels = clause[2].split(", ")
        for label in labels:
            others = ", ".join(other for other in labels if other != label)
            yield f"{before}{modifier[: clause.start(2)]}{others}{modifier[clause.end(2) :]}{after}"


def _other_operations(node: Any) -> Iterator[str]:
    operator, modifier = str(node.op), str(node.modifier or "")
    left, right = f"({node.lhs.prettify()})", f"({node.rhs.prettify()})"
    for turned in (*COMPARED.get(operator, ()), *COMBINED.get(operator, ()), *COUNTED.get(operator, "")):
        yield f"({left} {turned} {modifier} {right})"
    yield from (left, right)
    if operator not in COMMUTES:
        yield f"({right} {operator} {modifier.replace('group_left', 'group_right')} {left})"
    yield from (f"({text})" for text in _fewer_labels(f"{left} {operator} ", modifier, f" {right}"))
