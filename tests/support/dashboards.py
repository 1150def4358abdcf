"""Queries of the committed Grafana dashboards."""

import json
import re
from collections.abc import Iterable, Iterator
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import promql_parser

from grafana.generator import DASHBOARDS
from tests.support.prometheus import Prometheus

FILES: Final = sorted(DASHBOARDS.glob("*/*.json"))
Json = dict[str, Any]

RANGE, RATE = "1h", "20s"
GLOBALS: Final = {"__range": RANGE, "__rate_interval": RATE, "__url_time_range": "from=now-1h&to=now"}
"""Values for Grafana's built-in variables."""


class PanelQuery(NamedTuple):
    """Query of a panel."""

    page: str
    panel: str
    expr: str
    """Query text in the dashboard."""
    instant: bool

    @property
    def query(self) -> str:
        """Query with all values of the variables selected."""
        return substitute(self.expr)


def read(path: Path) -> Json:
    """Return a dashboard as JSON."""
    read: Json = json.loads(path.read_text(encoding="utf-8"))
    return read


def panels(dashboard: Json) -> Iterator[Json]:
    """Yield all panels except row headings."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def panel_queries(path: Path) -> list[PanelQuery]:
    """Return all queries of a dashboard."""
    return [
        PanelQuery(path.stem, panel["title"], target["expr"], bool(target.get("instant")))
        for panel in panels(read(path))
        for target in panel["targets"]
    ]


def substitute(expr: str) -> str:
    """Return a query with all values of its variables and with offsets of two seconds."""
    return re.sub(r"offset \w+", "offset 2s", re.sub(r"\$(\w+)", lambda found: GLOBALS.get(found[1], ".*"), expr))


def selectors(query: str) -> Iterator[str]:
    """Yield the vector selectors of a query as queries."""
    for node, _ in walk(promql_parser.parse(query)):
        if isinstance(node, promql_parser.VectorSelector):
            yield node.prettify()


def walk(node: Any, parents: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield each node of a query with its parents, outermost first."""
    yield node, parents
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        part = getattr(node, name, None)
        if type(part).__module__.startswith("promql_parser"):
            yield from walk(part, (*parents, node))
    for part in getattr(node, "args", None) or ():
        yield from walk(part, (*parents, node))


def queries_without_data(prometheus: Prometheus, queries: Iterable[PanelQuery]) -> dict[PanelQuery, str]:
    """Return the queries without data now, with the error or the missing series."""
    faults: dict[PanelQuery, str] = {}
    for panel in queries:
        try:
            values = [value for value in prometheus.query(panel.query).values() if isfinite(value)]
        except httpx.HTTPStatusError as error:
            faults[panel] = error.response.text
            continue
        if not values:
            missing = (series for series in selectors(panel.query) if not prometheus.query(f"count({series})"))
            faults[panel] = ", ".join(missing)
    return faults
